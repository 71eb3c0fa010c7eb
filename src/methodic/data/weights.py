"""How much each row counts: a column of weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from methodic.data.columns.cells import first, row_name
from methodic.data.columns.conform import as_numbers
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.schemas.schema import Schema

_ACCEPTED = "finite numbers above 0; a row of weight 0 is left out"


def checked(column: pl.Series, where: str = "data") -> pl.Series:
    """The weights as Float64, all of them finite and at least 0.

    A weight says how much a row counts in losses and scores, beside the others: a row of weight 2
    counts like two rows of weight 1, and only ratios matter.

    Raises:
        InputError: a weight is missing, negative or no number, or all are 0.
    """
    import polars as pl

    found = as_numbers(column, f"{where}, weights").cast(pl.Float64)
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
    if len(found) and not (found > 0).any():
        raise InputError(f"{title} is 0 in every row", accepted=_ACCEPTED)
    return found


def counting(
    frame: pl.DataFrame, schema: Schema, where: str, notes: list[str]
) -> tuple[pl.Series, pl.Series] | None:
    """The checked weights and which rows count; None for a table without any.

    ``notes`` gets told how many rows don't, and of rows that should have weights and have none.

    Raises:
        InputError: as for `checked`.
    """
    if schema.weight is None:
        return None
    if schema.weight not in frame.columns:
        notes.append(f"{where}: no column '{schema.weight}', so all of its rows count alike")
        return None
    weights = checked(frame[schema.weight], where)
    without = int((weights == 0).sum())
    if without:
        rows = "1 row has" if without == 1 else f"{without:,} rows have"
        notes.append(f"{where}: {rows} weight 0 and don't count")
    return weights, weights > 0


def weights_of(frame: pl.DataFrame, schema: Schema) -> npt.NDArray[np.float64] | None:
    """The rows' weights float64 [N], 1 on average; None where all count alike."""
    if schema.weight is None or schema.weight not in frame.columns:
        return None
    found: npt.NDArray[Any] = frame[schema.weight].to_numpy().astype(np.float64)
    unit = found / found.max() if len(found) else found  # their sum might not be finite
    scaled: npt.NDArray[np.float64] = unit / unit.mean() if len(found) else unit
    return scaled
