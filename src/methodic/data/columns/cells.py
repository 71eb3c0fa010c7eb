"""What a cell means: missing, a number, a date, or a category's text.

The one place for these rules, so that a column reads alike from CSV, Parquet, pandas or polars, in
training and at prediction.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from methodic.data.columns import notations

if TYPE_CHECKING:
    import polars as pl

MISSING = (
    *("", "?", "NA", "N/A", "n/a", "N.A.", "<NA>", "NaN", "nan", "NAN", "-nan", "-NaN"),
    *("null", "NULL", "Null", "None", "1.#QNAN", "-1.#IND"),
    *("#N/A", "#NA", "#DIV/0!", "#NUM!", "#VALUE!", "#REF!", "#NULL!", "#NAME?"),
)
"""Texts that stand for a missing value, as databases, spreadsheets and languages write it; spaces
around them don't count."""

TRUTHS = (
    *(("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("on", "off")),
    *(("ja", "nein"), ("wahr", "falsch"), ("oui", "non"), ("vrai", "faux"), ("sí", "no")),
    *(("si", "no"), ("sim", "não"), ("да", "нет")),
)
"""Words for yes and no, in lower case."""

_SPELLINGS = 16  # more different words than this aren't spellings of yes and no


def tidy(series: pl.Series, *, text: bool = False, notation: str | None = None) -> pl.Series:
    """The column with its meaning made plain.

    Texts lose the spaces around them and `MISSING` texts become null. Texts that are all numbers,
    or all dates, or all times, become that (see `notations`; unless ``text``): Int64, Float64,
    Date, Datetime or Time. NaN becomes null, decimals and 128-bit integers become floats, and
    moments become microseconds, those with a time zone in UTC. Other types (nested, bytes) are
    returned as they are. Applying it twice changes nothing.

    Args:
        series: any column.
        text: leave texts as texts.
        notation: how the texts write numbers or dates, where that is known: then they are read so
            and in no other way. "" is what each cell tells by itself. None: the column tells.
            Texts that aren't all written so stay texts.
    """
    import polars as pl

    kind = series.dtype
    if isinstance(kind, pl.Categorical | pl.Enum):
        series = series.cast(pl.String)
    if series.dtype == pl.String:
        cells = series.to_frame("cell").select(stripped(pl.col("cell"))).to_series()
        cells = cells.alias(series.name)
        return cells if text else meaning(cells, notation)
    if kind in (pl.Float32, pl.Float64):
        # A finite sum has no NaN in it; looking is cheaper than copying.
        return series if math.isfinite(series.sum()) else series.fill_nan(None)
    if kind == pl.Float16:
        return series.cast(pl.Float32).fill_nan(None)
    if kind.is_decimal() or kind in (pl.Int128, pl.UInt128, pl.UInt64):
        return series.cast(pl.Float64)
    if isinstance(kind, pl.Datetime) and kind.time_zone:
        series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if isinstance(kind, pl.Datetime) and kind.time_unit != "us":
        return series.dt.cast_time_unit("us")
    return series


def stripped(cells: pl.Expr) -> pl.Expr:
    """Texts without the spaces around them; null where they mean that the value is missing."""
    import polars as pl

    bare = cells.str.strip_chars()
    return pl.when(~bare.is_in(list(MISSING))).then(bare).name.keep()


def meaning(cells: pl.Series, notation: str | None = None) -> pl.Series:
    """Texts as numbers, dates or times where all of them are; else as they are.

    Args:
        cells: `stripped` texts.
        notation: see `tidy`.
    """
    if not notation:
        found = notations.plain_numbers(cells)
        if found is not None:
            return found
    if notation is None:
        notation = notations.notation(cells)
        if notation is None:
            return cells
    parsed = notations.parse(cells, notation)
    whole = parsed.null_count() == cells.null_count() < len(cells)
    return parsed if whole else cells


def truths(cells: pl.Series) -> pl.Series | None:
    """Words that all mean yes or no, as truth values; None where one doesn't.

    Args:
        cells: `stripped` texts. Both words must be of one pair, such as yes and no, in any case.

    Example:
        >>> import polars as pl
        >>> truths(pl.Series(["Yes", "no", None])).to_list()
        [True, False, None]
    """
    import polars as pl

    different = cells.drop_nulls().unique()
    words = {str(each).lower() for each in different} if len(different) <= _SPELLINGS else set()
    for yes, no in TRUTHS:
        if words and words <= {yes, no}:
            mapped = {each: str(each).lower() == yes for each in different}
            return cells.replace_strict(mapped, return_dtype=pl.Boolean)
    return None


def numbers_among(cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    """A column that mixes numbers and words, taken apart by what each cell tells by itself.

    Args:
        cells: `stripped` texts.

    Returns:
        its numbers, float64, null elsewhere; and its words, null elsewhere.
    """
    import polars as pl

    plain = cells.cast(pl.Float64, strict=False).fill_nan(None)
    written = notations.parse(cells, "")
    found = written.cast(pl.Float64) if written.dtype.is_numeric() else plain
    both = pl.DataFrame([plain.alias("a"), found.alias("b"), cells.alias("cell")])
    number = pl.coalesce("a", "b")
    words = pl.when(number.is_null()).then(pl.col("cell"))
    apart = both.select(number.alias(cells.name)), both.select(words.alias(cells.name))
    return apart[0].to_series(), apart[1].to_series()


def texts(series: pl.Series) -> pl.Series:
    """Categories as text, spelt alike wherever they come from.

    Truth values are "True" and "False" whatever their case; whole numbers have no decimal point, so
    that 1 and 1.0 (an integer column that once held a missing value) are one category.
    """
    import polars as pl

    cell = pl.col("cell")
    frame = series.to_frame("cell")
    spelt: pl.Expr
    if series.dtype == pl.Boolean:
        spelt = pl.when(cell).then(pl.lit("True")).when(~cell).then(pl.lit("False"))
    elif series.dtype.is_float():
        whole = (cell == cell.floor()) & (cell.abs() < 2**53)
        as_integer = cell.cast(pl.Int64, strict=False).cast(pl.String)
        spelt = pl.when(whole).then(as_integer).otherwise(cell.cast(pl.String))
    elif series.dtype == pl.String:
        spelt = (
            pl.when(cell.is_in(["true", "TRUE"]))
            .then(pl.lit("True"))
            .when(cell.is_in(["false", "FALSE"]))
            .then(pl.lit("False"))
            .otherwise(cell)
        )
    else:
        spelt = cell.cast(pl.String)
    return frame.select(spelt.alias("cell")).to_series().alias(series.name)


def first(mask: pl.Series) -> int | None:
    """The first row for which ``mask`` holds, from 0; nulls don't hold."""
    at = mask.fill_null(False).arg_true()
    return int(at[0]) if len(at) else None


def row_name(index: int) -> str:
    """How messages name a row: counted from 1, the header not counted."""
    return f"row {index + 1:,} (the first row after the header is 1)"
