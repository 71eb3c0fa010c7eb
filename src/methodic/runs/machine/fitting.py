"""Training a unit's members in cohorts that fit: at once, in halves, or one by one.

What a cohort needs is estimated before it is built, and one that wouldn't fit is parted. Should
memory run out all the same, the cohort is parted then. A member of a recipe's own network trains
alike in any company, so how a unit is parted changes its time and not its results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from methodic.data.batches import Rows
from methodic.engine import loop, memory
from methodic.engine.checkpoint import Standing, joined
from methodic.engine.evaluation import Judge
from methodic.engine.keeper import Keeper
from methodic.engine.loop import Trained
from methodic.engine.memory import Need
from methodic.engine.parts import Cohort
from methodic.engine.workers import company
from methodic.errors import InputError

Make = Callable[[Sequence[int]], Cohort]
"""A cohort of the unit's members at these places."""


@dataclass(frozen=True)
class Room:
    """What a cohort needs, and what there is for it.

    Args:
        need: of training, by width.
        free: bytes that this process may take.
    """

    need: Need
    free: int

    def width(self, members: int) -> int:
        """How many of ``members`` may train at once: all, or half of them, or half of these …"""
        return self.need.width(self.free, members)


def estimated(
    make: Make, parameters: int, rows: Rows, judged: int, free: int, probes: int = 1
) -> Need:
    """What training needs, found out before anything large is made.

    Args:
        make: see `Make`.
        parameters: of one member.
        rows: training rows.
        judged: rows of an evaluation.
        free: bytes; where the parameters alone need more, nothing is made at all.
        probes: members that stand for all; two where they train under vmap.
    """
    least = memory.least(parameters)
    if least > free:
        return Need(0, least)
    return memory.need(make(range(probes)), rows, judged)


def room(need: Need, free: int, name: str) -> Room:
    """The need of the method of this name beside the memory that is free.

    Raises:
        InputError: not even one member fits.
    """
    if need.of(1) > free:
        raise _no_room(name, need.of(1), free)
    return Room(need, free)


def _no_room(name: str, needed: int, free: int) -> InputError:
    workers = company()
    among = f" for each of {workers} workers" if workers > 1 else ""
    return InputError(
        "training a single network needs more memory than there is",
        found=f"one of {name} needs about {memory.readable(needed)}; "
        f"{memory.readable(free)} are free{among}",
        advice="Choose a smaller network or batch"
        + (", or fewer workers (--workers 1)." if workers > 1 else "."),
    )


@dataclass(frozen=True)
class Lap:
    """A stretch of a training that halts on its way.

    Args:
        start: where all members of the unit stand; None: at their first step.
        until: optimizer step of the whole run after which they halt; None: they go to the end.
    """

    start: Standing | None = None
    until: int | None = None

    def of(self, places: Sequence[int]) -> Standing | None:
        """Where the members at these places stand."""
        if self.start is None or len(places) == len(self.start.memory.fates):
            return self.start
        return joined([self.start], places)


WHOLE = Lap()


def train(
    make: Make,
    places: Sequence[int],
    rows: Rows,
    judge: Judge,
    evaluate: Sequence[int],
    keeper: Keeper,
    room: Room,
    lap: Lap = WHOLE,
) -> Trained:
    """Train members together; where memory doesn't suffice, one half after the other.

    Args:
        make: see `Make`.
        places: of the members.
        rows, judge, evaluate, keeper: as for `loop.train`.
        room: what they need, and what there is.
        lap: where they start and halt.

    Raises:
        InputError: not even one member fits into memory.
    """
    half = len(places) // 2
    halves = [places[:half], places[half:]]
    if half and room.width(len(places)) < len(places):
        needed, free = memory.readable(room.need.of(len(places))), memory.readable(room.free)
        keeper.notes.append(
            f"{len(places)} members at once need about {needed}, and {free} are free: trained in "
            "halves"
        )
        return in_parts(make, halves, rows, judge, evaluate, keeper, room, lap)
    keeper.members = len(places)
    try:
        start, until = lap.of(places), lap.until
        return loop.train(make(places), rows, judge, evaluate, keeper, start, until)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        if len(places) == 1:
            raise InputError(
                "training a single network needs more memory than there is",
                found=str(error).partition("\n")[0] or type(error).__name__,
                advice="Choose a smaller network or batch, or fewer workers (--workers 1).",
            ) from None
    # Outside of the handler: the error holds on to the memory of the cohort that didn't fit.
    keeper.notes.append(f"memory ran out with {len(places)} members at once: trained in halves")
    return in_parts(make, halves, rows, judge, evaluate, keeper, room, lap)


def in_parts(
    make: Make,
    parts: Sequence[Sequence[int]],
    rows: Rows,
    judge: Judge,
    evaluate: Sequence[int],
    keeper: Keeper,
    room: Room,
    lap: Lap = WHOLE,
) -> Trained:
    """Train parts of a unit's members one after the other, each with checkpoints of its own."""
    done = []
    for places in parts:
        with keeper.part(f"members-{places[0]}-{places[-1]}") as own:
            done.append(train(make, places, rows, judge, evaluate, own, room, lap))
        keeper.seconds += own.seconds
        keeper.notes += own.notes
    return Trained(
        torch.cat([each.flat for each in done]),
        {name: torch.cat([each.buffers[name] for each in done]) for name in done[0].buffers},
        [fate for each in done for fate in each.fates],
        [curve for each in done for curve in each.curves],
        max(each.steps_taken for each in done),
        max(each.batches_seen for each in done),
        _together([each.standing for each in done]),
        _learnt(done),
    )


def _learnt(done: Sequence[Trained]) -> dict[str, torch.Tensor]:
    """What stages without targets left; of members that ended before one, what they ended with."""
    if not any(each.learnt for each in done):
        return {}
    filled = [
        each.learnt or {"flat": each.flat, **{f"buffers/{k}": x for k, x in each.buffers.items()}}
        for each in done
    ]
    return {name: torch.cat([each[name] for each in filled]) for name in filled[0]}


def _together(standings: Sequence[Standing | None]) -> Standing | None:
    """The parts of a unit as they stand; None where they didn't halt on their way."""
    there = [each for each in standings if each is not None]
    if len(there) < len(standings):
        return None
    return joined(there, range(sum(len(each.memory.fates) for each in there)))


def out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory ran out, on whatever device."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        "can't allocate memory" in str(error)  # the processor's allocator has no error of its own
    )
