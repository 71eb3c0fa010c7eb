"""What kind of input a column is, or why it isn't used.

Decided by all values of a column, but mostly by its different values with their counts, which are
few where rows are many.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from methodic.data.columns.cells import meaning, numbers_among, tidy, truths
from methodic.data.columns.notations import PERCENT, mostly_moments, notation, parse
from methodic.data.encoding.categories import counted
from methodic.data.images.columns import image_column
from methodic.data.schemas.schema import TRUTH, Column, Dropped

if TYPE_CHECKING:
    import polars as pl

FEW_ROWS = 20
"""A column with fewer known values is not judged by how many of them differ."""
NEARLY_ALL = 0.9
"""A text column with this share of different values names rows; it doesn't describe them."""
NEARLY_CONSTANT = (10, 0.0005)
"""A column is nearly constant if so few rows, and this share of them, have another value."""
TEXT_WORDS = (3, 8)
"""Cells of so many words (on average) are free text: where most differ, or where many do."""
MOST_MIXED = (0.9, 20)
"""Numbers mixed with words are numbers if this share is, with so many different words at most."""
TEXT_NUMBERS = ((2_000, 64), (200_000, 256), (None, 64))
"""How many numbers free text becomes, up to so many rows: more where they can be learnt from, fewer
where they would fill the memory."""

_ROW_NAMES = re.compile(
    r"(?i:(?:^|[\s_.-])(?:id|uuid|index|rowid|row)|^unnamed[_: ]*\d*)$"
    # A word of its own by its capital, as in PassengerId and customerID; but not in paid and ACID.
    r"|[a-z0-9](?:I[dD]|U(?:uid|UID)|Index|Row(?:I[dD])?)$"
)
_SAMPLE = 1000


def kind_of(series: pl.Series) -> Column | Dropped:
    """The kind of one input column, or why it is not used; see `schema.infer` for the rules."""
    import polars as pl

    kind = series.dtype
    if series.null_count() == len(series):
        return _no(series, "all values are missing")
    images = image_column(series)
    if images is not None:
        return images
    if isinstance(kind, pl.Array):
        return _array(series)
    if isinstance(kind, pl.String | pl.Categorical | pl.Enum):
        return _words(series)
    if kind in (pl.Date, pl.Datetime, pl.Time):
        if series.null_count() == 0 and series.min() == series.max():
            return _no(series, f"all values are the same ({series[0]})")
        return Column(name=series.name, kind="date")
    if not (kind.is_numeric() or kind.is_decimal() or kind in (pl.Boolean, pl.Duration)):
        return _no(series, f"values of type {kind} are not used")
    return _number(series.to_physical() if kind == pl.Duration else tidy(series))


def _no(series: pl.Series, why: str) -> Dropped:
    return Dropped(name=series.name, why=why)


def _array(series: pl.Series) -> Column | Dropped:
    import polars as pl

    base = series.dtype
    while isinstance(base, pl.Array):
        base = base.inner  # type: ignore[assignment]
    if not (base.is_numeric() or base == pl.Boolean):
        return _no(series, f"an array of {base}, not of numbers")
    shape = tuple(series.dtype.shape)  # type: ignore[attr-defined]
    return Column(name=series.name, kind="array", shape=shape)


def _number(cells: pl.Series) -> Column | Dropped:
    """Numbers and truth values, NaN already being null."""
    import polars as pl

    known = len(cells) - cells.null_count()
    if known == 0:
        return _no(cells, "all values are missing")
    low, high = cells.min(), cells.max()
    if low == high and known == len(cells):
        return _no(cells, f"all values are the same ({cells[0]})")
    common = _common(cells)
    if common:
        return _no(cells, common)
    if cells.dtype == pl.Boolean:
        return Column(name=cells.name, kind="categorical")
    if (
        cells.dtype.is_integer()
        and known >= FEW_ROWS
        and _ROW_NAMES.search(cells.name)
        and cells.drop_nulls().n_unique() == known
    ):
        return _no(cells, "whole numbers, all different, under such a name: it numbers the rows")
    ends = pl.Series([low, high]).cast(pl.Float32, strict=False)
    if low != high and ends.null_count() == 0 and ends[0] == ends[1]:
        why = "the values differ only after the seventh digit; subtract their mean first"
        return _no(cells, why)
    return Column(name=cells.name, kind="numeric")


