"""What each confirmed row costs its user: size, time to answer, time to train.

Times to answer start from encoded rows in memory and end with probabilities or numbers, in one
thread of a machine that trained other models meanwhile: they order models by size and kind, and say
little about another machine or a server. A row among many is cheaper than a row alone, since a call
has costs of its own; both are given. Bytes are what the weights or trees take in memory, or pickled
for the baselines; files may be smaller or larger. Seconds to train are those of one model: its
share of its cohort's time for a network, tuning included for a baseline. Finding the learning rate
(the screening) isn't in them.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from methodic.plan import BaselineRecord, Inference, UnitRecord, Value


class Cost(Value):
    """What one model of a method, or a baseline, costs."""

    name: str
    parameters: int | None  # None: the word has no meaning
    bytes: int
    row_microseconds: float  # of a row among many
    single_milliseconds: float  # of a row by itself
    seconds: float  # training one model


def costs(records: Sequence[UnitRecord], baselines: Sequence[BaselineRecord]) -> tuple[Cost, ...]:
    """The cost of each method that was measured, in the order of the records, then the baselines.

    Of several measurements of one method the least disturbed counts, which is the fastest.

    Args:
        records: of the confirmation; those without a measurement are left out.
        baselines: likewise.
    """
    measured: dict[str, list[Inference]] = {}
    seconds: dict[str, list[float]] = {}
    for record in records:
        for each in record.members:
            seconds.setdefault(each.member.recipe, []).append(each.seconds)
        if record.inference is not None:
            measured.setdefault(record.members[0].member.recipe, []).append(record.inference)
    for rival in baselines:  # of one kind, one for each split of the data
        seconds.setdefault(rival.kind, []).append(rival.seconds)
        if rival.inference is not None:
            measured.setdefault(rival.kind, []).append(rival.inference)
    return tuple(
        _cost(name, found, statistics.fmean(seconds[name])) for name, found in measured.items()
    )


def _cost(name: str, found: Sequence[Inference], seconds: float) -> Cost:
    return Cost(
        name=name,
        parameters=found[0].parameters or None,
        bytes=found[0].bytes,
        row_microseconds=min(each.row_microseconds for each in found),
        single_milliseconds=min(each.single_milliseconds for each in found),
        seconds=seconds,
    )
