"""The loop: stages, turns and evaluations, read once from top to bottom.

Shapes: M members, T steps, P parameters.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from methodic.data.batches import Order, Rows
from methodic.engine.evaluation import Judge, measured_buffers, outputs
from methodic.engine.monitor import Fate, Monitor
from methodic.engine.parts import Cohort, Stage, State
from methodic.engine.step import Seen, step
from methodic.engine.tables import coefficients
from methodic.models.initialization import initial_buffers, initial_parameters
from methodic.models.module import ModuleModel
from methodic.plan import CurvePoint
from methodic.rng import Draws, key, key_table
from methodic.types import Batch

_AHEAD = 256  # steps whose random keys, row numbers and coefficients are prepared at once


@dataclass(frozen=True)
class Trained:
    """A cohort after training; the weights are the ones to evaluate and to ship."""

    flat: Tensor  # [M, P]
    buffers: dict[str, Tensor]
    fates: Sequence[Fate]
    curves: Sequence[Sequence[CurvePoint]]
    steps_taken: int  # in the whole run
    batches_seen: int


def initial_state(cohort: Cohort) -> State:
    """The state before the first step: weights from each member's seed."""
    if isinstance(cohort.model, ModuleModel):
        parameters, buffers = cohort.model.initial()
        parameters = {k: v.to(cohort.device) for k, v in parameters.items()}
        buffers = {k: v.to(cohort.device) for k, v in buffers.items()}
    else:
        parameters = initial_parameters(cohort.layout.specs, cohort.seeds, cohort.device)
        buffers = initial_buffers(cohort.model.buffers(), cohort.width, cohort.device)
    alive = torch.ones(cohort.width, dtype=torch.bool, device=cohort.device)
    return State(cohort.layout.flatten(parameters), buffers, [], {}, alive)


def begin(stage: Stage, state: State) -> State:
    """The state at the start of a stage: weights stay, optimizers and averages start anew."""
    return replace(
        state,
        rules=[turn.rule.initial(state.flat) for turn in stage.turns],
        average=stage.average.initial(state.flat) if stage.average else {},
        batches_seen=0,
        steps_taken=0,
    )


def train(
    cohort: Cohort,
    rows: Rows,
    judge: Judge,
    evaluate: Sequence[int],
) -> Trained:
    """Train all members of a cohort to the end of the plan.

    Args:
        cohort: the parts.
        rows: training rows on the cohort's device.
        judge: scores members on validation rows.
        evaluate: optimizer steps, counted over the whole run, after which the judge looks.
    """
    monitor = Monitor(cohort.stop, judge.metric.greater_is_better, cohort.width)
    state = initial_state(cohort)
    done = batches = 0
    for stage in cohort.stages:
        state = begin(stage, state)
        monitor.restart()
        window: list[Seen] = []
        for stop in _stretches(done, stage.steps, evaluate):
            count = stop - done - state.steps_taken
            state = advance(cohort, stage, state, rows, count, window.append)
            if stop in evaluate and window:
                flat, buffers = _evaluated(cohort, stage, state, rows)
                out = outputs(
                    cohort.model, cohort.layout, flat, buffers, judge.rows, cohort.numbers
                )
                alive = monitor.look(stop, judge(out), window, flat, buffers, state.alive)
                state = replace(state, alive=alive)
                window = []
            if not bool(state.alive.any()):
                break
        done += state.steps_taken
        batches += state.batches_seen
        flat, buffers = _evaluated(cohort, stage, state, rows)
        if stage.average is not None:
            state = replace(state, flat=flat, buffers=buffers)
        if not bool(state.alive.any()):
            break
    flat, buffers = monitor.kept(flat, buffers)
    return Trained(flat, buffers, monitor.fates, monitor.curves, done, batches)


def advance(
    cohort: Cohort,
    stage: Stage,
    state: State,
    rows: Rows,
    count: int,
    observe: Callable[[Seen], object],
) -> State:
    """The state after ``count`` more optimizer steps of a stage; ``observe`` sees each of them."""
    first, turns = state.steps_taken, len(stage.turns)
    order = Order(cohort.seeds, len(rows), stage.batch, f"order/{stage.name}")
    draws = _draws(cohort, stage)
    tables = [
        coefficients(
            turn,
            _turn_steps(first, t, turns),
            _turn_steps(first + count, t, turns) - _turn_steps(first, t, turns),
            _turn_steps(stage.steps, t, turns),
            cohort.device,
        )
        for t, turn in enumerate(stage.turns)
    ]
    everything = rows.everything(cohort.width) if order.full else None
    index = None if order.full else order.steps(first, count, cohort.device)
    path = ("noise", stage.name)
    noise_keys = (
        key_table(cohort.seeds, *path, first=first, count=count, device=cohort.device)
        if draws
        else None
    )
    for i in range(count):
        which = (first + i) % turns
        noise = draws(noise_keys[i]) if noise_keys is not None else {}
        batch: Batch = (
            everything if everything is not None else rows.gather(index[i], cohort.width)  # type: ignore[index]
        )
        c = next(tables[which])
        if cohort.model.native:
            state, seen = step(cohort, stage, which, state, batch, noise, c)
        else:
            with _own_generator(cohort, stage, first + i):
                state, seen = step(cohort, stage, which, state, batch, noise, c)
        observe(seen)
    return state


def _turn_steps(taken: int, which: int, turns: int) -> int:
    """How many of the first ``taken`` steps belong to turn ``which``, when turns alternate."""
    return max(0, (taken - which + turns - 1) // turns)


def _stretches(done: int, count: int, evaluate: Sequence[int]) -> list[int]:
    """Where to stop on the way through a stage: evaluations, and every `_AHEAD` steps."""
    end = done + count
    stops = {step for step in evaluate if done < step <= end} | {end}
    at = done
    for stop in sorted(stops):
        while stop - at > _AHEAD:
            at += _AHEAD
            stops.add(at)
        at = stop
    return sorted(stops)


def _draws(cohort: Cohort, stage: Stage) -> Draws:
    sites = cohort.model.noise(stage.batch)
    for turn in stage.turns:
        for objective, _ in turn.objectives:
            sites |= objective.noise(stage.batch)
    return Draws(sites, cohort.device)


def _evaluated(
    cohort: Cohort, stage: Stage, state: State, rows: Rows
) -> tuple[Tensor, dict[str, Tensor]]:
    """The weights that are evaluated and shipped: averaged ones where the recipe averages."""
    if stage.average is None:
        return state.flat, state.buffers
    flat = stage.average.evaluation_weights(state.flat, state.average)
    if not state.buffers:
        return flat, state.buffers
    measured = measured_buffers(
        cohort.model, cohort.layout, flat, state.buffers, rows, cohort.numbers
    )
    return flat, measured


@contextlib.contextmanager
def _own_generator(cohort: Cohort, stage: Stage, number: int) -> Iterator[None]:
    """A user's module draws from torch's generator: fork it, seeded by (seed, step)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(cohort.seeds[0], "module", stage.name, number))
        yield
