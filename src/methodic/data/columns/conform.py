"""Any later table (test rows, rows to predict) in the form that the schema asks for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from methodic.data.columns.arrays import as_arrays
from methodic.data.columns.cells import TRUTHS, first, numbers_among, row_name, texts, tidy
from methodic.data.columns.notations import COMMA, COMMA_PERCENT, PERCENT, parse
from methodic.data.images.columns import conformed
from methodic.data.predicted import labels
from methodic.data.schemas.schema import TRUTH, Column, Schema
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl


LARGEST = 1e100
"""Of a target, so that sums of squared errors are finite numbers."""
_EXAMPLES = {"": "3.5", COMMA: "3,5", PERCENT: "3.5%", COMMA_PERCENT: "3,5%"}


def conform(frame: pl.DataFrame, schema: Schema, where: str = "data") -> pl.DataFrame:
    """The schema's input columns, in its order and of its kinds; targets last if they are there.

    Columns may come in any order, others are ignored, numbers may be written as text, a category
    may be of any plain type. Targets, if present, are returned untouched.

    Raises:
        InputError: a column is missing; a cell is not a number, or infinite, or an array of another
            shape: column, row and value are named.
    """
    lacking = [column.name for column in schema.columns if column.name not in frame.columns]
    if lacking:
        raise InputError(
            f"{where}: {'a column is' if len(lacking) == 1 else f'{len(lacking)} columns are'}"
            " missing that the training data have",
            found=f"without {_listed(lacking)}; there are {_listed(frame.columns)}",
            accepted=_listed([column.name for column in schema.columns]),
            advice="Add them; the order doesn't matter, and single cells may be empty.",
        )
    series = [as_kind(frame[column.name], column, where) for column in schema.columns]
    series += [frame[name] for name in schema.targets if name in frame.columns]
    import polars as pl

    return pl.DataFrame(series)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:20])
    return shown + (f", … ({len(names)} in all)" if len(names) > 20 else "")


def as_kind(series: pl.Series, column: Column, where: str = "data") -> pl.Series:
    """One column in the kind that a schema says; errors: see `conform`."""
    import polars as pl

    if column.kind == "image":
        return conformed(series, column, where)
    if column.kind == "array":
        return as_arrays(series, column, where)
    if column.kind == "numeric":
        return as_numbers(series, where, column.words, column.notation)
    if column.kind == "date":
        return as_dates(series, where, column.words, column.notation)
    _refuse(series, where, "texts", dates=True)
    cells = as_categories(series, truths=column.notation == TRUTH)
    return cells.cast(pl.String) if column.kind == "text" else cells


def _refuse(series: pl.Series, where: str, accepted: str, *, dates: bool) -> None:
    """The error for a column whose type can't be read as wanted; without it nothing happens."""
    import polars as pl

    kind = series.dtype
    if kind.is_nested() or kind in (pl.Binary, pl.Object) or (not dates and kind.is_temporal()):
        raise InputError(
            f"{where}: column '{series.name}' has values of another type than in training",
            found=str(kind),
            accepted=accepted,
        )


def as_categories(series: pl.Series, *, truths: bool = False) -> pl.Series:
    """The column as texts that name categories; see `cells.texts`.

    An Enum whose words are what they should be stays one: a few words are looked at in place of all
    rows.

    Args:
        series: of any plain type.
        truths: words for yes and no become "True" and "False", whatever their spelling.
    """
    import polars as pl

    if isinstance(series.dtype, pl.Enum) and not truths:
        words = series.dtype.categories
        if texts(tidy(words, text=True)).equals(words):
            return series
    cells = texts(tidy(series, text=True))
    if not truths:
        return cells
    word = pl.col("cell").str.to_lowercase()
    yes, no = (sorted({pair[side] for pair in TRUTHS}) for side in (0, 1))
    frame = cells.to_frame("cell").select(
        pl.when(word.is_in(yes))
        .then(pl.lit("True"))
        .when(word.is_in(no))
        .then(pl.lit("False"))
        .otherwise(pl.col("cell"))
    )
    return frame.to_series().alias(series.name)


