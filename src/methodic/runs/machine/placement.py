"""How many workers with how many threads: one per core with one thread each, or fewer with more.

Small networks always get one thread: there, threads wait for each other longer than they work, and
a member is bit-equal alone and in company. Bits may depend on the number of threads, so the plan
fixes it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import torch

from methodic.engine import loop, memory
from methodic.engine.workers import using
from methodic.plan import Machine, Tried
from methodic.recipes.types import Recipe
from methodic.runs.cohorts import at_once, cohort_of, needed
from methodic.runs.given import NOTHING, Given
from methodic.runs.machine.speed import WIDTH, Survey, Timed, members_of
from methodic.runs.rows.preparation import load

LONG = 0.02  # seconds of a member's step; below, threads don't pay
FASTER = 1.05
RESTART = 5.0  # seconds until other workers have started
MARGIN = 2.0
_RACE = 0.4  # seconds of each of the two measurements, about


@dataclass(frozen=True)
class Placement:
    """What was chosen for the machine, what was tried, and why, in words."""

    machine: Machine
    tried: tuple[Tried, ...] = ()
    notes: tuple[str, ...] = ()


def choose(survey: Survey, recipes: Sequence[Recipe], seconds: float) -> Placement:
    """Fewer workers with more threads each, where networks are so large that this pays.

    The survey's pool isn't changed; see `move`.

    Args:
        survey: with one worker per core and one thread each.
        recipes: the methods.
        seconds: left of the budget.
    """
    machine = survey.machine
    if machine.workers < 2 or torch.device(machine.device).type != "cpu":
        return Placement(machine)
    needs = [
        survey.pool.submit(one_needs, survey.work, members_of(recipe, WIDTH), machine, survey.given)
        for recipe in recipes
    ]
    largest = max(future.result() for future in needs)
    taken = survey.pool.memory()
    whole = memory.share(machine.device, 1) + taken
    fit = int(whole / (largest + taken / machine.workers))
    if 0 < fit < machine.workers:
        fewer = _with(machine, fit)
        why = (
            f"{_words(fewer)}: a network needs about {memory.readable(largest)}, so that "
            f"{fit} and not {machine.workers} fit side by side."
        )
        return Placement(fewer, notes=(why,))
    return _faster(survey, recipes, seconds)


def move(survey: Survey, chosen: Placement) -> None:
    """Go on with the chosen workers; they start again where they are others."""
    machine, pool = chosen.machine, survey.pool
    if (machine.workers, machine.threads) != (survey.machine.workers, survey.machine.threads):
        pool.restart(machine.workers, machine.threads)
    survey.machine = machine


def _faster(survey: Survey, recipes: Sequence[Recipe], seconds: float) -> Placement:
    machine = survey.machine
    heaviest = max(
        survey.cohorts(recipes, [WIDTH] * len(recipes)), key=lambda timed: timed.speed.step
    )
    alone = heaviest.speed.step / WIDTH
    if alone < LONG:
        return Placement(machine)
    # A pair of measurements takes about a second, whatever the network.
    width = max(1, min(WIDTH, int(_RACE / 2 / alone)))
    one = _with(machine, 1)
    apart = [_raced(survey, heaviest, width, machine) for _ in range(machine.workers)]
    steps = [future.result() for future in apart]
    whole = _raced(survey, heaviest, width, one).result()
    gain = (1 / whole) / sum(1 / step for step in steps)
    mean = sum(steps) / len(steps)
    tried = tuple(
        Tried(what=_words(each), milliseconds=round(taken * 1000, 4))
        for each, taken in ((machine, mean), (one, whole))
    )
    saved = seconds * (1 - 1 / gain)
    pays = gain > FASTER and saved > MARGIN * RESTART
    why = (
        f"{_words(one if pays else machine)}: a step of {width} members of {heaviest.recipe.name} "
        f"takes {mean * 1000:.3g} ms in each of {machine.workers} busy workers, and "
        f"{whole * 1000:.3g} ms in one with {one.threads} threads."
    )
    return Placement(one if pays else machine, tried, (why,))


def _raced(survey: Survey, heaviest: Timed, width: int, machine: Machine) -> Future[float]:
    members = members_of(heaviest.recipe, width)
    return survey.pool.submit(step_seconds, survey.work, members, machine, survey.given)


def one_needs(work: Path, recipes: Sequence[str], machine: Machine, given: Given = NOTHING) -> int:
    """Bytes that training a single one of ``recipes`` (as JSON) takes, about."""
    parsed = [Recipe.model_validate_json(each) for each in recipes]
    free = memory.share(machine.device, 1)
    return needed(load(work), parsed, range(len(parsed)), machine, given, free).of(1)


def step_seconds(
    work: Path, recipes: Sequence[str], machine: Machine, given: Given = NOTHING
) -> float:
    """Seconds of a step of ``recipes`` (as JSON), with as many threads as ``machine`` says."""
    prepared = load(work)
    parsed = [Recipe.model_validate_json(each) for each in recipes]
    width = at_once(parsed[0], machine, given.network, len(parsed))
    with using(machine.threads):
        endless = [10**6 for _ in parsed[0].stages]
        cohort = cohort_of(prepared, parsed[:width], range(width), endless, machine, given)
        rows = prepared.rows["train"].to(cohort.device)
        stage = cohort.stages[0]
        state = loop.begin(stage, loop.initial_state(cohort))
        state = loop.advance(cohort, stage, state, rows, 1, lambda _: None)  # warms up
        taken, start = 0, time.perf_counter()
        while not taken or time.perf_counter() - start < _RACE:
            state = loop.advance(cohort, stage, state, rows, 1, lambda _: None)
            taken += 1
        return (time.perf_counter() - start) / taken * len(parsed) / width


def _with(machine: Machine, workers: int) -> Machine:
    """So many workers in place of one per core, which share the cores."""
    threads = max(1, machine.workers // workers)
    return machine.model_copy(update={"workers": workers, "threads": threads})


def _words(machine: Machine) -> str:
    def count(n: int, what: str) -> str:
        return f"{n} {what}" + ("" if n == 1 else "s")

    of_each = count(machine.threads, "thread")
    return f"{count(machine.workers, 'worker')} of {of_each}"
