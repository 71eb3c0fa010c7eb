"""Digests of a table's values, by which data are recognised.

They depend on the values alone: the same table as CSV and as Parquet, or integers of another width,
have the same ones.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from methodic import files
from methodic.data.columns.cells import tidy
from methodic.data.images import arrays

if TYPE_CHECKING:
    import polars as pl

_ROWS = 2**16  # rows that are looked at at once: columns of texts can be large


def digests(frame: pl.DataFrame, prefix: str = "") -> dict[str, str]:
    """Column → a hash of its values; names begin with ``prefix``."""
    tidied = (tidy(column, text=True) for column in frame)
    return {prefix + column.name: files.fingerprint(*_digest(column)) for column in tidied}


def parts(frame: pl.DataFrame) -> list[bytes]:
    """Name, kind and a digest of the values of each column, free of the storage's details."""
    found: list[bytes] = [str(frame.height).encode()]
    for column in frame:
        column = tidy(column, text=True)
        found += [column.name.encode(), *_digest(column)]
    return found


def _digest(column: pl.Series) -> tuple[bytes, bytes]:
    import numpy as np
    import polars as pl

    digest = hashlib.sha256(column.is_null().to_numpy().astype(np.uint8).tobytes())
    pieces = [column[start : start + _ROWS] for start in range(0, len(column), _ROWS)]
    if column.dtype == pl.String:
        filled = [piece.fill_null("") for piece in pieces]
        for piece in filled:
            digest.update(piece.str.len_bytes().to_numpy().astype("<u4").tobytes())
        for piece in filled:
            digest.update(piece.str.join("").item().encode())
        return b"text", digest.digest()
    if isinstance(column.dtype, pl.Array):
        values = column.to_numpy()
        if arrays.layout(values.shape[1:]) and values.dtype == np.uint8:
            digest.update(np.ascontiguousarray(values).data)  # as floats 8 times as much
            return f"image {column.dtype.shape}".encode(), digest.digest()
        digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
        return f"array {column.dtype.shape}".encode(), digest.digest()
    for piece in pieces:
        numbers = piece.to_physical() if piece.dtype.is_temporal() else piece
        # Whole numbers that a missing value once turned into floats are the same values.
        values = numbers.fill_null(0).cast(pl.Float64).to_numpy()
        digest.update((values + 0.0).astype("<f8").tobytes())  # + 0.0: there is one zero
    return b"number", digest.digest()
