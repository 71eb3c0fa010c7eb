"""Workers and threads: chosen by throughput on imaginary machines, and measured on this one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import torch

from methodic.data.dataset import DataSet
from methodic.engine import memory
from methodic.plan import Machine
from methodic.recipes.types import Recipe
from methodic.runs.machine import placement, speed
from methodic.runs.machine.placement import choose, move
from methodic.runs.machine.speed import Survey
from methodic.runs.plans import planning
from methodic.runs.plans.wishes import Wishes
from methodic.runs.rows import preparation
from methodic.runs.rows.preparation import Prepared
from tests.runs.conftest import MOMENTUM, PLAIN, pretend

MACHINE = Machine(device="cpu", capability="x", torch="x", workers=2, threads=1)
GB = 10**9


class Hands:
    """A pool that does everything at once and remembers how often it was started again."""

    workers, threads = 2, 1

    def __init__(self) -> None:
        self.restarts: list[tuple[int, int]] = []

    def submit(self, task: Callable[..., Any], *arguments: Any, name: str = "") -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(task(*arguments))
        return future

    def memory(self) -> int:
        return GB

    def restart(self, workers: int, threads: int) -> None:
        self.restarts.append((workers, threads))


class Imaginary:
    """A machine with two cores on which steps take ``step`` seconds, less with more threads."""

    def __init__(
        self, patch: pytest.MonkeyPatch, step: float, faster: float = 1.0, need: int = GB
    ) -> None:
        self.raced: list[tuple[str, int, int]] = []
        pretend(patch, {"plain": (5 * step / 2, 0.0), "momentum": (5 * step, 0.0)})

        def seconds(work: Path, recipes: list[str], machine: Machine, network: object) -> float:
            name = Recipe.model_validate_json(recipes[0]).name
            self.raced.append((name, len(recipes), machine.threads))
            return len(recipes) * step / (faster if machine.threads > 1 else 1.0)

        patch.setattr(placement, "step_seconds", seconds)
        patch.setattr(placement, "one_needs", lambda *_: need)
        patch.setattr(memory, "share", lambda *_: 9 * GB)  # free; the pool has another one
        self.hands = Hands()
        self.survey = Survey(self.hands, Path(), 90, "accuracy", MACHINE)  # type: ignore[arg-type]

    def choose(self, seconds: float = 600.0) -> placement.Placement:
        return choose(self.survey, [PLAIN, MOMENTUM], seconds)


def test_small_networks_get_one_thread_and_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Imaginary(monkeypatch, step=0.019, faster=9.0)
    assert here.choose() == placement.Placement(MACHINE)
    assert not here.raced


@pytest.mark.parametrize(
    ("faster", "seconds", "workers"),
    [(2.6, 600, 1), (2.0, 600, 2), (2.09, 600, 2), (2.2, 120, 1), (2.2, 100, 2)],
    ids=["faster", "as fast", "hardly faster", "a little, and it pays", "too late to pay"],
)
def test_large_networks_go_where_more_steps_are_done(
    monkeypatch: pytest.MonkeyPatch, faster: float, seconds: float, workers: int
) -> None:
    """Two workers do twice the steps of one, so threads must make a step more than twice as fast.

    Saving a tenth of the time pays for a restart of the workers from 110 seconds.
    """
    here = Imaginary(monkeypatch, step=0.05, faster=faster)
    chosen = here.choose(seconds)
    assert (chosen.machine.workers, chosen.machine.threads) == (workers, 2 // workers)
    assert here.raced == [("momentum", 4, 1)] * 2 + [("momentum", 4, 2)], "the longest step"
    without, having = chosen.tried
    assert (without.what, without.milliseconds) == ("2 workers of 1 thread", 200.0)
    assert having.what == "1 worker of 2 threads"
    assert having.milliseconds == pytest.approx(200 / faster, abs=1e-3)
    assert chosen.notes[0].startswith((having if workers == 1 else without).what)
    move(here.survey, chosen)
    assert here.hands.restarts == ([(1, 2)] if workers == 1 else [])
    assert here.survey.machine == chosen.machine


def test_long_steps_are_raced_by_few_members(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Imaginary(monkeypatch, step=1.0)
    here.choose()
    assert {width for _, width, _ in here.raced} == {1}


@pytest.mark.parametrize(("need", "workers"), [(4 * GB, 2), (5 * GB, 1), (9 * GB, 1), (99 * GB, 2)])
def test_networks_that_do_not_fit_side_by_side(
    monkeypatch: pytest.MonkeyPatch, need: int, workers: int
) -> None:
    """Ten GB; each worker has half a GB of its own. Where not even one fits, measuring says so."""
    here = Imaginary(monkeypatch, step=0.001, need=need)
    chosen = here.choose()
    assert (chosen.machine.workers, chosen.machine.threads) == (workers, 2 // workers)
    assert not here.raced
    if workers == 1:
        assert "1 and not 2 fit side by side" in chosen.notes[0]


def test_one_worker_is_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Imaginary(monkeypatch, step=1.0, need=99 * GB)
    here.survey.machine = MACHINE.model_copy(update={"workers": 0})
    assert here.choose() == placement.Placement(here.survey.machine)


@pytest.mark.parametrize("asked", [{}, {"workers": 2}, {"threads": 1}])
def test_a_plan_holds_the_choice_and_what_was_tried(
    asked: dict[str, int],
    iris: DataSet,
    prepared: Prepared,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = Imaginary(monkeypatch, step=0.05, faster=3.0)
    monkeypatch.setattr(planning, "machine", lambda _: MACHINE)
    monkeypatch.setattr(planning.time, "monotonic", lambda: 0.0)
    wishes = Wishes((PLAIN, MOMENTUM), "accuracy", 600.0, named=True, compile=False, **asked)
    hands: Any = here.hands
    plan = planning.make(iris, prepared, tmp_path, hands, wishes, 0.0)
    assert (plan.machine.workers, plan.machine.threads) == ((2, 1) if asked else (1, 2))
    assert bool([each for each in plan.tried if "workers" in each.what]) == (not asked)
    assert here.hands.restarts == ([] if asked else [(1, 2)])
    assert plan == type(plan).model_validate_json(plan.model_dump_json())


def test_a_step_with_two_threads_is_measured_here(prepared: Prepared, tmp_path: Path) -> None:
    preparation.save(prepared, tmp_path)
    before = torch.get_num_threads()
    members = speed.members_of(planning.build.resolve(PLAIN, "multiclass", 90), 2)
    seconds = placement.step_seconds(
        tmp_path, members, MACHINE.model_copy(update={"threads": before + 1})
    )
    assert 0 < seconds < 10
    assert torch.get_num_threads() == before
    assert 1e6 < placement.one_needs(tmp_path, members, MACHINE) < 1e9
