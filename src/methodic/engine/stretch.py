"""A stretch of steps: what they read is prepared at once, then they are taken.

One by one, or by machine code many in one call (`engine.native`); both take the same steps.

Shapes: M members, T steps.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from methodic.data.batches import Order, Rows
from methodic.engine import plateau
from methodic.engine.native.steps import Ahead, steps_of
from methodic.engine.parts import Cohort, Stage, State
from methodic.engine.step import Seen, step
from methodic.engine.tables import coefficients, table
from methodic.rng import Draws, Noise, drawing, key, key_table
from methodic.types import Batch

AHEAD = 256  # steps whose random keys, row numbers and coefficients are prepared at once
_CALL = 2e10  # operations of one call of machine code: some tenths of a second


def never(steps: int) -> bool:  # noqa: ARG001
    """Don't pause."""
    return False


def advance(
    cohort: Cohort,
    stage: Stage,
    state: State,
    rows: Rows,
    count: int,
    observe: Callable[[Seen], object],
    pause: Callable[[int], bool] = never,
) -> State:
    """The state after ``count`` more optimizer steps of a stage; ``observe`` sees each of them.

    Fewer steps are taken, but at least one, if ``pause`` says so, or if further rows aren't in
    memory yet. It is asked after each step, or call of machine code, and told how many these were.
    """
    count = rows.at_hand(cohort.orders[stage.name], state.steps_taken, count)
    taken = _compiled_steps if cohort.program is not None else _steps
    return taken(cohort, stage, state, rows, count, observe, pause)


def _steps(
    cohort: Cohort,
    stage: Stage,
    state: State,
    rows: Rows,
    count: int,
    observe: Callable[[Seen], object],
    pause: Callable[[int], bool],
) -> State:
    first = state.steps_taken
    draws = draws_of(cohort, stage)
    tables = [
        coefficients(
            turn,
            *_span(stage, t, first, count),
            cohort.device,
            _starts(cohort, stage, t),
            plateau.pace(state, t),
        )
        for t, turn in enumerate(stage.turns)
    ]
    batches = _batches(cohort, stage, rows, first, count)
    keys = _keys(cohort, stage, first, count) if draws else None
    for i in range(count):
        which = stage.which(first + i)
        noise = draws(keys[i]) if keys is not None else {}
        batch = batches(i)
        c = next(tables[which])
        if cohort.model.native:
            state, seen = step(cohort, stage, which, state, batch, noise, c)
        else:
            with _own_generator(cohort, stage, first + i):
                state, seen = step(cohort, stage, which, state, batch, noise, c)
        observe(seen)
        if pause(1):
            break
    return state


def _batches(
    cohort: Cohort, stage: Stage, rows: Rows, first: int, count: int
) -> Callable[[int], Batch]:
    """A function from i, below ``count``, to the batch of step first + i."""
    order, width = cohort.orders[stage.name], cohort.width
    everything = None
    if order.full and stage.labelled:
        everything = rows.everything(width)
    elif order.full:
        every = torch.arange(order.rows, device=cohort.device).repeat(width)
        everything = rows.without_targets(every, width)
    index = None if everything is not None else order.steps(first, count, cohort.device)
    aside = cohort.beside.get(stage.name)
    others = None if aside is None else aside.steps(first, count, cohort.device)

    def own(i: int) -> Batch:
        if index is None:
            assert everything is not None
            return everything
        if not stage.labelled:
            return rows.without_targets(_of_each(index[i], order, width), width)
        return (rows.gather_shared if order.shared else rows.gather)(index[i], width)

    def batch(i: int) -> Batch:
        if aside is None or others is None:
            return own(i)
        more = rows.without_targets(_of_each(others[i], aside, width), width)
        return replace(own(i), beside=more)

    return batch


def _of_each(index: Tensor, order: Order, members: int) -> Tensor:
    """Row numbers of all members, [M·B], out of an order that they may share."""
    return index.repeat(members) if order.shared else index


