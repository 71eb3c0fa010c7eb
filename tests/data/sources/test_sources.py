"""Files that can be read, and each way in which one can't."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
import realdata

from methodic.data.sources import builtin_names, read
from methodic.errors import InputError


def write(folder: Path, name: str, content: bytes) -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("f.csv", b"a,b\n1,x\n2,y\n", {"a": [1, 2], "b": ["x", "y"]}),
        ("f.CSV", b"a,b\r\n1,x\r\n\r\n2,y", {"a": [1, 2], "b": ["x", "y"]}),
        ("f.csv", b"\xef\xbb\xbfa;b\n1;x, z\n2;y\n", {"a": [1, 2], "b": ["x, z", "y"]}),
        ("f.txt", b"a|b\n1|x\n", {"a": [1], "b": ["x"]}),
        ("f.txt", b"a\tb\n1\tx,y\n", {"a": [1], "b": ["x,y"]}),
        ("f.tsv", b"a\tb,c\n1\tx,y\n", {"a": [1], "b,c": ["x,y"]}),
        (
            "f.csv",
            b'a,"b, c"\n1,"x\ny"\n2,"say ""hi"""\n',
            {"a": [1, 2], "b, c": ["x\ny", 'say "hi"']},
        ),
        ("f.csv", b'a,b\n1,5" pipe\n2,3"\n', {"a": [1, 2], "b": ['5" pipe', '3"']}),
        ("f.csv", b'a,b\n1,5" pipe\n2,x\n', {"a": [1, 2], "b": ['5" pipe', "x"]}),
        ("f.csv", b"a, b\n 1, NA\n ?,2.5\n", {"a": [1, None], "b": [None, 2.5]}),
        ("f.csv", "größe,b\n1,日本\n".encode(), {"größe": [1], "b": ["日本"]}),
        ("f.csv", b",b\n0,x\n1,y\n", {"unnamed_1": [0, 1], "b": ["x", "y"]}),
        ("f.csv", b"0,1\n3,4\n", {"0": [3], "1": [4]}),
        ("f.csv", b"a\n1\n2\n", {"a": [1, 2]}),
        ("f.csv", b"\na\n1\n\n2\n\n\n", {"a": [1, None, 2]}),
        ("f.csv", b"a,b\n1,99999999999999999999\n", {"a": [1], "b": [1e20]}),
        ("f.csv", b"a;b\n3,5;13.04.2024\n", {"a": ["3,5"], "b": ["13.04.2024"]}),
        ("f.csv", b'a,b\n"1,234",5%\n7,0\n', {"a": [1234, 7], "b": ["5%", "0"]}),
        ("f.csv", b"a,b\n2024-01-31,x\n", {"a": [date(2024, 1, 31)], "b": ["x"]}),
        ("f.csv.gz", gzip.compress(b"a,b\n1,x\n", mtime=0), {"a": [1], "b": ["x"]}),
        ("f.csv", gzip.compress(b"a,b\n1,x\n", mtime=0), {"a": [1], "b": ["x"]}),
        ("f.csv.zst", bytes(pa.compress(b"a,b\n1,x\n", "zstd")), {"a": [1], "b": ["x"]}),
        ("f.csv", "a,b\n1,größe\n".encode("utf-16"), {"a": [1], "b": ["größe"]}),
        ("f.csv", "a,b\n1,größe\n".encode("latin-1"), {"a": [1], "b": ["größe"]}),
    ],
)
def test_text_files(tmp_path: Path, name: str, content: bytes, expected: dict) -> None:
    assert read(write(tmp_path, name, content)).to_dict(as_series=False) == expected


def test_a_late_word_makes_a_column_text(tmp_path: Path) -> None:
    content = "a,b\n" + "1,2\n" * 20_000 + "x,3\n"
    frame = read(write(tmp_path, "f.csv", content.encode()))
    assert frame.dtypes == [pl.Enum(["1", "x"]), pl.Int64]
    assert frame.height == 20_001
    assert frame["a"].to_list() == ["1"] * 20_000 + ["x"]