def _without(words: Sequence[str], series: pl.Series) -> pl.Series:
    """The column with null in the place of these texts."""
    import polars as pl

    if not words or series.dtype not in (pl.String, pl.Categorical, pl.Enum):
        return series
    cells = tidy(series, text=True)
    known = cells.to_frame("cell").select(
        pl.when(~pl.col("cell").is_in(list(words))).then(pl.col("cell"))
    )
    return known.to_series().alias(series.name)


def as_dates(
    series: pl.Series, where: str = "data", words: Sequence[str] = (), notation: str = ""
) -> pl.Series:
    """The column as moments: Datetime in microseconds, nulls where missing.

    A zone is left off: moments with one are in UTC. Times of day are those of one day. Texts that
    are all as 2024-01-31 are read whatever the notation, unless it begins with the year, too.

    Args:
        series: dates, moments or times, or texts that are.
        where: the table's name, for messages.
        words: texts that stand for a missing date.
        notation: how texts write them; see `notations`.
    """
    import polars as pl

    series = _without(words, series)
    cells = tidy(series, notation=notation)
    if cells.dtype == pl.String and notation and not notation.startswith("%Y"):
        plain = tidy(series, notation="")
        cells = plain if plain.dtype.is_temporal() else cells
    kind = cells.dtype
    if isinstance(kind, pl.Datetime):
        return cells
    if kind == pl.Date:
        return cells.cast(pl.Datetime("us"))
    if kind == pl.Time:
        return (cells.to_physical() // 1000).cast(pl.Datetime("us"))
    if cells.null_count() == len(cells):
        return pl.Series(cells.name, [None] * len(cells), dtype=pl.Datetime("us"))
    place, found = "", str(kind)
    if kind == pl.String:
        read = parse(cells, notation)
        # By its first cell a column of texts may be taken for numbers; then that one is wrong.
        wrong = cells.is_not_null() & (read.is_null() | (not read.dtype.is_temporal()))
        at = first(wrong) or 0
        place, found = f", and {row_name(at)} has none", f"'{cells[at]}'"
    raise InputError(
        f"{where}: column '{series.name}' holds dates{place}",
        found=found,
        accepted=f"dates as in training ({notation or '2024-01-31, or 2024-01-31 18:30'}), "
        f"or an empty cell{_also(words)}",
        advice="Write all cells of the column alike.",
    )


def as_numbers(
    series: pl.Series, where: str = "data", words: Sequence[str] = (), notation: str = ""
) -> pl.Series:
    """The column as finite numbers and nulls; otherwise an error with column, row and value.

    Args:
        series: numbers, or texts that are numbers.
        where: the table's name, for messages.
        words: texts that stand for a missing number.
        notation: how texts write numbers; see `notations`.
    """
    import polars as pl

    if series.dtype == pl.Duration:
        series = series.dt.total_microseconds() / 1e6  # seconds
    _refuse(series, where, "numbers", dates=False)
    cells = tidy(series, notation=notation)
    if cells.dtype == pl.String and words:
        cells = tidy(_without(words, cells), notation=notation)
    if cells.dtype == pl.String or cells.dtype.is_temporal():
        raw = tidy(series, text=True)
        numbers = parse(raw, notation) if notation else numbers_among(raw)[0]
        bad = first(raw.is_not_null() & numbers.is_null() & ~raw.is_in(list(words)))
        if bad is not None:
            raise _no_number(raw, bad, where, words, notation)
        cells = numbers
    if not cells.dtype.is_numeric():
        return cells.cast(pl.Float64)
    if not cells.dtype.is_float() or math.isfinite(cells.sum()):
        return cells
    bad = first(cells.is_infinite())
    if bad is not None:
        raise InputError(
            f"{where}: column '{series.name}' is infinite in {row_name(bad)}",
            found=cells[bad],
            accepted="finite numbers, or an empty cell where it is missing",
            advice="Correct the value, or leave the column out with --drop.",
        )
    return cells


def _also(words: Sequence[str]) -> str:
    return f", or one of: {', '.join(words)}" if words else ""


def _no_number(
    cells: pl.Series, bad: int, where: str, words: Sequence[str], notation: str
) -> InputError:
    advice = None
    if cells[bad].endswith("%") != notation.endswith("%"):
        signs = "percent signs" if notation.endswith("%") else "no percent signs"
        advice = f"The training data have {signs} here, and 7 isn't 7%: write all cells alike."
    return InputError(
        f"{where}: column '{cells.name}' holds numbers, and {row_name(bad)} has none",
        found=f"'{cells[bad]}'",
        accepted=f"a number such as {_EXAMPLES[notation]}, or an empty cell where it is missing"
        f"{_also(words)}",
        advice=advice,
    )


def conform_target(series: pl.Series, schema: Schema, where: str = "data") -> pl.Series:
    """A target as class names, finite numbers or labels (see `labels.answers`); nulls stay null.

    Raises:
        InputError: a value is not a number, or is not one of the training data's classes or labels.
    """
    if schema.task == "regression":
        return _measurable(as_numbers(series, where, notation=schema.notation(series.name)), where)
    if schema.task == "multilabel":
        return labels.answers(series, schema, where)
    _refuse(series, where, "texts", dates=True)
    if _are_classes(series, schema):
        return series
    names = spelt(series, schema)
    bad = first(names.is_not_null() & ~names.is_in(list(schema.classes)))
    if bad is not None:
        raise InputError(
            f"{where}: the target '{schema.target}' has a class that training doesn't know,"
            f" in {row_name(bad)}",
            found=f"'{names[bad]}'",
            accepted=_listed(schema.classes),
        )
    return names


def _measurable(numbers: pl.Series, where: str) -> pl.Series:
    """The same numbers, none of which is so large that squares of errors aren't finite."""
    bad = first(numbers.abs() > LARGEST) if (numbers.abs() > LARGEST).any() else None
    if bad is not None:
        raise InputError(
            f"{where}: the target '{numbers.name}' is too large in {row_name(bad)}",
            found=f"{numbers[bad]:g}",
            accepted=f"numbers up to {LARGEST:g}, whose squared errors can be summed up",
            advice="Correct the value, or predict its logarithm.",
        )
    return numbers


def _are_classes(series: pl.Series, schema: Schema) -> bool:
    """Whether all cells are spelt as classes are, as in rows that were conformed before."""
    import polars as pl

    classes = pl.Series(schema.classes)
    if series.dtype != pl.String or not spelt(classes, schema).equals(classes):
        return False
    return series.cast(pl.Enum(schema.classes), strict=False).null_count() == series.null_count()


def spelt(series: pl.Series, schema: Schema) -> pl.Series:
    """The cells of a target as the schema's classes are spelt.

    Plain names stay as they are. Classes that are numbers may be written 7, 7.0 or "07"; other
    names are compared as texts.
    """
    import polars as pl

    if not schema.plain:
        return texts(tidy(series, text=not are_numbers(schema.classes)))
    if isinstance(series.dtype, pl.String | pl.Categorical | pl.Enum):
        return series.cast(pl.String)
    return texts(tidy(series))


def are_numbers(names: Sequence[str]) -> bool:
    """Whether all of these names are numbers."""
    import polars as pl

    return not pl.Series(names, dtype=pl.String).cast(pl.Float64, strict=False).null_count()


def class_codes(names: pl.Series, schema: Schema) -> pl.Series:
    """Class names as indices into ``schema.classes``: Int64, null where missing."""
    import polars as pl

    codes = names.cast(pl.Enum(list(schema.classes)), strict=False).to_physical()
    return codes.cast(pl.Int64)
