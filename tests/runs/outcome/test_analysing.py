"""The analysis of a run's model: columns by their names, out of stored predictions only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from methodic import bundle
from methodic.data.loading import load
from methodic.data.splits import split
from methodic.errors import InputError
from methodic.evidence import anytime
from methodic.evidence.closer.analysis import Analysis
from methodic.evidence.cost import costs
from methodic.metrics import METRICS
from methodic.plan import Plan
from methodic.report.folder import load as read_folder
from methodic.runs.outcome import analysing
from methodic.runs.rows import preparation
from methodic.runs.rows.preparation import Prepared
from tests.runs.conftest import MOMENTUM, PLAIN, MakePlan, execute

COLOURS = ("red", "green", "blue")


def frame(rows: int = 600, target: str = "answer") -> pl.DataFrame:
    random = np.random.default_rng(0)
    colour = random.integers(0, 3, rows)
    size = random.normal(size=rows).round(3)
    age = [None if random.random() < 0.15 else float(x) for x in random.integers(18, 80, rows)]
    kind = [None if random.random() < 0.15 else "ab"[int(x)] for x in random.integers(0, 2, rows)]
    return pl.DataFrame(
        {
            "colour": [COLOURS[c] for c in colour],
            "size": size,
            "kind": kind,
            "age": age,
            target: ["no" if x else "yes" for x in random.random(rows) < 0.5],
        }
    )


@pytest.fixture(scope="module")
def mixed() -> Prepared:
    return preparation.prepare(load(frame(), target="answer"), 0)


def hits(prepared: Prepared, part: str) -> np.ndarray:
    """Probabilities that are right on every row of a part."""
    truth = prepared.truth[part]
    found = np.full((len(truth), 2), 0.2, dtype=np.float32)
    found[np.arange(len(truth)), truth] = 0.8
    return found


@pytest.fixture
def plan(make_plan: MakePlan) -> Plan:
    return make_plan(PLAIN)


def test_columns_mean_what_the_table_says(mixed: Prepared) -> None:
    found = {column.name: column for column in analysing.columns(mixed)}
    assert set(found) == {"colour", "size", "kind", "age"}
    rows = len(mixed.truth["test"])
    assert found["colour"].words == ("unseen in training", *sorted(COLOURS))
    assert found["kind"].words == ("unseen in training", "a", "b", "missing")
    assert found["size"].words is None
    for column in found.values():
        assert column.values.shape == (rows,)
    # The same rows, by way of the table.
    data = load(frame(), target="answer")
    test = data.frame[split(data, 0).test]
    said = [found["colour"].words[code] for code in found["colour"].values]
    assert said == test["colour"].to_list()
    said = [found["kind"].words[code] for code in found["kind"].values]
    assert said == test["kind"].fill_null("missing").to_list()
    np.testing.assert_allclose(found["size"].values, test["size"].to_numpy(), rtol=1e-6)
    assert np.array_equal(np.isnan(found["age"].values), test["age"].is_null().to_numpy())


def test_numbers_far_from_zero_are_shown_as_they_are() -> None:
    """Encoders count from an offset, as where a column is a moment of this year."""
    when = 1.7e9 + np.arange(600.0)
    data = load(frame().with_columns(when=pl.Series(when)), target="answer")
    prepared = preparation.prepare(data, 0)
    (found,) = [each for each in analysing.columns(prepared) if each.name == "when"]
    assert found.values.min() >= 1.7e9
    np.testing.assert_allclose(found.values, data.frame["when"].to_numpy()[split(data, 0).test])


def test_a_category_that_training_did_not_have(mixed: Prepared) -> None:
    other = frame().with_columns(colour=pl.lit("mauve"))
    raw = {**mixed.raw, "test": mixed.encoders.inputs(other)}
    changed = Prepared(mixed.encoders, mixed.rows, raw, mixed.truth)
    (colour,) = [c for c in analysing.columns(changed) if c.name == "colour"]
    assert set(colour.values.tolist()) == {0}


def test_a_planted_slice_is_found_under_its_names(
    mixed: Prepared, plan: Plan, tmp_path: Path
) -> None:
    test, validation = hits(mixed, "test"), hits(mixed, "validation")
    (colour,) = [c for c in analysing.columns(mixed) if c.name == "colour"]
    bad = np.array(colour.words)[colour.values] == "green"
    test[bad] = test[bad][:, ::-1]
    found = analysing.analyse(tmp_path, plan, mixed, "momentum", test, validation)
    assert [(s.column, s.value, s.rows) for s in found.slices] == [
        ("colour", "green", int(bad.sum()))
    ]
    assert found.model == "momentum"
    assert found.scores["accuracy"] == pytest.approx(1 - bad.mean())
    stored = (tmp_path / analysing.NAME).read_text()
    assert Analysis.model_validate_json(stored) == found
    # Of a class, the column is the target's.
    test = hits(mixed, "test")
    yes = mixed.truth["test"] == mixed.encoders.schema.classes.index("yes")
    test[yes] = test[yes][:, ::-1]
    found = analysing.analyse(tmp_path, plan, mixed, "momentum", test, validation)
    assert ("answer", "yes") in [(s.column, s.value) for s in found.slices]


def test_a_finished_run_has_an_analysis_of_the_model_that_it_keeps(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path
) -> None:
    plan = make_plan(PLAIN, MOMENTUM, step=0.3, seeds=3)
    board = execute(plan, tmp_path, prepared)
    found = Analysis.model_validate_json((tmp_path / analysing.NAME).read_text())
    assert found.rows == prepared.counts[2]
    assert found.scores["accuracy"] == bundle.load(tmp_path / "model").card.test
    assert found.calibration is not None
    run = read_folder(tmp_path)
    confirmed = {row.name for row in board.rows if row.test is not None}
    priced = {each.name: each for each in costs(run.confirmed, run.baselines)}
    assert set(priced) == confirmed
    assert priced[board.shipped].parameters == 4 * 8 + 8 + 8 * 3 + 3
    target = anytime.target(METRICS["accuracy"], run.confirmed, run.baselines)
    assert target in [each.validation["accuracy"] for each in run.baselines]
    for each in anytime.anytime(run.confirmed, METRICS["accuracy"], target):
        assert [point.fraction for point in each.points] == [0.1, 0.3, 1.0]
        assert each.reached is not None


def test_arrays_have_no_columns(plan: Plan, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images, truth = random.random((200, 4, 4)), random.integers(0, 2, 200)
    prepared = preparation.prepare(load(images, truth), 0)
    assert analysing.columns(prepared) == []
    found = analysing.analyse(
        tmp_path, plan, prepared, "net", hits(prepared, "test"), hits(prepared, "validation")
    )
    assert found.tried in (0, 2)  # the classes, where they have 20 rows and half of them at most


def test_a_folder_that_is_gone_is_an_input_error(
    mixed: Prepared, plan: Plan, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="can't be written"):
        analysing.analyse(
            tmp_path / "gone", plan, mixed, "net", hits(mixed, "test"), hits(mixed, "validation")
        )
