"""Steps that a share of time pays, and a real measurement."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from methodic import build
from methodic.engine.workers import Pool
from methodic.runs.machine.speed import (
    LEAST_LOOKS,
    Speed,
    Survey,
    Timed,
    looks,
    steps_within,
    too_short,
)
from methodic.runs.rows import preparation
from methodic.runs.rows.preparation import Prepared
from tests.runs.conftest import MACHINE, PLAIN, recipe


def timed(batch: int, evaluation: float = 0.0) -> Timed:
    return Timed(PLAIN, (batch,), Speed(0.01, evaluation))


def test_a_share_of_time_pays_so_many_steps() -> None:
    assert steps_within(timed(32), 1.0, 20, 90) == [100]
    assert steps_within(timed(32, 0.01), 1.0, 20, 90) == [80]
    assert steps_within(timed(32, 1.0), 1.0, 20, 90) == [50], "looking never takes more than half"
    assert steps_within(timed(32), 0.001, 20, 90) == [1]
    assert steps_within(timed(32), -1.0, 20, 90) == [1]


def test_looks() -> None:
    assert looks([timed(32)], 1.0) == 20
    assert looks([timed(32), timed(32, 1.0)], 60.0) == 6, "the slowest decides"
    assert looks([timed(32, 1.0)], 1.0) == LEAST_LOOKS


@pytest.mark.parametrize(("evaluation", "steps"), [(0.0, 29), (0.01, 29), (1.0, 3)])
def test_what_is_missing_is_what_would_suffice(evaluation: float, steps: int) -> None:
    method = timed(2, evaluation)
    ((name, seconds),) = too_short([method], [[steps]], 90, 1.0, 30.0)
    assert name == "plain"
    enough = steps_within(method, seconds, LEAST_LOOKS, 90)
    assert not too_short([method], [enough], 90, 1.0, 30.0)
    less = steps_within(method, seconds * 0.9, LEAST_LOOKS, 90)
    assert too_short([method], [less], 90, 1.0, 30.0)


@pytest.mark.parametrize(("batch", "needed"), [(90, 5), (18, 5), (9, 10), (1, 30)])
def test_an_epoch_or_thirty_steps(batch: int, needed: int) -> None:
    """Full-batch methods need 5 steps, small batches an epoch, at most 30 steps."""
    assert not too_short([timed(batch)], [[needed]], 90, 1.0, 30.0)
    assert too_short([timed(batch)], [[needed - 1]], 90, 1.0, 30.0)
    assert too_short([timed(9)], [[29]], 90, 3.0, 300.0), "three epochs are thirty steps"


def test_a_recipe_that_ends_early_needs_no_more() -> None:
    short = Timed(recipe("short", stop={"steps": 3}), (9,), Speed(0.01, 0.0))
    assert not too_short([short], [[3]], 90, 1.0, 30.0)
    assert too_short([short], [[2]], 90, 1.0, 30.0)


def test_a_real_measurement(prepared: Prepared, tmp_path: Path) -> None:
    preparation.save(prepared, tmp_path)
    resolved = build.resolve(PLAIN, "multiclass", prepared.counts[0])
    start = time.perf_counter()
    with Pool(0, 1) as pool:
        survey = Survey(pool, tmp_path, prepared.counts[0], "accuracy", MACHINE)
        (method,) = survey.screening([resolved], 3)
        seconds = time.perf_counter() - start
        assert survey.cohorts([resolved], [3]) == [method], "a width is measured once"
    assert 0 < method.speed.step < seconds
    assert 0 < method.speed.evaluation < seconds
    assert method.batch == (32,)