def test_a_late_word_between_the_samples(tmp_path: Path) -> None:
    lines = [f"{i},{i}.5,2" for i in range(400_000)]
    lines[250_123] = "none of them,1.5,2"
    frame = read(write(tmp_path, "f.csv", "\n".join(["a,b,c", *lines]).encode()))
    assert frame.dtypes == [pl.String, pl.Float64, pl.Int64]
    assert frame["a"][250_122:250_125].to_list() == ["250122", "none of them", "250124"]


def test_notes_say_how_a_file_was_read(tmp_path: Path) -> None:
    notes: list[str] = []
    file = write(tmp_path, "f.csv", "a,b\n1,größe\n".encode("latin-1"))
    read(file, notes=notes)
    assert notes == [
        f"{file}: not UTF-8; read as Windows-1252 (West European), as in 'größe' in line 2"
    ]


def test_notes_say_what_could_mean_something_else(tmp_path: Path) -> None:
    notes: list[str] = []
    frame = read(write(tmp_path, "f.csv", b'a,b\n"1,234",1\n5,"1,234,567"\n'), notes=notes)
    assert frame.rows() == [(1234, 1), (5, 1234567)]
    (note,) = notes
    assert "'a'" in note
    assert 'notation: "1.234,5"' in note


def test_several_files_are_one_table(tmp_path: Path) -> None:
    for name, row in (("b", b"2,y"), ("a", b"1,x"), ("c", b"z,w")):
        write(tmp_path, f"{name}.csv", b"a,b\n" + row + b"\n")
    notes: list[str] = []
    frame = read(tmp_path / "[ab].csv", notes=notes)
    assert frame.rows() == [(1, "x"), (2, "y")]
    assert notes == [f"{tmp_path}/[ab].csv: 2 files, a.csv to b.csv"]
    assert read(tmp_path / "*.csv").rows() == [("1", "x"), ("2", "y"), ("z", "w")]


