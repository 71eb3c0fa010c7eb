"""All that becomes numbers: numeric columns, then the parts of dates, then the words of texts.

Shapes: N rows, Dn raw numbers of a row, K indicators of missing values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from methodic.data.encoding import dates, words
from methodic.data.encoding.dates import Calendar
from methodic.data.encoding.numeric import (
    BUFFERS,
    MOST_ROWS,
    TOGETHER,
    NumericEncoder,
    Work,
    fit_numeric,
    spread,
)
from methodic.data.parallel import in_threads
from methodic.data.schemas.schema import Schema

if TYPE_CHECKING:
    import polars as pl

_TILE = 1024  # rows that are turned from columns into rows at once
_BLOCK = 16_384  # rows that are encoded at once: they stay in the processor's cache


@dataclass(frozen=True)
class Features:
    """The raw numbers of a row, and what they are called.

    Args:
        schema: what the columns mean.
        calendars: column of dates → its parts.
    """

    schema: Schema
    calendars: Mapping[str, Calendar]

    @property
    def names(self) -> tuple[str, ...]:
        """What the numbers are called: the column, and for dates and texts which part of it."""
        found = self.schema.named("numeric")
        for name, calendar in self.calendars.items():
            found += calendar.names(name)
        for name, count in self._texts():
            found += words.names(name, count)
        return tuple(found)

    @property
    def plain(self) -> int:
        """How many of the numbers, which come first, mean something by themselves."""
        parts = sum(len(calendar.names("")) for calendar in self.calendars.values())
        return len(self.schema.named("numeric")) + parts

    @property
    def width(self) -> int:
        """Dn: the plain numbers and those that texts are hashed into."""
        return self.plain + sum(count for _, count in self._texts())

    @property
    def _text(self) -> list[str]:
        return [name for name, _ in self._texts()]

    def _texts(self) -> Iterator[tuple[str, int]]:
        for column in self.schema.columns:
            if column.kind == "text":
                yield column.name, column.numbers

    def fit(self, rows: pl.DataFrame) -> NumericEncoder:
        """Scales of all numbers, by conformed training rows."""
        import polars as pl

        scales = [fit_numeric(rows.select(self.schema.named("numeric")))]
        made = self._made(self._some(rows))
        if made:
            names = self.names[-len(made) :]
            columns = (pl.Series(n, values) for n, values in zip(names, made, strict=True))
            scales.append(fit_numeric(pl.DataFrame([column.fill_nan(None) for column in columns])))
        parts = ([getattr(each, name) for each in scales] for name in BUFFERS)
        return NumericEncoder(*(torch.cat(part) for part in parts))

    def _some(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows enough to know the scales of what dates and texts become, which are many numbers."""
        import polars as pl

        if rows.height <= MOST_ROWS:
            return rows
        gaps = [rows[name].is_null().arg_true().head(1) for name in (*self.calendars, *self._text)]
        return rows[pl.concat([pl.Series(spread(rows.height)).cast(pl.UInt32), *gaps])]

    def tensor(self, rows: pl.DataFrame, numeric: NumericEncoder, *, raw: bool = False) -> Tensor:
        """The numbers of conformed rows.

        Args:
            rows: in the schema's kinds.
            numeric: encodes them.
            raw: leave that to be done; what is returned is what it takes.

        Returns:
            What ``numeric`` makes of them, float32 [N, Dn + K]; or [N, Dn], NaN where missing.
        """
        width = self.width if raw else numeric.width
        out = np.empty((rows.height, width), dtype=np.float32)

        def fill(start: int) -> None:
            some = rows.slice(start, _BLOCK)
            self._fill(out[start : start + _BLOCK], some, numeric, raw=raw)

        in_threads(fill, range(0, rows.height, _BLOCK))
        return torch.from_numpy(out)

    def _fill(
        self,
        out: npt.NDArray[np.float32],
        rows: pl.DataFrame,
        numeric: NumericEncoder,
        *,
        raw: bool,
    ) -> None:
        """The numbers of a block of rows, column by column: they lie in columns."""
        work, width = Work(rows.height), self.width
        shown = [] if raw else numeric.indicated.tolist()
        columns = np.empty((width, rows.height), dtype=np.float32)
        for i, (numbers, values) in enumerate(zip(columns, self._columns(rows), strict=True)):
            offset = numeric.offset[i]
            with np.errstate(over="ignore"):  # what float32 can't hold becomes 3 or −3
                numbers[:] = values - offset if offset else values
            if i in shown:
                np.isnan(numbers, out=out[:, width + shown.index(i)], casting="unsafe")
        if not raw:
            for i in range(0, width, TOGETHER):
                numeric.columns(i, columns[i : i + TOGETHER], work)
        for start in range(0, rows.height, _TILE):
            out[start : start + _TILE, :width] = columns[:, start : start + _TILE].T

    def _columns(self, rows: pl.DataFrame) -> Iterator[npt.NDArray[Any]]:
        """All numbers of conformed rows, NaN where missing."""
        for name in self.schema.named("numeric"):
            yield rows[name].to_numpy()
        yield from self._made(rows)

    def _made(self, rows: pl.DataFrame) -> list[npt.NDArray[np.floating]]:
        """The numbers that dates and texts become."""
        found: list[npt.NDArray[np.floating]] = []
        for name, calendar in self.calendars.items():
            found += dates.numbers(rows[name], calendar)
        for name, count in self._texts():
            found += list(words.bags(rows[name], count).T)
        return found
