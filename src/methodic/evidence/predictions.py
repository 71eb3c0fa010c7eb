"""Predictions on disk, one Parquet file for all members of a method.

Columns: ``member`` and ``row`` (from 0), then ``output_0``, ``output_1``, … : a probability per
class or label as float32, or a predicted number per target as float64. Rows are ordered by member,
then row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from methodic.errors import InputError
from methodic.files import read_parquet, write_with

Array = npt.NDArray[Any]


def write(path: Path, predictions: Array, numbers: bool = False) -> None:
    """Store predictions [M, N, C], whole or not at all.

    Args:
        path: the file.
        predictions: M, N and C are at least 1.
        numbers: they are numbers, as a single output always is, kept as float64; else
            probabilities, kept as float32.

    Raises:
        InputError: the file can't be written.
    """
    import polars as pl

    if predictions.ndim != 3 or 0 in predictions.shape:
        raise ValueError(f"predictions must be [M, N, C], none of them 0: {predictions.shape}")
    members, rows, outputs = predictions.shape
    kept = predictions.astype(np.float64 if numbers or outputs == 1 else np.float32)
    frame = pl.DataFrame(
        {
            "member": np.repeat(np.arange(members, dtype=np.int32), rows),
            "row": np.tile(np.arange(rows, dtype=np.int64), members),
            **{f"output_{c}": kept[:, :, c].reshape(-1) for c in range(outputs)},
        }
    )
    write_with(path, lambda temporary: frame.write_parquet(temporary))


def read(path: Path) -> Array:
    """The predictions [M, N, C] that `write` stored, to the bit.

    Raises:
        InputError: the file is missing, damaged, or not one of predictions.
    """
    import polars as pl

    frame = read_parquet(path, "predictions", _damaged)
    outputs = frame.width - 2
    columns = ["member", "row", *(f"output_{c}" for c in range(outputs))]
    if outputs < 1 or frame.columns != columns:
        raise _damaged(path, f"the columns {', '.join(frame.columns)}")
    kind = pl.Float64 if outputs == 1 or frame.dtypes[2] == pl.Float64 else pl.Float32
    if frame.dtypes != [pl.Int32, pl.Int64, *[kind] * outputs]:
        raise _damaged(path, f"columns of type {', '.join(map(str, frame.dtypes))}")
    if sum(frame.null_count().row(0)):
        raise _damaged(path, "missing values")
    member, row = frame["member"].to_numpy(), frame["row"].to_numpy()
    members = int(member[-1]) + 1 if len(member) else 0
    rows = len(member) // members if members > 0 else 0
    if (
        not rows
        or members * rows != len(member)
        or not np.array_equal(member, np.repeat(np.arange(members), rows))
        or not np.array_equal(row, np.tile(np.arange(rows), members))
    ):
        raise _damaged(path, "rows that are missing or out of order")
    flat = np.stack([frame[name].to_numpy() for name in columns[2:]], axis=-1)
    return flat.reshape(members, rows, outputs)


def _damaged(path: Path, found: str) -> InputError:
    return InputError(
        f"{path}: this file of predictions is damaged",
        found=found,
        accepted="columns member, row, output_0, …, as a run writes them",
        advice="Restore the file from a copy, or start a new run.",
    )