def _common(cells: pl.Series) -> str | None:
    """What to say where nearly all rows hold one value."""
    others = int(min(NEARLY_CONSTANT[0], NEARLY_CONSTANT[1] * len(cells)))
    if others < 1:
        return None
    gone = cells.null_count()
    if gone > len(cells) / 2:
        return _nearly("missing", len(cells) - gone, len(cells))
    some = cells.gather_every(max(1, len(cells) // _SAMPLE))
    likely = some.drop_nulls().mode()
    if len(likely) != 1 or (some == likely[0]).sum() < 0.95 * len(some):
        return None
    return _nearly(likely[0], len(cells) - int((cells == likely[0]).sum()), len(cells))


def _nearly(value: object, others: int, rows: int) -> str | None:
    if others > min(NEARLY_CONSTANT[0], NEARLY_CONSTANT[1] * rows):
        return None
    few = "1 row has" if others == 1 else f"{others:,} rows have"
    return f"nearly constant: only {few} another value than {value} among {rows:,}"


def _words(series: pl.Series) -> Column | Dropped:
    """Texts, by their different values and counts: numbers, categories, free text, or names."""
    import polars as pl

    name = series.name
    counts = counted(series).sort("word")
    words = tidy(counts["word"], text=True)
    written = "" if meaning(words, "").dtype != pl.String else notation(words)
    if written is not None and meaning(words, written).dtype != pl.String:
        found = kind_of(tidy(series, notation=written))
        if isinstance(found, Column) and written:
            return found.model_copy(update={"notation": written})
        return found
    counts = counts.with_columns(words.alias("word")).drop_nulls("word")
    if counts["word"].n_unique() < counts.height:
        counts = counts.group_by("word", maintain_order=True).agg(pl.col("rows").sum())
    known, different = int(counts["rows"].sum()), counts.height
    if known == 0:
        return _no(series, "all values are missing")
    top = counts.row(int(counts["rows"].arg_max() or 0))
    if different == 1 and known == len(series):
        return _no(series, f"all values are the same ({top[0]})")
    rest = len(series) - int(top[1])
    nearly = _nearly("missing", known, len(series)) or _nearly(top[0], rest, len(series))
    if nearly:
        return _no(series, nearly)
    mixed = _mixed(name, counts, known) or _dated(name, counts, known)
    if mixed is not None:
        return mixed
    if different > 2 and truths(counts["word"]) is not None:
        return Column(name=name, kind="categorical", notation=TRUTH)
    return _text(name, counts, known) or _names_rows(name, different, known) or _category(name)


def _category(name: str) -> Column:
    return Column(name=name, kind="categorical")


def _mixed(name: str, counts: pl.DataFrame, known: int) -> Column | None:
    """Numbers with a few words among them, where nearly all cells hold many different numbers.

    Among percentages a plain number is a word, and the other way round: 7 isn't 7%.
    """
    cells = counts["word"]
    for written, found in (("", numbers_among(cells)[0]), (PERCENT, parse(cells, PERCENT))):
        words = _few_words(found, counts, known)
        if words is not None:
            return Column(name=name, kind="numeric", words=words, notation=written)
    return None


def _dated(name: str, counts: pl.DataFrame, known: int) -> Column | None:
    """Dates with a few words among them, or days that there never were (0000-00-00)."""
    found = mostly_moments(counts["word"])
    words = None if found is None else _few_words(found[1], counts, known)
    if found is None or words is None:
        return None
    return Column(name=name, kind="date", words=words, notation=found[0])


def _few_words(found: pl.Series, counts: pl.DataFrame, known: int) -> tuple[str, ...] | None:
    """The words among cells that were ``found`` to be numbers or dates, if these are nearly all."""
    share, most = MOST_MIXED
    odd = counts.filter(found.is_null())
    if odd.height > most or counts.height - odd.height <= most:
        return None
    few = int(odd["rows"].sum()) <= (1 - share) * known
    return tuple(odd["word"].sort().to_list()) if few else None


def _names_rows(name: str, different: int, known: int) -> Dropped | None:
    if different == known > 1:
        return Dropped(name=name, why="every value is different: it names the rows")
    if different > NEARLY_ALL * known and known >= FEW_ROWS:
        why = f"{different:,} of {known:,} values are different: it names the rows"
        return Dropped(name=name, why=why)
    return None


def _text(name: str, counts: pl.DataFrame, known: int) -> Column | Dropped | None:
    """Free text, if cells are sentences rather than names; None for anything else."""
    different = counts.height
    few, many = TEXT_WORDS
    if known < FEW_ROWS or (different <= 100 and different < known / 2):
        return None
    some = counts["word"].gather_every(max(1, different // _SAMPLE))
    lengths = some.str.split(" ").list.len()
    mean = float(lengths.mean() or 0.0)  # type: ignore[arg-type]
    if mean < few or (mean < many and different < known / 2):
        return None
    tokens = some.str.to_lowercase().str.split(" ").explode()
    if tokens.n_unique() > NEARLY_ALL * len(tokens):
        return Dropped(name=name, why="texts of which no two share a word: they name the rows")
    numbers = next(n for most, n in TEXT_NUMBERS if most is None or known <= most)
    return Column(name=name, kind="text", numbers=numbers)
