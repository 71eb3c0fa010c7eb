"""Steps that a share of time pays, and a real measurement."""

from __future__ import annotations

from pathlib import Path

import pytest

from methodic import build
from methodic.engine.workers import Pool
from methodic.evidence import design
from methodic.runs import preparation
from methodic.runs.preparation import Prepared
from methodic.runs.speed import Speed, measured, steps_within, too_short
from tests.runs.conftest import PLAIN, recipe


def test_a_share_of_time_pays_so_many_steps() -> None:
    def steps(share: float, evaluation: float = 0.0) -> list[int]:
        return steps_within(PLAIN, [32], Speed(0.01, evaluation), share, 90)

    assert steps(1.0) == [100]
    assert steps(1.0, 0.01) == [80]
    assert steps(1.0, 1.0) == [50], "evaluations never take more than half"
    assert steps(0.001) == [1]


@pytest.mark.parametrize(("evaluation", "steps"), [(0.0, 29), (0.01, 29), (1.0, 3)])
def test_what_is_missing_is_what_would_suffice(evaluation: float, steps: int) -> None:
    """Full-batch methods need 5 steps, small batches an epoch, at most 30 steps."""
    speed = Speed(0.01, evaluation)
    ((name, seconds),) = too_short([PLAIN], [[2]], [[steps]], [speed], 90)
    assert name == "plain"
    assert not too_short(
        [PLAIN], [[2]], [steps_within(PLAIN, [2], speed, seconds, 90)], [speed], 90
    )
    less = steps_within(PLAIN, [2], speed, seconds * 0.9, 90)
    assert too_short([PLAIN], [[2]], [less], [speed], 90)


@pytest.mark.parametrize(("batch", "needed"), [(90, 5), (18, 5), (9, 10), (1, 30)])
def test_an_epoch_or_thirty_steps(batch: int, needed: int) -> None:
    speed = [Speed(0.01, 0.0)]
    assert not too_short([PLAIN], [[batch]], [[needed]], speed, 90)
    assert too_short([PLAIN], [[batch]], [[needed - 1]], speed, 90)


def test_a_recipe_that_ends_early_needs_no_more() -> None:
    speed = [Speed(0.01, 0.0)]
    short = recipe("short", stop={"steps": 3})
    assert not too_short([short], [[9]], [[3]], speed, 90)
    assert too_short([short], [[9]], [[2]], speed, 90)


def test_a_real_measurement(prepared: Prepared, tmp_path: Path) -> None:
    preparation.save(prepared, tmp_path)
    resolved = build.resolve(PLAIN, "multiclass", prepared.counts[0])
    with Pool(0, 1) as pool:
        (speed,), seconds = measured(
            pool, tmp_path, [resolved], [design.grid(resolved, 3)], "accuracy", "cpu"
        )
    assert 0 < speed.step < seconds
    assert 0 < speed.evaluation < seconds
