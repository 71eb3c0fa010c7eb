"""Parquet and Arrow files, whole and damaged."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from methodic.data.sources import read
from methodic.errors import InputError

FRAME = pl.DataFrame({"a": list(range(500)), "b": [f"word {i}" for i in range(500)]})


def content(kind: str) -> bytes:
    found = io.BytesIO()
    write = {
        "parquet": FRAME.write_parquet,
        "feather": FRAME.write_ipc,
        "arrows": FRAME.write_ipc_stream,
    }[kind]
    write(found)
    return found.getvalue()


@pytest.mark.parametrize("kind", ["parquet", "feather", "arrows"])
def test_whole_files(tmp_path: Path, kind: str) -> None:
    (tmp_path / f"f.{kind}").write_bytes(content(kind))
    assert read(tmp_path / f"f.{kind}").equals(FRAME)
    (tmp_path / f"f.{kind}.gz").write_bytes(gzip.compress(content(kind)))
    assert read(tmp_path / f"f.{kind}.gz").equals(FRAME)


def test_a_column_without_a_name_gets_one(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1, 2], "": [3, 4]}).write_parquet(tmp_path / "f.parquet")
    assert read(tmp_path / "f.parquet").columns == ["a", "unnamed_2"]
    pl.DataFrame({"unnamed_2": [1], "": [3]}).write_parquet(tmp_path / "twice.parquet")
    with pytest.raises(InputError, match="two columns have the same name"):
        read(tmp_path / "twice.parquet")


@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_damaged_files(tmp_path: Path, kind: str) -> None:
    whole, file = content(kind), tmp_path / f"f.{kind}"
    for end in range(8, len(whole), len(whole) // 9):
        file.write_bytes(whole[:end])
        with pytest.raises(InputError, match="damaged"):
            read(file)
    for at in range(0, len(whole), len(whole) // 40):  # a result or an error that says so
        file.write_bytes(whole[:at] + b"\xff" * 8 + whole[at + 8 :])
        try:
            read(file)
        except InputError:
            continue


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pa.ipc.new_file(tmp_path / "f.arrow", table.schema) as file:
        file.write_table(table)
    with pytest.raises(InputError, match="same name") as caught:
        read(tmp_path / "f.arrow")
    assert "'a'" in str(caught.value)
