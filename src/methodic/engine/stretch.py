"""A stretch of steps: what they read is prepared at once, then they are taken.

One by one, or by machine code many in one call (`engine.native`); both take the same steps.

Shapes: M members, T steps.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import torch
from torch import Tensor

from methodic.data.batches import Rows
from methodic.engine import plateau
from methodic.engine.native.steps import Ahead, steps_of
from methodic.engine.parts import Cohort, Stage, State
from methodic.engine.step import Seen, step
from methodic.engine.tables import coefficients, table
from methodic.rng import Draws, Noise, drawing, key, key_table
from methodic.types import Batch

AHEAD = 256  # steps whose random keys, row numbers and coefficients are prepared at once
_CALL = 2e10  # operations of one call of machine code: some tenths of a second


def never() -> bool:
    """Don't pause."""
    return False


def advance(
    cohort: Cohort,
    stage: Stage,
    state: State,
    rows: Rows,
    count: int,
    observe: Callable[[Seen], object],
    pause: Callable[[], bool] = never,
) -> State:
    """The state after ``count`` more optimizer steps of a stage; ``observe`` sees each of them.

    Fewer steps are taken, but at least one, if ``pause`` says so after a step (machine code is
    asked only after some steps), or if further rows aren't in memory yet.
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
    pause: Callable[[], bool],
) -> State:
    first, turns = state.steps_taken, len(stage.turns)
    order = cohort.orders[stage.name]
    draws = draws_of(cohort, stage)
    tables = [
        coefficients(
            turn,
            *_span(stage, t, first, count),
            cohort.device,
            _starts(cohort, turns),
            plateau.pace(state, t),
        )
        for t, turn in enumerate(stage.turns)
    ]
    everything = rows.everything(cohort.width) if order.full else None
    index = None if order.full else order.steps(first, count, cohort.device)
    keys = _keys(cohort, stage, first, count) if draws else None
    gather = rows.gather_shared if order.shared else rows.gather
    for i in range(count):
        which = (first + i) % turns
        noise = draws(keys[i]) if keys is not None else {}
        batch: Batch = (
            everything if everything is not None else gather(index[i], cohort.width)  # type: ignore[index]
        )
        c = next(tables[which])
        if cohort.model.native:
            state, seen = step(cohort, stage, which, state, batch, noise, c)
        else:
            with _own_generator(cohort, stage, first + i):
                state, seen = step(cohort, stage, which, state, batch, noise, c)
        observe(seen)
        if pause():
            break
    return state


def _compiled_steps(
    cohort: Cohort,
    stage: Stage,
    state: State,
    rows: Rows,
    count: int,
    observe: Callable[[Seen], object],
    pause: Callable[[], bool],
) -> State:
    end, turns = state.steps_taken + count, len(stage.turns)
    draws, order = draws_of(cohort, stage), cohort.orders[stage.name]
    most = 1 if turns > 1 else _at_once(stage.batch, cohort.layout.total, cohort.width)
    while state.steps_taken < end:
        first = state.steps_taken
        which, some = first % turns, min(most, end - first)
        span = _span(stage, which, first, some)
        born, pace = _starts(cohort, turns), plateau.pace(state, which)
        names, values = table(stage.turns[which], *span, born, pace)
        ahead = Ahead(
            names,
            values,
            cohort.clocks(first) + torch.arange(some).unsqueeze(1),
            _keys(cohort, stage, first, some) if draws else None,
            None if order.full else order.steps(first, some),
        )
        steps = steps_of(cohort, stage, which, state, rows, draws, names)
        state, seen = steps(cohort, stage, state, rows, ahead)
        for each in seen.by_step():
            observe(each)
        if pause():
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
    return Draws(sites(cohort, stage, stage.batch), cohort.device)


def sites(cohort: Cohort, stage: Stage, rows: int) -> dict[str, Noise]:
    """What a step over ``rows`` rows draws for a member, whoever of its parts asks for it."""
    found = dict(cohort.model.noise(rows))
    for turn in stage.turns:
        for objective, _ in turn.objectives:
            found |= objective.noise(rows)
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
    turns = len(stage.turns)
    before, after = (_turn_steps(n, which, turns) for n in (first, first + count))
    return before, after - before, _turn_steps(stage.steps, which, turns)


def _turn_steps(taken: int, which: int, turns: int) -> int:
    """How many of the first ``taken`` steps belong to turn ``which``, when turns alternate."""
    return max(0, (taken - which + turns - 1) // turns)


def _starts(cohort: Cohort, turns: int) -> list[int]:
    return [born // turns for born in cohort.born]  # arrivals wait for the first turn


def _own_generator(
    cohort: Cohort, stage: Stage, number: int
) -> contextlib.AbstractContextManager[None]:
    """A user's module draws from torch's generator: fork it, seeded by (seed, step)."""
    own = number - (cohort.born[0] if cohort.born else 0)
    return drawing(key(cohort.seeds[0], "module", stage.name, own), cohort.device)