def _compiled_steps(
    cohort: Cohort,
    stage: Stage,
    state: State,
    rows: Rows,
    count: int,
    observe: Callable[[Seen], object],
    pause: Callable[[int], bool],
) -> State:
    end = state.steps_taken + count
    draws, order = draws_of(cohort, stage), cohort.orders[stage.name]
    aside = cohort.beside.get(stage.name)
    most = _at_once(stage.batch, cohort.layout.total, cohort.width)
    while state.steps_taken < end:
        first = state.steps_taken
        which, some = stage.which(first), min(most, end - first, stage.left(first))
        span = _span(stage, which, first, some)
        born, pace = _starts(cohort, stage, which), plateau.pace(state, which)
        names, values = table(stage.turns[which], *span, born, pace)
        ahead = Ahead(
            names,
            values,
            cohort.clocks(first) + torch.arange(some).unsqueeze(1),
            _keys(cohort, stage, first, some) if draws else None,
            None if order.full else order.steps(first, some),
            None if aside is None else aside.steps(first, some),
        )
        steps = steps_of(cohort, stage, which, state, rows, draws, names)
        state, seen = steps(cohort, stage, state, rows, ahead)
        for each in seen.by_step():
            observe(each)
        if pause(some):
            break
    return state


def _at_once(batch: int, parameters: int, members: int) -> int:
    """Steps of one call, so that it ends within some tenths of a second."""
    return max(1, min(AHEAD, int(_CALL / (6 * batch * parameters * members))))


def program_texts(cohort: Cohort, stage: Stage, state: State, rows: Rows) -> list[str]:
    """The C++ of a stage's turns; nothing is compiled."""
    draws = draws_of(cohort, stage)
    found = []
    for which, turn in enumerate(stage.turns):
        names, _ = table(turn, 0, 1, 1)
        found.append(steps_of(cohort, stage, which, state, rows, draws, names).text)
    return found


def draws_of(cohort: Cohort, stage: Stage) -> Draws:
    """The kernel that draws the random numbers of a step of ``stage``."""
    return Draws(sites(cohort, stage, stage.batch, stage.beside), cohort.device)


def sites(cohort: Cohort, stage: Stage, rows: int, beside: int) -> dict[str, Noise]:
    """What a step draws for a member, whoever of its parts asks for it.

    Args:
        cohort, stage: the parts.
        rows: of the batch.
        beside: rows without targets beside it.
    """
    found = dict(cohort.model.noise(rows))
    for turn in stage.turns:
        for objective, _ in turn.objectives:
            found |= objective.noise(beside if getattr(objective, "beside", False) else rows)
        found |= turn.rule.noise(cohort.layout.total)
    for mixing in stage.mixing:
        found |= mixing.noise(rows)
    if stage.gradient_noise is not None:
        found |= stage.gradient_noise.noise(cohort.layout.total)
    return found


def _keys(cohort: Cohort, stage: Stage, first: int, count: int) -> Tensor:
    path, device = ("noise", stage.name), cohort.device
    return key_table(cohort.seeds, *path, first=first, count=count, device=device, born=cohort.born)


def _span(stage: Stage, which: int, first: int, count: int) -> tuple[int, int, int]:
    """Of one turn: steps taken before, steps among these, steps in the whole stage."""
    before, after = (stage.turn_steps(n, which) for n in (first, first + count))
    return before, after - before, stage.turn_steps(stage.steps, which)


def _starts(cohort: Cohort, stage: Stage, which: int) -> list[int]:
    """Steps of a turn after which each member arrived: arrivals wait for the first turn."""
    return [stage.turn_steps(born, which) for born in cohort.born]


def _own_generator(
    cohort: Cohort, stage: Stage, number: int
) -> contextlib.AbstractContextManager[None]:
    """A user's module draws from torch's generator: fork it, seeded by (seed, step)."""
    own = number - (cohort.born[0] if cohort.born else 0)
    return drawing(key(cohort.seeds[0], "module", stage.name, own), cohort.device)
