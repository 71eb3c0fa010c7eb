"""How much each row counts: a column of weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from methodic.data.columns.cells import first, row_name
from methodic.data.columns.conform import as_numbers
from methodic.data.tally import Seen, Tally
from methodic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from methodic.data.schemas.schema import Schema

_ACCEPTED = "finite numbers above 0; a row of weight 0 is left out"
_WITHOUT = "rows without weights"


def checked(column: pl.Series, where: str = "data", notation: str = "") -> pl.Series:
    """The weights as Float64, all of them finite and at least 0.

    A weight says how much a row counts in losses and scores, beside the others: a row of weight 2
    counts like two rows of weight 1, and only ratios matter.

    Args:
        column: numbers, or texts that are.
        where: the table's name, for messages.
        notation: how texts write them; see `notations`.

    Raises:
        InputError: a weight is missing, negative or no number, or all are 0.
    """
    found = _numbers(column, where, notation)
    if len(found) and not (found > 0).any():
        raise _nothing_counts(column.name, where)
    return found


def _numbers(column: pl.Series, where: str, notation: str = "") -> pl.Series:
    import polars as pl

    found = as_numbers(column, f"{where}, weights", notation=notation).cast(pl.Float64)
    title = f"{where}: the weight '{column.name}'"
    missing = first(found.is_null())
    if missing is not None:
        raise InputError(f"{title} is missing in {row_name(missing)}", accepted=_ACCEPTED)
    negative = first(found < 0)
    if negative is not None:
        raise InputError(
            f"{title} is negative in {row_name(negative)}",
            found=found[negative],
            accepted=_ACCEPTED,
        )
    return found


def _nothing_counts(name: str, where: str) -> InputError:
    return InputError(f"{where}: the weight '{name}' is 0 in every row", accepted=_ACCEPTED)


def counting(
    frame: pl.DataFrame, schema: Schema, where: str, tally: Tally
) -> tuple[pl.Series, pl.Series] | None:
    """The checked weights and which rows count; None for a table without any.

    ``tally`` gets told how many rows don't, and of rows that should have weights and have none.

    Raises:
        InputError: as for `checked`; that all are 0 shows when the whole table was seen.
    """
    name = schema.weight
    if name is None:
        return None

    def judge(seen: Seen) -> Iterator[str]:
        return _judged(seen, name, where)

    if name not in frame.columns:
        tally.add("weight", judge, frame.height, kinds={_WITHOUT: frame.height})
        return None
    weights = _numbers(frame[name], where, schema.notation(name))
    tally.add("weight", judge, frame.height, int((weights == 0).sum()))
    return weights, weights > 0


def _judged(seen: Seen, name: str, where: str) -> Iterator[str]:
    """What it means that so many rows have weight 0, or no weight."""
    if _WITHOUT in seen.kinds:
        if seen.kinds[_WITHOUT] < seen.rows:
            raise InputError(
                f"{where}: the weight '{name}' is missing in some of the files",
                found=f"{seen.kinds[_WITHOUT]:,} of {seen.rows:,} rows without it",
                accepted=_ACCEPTED,
            )
        yield f"{where}: no column '{name}', so all of its rows count alike"
    elif seen.count == seen.rows > 0:
        raise _nothing_counts(name, where)
    elif seen.count:
        rows = "1 row has" if seen.count == 1 else f"{seen.count:,} rows have"
        yield f"{where}: {rows} weight 0 and don't count"


def weights_of(frame: pl.DataFrame, schema: Schema) -> npt.NDArray[np.float64] | None:
    """The rows' weights float64 [N], 1 on average; None where all count alike."""
    if schema.weight is None or schema.weight not in frame.columns:
        return None
    found: npt.NDArray[Any] = frame[schema.weight].to_numpy().astype(np.float64)
    unit = found / found.max() if len(found) else found  # their sum might not be finite
    scaled: npt.NDArray[np.float64] = unit / unit.mean() if len(found) else unit
    return scaled
