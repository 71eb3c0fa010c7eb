"""Steps one by one and many in a call: what they prepare, and when they stop."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from methodic.data.batches import Rows
from methodic.engine import loop, stretch
from methodic.engine.evaluation import Judge
from methodic.engine.keeper import Count, Keeper
from methodic.engine.native import library
from methodic.engine.step import Seen
from tests.contract import test_members as battery
from tests.engine.conftest import MakeCohort
from tests.engine.native.test_steps import make, recipes_of


@pytest.mark.parametrize("compiled", [False, True])
def test_asked_to_pause_it_stops(
    compiled: bool, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if compiled and (missing := library.missing_compiler()) is not None:
        pytest.skip(missing)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr(stretch, "_CALL", 1.0)  # a step a call
    cohort = make(recipes_of("adam", 2), [1, 2], False, compiled)
    stage = cohort.stages[0]
    state = loop.begin(stage, loop.initial_state(cohort))
    seen: list[Seen] = []
    after = loop.advance(
        cohort, stage, state, battery.rows(False), 6, seen.append, lambda _: len(seen) == 2
    )
    assert after.steps_taken == len(seen) == 2


@pytest.mark.parametrize("compiled", [False, True])
def test_whoever_counts_steps_hears_of_each(
    compiled: bool, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of many steps in one call, too."""
    if compiled and (missing := library.missing_compiler()) is not None:
        pytest.skip(missing)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    cohort = make(recipes_of("linear", 2), [1, 2], False, compiled)
    stage, told = cohort.stages[0], list[int]()

    def pause(steps: int) -> bool:
        told.append(steps)
        return False

    state = loop.begin(stage, loop.initial_state(cohort))
    loop.advance(cohort, stage, state, battery.rows(False), 6, lambda _: None, pause)
    assert told == ([6] if compiled else [1] * 6)


def test_the_count_of_a_training_is_that_of_its_steps(
    make_cohort: MakeCohort, rows: Rows, judge: Judge, tmp_path: Path
) -> None:
    count = Count()
    with Keeper(tmp_path, "it", lambda: False, count=count) as keeper:
        keeper.members = 2
        loop.train(make_cohort([0.1, 0.2]), rows, judge, [10, 20, 40], keeper)
    assert count._steps == 2 * 40


def test_calls_are_short() -> None:
    """However wide the cohort, Ctrl-C is heard after some tenths of a second."""
    for width, steps in ((1, stretch.AHEAD), (100, 42), (10_000, 1)):
        assert stretch._at_once(128, 6154, width) == steps


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_rows_of_a_full_batch_are_mixed_with_others_at_each_step(
    kind: str, make_cohort: MakeCohort, rows: Rows
) -> None:
    """In the order of a file that is sorted by class, a row's partner has its own class."""
    made = make_cohort([0.1], batch="full", regularizers=[{"kind": kind}])
    stage, count = made.stages[0], len(rows)
    numbered = Rows({"numeric": torch.arange(count).unsqueeze(1).float()}, rows.target)
    batch = stretch._batches(made, stage, numbered, 0, 3)
    seen = [batch(i).inputs["numeric"].flatten().long() for i in range(3)]
    assert all(torch.equal(each.sort().values, torch.arange(count)) for each in seen)
    pairs = [set(zip(x.tolist(), x.roll(-1).tolist(), strict=True)) for x in seen]
    assert len(pairs[0] & pairs[1]) < 9, "hardly anyone has the same partner again"
    plain = make_cohort([0.1], batch="full")
    own = stretch._batches(plain, plain.stages[0], numbered, 0, 1)(0).inputs["numeric"]
    assert torch.equal(own.flatten().long(), torch.arange(count))


def test_machine_code_knows_how_many_rows_a_full_batch_of_mixed_ones_has() -> None:
    recipes = recipes_of("mixup, full batch", 1)
    whole = make(recipes, [1], False, True)
    fewer = battery.build.cohort(
        recipes, [1], steps=[6], inputs=battery.Inputs(7, 2, 9, sizes=battery.SIZES),
        outputs=3, rows=battery.N - 1, class_counts=torch.tensor([10, 20, 31]), compiled=True,
    )  # fmt: skip
    assert whole.program != fewer.program
