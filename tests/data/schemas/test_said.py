"""What a schema.yaml says, applied to tables."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from methodic.data.loading import load
from methodic.data.schemas.schema import Column
from methodic.errors import InputError

N = 40


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    file = tmp_path / "rows.csv"
    frame = {
        "zip": ["01", "02", "03", "01"] * 10,
        "w": [i % 7 for i in range(N)],
        "v": ["x", "1"] * 20,
        "id": list(range(N)),
        "y": [i % 2 for i in range(N)],
    }
    pl.DataFrame(frame).write_csv(file)
    return file


def schema(csv: Path, text: str) -> Path:
    file = csv.with_name("schema.yaml")
    file.write_text(text, encoding="utf-8")
    return file


def test_what_is_said_is_not_inferred(csv: Path) -> None:
    said = schema(csv, "target: y\ncolumns: {zip: categorical, id: numeric, w: drop}")
    data = load(csv, schema=said)
    kinds = {column.name: column.kind for column in data.schema.columns}
    assert kinds == {"zip": "categorical", "v": "categorical", "id": "numeric"}
    assert set(data.frame["zip"]) == {"01", "02", "03"}, "texts keep their zeros"
    assert [each.name for each in data.schema.dropped] == ["w"]
    assert data.schema.target == "y"
    assert data.reading.targets == ("y",)
    assert data.reading.schema_file == str(said)


def test_words_of_a_number(csv: Path) -> None:
    said = schema(csv, "columns:\n  v: {kind: numeric, words: [x]}")
    data = load(csv, "y", schema=said, test=csv)
    assert Column(name="v", kind="numeric", words=("x",)) in data.schema.columns
    assert data.frame["v"].null_count() == N // 2
    assert data.test is not None
    assert data.test["v"].to_list()[:2] == [None, 1]


def test_roles(csv: Path) -> None:
    data = load(csv, schema=schema(csv, "target: y\nweight: id\nsplit: 25%"))
    assert data.schema.weight == "id"
    assert data.reading.split == "25%"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("columns:\n  zap: drop", ["line 2", "'zap'", "rows.csv", "Did you mean 'zip'"]),
        ("target: yy", ["line 1", "'yy'", "Did you mean 'y'"]),
        ("target: y\nweight: u", ["line 2", "'u'"]),
        ("columns:\n  v: numeric", ["line 2", "'v'", "row 1", "'x'", "words: [unknown]"]),
        ("columns:\n  w: date", ["line 2", "'w'", "Int64", "2024-01-31"]),
        ("columns:\n  v: image", ["line 2", "'v'", "no images"]),
        ("columns:\n  v: array", ["line 2", "'v'", "no arrays"]),
        ("columns:\n  y: numeric", ["line 2", "'y'", "can't be an input"]),
        ("group: w\ncolumns:\n  w: numeric", ["line 3", "'w'", "can't be an input"]),
    ],
)
def test_what_does_not_fit_is_named_by_its_line(csv: Path, text: str, parts: list[str]) -> None:
    given = {} if text.startswith("target") else {"target": "y"}
    with pytest.raises(InputError) as caught:
        load(csv, schema=schema(csv, text), **given)
    message = str(caught.value)
    assert all(part in message for part in ["schema.yaml", *parts]), message


def test_other_errors_stay_as_they_are(csv: Path, tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1.0, float("inf")] * 20, "b": list(range(40)), "y": [0, 1] * 20})
    with pytest.raises(InputError, match="'a' is infinite") as caught:
        load(frame, "y", schema=schema(csv, "columns: {b: numeric}"))
    assert "schema.yaml" not in str(caught.value)


def test_the_file_says_its_part_where_targets_are_values(csv: Path) -> None:
    data = load(csv, [1.5, 2.5] * 20, schema=schema(csv, "weight: w\ntask: regression"))
    assert (data.schema.weight, data.schema.task) == ("w", "regression")
    assert "w" not in [column.name for column in data.schema.columns]


def test_notations_are_found_where_the_file_leaves_them_out(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    rows = [f"{i},5;{1 + i % 28}.11.2024;{i % 2}" for i in range(N)]
    rows[3] = "unknown;?;1"
    file.write_text("\n".join(["price;sold;y", *rows]))
    said = "columns:\n  price: {kind: numeric, words: [unknown]}\n  sold: date"
    price, sold = load(file, "y", schema=schema(file, said)).schema.columns
    assert (price.notation, sold.notation) == ("1.234,5", "%d.%m.%Y")


def test_what_the_file_says_of_commas_and_dates_is_followed(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    rows = [f"1,{125 + i};{20240101 + i % 28};{i % 2}" for i in range(N)]
    file.write_text("\n".join(["price;sold;y", *rows]))
    alone = load(file, "y")
    assert alone.frame["price"].to_list()[0] == 1125
    assert any("schema.yaml" in note for note in alone.notes)
    said = 'columns:\n  price: {kind: numeric, notation: "1.234,5"}'
    said += '\n  sold: {kind: date, notation: "%Y%m%d"}'
    data = load(file, "y", schema=schema(file, said), test=file)
    for frame in (data.frame, data.test):
        assert frame is not None
        assert frame["price"].to_list()[:2] == [1.125, 1.126]
        assert frame["sold"].to_list()[1] == datetime(2024, 1, 2)


def test_images_that_are_said(tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": np.zeros((N, 3, 8, 8), np.uint8), "y": [0, 1] * 20})
    for said, shape in (("image", (3, 8, 8)), ("{kind: image, shape: [3, 4, 6]}", (3, 4, 6))):
        data = load(frame, "y", schema=schema(tmp_path / "f", f"columns: {{x: {said}}}"))
        assert (data.schema.columns[0].kind, data.schema.columns[0].shape) == ("image", shape)
