"""Dates and times as numbers: time since a reference, and where a moment stands in its cycles.

A cycle (year, month, week, day) becomes a sine and a cosine, so that December lies next to January.
Only what varies among the training rows is used: dates without a time of day have no such cycle.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked

if TYPE_CHECKING:
    import polars as pl

Part = Literal["elapsed", "year", "month", "week", "day"]
Numbers = npt.NDArray[np.float64]

_DAY = 86_400_000_000  # microseconds
_FEW_DAYS = 20_000  # 55 years
_SPAN = 4096  # days; blocks of rows share a table of whole spans
_NAMES = {
    "year": "day of the year",
    "month": "day of the month",
    "week": "day of the week",
    "day": "time of day",
}


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class Calendar:
    """What is used of one column of dates.

    Args:
        parts: "elapsed" (days since the reference) and the cycles that varied in training.
        reference: the median moment of the training rows, in microseconds since 1970. Days since
            1970 would lose the minutes in float32.
    """

    parts: tuple[Part, ...]
    reference: int

    def names(self, column: str) -> tuple[str, ...]:
        """What the numbers that `numbers` returns are called.

        Example:
            >>> Calendar(parts=("elapsed", "week"), reference=0).names("sold")[:2]
            ('sold (days)', 'sold (day of the week, sine)')
        """
        found = []
        for part in self.parts:
            if part == "elapsed":
                found.append(f"{column} (days)")
            else:
                found += [f"{column} ({_NAMES[part]}, {wave})" for wave in ("sine", "cosine")]
        return tuple(found)


def fit(column: pl.Series) -> Calendar:
    """What varies among the moments of the training rows.

    Args:
        column: Datetime in microseconds; nulls where missing. On a single day the time of day says
            all, and no time elapses.
    """
    import polars as pl

    known = column.drop_nulls().to_physical()
    days = (known // _DAY).unique().cast(pl.Int32).cast(pl.Date)
    parts: list[Part] = ["elapsed"] if len(days) != 1 else []
    cycles: dict[Part, pl.Series] = {
        "year": days.dt.month(),
        "month": days.dt.day(),
        "week": days.dt.weekday(),
    }
    parts += [part for part, place in cycles.items() if place.n_unique() > 1]
    times = known % _DAY
    parts += ["day"] if times.min() != times.max() else []
    parts = parts or ["elapsed"]
    middle = known.median() or 0.0
    return Calendar(parts=tuple(parts), reference=int(middle))  # type: ignore[arg-type]


def numbers(column: pl.Series, calendar: Calendar) -> list[Numbers]:
    """The numbers of each moment, as `Calendar.names` calls them; float64 [N] each.

    Where the moment is missing, the first is NaN and the others are 0: one column is enough to say
    that it is missing, and no direction of a cycle is nearer to it than another.
    """
    gone = column.is_null().to_numpy()
    moments = column.to_physical().fill_null(calendar.reference).to_numpy()
    days = moments // _DAY
    found: list[Numbers] = []
    for part in calendar.parts:
        if part == "elapsed":
            found.append((moments - calendar.reference) / _DAY)
        elif part == "day":
            angle = (moments - days * _DAY) * (2 * np.pi / _DAY)
            found += [np.sin(angle), np.cos(angle)]
        else:
            # Few days are different, where rows are many.
            first, last = (int(days.min()), int(days.max())) if len(days) else (0, 0)
            if last - first > _FEW_DAYS:
                which, places = np.unique(days, return_inverse=True)
                waves = _waves(which, part)
            else:
                start = first - first % _SPAN
                waves, places = _known_waves(start, last - last % _SPAN + _SPAN, part), days - start
            found += [wave.take(places) for wave in waves]
    if gone.any():
        found = [np.where(gone, np.nan if i == 0 else 0.0, each) for i, each in enumerate(found)]
    return found


@lru_cache(maxsize=32)
def _known_waves(start: int, stop: int, part: Part) -> tuple[Numbers, Numbers]:
    """The waves of all days from ``start`` to ``stop``, which the next rows need, too."""
    return _waves(np.arange(start, stop), part)


def _waves(days: npt.NDArray[np.int64], part: Part) -> tuple[Numbers, Numbers]:
    """The sine and the cosine of days since 1970, in one cycle."""
    import polars as pl

    angle = 2 * np.pi * _share(pl.Series(days, dtype=pl.Int64), part)
    return np.sin(angle), np.cos(angle)


def _share(days: pl.Series, part: Part) -> Numbers:
    """How much of a cycle has passed on days since 1970, from 0 to 1."""
    import polars as pl

    dates = days.cast(pl.Int32).cast(pl.Date)
    if part == "year":
        passed, whole = dates.dt.ordinal_day() - 1, 365.2425
    elif part == "month":
        passed, whole = dates.dt.day() - 1, 31.0
    else:
        passed, whole = dates.dt.weekday() - 1, 7.0
    shares: Numbers = (passed.cast(pl.Float64) / whole).to_numpy()
    return shares
