"""The report of labels and of several numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from report.reading import Page

from methodic.evidence.closer.analysis import analyse
from methodic.metrics import get_metric
from methodic.report import facts, model, page
from methodic.report.folder import load
from methodic.report.gallery import figures
from methodic.report.tables import all_tables, slice_metric
from methodic.report.tables import model as about

RANDOM = np.random.default_rng(0)
N = 120


def put(run: Path, task: str, metric: str, **data: Any) -> None:
    """The run's folder as one of several targets."""
    plan = json.loads((run / "plan.json").read_text())
    plan["data"] |= {"task": task, **data}
    plan["metric"] = metric
    (run / "plan.json").write_text(json.dumps(plan))
    board = json.loads((run / "leaderboard.json").read_text()) | {"metric": metric}
    (run / "leaderboard.json").write_text(json.dumps(board))


def labels(run: Path) -> Path:
    names = ["red", "<large>", "old"]
    put(run, "multilabel", "average_precision", classes=names, target="red", others=names[1:])
    truth = (RANDOM.random((N, 3)) < 0.4).astype(np.int64)
    said = np.clip(0.4 * truth + 0.6 * RANDOM.random((N, 3)), 0, 1)
    metric = get_metric("average_precision", "multilabel")
    found = analyse("sgd", "multilabel", names, metric, truth, said, truth, said, [], "red")
    (run / "analysis.json").write_text(found.model_dump_json())
    return run


def numbers(run: Path) -> Path:
    reading = {"weight": "w"}
    put(run, "regression", "r2", classes=[], target="height", others=["mass"], reading=reading)
    truth = RANDOM.normal(size=(N, 2)) * [1.0, 500.0]
    said = truth + RANDOM.normal(size=(N, 2)) * [0.3, 50.0]
    metric = get_metric("r2", "regression")
    weights = RANDOM.uniform(1, 2, N)
    sides = truth, said, truth, said
    found = analyse("sgd", "regression", (), metric, *sides, [], "height", ("mass",), weights)
    (run / "analysis.json").write_text(found.model_dump_json())
    return run


def test_labels_have_a_table_and_curves_and_no_confusion(make_whole: Any) -> None:
    run = labels(make_whole())
    folder = load(run)
    drawn = figures(folder)
    assert "confusion" not in drawn
    assert {"roc", "precision-recall", "calibration"} <= set(drawn)
    words = Page(model.closer(folder, drawn)).words
    assert "Each label, on test rows" in words
    assert "<large>" in words
    assert "all labels right" in words
    assert "Classes taken for others" not in words
    assert slice_metric(folder) == "exact_match"
    told = dict(facts.data_facts(folder.plan))
    assert told["task"] == "multilabel, 3 labels: red, <large>, old"
    assert told["targets"] == "red, <large>, old"
    assert page.write(run).stat().st_size > 10_000


def test_each_of_several_numbers_is_told(make_whole: Any) -> None:
    run = numbers(make_whole("regression"))
    folder = load(run)
    words = Page(model.closer(folder, figures(folder))).words
    assert "Each target, on test rows" in words
    assert "Each in its own units" in words
    table = next(each for each in all_tables(folder) if each.key == "targets")
    assert [row[0] for row in table.rows] == ["height", "mass"]
    analysis = folder.analysis
    assert analysis is not None
    for row, target in zip(table.values, analysis.targets, strict=True):
        assert target.residuals is not None
        assert row[1] == target.scores["rmse"]
        assert row[4:] == (target.residuals.bias, target.residuals.half_width)
    slices = about.slices(analysis, "rmse")
    assert slices.columns[2].title == "RMS error in deviations, there", "of all targets together"
    told = dict(facts.data_facts(folder.plan))
    assert told["targets"] == "height, mass"
    assert told["weights"] == "w"
    assert "by their weights" in Page(page.write(run).read_text()).words
