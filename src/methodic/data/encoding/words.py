"""Free text as numbers: a hashed bag of words and of character trigrams.

Nothing is learnt, so words that training never saw are treated like any others, and a model carries
no vocabulary. A hash (CRC-32, mixed) chooses for each word one of the numbers and a sign; the
trigrams of all words, which similar words share, fall into the last quarter of the numbers.

Shapes: N rows, K numbers of a row.

Source: feature hashing (Weinberger, Dasgupta, Langford, Smola, Attenberg 2009, arXiv 0902.2206).
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import polars as pl

SMALLEST, LARGEST = 8, 4096
"""The fewest and the most numbers that a text may become."""

_ROWS = 8192  # rows that are counted at once
_WORD = r"[\p{L}\p{N}]+"
_LETTERS = 3


def names(column: str, numbers: int) -> tuple[str, ...]:
    """What the numbers of a column are called.

    Example:
        >>> names("review", 8)[4:]
        ('review (words 5)', 'review (words 6)', 'review (letters 1)', 'review (letters 2)')
    """
    words = _words(numbers)
    return (
        *(f"{column} (words {i + 1})" for i in range(words)),
        *(f"{column} (letters {i + 1})" for i in range(numbers - words)),
    )


def _words(numbers: int) -> int:
    """How many of the numbers count whole words."""
    return numbers - numbers // 4


def bags(column: pl.Series, numbers: int) -> npt.NDArray[np.float32]:
    """Each text as a vector of length 1: float32 [N, K], NaN in the first place where missing.

    Signed counts c become sign(c)·ln(1+|c|); then the row is divided by its length. A text without
    any word is 0.

    Args:
        column: texts; nulls where missing.
        numbers: K, at least `SMALLEST`.
    """
    out = np.zeros((len(column), numbers), dtype=np.float32)
    for start in range(0, len(column), _ROWS):
        _fill(out[start : start + _ROWS], column[start : start + _ROWS])
    return out


def _fill(out: npt.NDArray[np.float32], column: pl.Series) -> None:
    import polars as pl
    from scipy.sparse import csr_matrix

    rows, numbers = out.shape
    tokens = pl.DataFrame(
        {
            "row": np.arange(rows),
            "token": column.str.to_lowercase().str.extract_all(_WORD),
        }
    ).explode("token", empty_as_null=False, keep_nulls=False)
    counts = tokens.group_by("row", "token").len()
    known = counts["token"].unique().sort()
    if len(known):
        code = counts["token"].cast(pl.Enum(known)).to_physical().to_numpy()
        found = csr_matrix(
            (counts["len"].to_numpy().astype(np.float64), (counts["row"].to_numpy(), code)),
            shape=(rows, len(known)),
        )
        signed = (found @ _table(known.to_list(), numbers)).toarray()
        weights = np.sign(signed) * np.log1p(np.abs(signed))
        length = np.sqrt((weights * weights).sum(axis=1, keepdims=True))
        out[:] = weights / np.where(length > 0, length, 1.0)
    out[column.is_null().to_numpy(), 0] = np.nan


def _table(tokens: list[str], numbers: int) -> Any:
    """The places and signs of each token and of its trigrams: sparse [tokens, K]."""
    from scipy.sparse import csr_matrix

    pieces, owners, whole = [], [], []
    for i, token in enumerate(tokens):
        bound = f"<{token}>"
        parts = [bound[j : j + _LETTERS] for j in range(len(bound) - _LETTERS + 1)]
        pieces += [token, *parts]
        owners += [i] * (1 + len(parts))
        whole += [True] + [False] * len(parts)
    hashed = hashes(pieces)
    words, mask = _words(numbers), np.array(whole)
    # The sign comes from the highest bit, the place from the lowest ones.
    place = np.where(mask, hashed % words, words + hashed % max(numbers - words, 1))
    sign = np.where(hashed >> np.uint64(63), 1.0, -1.0)
    # A long word has many trigrams, and still is one word.
    share = sign / np.sqrt(np.where(mask, 1, np.bincount(owners)[owners] - 1))
    shape = (len(tokens), numbers)
    return csr_matrix((share, (np.array(owners), place.astype(np.int64))), shape=shape)


def hashes(texts: list[str]) -> npt.NDArray[np.uint64]:
    """A number for each text, uint64 [N]: the same on every machine, and with every version.

    Example:
        >>> bool(hashes(["a"])[0] == hashes(["b", "a"])[1])
        True
    """
    crc = np.array([zlib.crc32(each.encode()) for each in texts], dtype=np.uint64)
    # CRC is linear: similar texts have similar codes. SplitMix64's finisher mixes them.
    mixed = crc + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
