"""Which rows without a target may train beside a split: those that its rules don't keep apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from methodic.data.columns.cells import texts, tidy
from methodic.data.splits import timed
from methodic.data.splits.stratified import Rows
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.dataset import DataSet


def allowed(dataset: DataSet, validation: Rows, test: Rows, *, by_time: bool) -> Rows:
    """The rows of `DataSet.unlabelled` that may train, ascending.

    Rows of a group that has validation or test rows don't; where rows are divided by time, those
    don't that aren't earlier than all validation rows.

    Args:
        dataset: what was split.
        validation: rows of its frame.
        test: rows of its frame, or of the user's own test rows.
        by_time: whether validation rows are later than training rows.

    Raises:
        InputError: times that can't be compared with those of the other rows.
    """
    frame, schema = dataset.unlabelled, dataset.schema
    if frame is None:
        return np.zeros(0, dtype=np.int64)
    fine = np.ones(frame.height, dtype=bool)
    if schema.group is not None and schema.group in frame.columns:
        tested = dataset.frame if dataset.test is None else dataset.test
        held = [dataset.frame[schema.group][validation]]
        if schema.group in tested.columns:
            held.append(tested[schema.group][test])
        fine &= ~_among(frame[schema.group], held)
    if by_time and schema.time is not None:
        held_from = dataset.frame[schema.time]
        written = notation(dataset)
        fine &= _earlier(frame[schema.time], held_from, validation, dataset.name, written)
    return np.flatnonzero(fine).astype(np.int64)


def notation(dataset: DataSet) -> str | None:
    """How times are written, told by rows with and without a target together; None: they tell."""
    time, more = dataset.schema.time, dataset.unlabelled
    if time is None or more is None or time not in more.columns:
        return None
    return timed.written(dataset.frame[time], more[time])


def _among(column: pl.Series, held: list[pl.Series]) -> npt.NDArray[np.bool_]:
    """Whether a row's group is one of ``held``; rows without one are groups by themselves."""
    import polars as pl

    names = pl.concat([_names(each) for each in held]).drop_nulls().unique()
    return _names(column).is_in(names.implode()).fill_null(False).to_numpy()


def _names(column: pl.Series) -> pl.Series:
    import polars as pl

    return texts(tidy(column, text=True)).cast(pl.String)


def _earlier(
    column: pl.Series, known: pl.Series, validation: Rows, where: str, notation: str | None
) -> npt.NDArray[np.bool_]:
    """Whether a row is earlier than all of the rows ``validation`` of ``known``."""
    import polars as pl

    title = f"{where}, rows without a target"
    own = timed.times(column, title, notation)
    other = timed.times(known, where, notation)[validation]
    if own.dtype != other.dtype:
        numbers = own.dtype.is_numeric() and other.dtype.is_numeric()
        dates = all(each.dtype in (pl.Date, pl.Datetime("us")) for each in (own, other))
        if not (numbers or dates):
            raise InputError(
                f"{title}: '{column.name}' can't be compared with that of the other rows",
                found=f"{own.dtype} here, {other.dtype} there",
                accepted="times written alike",
            )
        kind = pl.Float64() if numbers else pl.Datetime("us")
        own, other = own.cast(kind), other.cast(kind)
    return (own < other.min()).to_numpy()
