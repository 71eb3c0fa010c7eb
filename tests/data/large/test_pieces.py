"""Files in pieces: the same rows as when they are read whole, wherever they are cut."""

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from methodic.data.large.pieces import of_frame, pieces_of
from methodic.errors import InputError

NOTHING = frozenset()


def table(rows=500):
    text = [f'says "{i % 7}",\nand more' for i in range(rows)]
    return pl.DataFrame({"a": np.arange(rows), "b": text, "c": np.arange(rows) / 8})


@pytest.fixture
def folder(tmp_path):
    frame = table()
    frame.write_csv(tmp_path / "t.csv")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress((tmp_path / "t.csv").read_bytes()))
    frame.write_parquet(tmp_path / "t.parquet", row_group_size=90)
    frame.write_ipc(tmp_path / "t.arrow")
    frame.write_ndjson(tmp_path / "t.jsonl")
    return tmp_path


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet", "arrow", "jsonl"])
def test_pieces_are_the_whole(folder, kind):
    pieces = pieces_of(folder / f"t.{kind}")
    found = list(pieces.cut(70, NOTHING))
    assert len(found) > 3
    assert pl.concat(found).equals(table())
    assert pieces.need > table().estimated_size()


def test_several_files_follow_each_other(folder):
    table(30).write_csv(folder / "u.csv")
    found = pl.concat(list(pieces_of(folder / "*.csv").cut(100, NOTHING)))
    assert found.height == 530


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "t.parquet"
    table().write_parquet(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="damaged"):
        list(pieces_of(path).cut(50, NOTHING))


def test_a_file_that_can_not_be_opened_is_left_to_others(tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    table().write_parquet(path)

    def refuse(*_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)  # the superuser may open anything
    assert pieces_of(path) is None


@pytest.mark.parametrize("name", ["nowhere.csv", "t.json", "t.npy"])
def test_what_is_not_read_in_pieces_is_left_to_others(tmp_path, name):
    if name != "nowhere.csv":
        (tmp_path / name).write_text("[]")
    assert pieces_of(tmp_path / name) is None


def test_a_row_with_an_image_takes_its_pixels():
    images = pl.Series("image", np.zeros((6, 3, 8, 8), np.uint8))
    pieces = of_frame("images", pl.DataFrame([images, pl.Series("label", list("ababab"))]))
    assert 192 <= pieces.row_bytes < 220


@pytest.mark.parametrize("dictionary", [True, False])
def test_bytes_that_are_no_text_are_damage(tmp_path, dictionary):
    """Whoever asks for such a cell kills the process."""
    offsets = pa.py_buffer(np.array([0, 1, 2, 3], np.int32).tobytes())
    texts = pa.StringArray.from_buffers(3, offsets, pa.py_buffer(b"ab\xff"))
    path = tmp_path / "t.parquet"
    table = pa.table({"x": texts, "y": [1.0, 2.0, 3.0]})
    pq.write_table(table, path, use_dictionary=dictionary)
    with pytest.raises(InputError, match="damaged") as caught:
        list(pieces_of(path).of_bytes(10**6))
    assert "t.parquet" in str(caught.value)