def test_a_pattern_that_nothing_matches(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", b"a\n1\n")
    with pytest.raises(InputError, match="no file matches") as caught:
        read(tmp_path / "*.parquet")
    assert "a.csv in it" in str(caught.value)


def test_a_file_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    for name in ("data[1].csv", "data1.csv"):
        write(tmp_path, name, b"a,b\n" + name[4:6].encode() + b",2\n")
    assert read(tmp_path / "data[1].csv").rows() == [("[1", 2)]


def test_columns_kept_as_text(tmp_path: Path) -> None:
    file = write(tmp_path, "f.csv", b"zip,b\n01,02\n")
    assert read(file, text=["zip"]).row(0) == ("01", 2)


@pytest.mark.parametrize("name", ["f.parquet", "f.pq", "data"])
def test_parquet(tmp_path: Path, name: str) -> None:
    frame = pl.DataFrame({"a": [1.0, float("nan"), None], "b": ["x", "?", "y"]})
    frame.write_parquet(tmp_path / name)
    assert read(tmp_path / name).rows() == [(1.0, "x"), (None, None), (None, "y")]


def parquet_bytes() -> bytes:
    import io

    buffer = io.BytesIO()
    pl.DataFrame({"a": list(range(3000))}).write_parquet(buffer)
    return buffer.getvalue()


WHOLE = parquet_bytes()

BAD = {
    "empty": ("f.csv", b"", ["empty", "0 bytes", "one line per row"]),
    "blank": ("f.csv", b" \n\n", ["empty"]),
    "header only": ("f.csv", b"a,b\n", ["no rows", "a, b"]),
    "header without line end": ("f.csv", b"a,b", ["no rows", "a, b"]),
    "header only, Parquet": ("f.parquet", b"", ["empty"]),
    "short line": ("f.csv", b"a,b\n1,2\n\n3\n4,5\n", ["line 4 has 1 cells", "header has 2"]),
    "long line": ("f.csv", b"a,b\n1,2\n3,4,5\n", ["line 3 has 3 cells", "3,4,5", "double quotes"]),
    "long line after a quoted line end": ("f.csv", b'a,b\n1,"x\ny"\n3,4,5\n', ["line 4 has 3"]),
    "open quote": ("f.csv", b'a,b\n1,2\n3,"4\n5,6\n', ["line 3", "never closed", "in pairs"]),
    "binary": ("f.csv", bytes(range(256)) * 4, ["not a text file", "UTF-8"]),
    "gzip cut short": ("f.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:15], ["packed", "again"]),
    "bzip2": ("f.csv", b"BZh91AY&SY", ["compressed by bzip2", "Unpack"]),
    "workbook": ("f.csv", b"PK\x03\x04" + b"\0" * 50, ["Excel workbook", "export"]),
    "UTF-16": ("f.csv", b"\xff\xfea\x00,\x00b", ["UTF-16", "Save the file"]),
    "Cyrillic": ("f.csv", "a,b\n1,2\n3,слово\n".encode("cp1251"), ["line 3", "0xf1", "UTF-8"]),
    "duplicate names": ("f.csv", b"a,b,a\n1,2,3\n", ["same name", "'a'", "Rename"]),
    "no header": (
        "f.csv",
        b"5.1,3.5,0\n4.9,3.0,1\n",
        ["numbers instead of column names", "on top"],
    ),
    "no header, integers": ("f.csv", b"1,1,0\n4,3,1\n", ["numbers instead of column names"]),
    "suffix": ("f.xyz", b"a,b\n1,2\n", [".xyz", ".csv", ".parquet"]),
    "no suffix": ("f", b"a,b\n1,2\n", ["no suffix", ".csv"]),
    "Parquet cut short": ("f.parquet", WHOLE[: len(WHOLE) // 2], ["damaged", "again"]),
    "Parquet overwritten": ("f.parquet", WHOLE[:4] + b"x" * 200 + WHOLE[204:], ["damaged"]),
    "Parquet by name only": ("f.parquet", b"a,b\n1,2\n", ["damaged, or isn't one"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files(tmp_path: Path, case: str) -> None:
    name, content, parts = BAD[case]
    file = write(tmp_path, name, content)
    with pytest.raises(InputError) as caught:
        read(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert all(part in message for part in parts), message
    assert caught.value.accepted


def test_every_cut_of_a_parquet_file_is_an_input_error(tmp_path: Path) -> None:
    for end in range(1, len(WHOLE), max(1, len(WHOLE) // 40)):
        with pytest.raises(InputError):
            read(write(tmp_path, "f.parquet", WHOLE[:end]))


def test_parquet_with_duplicate_names(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    parquet.write_table(table, tmp_path / "f.parquet")
    with pytest.raises(InputError, match="same name") as caught:
        read(tmp_path / "f.parquet")
    assert "'a'" in str(caught.value)


def test_parquet_without_rows(tmp_path: Path) -> None:
    pl.DataFrame({"a": [], "b": []}).write_parquet(tmp_path / "f.parquet")
    with pytest.raises(InputError, match="no rows"):
        read(tmp_path / "f.parquet")


def test_no_such_file_names_a_neighbour(tmp_path: Path) -> None:
    file = write(tmp_path, "train.csv", b"a\n1\n")
    with pytest.raises(InputError, match="no such file") as caught:
        read(tmp_path / "trian.csv")
    assert f"Did you mean '{file}'?" in str(caught.value)


def test_no_such_name_names_a_builtin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="Did you mean 'digits'") as caught:
        read("digit")
    assert all(name in str(caught.value) for name in builtin_names())


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file") as caught:
        read(tmp_path / "nowhere" / "f.csv")
    assert "nowhere' isn't there either" in str(caught.value)


def test_a_folder_names_a_file_inside(tmp_path: Path) -> None:
    file = write(tmp_path, "rows.csv", b"a\n1\n")
    with pytest.raises(InputError, match="this is a folder") as caught:
        read(tmp_path)
    assert str(file) in str(caught.value)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *mode: object, **how: object) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"f\.csv: the file can't be read") as caught:
        read(tmp_path / "f.csv")
    assert "Permission denied" in str(caught.value)


def test_real_images_are_a_table_with_one_column_of_bytes() -> None:
    frame = read(realdata.path("cifar10-test.parquet"))
    assert frame.shape == (10_000, 2)
    assert frame["label"].n_unique() == 10


def test_real_verse_is_no_table() -> None:
    with pytest.raises(InputError, match=r"tinyshakespeare\.txt: line"):
        read(realdata.path("tinyshakespeare.txt"))
