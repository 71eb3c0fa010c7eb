"""The cells of a table that was just read, by the rules of `cells`, fast where rows are many."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from methodic.data.columns.cells import meaning, stripped, tidy
from methodic.data.columns.notations import COMMA, ambiguous

if TYPE_CHECKING:
    import polars as pl

LARGE = 10_000
"""Of so many rows, columns of texts that come again and again are read by their different texts."""

_SAMPLE = 20_000
_REPEATED = 0.9  # of a sample's texts, at most so many differ in such a column


def tidied(
    frame: pl.DataFrame, text: Collection[str] = (), notes: list[str] | None = None
) -> pl.DataFrame:
    """The table with each cell's meaning made plain; what only a column tells stays text.

    In a large table, texts that repeat become an Enum of all that occur: a word is looked at once
    and then counted, compared and encoded as a number.

    Args:
        frame: as it was read.
        text: columns to leave as texts even where all cells are numbers or dates.
        notes: takes what could as well have meant something else.
    """
    from concurrent.futures import ThreadPoolExecutor

    import polars as pl

    again = [column.name for column in frame if repeats(column)]
    once = [c.name for c in frame if c.dtype == pl.String and c.name not in again]
    # All columns at once, with all threads.
    ready = frame.lazy().with_columns(
        *(coded(name) for name in again),
        *(stripped(pl.col(name)) for name in once),
    )
    frame = ready.collect() if again or once else frame

    def made(column: pl.Series) -> pl.Series:
        as_text = column.name in text
        column = column.rechunk()  # polars reads in pieces, and whole columns are faster to look at
        if isinstance(column.dtype, pl.Categorical) and len(column) >= LARGE:
            return _by_words(column, text=as_text)
        if column.name in once:
            return column if as_text else meaning(column, "")
        return tidy(column, text=as_text, notation="")

    # Polars uses one thread for one column's dates; the others are for other columns.
    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        found = pl.DataFrame(list(threads.map(made, frame)))
    if notes is not None:
        notes += [_comma(each) for each in frame if _could_be_decimal(each, found[each.name])]
    return found


def _could_be_decimal(before: pl.Series, after: pl.Series) -> bool:
    import polars as pl

    texts = isinstance(before.dtype, pl.String | pl.Categorical)
    if not texts or after.dtype != pl.Int64:
        return False
    return ambiguous(before.drop_nulls().unique().cast(pl.String).str.strip_chars())


def _comma(column: pl.Series) -> str:
    return (
        f"'{column.name}': the comma in its numbers was taken to part thousands; if it is a "
        f'decimal comma, say so in a schema.yaml: notation: "{COMMA}"'
    )


def repeats(column: pl.Series, share: float = 1.0) -> bool:
    """Whether these are texts that come again and again, in a table that is large.

    Args:
        column: any column, or a sample of it.
        share: how much of the table that is.
    """
    import polars as pl

    if column.dtype != pl.String or len(column) < LARGE * share:
        return False
    sample = column.gather_every(max(1, len(column) // _SAMPLE))
    return sample.n_unique() <= _REPEATED * len(sample)


def coded(name: str) -> pl.Expr:
    """A column of texts as numbers of words; its pool of words is forgotten with it."""
    import polars as pl

    return pl.col(name).cast(pl.Categorical(pl.Categories.random()))


def _by_words(column: pl.Series, *, text: bool) -> pl.Series:
    """What a column of categories means, found out from the categories."""
    import numpy as np
    import polars as pl

    known = column.drop_nulls()
    codes = known.to_physical().to_numpy()
    if not len(codes):
        return column.cast(pl.String)
    places = np.zeros(int(codes.max()) + 1, dtype=np.uint32)  # a row in which each code stands
    places[codes] = np.arange(len(codes), dtype=np.uint32)
    words = tidy(known.gather(places).cast(pl.String), text=text, notation="")
    if words.dtype == pl.String:
        words = words.cast(pl.Enum(words.drop_nulls().unique().sort()))
    return words.gather(column.to_physical()).alias(column.name)
