"""Rows without a target: kept apart, read from sources of their own, refused where they must be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pictures
import polars as pl
import pytest

from methodic.data.loading import load, read_as
from methodic.data.unlabelled import aside, stacked
from methodic.errors import InputError
from tests.data.conftest import N, table

BLANK = [None if i % 4 == 3 else i % 2 for i in range(N)]


def test_rows_without_a_target_are_kept_apart() -> None:
    data = load(table(target=BLANK))
    assert data.frame.height == 30
    assert data.unlabelled is not None
    assert data.unlabelled.columns == ["width", "colour"]
    assert data.unlabelled["width"].to_list() == [i % 7 for i in range(N) if i % 4 == 3]
    (note,) = data.notes
    assert note == (
        "data: 10 rows have no value in 'target': methods that learn without targets use them, no "
        "score does"
    )
    assert dict(data.describe())["rows"] == "30, and 10 without a target"


def test_one_of_several_targets_is_enough_to_be_without() -> None:
    frame = table(target=[i / 3 for i in range(N)], more=[None, 1.0, 2.5, 4.0] * (N // 4))
    data = load(frame, ("target", "more"))
    assert (data.frame.height, data.unlabelled.height) == (30, 10)  # type: ignore[union-attr]


def test_a_row_that_does_not_count_does_not_train() -> None:
    weights = [0.0 if i in (3, 4) else 1.0 for i in range(N)]
    data = load(table(target=BLANK, w=weights), "target", weight="w")
    assert (data.frame.height, data.unlabelled.height) == (29, 9)  # type: ignore[union-attr]
    assert data.unlabelled is not None
    assert "w" not in data.unlabelled.columns


def test_blank_targets_of_test_rows_are_left_out_as_ever() -> None:
    data = load(table(), test=table(target=BLANK))
    assert data.unlabelled is None
    assert data.test is not None
    assert data.test.height == 30
    assert "test data: 10 rows have no value in 'target' and can't be used" in data.notes


def test_fingerprints_know_them() -> None:
    whole, blank = load(table()), load(table(target=BLANK))
    known = load(table(target=BLANK).drop_nulls("target"))
    assert known.fingerprint != blank.fingerprint
    assert replace(blank, unlabelled=None).fingerprint == known.fingerprint
    assert whole.digests.keys() == known.digests.keys()
    assert blank.digests.keys() - known.digests.keys() == {
        "unlabelled: width",
        "unlabelled: colour",
    }
    other = table(target=BLANK, width=[99 if i == 3 else i % 7 for i in range(N)])
    changed = load(other)
    assert changed.fingerprint != blank.fingerprint
    assert changed.digests["width"] == blank.digests["width"]
    assert changed.digests["unlabelled: width"] != blank.digests["unlabelled: width"]


def test_a_file_of_further_rows(csv: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.csv"
    table(extra=["e"] * N).select("extra", "target", "colour", "width").write_csv(more)
    data = load(csv, unlabelled=more)
    assert data.unlabelled is not None
    assert data.unlabelled.equals(data.frame.drop("target"))
    assert data.reading.unlabelled == str(more)
    assert data.source == str(csv)
    said = " ".join(data.notes)
    assert "'target' isn't read" in said
    assert "columns without use here: extra" in said
    again = read_as(csv, data.reading)
    assert again.fingerprint == data.fingerprint
    assert load(csv).fingerprint != data.fingerprint


def test_further_rows_stand_behind_the_blank_ones(tmp_path: Path) -> None:
    more = table(width=[i + 0.5 for i in range(N)]).drop("target")
    data = load(table(target=BLANK), unlabelled=more)
    assert data.unlabelled is not None
    assert data.unlabelled.height == 10 + N
    assert data.unlabelled["width"].to_list()[9:12] == [39 % 7, 0.5, 1.5]
    assert data.reading.unlabelled is None
    assert data.source is None


def test_arrays() -> None:
    x, y = np.arange(2.0 * N).reshape(N, 2) % 7, np.arange(N) % 2
    data = load(x, y, unlabelled=x[:5])
    assert data.unlabelled is not None
    assert data.unlabelled.equals(data.frame.drop("target").head(5))
    images = np.random.default_rng(0).integers(0, 255, (N, 8, 8), dtype=np.uint8)
    pictured = load(images, y, unlabelled=images[:7])
    assert pictured.unlabelled is not None
    assert np.array_equal(pictured.unlabelled["x"].to_numpy()[:, 0], images[:7])


def test_words_and_numbers_are_read_as_in_training(tmp_path: Path) -> None:
    train, more = tmp_path / "a.csv", tmp_path / "b.csv"
    table(colour=["01", "02", "none of these", "01"] * (N // 4)).write_csv(train)
    pl.DataFrame({"colour": ["01", "02"], "width": ["1", "2"]}).write_csv(more)
    data = load(train, unlabelled=more)
    assert data.unlabelled is not None
    assert data.unlabelled["colour"].to_list() == ["01", "02"]


def test_a_built_in_set_is_a_source_as_any() -> None:
    data = load("iris", unlabelled="iris")
    assert data.unlabelled is not None
    assert data.unlabelled.height == 150
    assert data.reading.unlabelled == "iris"
    assert read_as("iris", data.reading).fingerprint == data.fingerprint


def test_a_folder_of_images(tmp_path: Path) -> None:
    pictures.classes(tmp_path / "pets")
    for i in range(3):
        pictures.write(tmp_path / "more" / f"{i}.png", seed=i)
    pictures.write(tmp_path / "more" / "birds" / "x.jpg", pictures.pixels(7, 24, 20))
    data = load(tmp_path / "pets", unlabelled=tmp_path / "more")
    assert data.unlabelled is not None
    assert data.unlabelled.columns == ["image"]
    assert data.unlabelled["image"].dtype == pl.Array(pl.UInt8, (3, 12, 10))
    assert data.unlabelled.height == 4
    assert np.array_equal(data.unlabelled["image"][0].to_numpy(), pictures.pixels(0))
    said = " ".join(data.notes)
    assert "whatever their folders" in said
    assert "1 of 4 images" in said, "one was larger"
    assert read_as(data.source, data.reading).fingerprint == data.fingerprint


def test_a_folder_beside_the_classes(tmp_path: Path) -> None:
    pictures.classes(tmp_path)
    for i in range(3):
        pictures.write(tmp_path / "unlabelled" / f"{i}.png", seed=i)
    data = load(tmp_path)
    assert data.schema.classes == ("cats", "dogs")
    assert data.frame.height == 24
    assert data.unlabelled is not None
    assert data.unlabelled.columns == ["image"]
    assert data.unlabelled.height == 3
    assert read_as(data.source, data.reading).fingerprint == data.fingerprint


@pytest.mark.parametrize("place", ["unlabelled", "train/unlabelled"])
def test_a_folder_beside_the_parts_or_inside_of_train(tmp_path: Path, place: str) -> None:
    for part, each in (("train", 12), ("test", 3)):
        pictures.classes(tmp_path / part, each)
    for i in range(5):
        pictures.write(tmp_path / place / f"{i}.png", seed=i)
    data = load(tmp_path)
    assert data.test is not None
    assert (data.frame.height, data.test.height) == (24, 6)
    assert data.unlabelled is not None
    assert data.unlabelled.height == 5
    pictures.classes(tmp_path / "valid", 3)
    three = load(tmp_path)
    assert three.schema.part == "part"
    assert three.unlabelled is not None
    assert three.unlabelled.height == 5


def test_broken_images_are_left_out_where_asked(tmp_path: Path) -> None:
    pictures.classes(tmp_path / "pets")
    pictures.write(tmp_path / "more" / "1.png")
    (tmp_path / "more" / "2.png").write_bytes(b"\x89PNG no")
    with pytest.raises(InputError, match="can't be read"):
        load(tmp_path / "pets", unlabelled=tmp_path / "more")
    data = load(tmp_path / "pets", unlabelled=tmp_path / "more", skip_broken=True)
    assert data.unlabelled is not None
    assert data.unlabelled.height == 1


def grouped() -> pl.DataFrame:
    return table(who=[i % 9 for i in range(N)], day=list(range(N)))


BAD = {
    "a missing column": ({"unlabelled": table().drop("colour")}, ["'colour'", "missing"]),
    "no usable column": (
        {"unlabelled": pl.DataFrame({"other": [1, 2]})},
        ["without any of the input columns", "other", "width, colour"],
    ),
    "no rows": ({"unlabelled": table().head(0)}, ["there are no rows"]),
    "a word for a number": (
        {"unlabelled": table(width=["1", "two"] * (N // 2))},
        ["'width'", "row 2", "'two'"],
    ),
    "no such file": ({"unlabelled": "none.csv"}, ["none.csv"]),
    "no time": (
        {"source": grouped(), "time": "day", "unlabelled": grouped().drop("day")},
        ["'day' is missing", "mustn't train"],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_rows(case: str) -> None:
    arguments, words = BAD[case]
    with pytest.raises(InputError) as caught:
        load(**({"source": table(), "target": "target"} | arguments))
    for word in words:
        assert word in str(caught.value)
    assert caught.value.accepted or caught.value.advice


def test_images_for_a_table_and_a_table_for_images(tmp_path: Path) -> None:
    pictures.classes(tmp_path / "pets")
    with pytest.raises(InputError, match="images, and the training data have none") as caught:
        load(table(), unlabelled=tmp_path / "pets")
    assert "'width', 'colour'" in str(caught.value.accepted)
    table().write_csv(tmp_path / "t.csv")
    with pytest.raises(InputError, match="without any of the input columns"):
        load(tmp_path / "pets", unlabelled=tmp_path / "t.csv")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="no images in this folder"):
        load(tmp_path / "pets", unlabelled=empty)


def test_rows_that_do_not_fit_into_memory(tmp_path: Path) -> None:
    width = np.random.default_rng(0).normal(size=200_000)
    large = pl.DataFrame({"width": width, "colour": ["red", "blue"] * 100_000})
    large.write_parquet(tmp_path / "large.parquet")
    with pytest.raises(InputError, match="must fit into memory") as caught:
        load(table(), unlabelled=tmp_path / "large.parquet", memory=1_000_000)
    assert "--memory" in str(caught.value.advice)


@pytest.mark.parametrize("asked", ["unlabelled", "labels", "teacher"])
def test_rows_in_pieces_refuse_it(tmp_path: Path, asked: str) -> None:
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"x": random.normal(size=100_000), "y": ["a", "b"] * 50_000})
    frame.write_parquet(tmp_path / "t.parquet")
    given = {"unlabelled": frame.head(50), "labels": 100, "teacher": tmp_path}[asked]
    with pytest.raises(InputError, match=f"--{asked} is for rows that fit into memory") as caught:
        load(tmp_path / "t.parquet", "y", memory=1_000_000, **{asked: given})
    assert "--memory" in str(caught.value.advice)


def test_blank_targets_of_rows_in_pieces_are_left_out_as_ever(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    target = ["a", "b", None, "b"] * 25_000
    frame = pl.DataFrame({"x": random.normal(size=100_000), "y": target})
    frame.write_parquet(tmp_path / "t.parquet")
    data = load(tmp_path / "t.parquet", "y", memory=1_000_000)
    assert data.large is not None
    assert data.unlabelled is None
    assert any("can't be used" in note for note in data.notes)


def test_stacked_tables_have_common_kinds() -> None:
    one = pl.DataFrame({"a": [1, 2], "b": ["x", "y"], "y": [0, 1]}).with_columns(
        pl.col("b").cast(pl.Enum(["x", "y"]))
    )
    two = pl.DataFrame({"a": [0.5], "b": ["z"]})
    found = stacked([one, two])
    assert found["a"].to_list() == [1.0, 2.0, 0.5]
    assert found["b"].to_list() == ["x", "y", "z"]
    assert found["y"].to_list() == [0, 1, None]
    assert stacked([one, one])["b"].dtype == one["b"].dtype
    whole = pl.DataFrame({"v": pl.Series([[1, 2]], dtype=pl.Array(pl.Int64, 2))})
    parts = pl.DataFrame({"v": pl.Series([[0.5, 2]], dtype=pl.Array(pl.Float32, 2))})
    assert stacked([whole, parts])["v"].to_list() == [[1, 2], [0.5, 2]]


def test_nothing_left_is_none() -> None:
    data = load(table())
    assert aside(data.frame.head(0), data.schema, "x", []) is None


def test_further_rows_are_read_in_the_notation_of_training(tmp_path: Path) -> None:
    train, more = tmp_path / "a.csv", tmp_path / "b.csv"
    table(width=["3,5", "1.234,5", "0,25", "7"] * (N // 4)).write_csv(train)
    pl.DataFrame({"colour": ["red"] * 3, "width": ["1,125"] * 3}).write_csv(more)
    data = load(train, unlabelled=more)
    assert data.unlabelled is not None
    assert data.unlabelled["width"].to_list() == [1.125] * 3
