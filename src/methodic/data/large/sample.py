"""A fair sample of rows that come piece by piece, in columns of one kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from methodic.data.columns.cells import texts, tidy
from methodic.data.large.keys import mixed

if TYPE_CHECKING:
    import polars as pl

_ROW, _LOT = "number of the row", "lot of the row"
_VALUES = 1000  # different targets; with more of them it is no classification
_EACH = 2  # rows of each class that a sample has for sure


class Sample:
    """Rows drawn at random, each as likely as any other, and the first ones of each class.

    Each row draws a lot, a function of its number; those with the smallest lots are kept.
    """

    def __init__(self, most: int, targets: tuple[str, ...]) -> None:
        self._most = most
        self._targets = targets
        self._kept: list[pl.DataFrame] = []
        self._rare: list[pl.DataFrame] = []
        self._seen: dict[str, int] = {}
        self._below: int | None = None
        self._rows = 0

    def add(self, frame: pl.DataFrame) -> None:
        """The next rows of the file."""
        import polars as pl

        number = np.arange(self._rows, self._rows + frame.height, dtype=np.uint64)
        self._rows += frame.height
        frame = frame.with_columns(pl.Series(_ROW, number), pl.Series(_LOT, mixed(number)))
        frame = _without_kinds_of_nothing(frame)
        self._keep_rare(frame)
        if self._below is not None:
            frame = frame.filter(pl.col(_LOT) <= self._below)
        self._kept.append(frame)
        if sum(each.height for each in self._kept) > 2 * self._most:
            self._thin()

    def rows(self) -> pl.DataFrame:
        """The sample, in the order of the file."""
        import polars as pl

        self._thin()
        below = -1 if self._below is None else self._below
        more = [each.filter(pl.col(_LOT) > below) for each in self._rare if self._below is not None]
        found = pl.concat([*self._kept, *more], how="vertical_relaxed")  # pieces come in order
        self._kept = self._rare = []
        if any(each.height for each in more):
            found = found.sort(_ROW)
        found = found.drop(_ROW, _LOT)
        return found.cast({c.name: pl.String for c in found if c.dtype == pl.Null})

    def _thin(self) -> None:
        """Rows with larger lots go, piece after piece: a sort of them all would copy them twice."""
        import polars as pl

        lots = np.concatenate([each[_LOT].to_numpy() for each in self._kept])
        if len(lots) > self._most:
            self._below = int(np.partition(lots, self._most - 1)[self._most - 1])
            for i, each in enumerate(self._kept):
                self._kept[i] = each.filter(pl.col(_LOT) <= self._below)

    def _keep_rare(self, frame: pl.DataFrame) -> None:
        """A class that the sample doesn't have would be unknown to the schema.

        Texts count as they stand: "01" and "None" are names where folders are classes, and
        elsewhere a second spelling costs no more than its rows.
        """
        import polars as pl

        if len(self._targets) != 1 or len(self._seen) > _VALUES:
            return
        answer = frame[self._targets[0]]
        if answer.dtype.is_nested():
            return
        answer = texts(answer if answer.dtype == pl.String else tidy(answer))
        answer = answer.cast(pl.String).alias("class")
        first = answer.to_frame().with_row_index("at").drop_nulls().group_by("class").head(_EACH)
        places = []
        for name, at in first.select("class", "at").sort("at").iter_rows():
            if self._seen.get(name, 0) < _EACH:
                self._seen[name] = self._seen.get(name, 0) + 1
                places.append(at)
        if places:
            self._rare.append(frame[places])
        if len(self._seen) > _VALUES:
            self._rare = []


def _without_kinds_of_nothing(frame: pl.DataFrame) -> pl.DataFrame:
    """A piece's columns without a value, which are texts to its reader, fit to any kind."""
    import polars as pl

    texts = [column for column in frame if column.dtype == pl.String]
    empty = [column.name for column in texts if column.null_count() == len(column)]
    return frame.cast(dict.fromkeys(empty, pl.Null))


class Kinds:
    """Of what kinds each column is in the pieces that were seen.

    What a piece takes for a column of numbers may hold words in the next one. Then its cells count
    as they are written: the number 1 may have been "01".
    """

    def __init__(self) -> None:
        self._found: dict[str, set[pl.DataType]] = {}

    def add(self, frame: pl.DataFrame) -> None:
        """The next piece; of its columns those that hold something."""
        for column in frame:
            if column.null_count() < len(column):
                self._found.setdefault(column.name, set()).add(column.dtype)

    def mixed(self) -> set[str]:
        """Columns whose kinds have no common one but text."""
        return {name for name, kinds in self._found.items() if not _alike(kinds)}


def _alike(kinds: set[pl.DataType]) -> bool:
    import polars as pl

    if len(kinds) < 2 or all(kind.is_numeric() for kind in kinds):
        return True
    return all(kind in (pl.Date, pl.Datetime("us")) for kind in kinds)
