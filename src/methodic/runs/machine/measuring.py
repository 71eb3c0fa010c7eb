"""Tasks that a worker does before a plan is frozen: time a step, and see what bfloat16 does to it.

All are functions of the prepared data and plain values, like those in `runs.tasks`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from methodic.data.batches import Rows
from methodic.engine import loop
from methodic.engine.evaluation import Judge, outputs, validated
from methodic.engine.native.library import known
from methodic.engine.parts import Cohort, Stage, State
from methodic.engine.stretch import program_texts
from methodic.plan import Machine
from methodic.recipes.types import Recipe
from methodic.runs.cohorts import alone, at_once, cohort_of, room
from methodic.runs.given import NOTHING, Given
from methodic.runs.rows.preparation import load

_MEASURING = 0.6  # seconds
_LONGEST = 4.0  # after a step as long as this, one is enough
_LONG_LOOK = 1.0
_FEW = 256  # rows of an evaluation that are measured first
_AHEAD = 256  # steps whose row numbers are prepared at once

Measured = tuple[float, float, float, tuple[float, ...]]
"""Seconds of a step (of all stages, by their shares), of an evaluation, of the last predictions; of
a step of each stage."""


def measure(
    work: Path,
    recipes: Sequence[str],
    metric: str,
    machine: Machine,
    given: Given = NOTHING,
) -> Measured:
    """Seconds of one step, of one evaluation, and of all predictions after the last step.

    They are those of a unit of ``recipes`` (as JSON), seeds 0, 1 … A step's is the median, not the
    best: what disturbs the measurement will disturb the run as well. Members that train in parts
    cost what one part costs, so many times.
    """
    prepared = load(work)
    parsed = [Recipe.model_validate_json(each) for each in recipes]
    width = at_once(parsed[0], machine, given.network, len(parsed))
    # A cohort that wouldn't fit into memory will train in parts, too.
    width = room(prepared, parsed, range(len(parsed)), machine, given).width(width)
    times, parsed = len(parsed) / width, parsed[:width]
    endless = [10**6 for _ in parsed[0].stages]
    cohort = cohort_of(prepared, parsed, range(width), endless, machine, given)
    rows = prepared.rows["train"].to(cohort.device)
    judge = prepared.judge(metric, cohort.device)
    steps = []
    for stage in cohort.stages:
        state = loop.begin(stage, loop.initial_state(cohort))
        step, state = _step(cohort, stage, state, rows)
        steps.append(step * times)
    looking = _look(cohort, stage, state, rows, judge)
    ending = looking + _predicting(cohort, state, prepared.rows["test"].to(cohort.device))
    shares = [each.share for each in parsed[0].stages]
    # A share is one of the time, so what each stage costs decides how many steps it gets.
    mean = 1 / sum(share / step for share, step in zip(shares, steps, strict=True))
    return mean, looking * times, ending * times, tuple(steps)


def _step(cohort: Cohort, stage: Stage, state: State, rows: Rows) -> tuple[float, State]:
    """Seconds of a step of a stage, and the state after some."""
    if cohort.program is not None:  # the first step compiles
        state = loop.advance(cohort, stage, state, rows, 1, lambda _: None)
    rates: list[float] = []
    spent, count = 0.0, 1
    # The first of long steps finds neither memory nor kernels ready, so there is a second one.
    while spent < _MEASURING or (len(rates) < 2 and spent < _LONGEST):
        start = time.perf_counter()
        state = loop.advance(cohort, stage, state, rows, count, lambda _: None)
        seconds = time.perf_counter() - start
        spent += seconds
        rates.append(seconds / count)
        if seconds < _MEASURING / 16:
            count *= 2
    # A fresh process warms up first: the later half counts.
    return float(np.median(rates[len(rates) // 2 :])), state


def _look(cohort: Cohort, stage: Stage, state: State, rows: Rows, judge: Judge) -> float:
    """Seconds of an evaluation; where it takes long, a few of its rows stand for all."""
    start = time.perf_counter()
    flat, buffers = loop.evaluated(cohort, stage, state, rows)
    averaging = time.perf_counter() - start
    few = judge.rows.spread(_FEW)
    whole = _quickest(lambda: validated(cohort, flat, buffers, few)) * len(judge.rows) / len(few)
    if whole <= _LONG_LOOK:
        # The first look may have to import what the metric needs.
        whole = _quickest(lambda: judge(validated(cohort, flat, buffers, judge.rows)))
    return averaging + whole


def _predicting(cohort: Cohort, state: State, rows: Rows) -> float:
    """Seconds of the predictions of test rows, of which a few stand for all."""
    few = rows.spread(_FEW)
    flat, buffers = state.flat, state.buffers
    seconds = _quickest(
        lambda: outputs(cohort.model, cohort.layout, flat, buffers, few, cohort.numbers)
    )
    return seconds * len(rows) / len(few)


def _quickest(call: Callable[[], object]) -> float:
    """Seconds of the better one of two calls; of the first one where it takes long."""
    start = time.perf_counter()
    call()
    middle = time.perf_counter()
    if middle - start > _LONG_LOOK:
        return middle - start
    call()
    return min(middle - start, time.perf_counter() - middle)


def losses(
    work: Path,
    recipe: str,
    members: int,
    metric: str,
    machine: Machine,
    steps: int,
    given: Given = NOTHING,
) -> tuple[list[float], list[float]]:
    """Losses of members with seeds 0, 1 … after ``steps`` steps of a recipe's first stage.

    Returns:
        by member: the mean over the last quarter of the steps on training rows, and the loss on
        validation rows.
    """
    prepared = load(work)
    parsed = Recipe.model_validate_json(recipe)
    width = at_once(parsed, machine, given.network, members)
    training: list[float] = []
    validation: list[float] = []
    for first in range(0, members, width):
        seeds = range(first, min(first + width, members))
        count = [steps for _ in parsed.stages]
        cohort = cohort_of(prepared, [parsed] * len(seeds), seeds, count, machine, given)
        trained, state = _trained(cohort, prepared.rows["train"].to(cohort.device), steps)
        training += trained
        judge = prepared.judge(metric, cohort.device)
        out = validated(cohort, state.flat, state.buffers, judge.rows)
        validation += [float(x) for x in judge(out).loss]
    return training, validation


def _trained(cohort: Cohort, rows: Rows, steps: int) -> tuple[list[float], State]:
    """Each member's mean loss over the last quarter of its steps, and the state after them."""
    stage = cohort.stages[0]
    state = loop.begin(stage, loop.initial_state(cohort))
    seen: list[torch.Tensor] = []
    for first in range(0, steps, _AHEAD):
        count = min(steps - first, _AHEAD)
        state = loop.advance(cohort, stage, state, rows, count, lambda step: seen.append(step.loss))
    last = torch.stack(seen[-max(steps // 4, 1) :]).double().mean(0)
    return [float(x) for x in last], state


def uncompiled(
    work: Path, recipes: Sequence[str], machine: Machine, given: Given = NOTHING
) -> set[str]:
    """Machine code for the first stage of a cohort that nobody compiled here before."""
    prepared = load(work)
    parsed = [Recipe.model_validate_json(each) for each in recipes][:1]
    if alone(parsed[0]):
        return set()
    machine = machine.model_copy(update={"compiled": True})
    once = [1 for _ in parsed[0].stages]
    cohort = cohort_of(prepared, parsed, [0], once, machine, given)
    rows = prepared.rows["train"]
    state = loop.begin(cohort.stages[0], loop.initial_state(cohort))
    texts = program_texts(cohort, cohort.stages[0], state, rows)
    return {text for text in texts if not known(text)}
