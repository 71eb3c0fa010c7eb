"""Several files that are one table."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from methodic.data import sources
from methodic.data.sources import read
from methodic.data.sources.places import kind
from methodic.errors import InputError


def write(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content)
    return folder / "*.csv"


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    frame = read(write(tmp_path, a="x,y\n1,b\n", b="y,x\nc,2.5\n"))
    assert frame.to_dict(as_series=False) == {"x": [1, 2.5], "y": ["b", "c"]}


def test_a_column_is_of_one_kind_in_all_files(tmp_path: Path) -> None:
    pattern = write(tmp_path, a="x,z\n01,2024-01-05\n", b="x,z\nword,2024-01-05 12:00\n")
    frame = read(pattern)
    assert frame["x"].to_list() == ["01", "word"]  # as a single file would have it
    assert frame["z"].to_list() == [datetime(2024, 1, 5), datetime(2024, 1, 5, 12)]


def test_a_column_that_is_empty_in_one_file(tmp_path: Path) -> None:
    frame = read(write(tmp_path, a="x,y\n,2024-01-05\n", b="x,y\n3,\n"))
    assert frame.to_dict(as_series=False) == {"x": [None, 3], "y": [date(2024, 1, 5), None]}


def test_texts_stay_texts(tmp_path: Path) -> None:
    frame = read(write(tmp_path, a="x,y\n01,1\n", b="x,y\n2,1\n"), text=["x"])
    assert frame["x"].to_list() == ["01", "2"]


def test_large_files_with_different_words(tmp_path: Path) -> None:
    one = "\n".join(["x,y", *(f"{i % 3},a{i % 2}" for i in range(12_000))])
    two = "\n".join(["x,y", *(f"{i % 3},b{i % 2}" for i in range(12_000))])
    frame = read(write(tmp_path, a=one, b=two))
    assert frame["y"].dtype == pl.String
    assert sorted(frame["y"].unique()) == ["a0", "a1", "b0", "b1"]


def test_files_of_several_kinds(tmp_path: Path) -> None:
    write(tmp_path, a="x,y\n1,b\n")
    pl.DataFrame({"y": ["c"], "x": [2]}).write_parquet(tmp_path / "b.parquet")
    assert read(tmp_path / "[ab].*").rows() == [(1, "b"), (2, "c")]


def test_notes_on_many_files_are_few(tmp_path: Path) -> None:
    for i in range(5):
        (tmp_path / f"{i}.csv").write_bytes("a,b\n1,größe\n".encode("latin-1"))
    notes: list[str] = []
    read(tmp_path / "*.csv", notes=notes)
    assert "0.csv: not UTF-8" in notes[0]
    assert notes[1:] == [
        "4 more files have notes of their own",
        f"{tmp_path}/*.csv: 5 files, 0.csv to 4.csv",
    ]


def test_other_columns_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"b\.csv: its columns are not those of .*a\.csv"
    ) as caught:
        read(write(tmp_path, a="x,y\n1,b\n", b="x,z\n1,2\n"))
    assert "without 'y', with 'z'" in str(caught.value)


def test_large_files_of_words_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [["x,y", *(f"{i % 3},{word}{i % 2}" for i in range(12_000))] for word in "ab"]
    pattern = write(tmp_path, a="\n".join(lines[0]), b="\n".join(lines[1]))
    asked: list[Path] = []
    monkeypatch.setattr(sources, "kind", lambda path, head: asked.append(path) or kind(path, head))
    assert read(pattern)["y"].n_unique() == 4
    assert len(asked) == 2


def test_lists_beside_texts_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a":["x"]}\n')
    (tmp_path / "b.jsonl").write_text('{"a":"x"}\n')
    with pytest.raises(InputError, match="'a' is of different kinds") as caught:
        read(tmp_path / "*.jsonl")
    assert "List" in str(caught.value)
