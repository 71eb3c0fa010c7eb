"""Which part a row belongs to, told by the row alone: no other row needs to be known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from methodic.data.columns.cells import tidy
from methodic.data.columns.conform import as_dates
from methodic.data.columns.notations import notation
from methodic.data.large.keys import KEY, uniform
from methodic.data.splits import given
from methodic.data.splits.given import TEST, TRAIN, VALIDATION
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.dataset import DataSet

USUAL = 0.15
"""The share of validation rows, and of test rows."""
ENOUGH = 100_000
"""Validation or test rows that nobody asked for: with more of them a score's standard error falls
below 0.2 points, and each evaluation takes longer."""


class Parts:
    """The rule by which rows are divided; as `splits.split` does, but by hashes.

    A row's key (see `keys`), scrambled by the seed, says where it goes: so equal rows and rows of a
    group stay together, and shares are met in the mean. A column of times divides by the times at
    which the sample's shares end. A column of parts is followed.

    Args:
        data: with a sample of the rows as its frame.
        rows: how many there are.
        seed: of the split.

    Raises:
        InputError: wishes that can't be had piece by piece.
    """

    def __init__(self, data: DataSet, rows: int, seed: int) -> None:
        self._schema = data.schema
        self._name = data.name
        self._seed = seed
        self._own_test = data.test is not None
        asked = data.reading.split if data.schema.part is None else None
        given.check(asked, data.frame.columns, data.name)
        wanted = given.share_of(asked) if asked is not None else None
        usual = min(USUAL, ENOUGH / max(rows, 1))
        self._test = 0.0 if self._own_test else (usual if wanted is None else wanted)
        self._validation = usual if wanted is None else usual * (1 - wanted) / (1 - USUAL)
        self._followed = data.schema.part is not None and not self._own_test
        self._validated = self._followed and VALIDATION in self._said(
            data.frame[str(data.schema.part)]
        )
        timed = data.schema.time is not None and not self._followed
        self._notation = _notation(data.frame[str(data.schema.time)]) if timed else None
        self._borders = self._times(data) if timed else None

    def __call__(self, frame: pl.DataFrame) -> npt.NDArray[np.int64]:
        """The part of each row, [N]: 0 training, 1 validation, 2 test.

        Args:
            frame: usable rows with their keys.
        """
        import polars as pl

        drawn = uniform(frame[KEY].to_numpy().astype(np.uint64), self._seed)
        if self._followed:
            # A piece may lack a part that the whole has.
            cells = frame[str(self._schema.part)].cast(pl.String)
            both = pl.Series(cells.name, ["train", "test"])
            parts = self._said(pl.concat([cells, both]))[:-2]
            if self._validated:
                return parts
            return np.where((parts == TRAIN) & (drawn < self._validation), VALIDATION, parts)
        if self._borders is not None:
            moments = self._moments(frame[str(self._schema.time)])
            return np.searchsorted(self._borders, moments, side="right").astype(np.int64)
        parts = np.full(frame.height, TRAIN, dtype=np.int64)
        parts[drawn < self._test + self._validation] = VALIDATION
        parts[drawn < self._test] = TEST
        return parts

    def _said(self, cells: pl.Series) -> npt.NDArray[np.int64]:
        """`given.parts_of`; which row of the file a cell is in isn't known here."""
        try:
            return given.parts_of(cells, self._name)
        except InputError as error:
            problem = re.sub(r"row [\d,]+ \(.*?\)", "a row", error.problem)
            raise InputError(
                problem, found=error.found, accepted=error.accepted, advice=error.advice
            ) from None

    def _times(self, data: DataSet) -> npt.NDArray[Any]:
        """The first times of validation and of test rows."""
        if data.schema.group is not None:
            raise InputError(
                f"{data.name}: rows that are read piece by piece can be divided by groups or by "
                "time, not by both",
                advice="Leave --group or --time out, or give it more --memory.",
            )
        moments = np.sort(self._moments(data.frame[str(data.schema.time)]))
        shares = [self._validation + self._test, *([self._test] if self._test else [])]
        places = [min(len(moments) - 1, round(len(moments) * (1 - share))) for share in shares]
        return moments[places]

    def _moments(self, column: pl.Series) -> npt.NDArray[Any]:
        import polars as pl

        cells = tidy(column, notation=self._notation)
        if isinstance(cells.dtype, pl.Date | pl.Datetime):
            cells = as_dates(cells)  # a piece may have dates only, and another one times of day
        if not (cells.dtype.is_temporal() or cells.dtype.is_numeric()) or cells.null_count():
            raise InputError(
                f"{self._name}: rows are ordered by '{column.name}', which holds cells that are no "
                "times",
                found="empty cells" if cells.null_count() else str(cells.dtype),
                accepted="dates, times or numbers in every row",
            )
        return cells.to_physical().to_numpy()


def _notation(column: pl.Series) -> str | None:
    """How the sample's texts write times: a piece may not tell whether days or months come first.

    None where they aren't texts.
    """
    import polars as pl

    cells = tidy(column, text=True)
    return notation(cells) if cells.dtype == pl.String else None
