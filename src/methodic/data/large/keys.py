"""What a row is, as one number: rows that are equal have the same, whatever file they lie in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from methodic.data.columns.cells import numbers_among, tidy
from methodic.data.images.columns import form_of
from methodic.files import file_hash

if TYPE_CHECKING:
    import polars as pl

KEY = "key of the row"
"""The column that carries the keys; no name that data have."""

Keys = npt.NDArray[np.uint64]

_SEED = 0


def keys(cells: Mapping[str, Keys], columns: Sequence[str]) -> Keys:
    """A key of each row, uint64 [N].

    Args:
        cells: column → `hashes`.
        columns: those that count, in this order; at least one.
    """
    found = np.zeros_like(cells[columns[0]])
    for name in columns:
        found = mixed(found ^ cells[name])
    return found


@dataclass(frozen=True)
class Keyed:
    """What makes a row's key: its group; where it has none, or there are no groups, its cells.

    Args:
        columns: those that count; at least one.
        group: the column of groups.
    """

    columns: tuple[str, ...]
    group: str | None = None

    def added(self, frame: pl.DataFrame, cells: Mapping[str, Keys] | None = None) -> pl.DataFrame:
        """The rows with `KEY`, the column of their keys.

        Args:
            frame: rows as they were read.
            cells: `hashes` of its columns, where they are known already.
        """
        import polars as pl

        known = cells or {}

        def made(columns: Sequence[str]) -> Keys:
            missing = {name: hashes(frame[name]) for name in columns if name not in known}
            return keys({**known, **missing}, columns)

        if self.group is None:
            return frame.with_columns(pl.Series(KEY, made(self.columns)))
        found = made((self.group,))
        alone = tidy(frame[self.group], text=True).is_null().to_numpy()
        if alone.any():
            found = np.where(alone, made(self.columns), found)
        return frame.with_columns(pl.Series(KEY, found))


def hashes(column: pl.Series) -> Keys:
    """A hash of each cell, uint64 [N]: 1 and 1.0 are the same, and so are all missing values.

    It is a function of the cell alone: the others of its piece may be numbers or not. Of images
    that are still in their files it is the files' content that counts.
    """
    import polars as pl

    cells = tidy(column, text=True)
    if form_of(cells) == "paths":
        cells = pl.Series(column.name, [_content(path) for path in cells], dtype=pl.Binary)
    if cells.dtype == pl.String and cells.str.contains(r"\d").any():
        numbers, words = numbers_among(cells)
        return np.where(numbers.is_null().to_numpy(), words.hash(_SEED), hashes(numbers))
    if cells.dtype == pl.Date:
        cells = cells.cast(pl.Datetime("us"))
    if cells.dtype.is_numeric():
        cells = cells.cast(pl.Float64) + 0.0  # there is one zero
    return cells.hash(_SEED).to_numpy().astype(np.uint64)


def _content(path: str | None) -> bytes | None:
    try:
        return None if path is None else file_hash(Path(path)).encode()
    except OSError:
        return str(path).encode()  # said when it is decoded


def mixed(x: Keys, seed: int = 0) -> Keys:
    """Scramble numbers (the finalizer of SplitMix64; Steele, Lea and Flood 2014)."""
    x = x + np.uint64((0x9E3779B97F4A7C15 + seed) % 2**64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniform(keys: Keys, seed: int) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each key, a function of (key, seed) alone."""
    return (mixed(mixed(keys, seed)) >> np.uint64(11)).astype(np.float64) * 2.0**-53


class Digests:
    """Hashes of all columns, of rows that come piece by piece; where they are cut doesn't count."""

    def __init__(self) -> None:
        self._columns: dict[str, hashlib._Hash] = {}
        self.rows = 0

    def add(self, cells: Mapping[str, Keys]) -> None:
        """The next rows: column → `hashes`."""
        self.rows += len(next(iter(cells.values())))
        for name, each in cells.items():
            known = self._columns.setdefault(name, hashlib.sha256())
            known.update(each.astype("<u8").tobytes())

    def of_columns(self) -> dict[str, str]:
        """Column → a hash of its values, in the order of the rows."""
        return {name: digest.hexdigest() for name, digest in self._columns.items()}
