"""Parts in the order of time: training comes first, the test last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from methodic.data.columns.cells import first, row_name, tidy
from methodic.data.columns.notations import notation as notation_of
from methodic.data.splits.stratified import Rows
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl


def moments(column: pl.Series, where: str = "data", notation: str | None = None) -> Rows:
    """The place of each row in time, [N]: equal times have one number, later ones a larger one.

    Args:
        column, where, notation: see `times`.

    Raises:
        InputError: see `times`.
    """
    values: npt.NDArray[Any] = times(column, where, notation).to_physical().to_numpy()
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def written(*columns: pl.Series) -> str | None:
    """How the texts of these columns write times, all of them looked at together.

    Rows of the first days of a month alone don't tell whether 03/04 is in March or in April.

    Returns:
        None where they aren't all texts, or aren't all written alike.
    """
    import polars as pl

    cells = [tidy(column, text=True) for column in columns]
    if any(each.dtype != pl.String for each in cells):
        return None
    return notation_of(pl.concat(cells).unique().sort())


def times(column: pl.Series, where: str = "data", notation: str | None = None) -> pl.Series:
    """The cells as times that can be compared: dates, times or numbers; texts are read as dates.

    Args:
        column: of a table.
        where: the table, for messages.
        notation: how texts write times; None: they tell.

    Raises:
        InputError: a cell is missing, or no time.
    """
    import polars as pl

    cells = tidy(column, notation=notation)
    title = f"{where}: rows are ordered by '{column.name}'"
    if cells.dtype == pl.String:
        cells = _parsed(cells, title)
    if not (cells.dtype.is_temporal() or cells.dtype.is_numeric()):
        raise InputError(
            f"{title}, which holds no times",
            found=str(cells.dtype),
            accepted="dates, times or numbers",
        )
    bad = first(cells.is_null())
    if bad is not None:
        raise InputError(
            f"{title}, and {row_name(bad)} has no time",
            accepted="a date or a number in every row",
            advice="Fill it in, leave the row out, or leave --time out.",
        )
    return cells


def _parsed(cells: pl.Series, title: str) -> pl.Series:
    """Texts as dates and times; the first that is none is an error."""
    import polars as pl

    for kind in (pl.Datetime("us"), pl.Date):
        try:
            parsed = cells.str.strptime(kind, strict=False)
        except pl.exceptions.ComputeError:  # no format fits even the first cell
            continue
        if parsed.null_count() == cells.null_count():
            return parsed
    spelt = cells.drop_nulls()
    raise InputError(
        f"{title}, which holds texts that aren't dates in one form",
        found=", ".join(f"'{cell}'" for cell in spelt.head(3)),
        accepted="dates such as 2024-03-31 or 2024-03-31 18:05:00, or numbers",
    )


def ordered(moment: Rows, shares: tuple[float, float], what: str, where: str = "data") -> Rows:
    """The part of each row, [N]: 0 the earliest, 1 those after them, 2 the latest.

    Rows of one time stay together, so parts can miss their shares where times are few.

    Args:
        moment: place in time, [N] from 0, without gaps.
        shares: of validation and test rows; 0 of test rows makes none.
        what: the column, for the error.
        where: the data, for the error.

    Raises:
        InputError: too few different times.
    """
    counts = np.bincount(moment)
    wanted = [share for share in shares[::-1] if share]  # the test, then validation
    if len(counts) < len(wanted) + 1:
        raise InputError(
            f"{where}: '{what}' has too few different times to split by",
            found=f"{len(counts)} among {len(moment):,} rows",
            accepted=f"at least {len(wanted) + 1}: rows of one time stay together",
        )
    part_of_time = np.zeros(len(counts), dtype=np.int64)
    end = len(counts)
    for i, share in enumerate(wanted):
        part = len(wanted) - i if len(wanted) == 2 else 1
        rows = np.cumsum(counts[:end][::-1])  # of the last 1, 2, … times that are left
        least = len(wanted) - i  # times that the parts before this one need
        taken = int(np.abs(rows[: end - least] - share * len(moment)).argmin()) + 1
        part_of_time[end - taken : end] = part
        end -= taken
    found: Rows = part_of_time[moment]
    return found
