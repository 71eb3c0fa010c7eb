"""Categories as codes: which of a column's words have a code of their own.

Codes of a column: 0 for what has none (unseen in training, or rare), then the words in their order,
then codes that hashed words share, then missing, if it was missing in training.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from methodic.data.columns.cells import TRUTHS
from methodic.data.encoding.words import hashes

if TYPE_CHECKING:
    import polars as pl

MANY = 256
"""A column of at most so many categories keeps them all."""
RARE = 3
"""Of more categories, those of fewer training rows than this share the code of the unseen."""
MOST = 4096
"""At most so many have a code of their own, the most frequent; the others are hashed."""
BUCKETS = 1024
"""Codes that hashed categories share."""


@dataclass(frozen=True)
class Categories:
    """The categories of one column, as training rows have them.

    Args:
        words: with codes of their own, in alphabetical order.
        buckets: codes for all others, by a hash of the word; 0: they have code 0.
        pooled: rare words have code 0, so that it says nothing about being new.
        missing: missing values have a code.
    """

    words: tuple[str, ...]
    buckets: int = 0
    pooled: bool = False
    missing: bool = False

    @property
    def size(self) -> int:
        """How many codes there are."""
        return 1 + len(self.words) + self.buckets + self.missing

    @property
    def meanings(self) -> tuple[str, ...]:
        """What each code means."""
        return (
            "rare or unseen in training" if self.pooled else "unseen in training",
            *self.words,
            *(f"one of many ({i + 1})" for i in range(self.buckets)),
            *(["missing"] if self.missing else []),
        )

    @cached_property
    def _spellings(self) -> dict[str, str]:
        """Other ways to say yes and no → the column's own, where these are its words."""
        own = {word.lower(): word for word in self.words}
        pair = next((each for each in TRUTHS if {*own} == {*each}), None)
        if pair is None or len(self.words) != 2:
            return {}
        yes, no = own[pair[0]], own[pair[1]]
        others = {word: (yes, no)[i] for each in TRUTHS for i, word in enumerate(each)}
        return {**others, "1": yes, "0": no, **own}

    def codes(self, column: pl.Series) -> npt.NDArray[np.int64]:
        """The code of each cell: int64 [N]."""
        import polars as pl

        if isinstance(column.dtype, pl.Enum):
            table, places = self.looked_up(column)
            found: npt.NDArray[np.int64] = table[places]
            return found
        kind = pl.Enum(list(self.words))
        if self._spellings:
            column = column.str.to_lowercase().replace(self._spellings)
        known = column.cast(kind, strict=False).to_physical().cast(pl.Int64) + 1
        if self.buckets:
            known = known.fill_null(self._hashed(column, known.is_null()))
        codes = known.fill_null(0).to_numpy(writable=True)
        if self.missing:
            codes[column.is_null().to_numpy()] = self.size - 1
        return codes

    def looked_up(self, column: pl.Series) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
        """A table, and each cell's place in it, which holds its code.

        The words of an Enum are few, so its cells need be looked up only. Of other columns every
        code is in the table, and cells stand where they stand.
        """
        import polars as pl

        if not isinstance(column.dtype, pl.Enum):
            return np.arange(self.size), self.codes(column)
        words = column.dtype.categories
        table = self.codes(pl.concat([words, pl.Series([None], dtype=pl.String)]))
        places = column.to_physical()
        if places.null_count():
            places = places.cast(pl.UInt32).fill_null(len(words))
        return table, places.to_numpy()

    def _hashed(self, column: pl.Series, wanted: pl.Series) -> pl.Series:
        """Codes of the words without one of their own; null elsewhere."""
        import polars as pl

        words = column.filter(wanted).drop_nulls().unique()
        codes = 1 + len(self.words) + hashes(words.to_list()) % np.uint64(self.buckets)
        frame = pl.DataFrame({"word": words, "code": codes.astype(np.int64)})
        asked = pl.DataFrame({"word": column.cast(pl.String)})
        return asked.join(frame, on="word", how="left", maintain_order="left")["code"]


def counted(column: pl.Series) -> pl.DataFrame:
    """The different cells of a column, "word", and how many "rows" have each; null, too."""
    import polars as pl

    if not isinstance(column.dtype, pl.Enum):
        counts = column.alias("word").value_counts(name="rows")
        return counts.cast({"word": pl.String, "rows": pl.Int64})
    words = column.dtype.categories
    places = column.to_physical().drop_nulls().to_numpy()
    rows = np.append(np.bincount(places, minlength=len(words)), column.null_count())
    spelt = pl.concat([words, pl.Series([None], dtype=pl.String)])
    return pl.DataFrame({"word": spelt, "rows": rows.astype(np.int64)}).filter(pl.col("rows") > 0)


def fit(column: pl.Series) -> Categories:
    """Which categories get codes of their own, by the training rows.

    Args:
        column: texts; nulls where missing.
    """
    import polars as pl

    missing = column.null_count() > 0
    counts = counted(column).drop_nulls("word")
    if counts.height <= MANY:
        return Categories(tuple(counts["word"].sort().to_list()), missing=missing)
    frequent = counts.filter(pl.col("rows") >= RARE)
    if frequent.height <= MOST:
        return Categories(tuple(frequent["word"].sort().to_list()), pooled=True, missing=missing)
    # Ties are settled by the word, so that the order of rows says nothing.
    top = counts.sort("rows", "word", descending=[True, False]).head(MOST)
    return Categories(tuple(top["word"].sort().to_list()), BUCKETS, missing=missing)
