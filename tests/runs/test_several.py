"""Several targets, labels and weighted rows, from a table to what is shipped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from methodic import bundle
from methodic.data.dataset import DataSet
from methodic.data.loading import load
from methodic.evidence import predictions
from methodic.metrics import METRICS
from methodic.runs import load_run, reproduce, train_method
from methodic.runs.paths import predictions_path
from methodic.runs.plans.wishes import wish
from methodic.runs.rows import preparation
from methodic.runs.rows.preparation import Prepared, prepare

N = 300


def table() -> pl.DataFrame:
    random = np.random.default_rng(0)
    x = random.normal(size=(N, 4))
    columns: dict[str, Any] = {f"x{i}": x[:, i] for i in range(4)}
    columns |= {
        "kind": random.choice(["u", "v"], N),
        "w": random.uniform(0.5, 3, N),
        "large": 1000 * x[:, 0] + random.normal(size=N),
        "small": 0.01 * x[:, 1],
        "a": np.where(x[:, 0] > 0, "yes", "no"),
        "b": (x[:, 1] > 0.7).astype(int),
        "tags": [
            ";".join(n for n, v in zip("pqr", row, strict=False) if v > 0) or ";"
            for row in x + random.normal(size=x.shape)
        ],
        "y": (x[:, 0] + x[:, 1] > 0).astype(int),
    }
    return pl.DataFrame(columns)


WHAT: dict[str, dict[str, Any]] = {
    "numbers": {"target": ("large", "small")},
    "labels": {"target": ("a", "b")},
    "sets": {"target": "tags", "task": "multilabel"},
    "classes": {"target": "y"},
}
OUTPUTS = {"numbers": 2, "labels": 2, "sets": 3, "classes": 2}
ALL = ("large", "small", "a", "b", "tags", "y", "w")


def read(kind: str, weighted: bool = True, source: Any = None) -> DataSet:
    how = dict(WHAT[kind])
    target = how.pop("target")
    used = {*((target,) if isinstance(target, str) else target), *(("w",) if weighted else ())}
    return load(
        table() if source is None else source,
        target,
        drop=[name for name in ALL if name not in used],
        weight="w" if weighted else None,
        **how,
    )


@pytest.mark.parametrize("kind", WHAT)
def test_prepared_rows_have_weights_and_targets(kind: str, tmp_path: Path) -> None:
    data = read(kind)
    found = prepare(data, 0)
    assert found.outputs == OUTPUTS[kind]
    for part, rows in found.rows.items():
        assert rows.weight is not None
        assert len(rows.weight) == len(rows.target) == len(found.truth[part])
        assert float(rows.weight.mean()) == pytest.approx(1.0, rel=1e-5)
        assert found.baseline_rows(part).weight is not None
    preparation.save(found, tmp_path)
    again = preparation.load(tmp_path)
    for part, rows in found.rows.items():
        np.testing.assert_array_equal(again.rows[part].weight, rows.weight)
        np.testing.assert_array_equal(again.truth[part], found.truth[part])
    plain = prepare(read(kind, weighted=False), 0)
    assert plain.weights("train") is None
    assert plain.baseline_rows("train").weight is None


def test_counts_of_classes_are_sums_of_weights() -> None:
    found = prepare(read("classes"), 0)
    weights, truth = found.weights("train"), found.truth["train"]
    assert weights is not None
    np.testing.assert_allclose(
        found.class_counts.numpy(), [weights[truth == c].sum() for c in (0, 1)]
    )
    assert prepare(read("classes", weighted=False), 0).class_counts.sum() == found.counts[0]


@pytest.mark.parametrize("kind", WHAT)
def test_a_model_is_trained_scored_and_shipped(kind: str, tmp_path: Path) -> None:
    data = read(kind)
    run = train_method(data, "adamw_cosine", steps=150, out=tmp_path / "run")
    metric = METRICS[run.plan.metric]
    prepared = prepare(data, 0)
    stored = predictions.read(predictions_path(run.folder, "train-adamw_cosine"))
    assert stored.shape == (1, prepared.counts[2], OUTPUTS[kind])
    assert stored.dtype == (np.float64 if kind == "numbers" else np.float32)
    weights = prepared.weights("test")
    assert run.leaderboard is not None
    row = next(each for each in run.leaderboard.rows if each.kind == "method")
    assert row.test is not None
    assert row.test.mean == pytest.approx(metric.score(prepared.truth["test"], stored[0], weights))
    assert row.test.mean != metric.score(prepared.truth["test"], stored[0])
    assert row.test.mean > (0.7 if kind != "sets" else 0.6), "it has learnt"
    assert (run.folder / "report.html").stat().st_size > 10_000
    _check_bundle(run.folder, data, prepared, row.test.mean)


def _check_bundle(folder: Path, data: DataSet, prepared: Prepared, test: float) -> None:
    """What is shipped gives the same numbers from raw rows, and names them."""
    loaded = bundle.load(folder)
    schema = data.schema
    frame = loaded.predict_frame(data.frame.drop(*schema.targets, *schema.roles))
    if schema.task == "regression":
        assert frame.columns == ["large", "small"]
    else:
        assert frame.columns == ["prediction", *(f"p_{name}" for name in schema.classes)]
    if schema.task == "multilabel":
        p = frame.drop("prediction").to_numpy()
        said = [";".join(np.array(schema.classes)[row]) for row in p >= 0.5]
        assert frame["prediction"].to_list() == said
    assert loaded.card.test == pytest.approx(test)
    text = (folder / "model" / "card.md").read_text()
    assert "rows count by `w`" in text
    assert all(f"`{name}`" in text for name in schema.targets)
    found = loaded.evaluate(data.frame, [loaded.card.metric])
    predicted = loaded.predicted(data.frame).numpy()
    truth = prepared.encoders.truth(data.frame)
    expected = METRICS[loaded.card.metric].score(truth, predicted, data.frame["w"].to_numpy())
    assert found[loaded.card.metric] == pytest.approx(expected)


def test_weights_matter_and_ones_do_not() -> None:
    """The same weight for every row trains to the same scores; others to others."""
    frame = table()
    found = []
    for weights in (frame["w"], pl.repeat(7.0, N, eager=True)):
        data = read("classes", source=frame.with_columns(weights.alias("w")))
        found.append(prepare(data, 0))
    plain = prepare(read("classes", weighted=False, source=frame), 0)
    alike = found[1].rows["train"].weight
    assert alike is not None
    assert bool((alike == 1).all())
    np.testing.assert_array_equal(found[1].truth["train"], plain.truth["train"])


@pytest.mark.parametrize(
    ("kind", "metric"),
    [("numbers", "r2"), ("labels", "average_precision"), ("classes", "accuracy")],
)
def test_the_metric_that_nobody_names(kind: str, metric: str) -> None:
    how: dict[str, Any] = {"seed": 0, "device": "cpu", "threads": 1, "command": ""}
    assert wish(read(kind), ["sgd"], None, 10, **how).metric == metric


def test_the_default_metric_counts_weights() -> None:
    """Nine tenths of the weight on one class are imbalanced, whatever the number of rows."""
    frame = table()
    heavy = frame.with_columns(w=pl.when(pl.col("y") == 1).then(20.0).otherwise(1.0))
    how: dict[str, Any] = {"seed": 0, "device": "cpu", "threads": 1, "command": ""}
    chosen = wish(read("classes", source=heavy), ["sgd"], None, 10, **how)
    assert chosen.metric == "balanced_accuracy"


def test_a_run_of_several_is_reproduced(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    table().write_csv(path)
    data = read("labels", source=str(path))
    run = train_method(data, "sgd", steps=20, out=tmp_path / "run")
    assert run.plan.data.others == ("b",)
    assert run.plan.data.reading.weight == "w"
    again = reproduce(tmp_path / "run", out=tmp_path / "again", workers=0)
    assert "came out the same, to the bit" in again.verdict
    analysis = json.loads((tmp_path / "run" / "analysis.json").read_text())
    assert "by their weights" in analysis["notes"][-1]
    assert load_run(tmp_path / "run").analysis is not None
