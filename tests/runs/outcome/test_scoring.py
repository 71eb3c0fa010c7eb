"""Scores of stored predictions, on the rows of the split that they are about."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from methodic import bundle
from methodic.data.dataset import DataSet
from methodic.data.splits import fold
from methodic.evidence import predictions
from methodic.evidence.leaderboard import Leaderboard
from methodic.evidence.numbers.statistics import corrected
from methodic.plan import Plan
from methodic.report.folder import load
from methodic.runs.rows.preparation import Prepared
from tests.runs.conftest import MOMENTUM, PLAIN, MakePlan, execute

Crossed = tuple[Path, Plan, Leaderboard]


@pytest.fixture(scope="module")
def crossed(
    make_plan: MakePlan,
    prepared: Prepared,
    iris: DataSet,
    tmp_path_factory: pytest.TempPathFactory,
) -> Crossed:
    """Two methods, ten splits of repeated cross-validation."""
    plan = make_plan(PLAIN, MOMENTUM, step=0.1, seeds=10, splits="cv")
    folder = tmp_path_factory.mktemp("crossed") / "run"
    return folder, plan, execute(plan, folder, prepared, data=iris)


def test_each_seed_is_scored_on_its_own_fold(crossed: Crossed, iris: DataSet) -> None:
    folder, plan, board = crossed
    assert plan.confirm is not None
    stored = json.loads((folder / "records" / "scores.json").read_text())
    codes = {name: i for i, name in enumerate(iris.schema.classes)}
    truth = np.array([codes[name] for name in iris.frame[iris.schema.target].cast(str)])
    for name in ("plain", "momentum", "linear", "constant"):
        assert [seed for seed, _ in stored[name]] == sorted(plan.confirm.seeds)
        for i, (seed, score) in enumerate(stored[name]):
            assert seed == plan.confirm.seeds[i]
            kind = "baseline-{}-{:03d}" if name in ("linear", "constant") else "confirm-{1:03d}-{0}"
            number = i + 1 if "baseline" in kind else i
            path = folder / "records" / f"{kind.format(name, number)}.predictions.parquet"
            (made,) = predictions.read(path)
            expected = truth[fold(iris, i, plan.data.split_seed).test]
            assert score == pytest.approx(accuracy_score(expected, made.argmax(-1)))
    row = next(each for each in board.rows if each.name == "plain")
    assert row.test == corrected([score for _, score in stored["plain"]], 1 / 4)
    assert row.rows is None


def test_what_a_ranking_over_splits_says(crossed: Crossed) -> None:
    _, _, board = crossed
    assert board.about == "data"
    assert any("other data of this kind" in note for note in board.notes)
    assert "10 splits" in board.verdict
    assert board.ensemble is None
    # Baselines were fitted on the same splits, so all pairs are tested.
    assert {c.difference.n for c in board.comparisons} == {10}


def test_the_shipped_model_has_the_encoders_of_its_split(crossed: Crossed, iris: DataSet) -> None:
    folder, plan, board = crossed
    shipped = bundle.load(folder)
    records = load(folder).confirmed
    (number,) = {
        record.unit.split
        for record in records
        for member in record.members
        if (member.member.recipe, member.member.seed) == (board.shipped, shipped.card.seed)
    }
    rows = iris.frame[fold(iris, number - 1, plan.data.split_seed).test]
    assert shipped.card.test == shipped.evaluate(rows, ["accuracy"])["accuracy"]


def test_one_split_has_intervals_over_rows(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path
) -> None:
    plan = make_plan(PLAIN, MOMENTUM, step=0.1, seeds=5)
    board = execute(plan, tmp_path / "run", prepared)
    stored = json.loads((tmp_path / "run" / "records" / "scores.json").read_text())
    for row in board.rows:
        if row.test is None:
            continue
        assert row.rows is not None
        assert row.rows.mean == pytest.approx(row.test.mean)
        assert row.rows.n == len(prepared.truth["test"])
        assert [score for _, score in stored[row.name]]
        if row.kind == "baseline":
            assert stored[row.name][0][0] == -1
