"""Where tables lie, packed or not, and what they are called."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import pytest

from methodic.data.sources.places import Place, files, is_pattern, kind, suffix, title
from methodic.errors import InputError


def test_pieces_are_the_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 3000
    (tmp_path / "f.bin").write_bytes(content)
    on_disk, in_memory = Place.of(tmp_path / "f.bin"), Place(tmp_path / "f.bin", content)
    for place in (on_disk, in_memory):
        assert b"".join(bytes(piece) for piece in place.pieces(5)) == content[5:]
        assert place.part(10, 20) == content[10:20]
        assert (place.size(), place.whole()) == (len(content), content)
    assert on_disk.source() == tmp_path / "f.bin"
    assert in_memory.source() == content


def test_packed_files_are_unpacked(tmp_path: Path) -> None:
    file = tmp_path / "f.csv.gz"
    file.write_bytes(gzip.compress(b"a\n") + gzip.compress(b"1\n"))
    assert Place.of(file).whole() == b"a\n1\n"


def test_what_unpacks_to_more_than_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    file = tmp_path / "f.csv.gz"
    file.write_bytes(gzip.compress(b"1\n" * 10**6))
    memory = psutil.virtual_memory()._replace(available=10**6)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    with pytest.raises(InputError, match="doesn't fit into the memory"):
        Place.of(file)


def test_patterns(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.txt"):
        (tmp_path / name).touch()
    assert [file.name for file in files(tmp_path / "*.csv")] == ["a.csv", "b.csv"]
    assert files(tmp_path / "missing.csv") == [tmp_path / "missing.csv"]
    assert is_pattern(str(tmp_path / "*.csv"))
    (tmp_path / "d[1].csv").touch()
    assert not is_pattern(str(tmp_path / "d[1].csv"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("data/train.csv", "train"),
        ("train.csv.gz", "train"),
        ("adult.parquet.brotli", "adult"),
        ("v1.2.csv", "v1.2"),
        ("months/2024-*.csv", "2024"),
        ("months/*.csv", "months"),
        ("*.csv", "data"),
    ],
)
def test_titles(name: str, expected: str) -> None:
    assert title(name) == expected


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("f.csv", b"a,b", "text"),
        ("f.csv.gz", b"a,b", "text"),
        ("f.jsonl", b"{}", "json"),
        ("anything", b"PAR1", "parquet"),
        ("f.csv", b"ARROW1", "arrow"),
        ("f.arrows", b"\xff\xff\xff\xff", "stream"),
        ("f.pq", b"no", "parquet"),
    ],
)
def test_kinds(name: str, head: bytes, expected: str) -> None:
    assert kind(Path(name), head) == expected


def test_suffixes() -> None:
    assert suffix(Path("a.CSV.GZ")) == ".csv"
    assert suffix(Path("a.b")) == ".b"


def test_old_feather_says_what_to_do() -> None:
    with pytest.raises(InputError, match="version 1"):
        kind(Path("f.feather"), b"FEA1")


def test_a_folder_of_tables_names_them_all(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv"):
        (tmp_path / name).write_text("a\n1\n")
    with pytest.raises(InputError, match="this is a folder") as caught:
        Place.of(tmp_path)
    assert "a.csv, b.csv in it" in str(caught.value)
    assert f"'{tmp_path}/*.csv'" in str(caught.value)


def test_a_read_that_ends_early_is_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(io.FileIO):  # as Linux gives at most two gigabytes at once
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size, 1000) if size and size > 0 else size)

        def readinto(self, buffer: Any) -> int:
            return super().readinto(memoryview(buffer)[:1000])

    def opened(path: Path, mode: str, buffering: int = -1) -> Any:
        raw = Slow(str(path), mode.replace("b", ""))
        return io.BufferedReader(raw) if buffering else raw

    content = bytes(range(256)) * 20
    (tmp_path / "f.bin").write_bytes(content)
    monkeypatch.setattr(Path, "open", opened)
    place = Place(tmp_path / "f.bin")
    assert place.whole() == content
    assert place.part(7, 4000) == content[7:4000]
    assert b"".join(bytes(piece) for piece in place.pieces(3)) == content[3:]
