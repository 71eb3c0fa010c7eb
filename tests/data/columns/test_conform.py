"""Later tables in the schema's form."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl
import pytest

from methodic.data.columns.conform import as_kind, class_codes, conform, conform_target
from methodic.data.schemas.schema import Column, Schema
from methodic.errors import InputError

SCHEMA = Schema(
    columns=(
        Column(name="a", kind="numeric"),
        Column(name="b", kind="categorical"),
        Column(name="c", kind="array", shape=(2,)),
    ),
    target="y",
    task="multiclass",
    classes=("7", "8", "10"),
)
ARRAYS = pl.Series("c", [[1.0, 2.0], [3.0, 4.0]], dtype=pl.Array(pl.Float32, 2))
GOOD = pl.DataFrame({"a": [1.5, None], "b": ["x", None], "c": ARRAYS})


def test_order_extras_and_types_do_not_matter() -> None:
    messy = GOOD.select(
        pl.lit(3).alias("extra"), "c", pl.Series("b", [" x ", "?"]), pl.Series("a", ["1.5", "NA"])
    )
    assert conform(messy, SCHEMA).equals(GOOD)


def test_categories_from_numbers_and_truth_values() -> None:
    frame = GOOD.with_columns(pl.Series("b", [1.0, None]))
    assert conform(frame, SCHEMA)["b"].to_list() == ["1", None]


def test_free_text_is_text_however_it_is_stored() -> None:
    cells = ["a red coat", None, "a red coat"]
    review = Column(name="review", kind="text", numbers=8)
    found = as_kind(pl.Series("review", cells, dtype=pl.Enum(["a red coat"])), review)
    assert found.equals(pl.Series("review", cells), check_dtypes=True)


def test_the_target_comes_last_and_untouched() -> None:
    frame = GOOD.with_columns(pl.Series("y", ["?", "odd"])).select("y", "a", "b", "c")
    ready = conform(frame, SCHEMA)
    assert ready.columns == ["a", "b", "c", "y"]
    assert ready["y"].to_list() == ["?", "odd"]


def arrays(cells: list, width: int = 2) -> pl.Series:
    return pl.Series("c", cells, dtype=pl.Array(pl.Float32, width))


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (pl.Series("a", ["1", "two"]), ["file.csv", "'a'", "row 2", "'two'", "3.5"]),
        (pl.Series("a", [1.0, float("-inf")]), ["file.csv", "'a'", "row 2", "-inf", "--drop"]),
        (pl.Series("a", ["inf", "1"]), ["'a'", "infinite", "row 1"]),
        (pl.Series("a", [[1], [2]]), ["'a'", "List", "numbers"]),
        (pl.Series("b", [[1], [2]]), ["'b'", "List", "texts"]),
        (pl.Series("c", [1, 2]), ["'c'", "shape (2,)"]),
        (arrays([[1, 2, 3], [1, 2, 3]], 3), ["'c'", "shape (2,)"]),
        (arrays([[1, 2], None]), ["'c'", "row 2"]),
        (arrays([[1, 2], [3, None]]), ["'c'", "row 2"]),
        (arrays([[float("inf"), 2], [3, 4]]), ["'c'", "row 1", "finite"]),
    ],
)
def test_bad_cells(change: pl.Series, parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        conform(GOOD.with_columns(change), SCHEMA, "file.csv")
    assert all(part in str(caught.value) for part in parts), caught.value


def test_missing_columns_are_all_named() -> None:
    with pytest.raises(InputError, match=r"f\.csv: 2 columns are missing") as caught:
        conform(GOOD.select("b"), SCHEMA, "f.csv")
    assert "'a', 'c'" in str(caught.value)


@pytest.mark.parametrize("cells", [[10, 7], [10.0, 7.0], ["10", "07"], ["10.0", " 7"]])
def test_number_classes_however_written(cells: list) -> None:
    names = conform_target(pl.Series("y", cells), SCHEMA)
    assert names.to_list() == ["10", "7"]
    assert class_codes(names, SCHEMA).to_list() == [2, 0]


def test_unknown_class() -> None:
    with pytest.raises(InputError, match="row 2") as caught:
        conform_target(pl.Series("y", [7, 9, None]), SCHEMA, "test.csv")
    assert all(part in str(caught.value) for part in ("test.csv", "'y'", "'9'", "'7', '8', '10'"))


def test_missing_targets_stay_missing() -> None:
    names = conform_target(pl.Series("y", [7, None]), SCHEMA)
    assert class_codes(names, SCHEMA).to_list() == [0, None]


def test_no_rows() -> None:
    assert conform(GOOD.head(0), SCHEMA).shape == (0, 3)


def one(cells: object, **fields: object) -> pl.Series:
    return as_kind(pl.Series("a", cells), Column(name="a", **fields), "f.csv")


def test_columns_are_read_as_training_wrote_them() -> None:
    commas = {"kind": "numeric", "notation": "1.234,5"}
    assert one(["1,5", "2.000", None], **commas).to_list() == [1.5, 2000, None]
    assert one([1.5, 2.0], **commas).to_list() == [1.5, 2]
    dates = one(["03/04/2024"], kind="date", notation="%d/%m/%Y")
    assert dates.to_list() == [datetime(2024, 4, 3)]
    assert one([date(2024, 4, 3)], kind="date", notation="%d/%m/%Y").to_list() == dates.to_list()
    assert one(["Yes", "NO", "?", "so"], kind="categorical", notation="yes/no").to_list() == [
        "True",
        "False",
        None,
        "so",
    ]
    assert one(["x", "1", "7"], kind="numeric", words=("x",)).to_list() == [None, 1.0, 7]
    shares = {"kind": "numeric", "notation": "1,234.5%"}
    assert one(["12%", "0", None, "1.5 %"], **shares).to_list() == [0.12, 0, None, 0.015]
    assert one(["x", "7%"], words=("x",), **shares).to_list() == [None, 0.07]
    assert one([timedelta(minutes=1)], kind="numeric").to_list() == [60]


def test_a_cell_does_not_depend_on_its_neighbours() -> None:
    commas = {"kind": "numeric", "notation": "1.234,5"}
    for cells in (["2.000"], ["1,5", "2.000"], ["x", "2.000"]):
        assert one(cells, words=("x",), **commas).to_list()[-1] == 2000
    compact = one(["20240131", None], kind="date", notation="%Y%m%d")
    assert compact.to_list() == [datetime(2024, 1, 31), None]


def test_dates_with_the_year_first_are_read_in_any_column() -> None:
    found = one(["2024-04-03", None], kind="date", notation="%d/%m/%Y")
    assert found.to_list() == [datetime(2024, 4, 3), None]


@pytest.mark.parametrize(
    ("cells", "fields", "parts"),
    [
        (["12%", "7"], {"notation": "1,234.5%"}, ["row 2", "'7'", "3.5%", "percent signs"]),
        (["12", "7"], {"notation": "1,234.5%"}, ["row 1", "'12'", "percent signs"]),
        (["12,5%", "7"], {"notation": "1.234,5%"}, ["row 2", "'7'", "3,5%"]),
        (["1", "7%"], {}, ["row 2", "'7%'", "no percent signs"]),
        (["12%"], {}, ["row 1", "'12%'", "no percent signs"]),
        (["1.5"], {"notation": "1.234,5"}, ["row 1", "'1.5'", "3,5"]),
    ],
)
def test_percent_signs_and_decimal_marks_are_those_of_training(
    cells: list, fields: dict, parts: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        one(cells, kind="numeric", **fields)
    assert all(part in str(caught.value) for part in ["f.csv", "'a'", *parts]), caught.value


PLAIN = Schema(
    columns=(Column(name="a", kind="numeric"),),
    target="y",
    task="multiclass",
    classes=("01", "1", "None"),
    plain=True,
)


def test_plain_names_are_neither_missing_nor_numbers() -> None:
    names = conform_target(pl.Series("y", ["1", "None", None, "01"]), PLAIN)
    assert names.to_list() == ["1", "None", None, "01"]
    assert class_codes(names, PLAIN).to_list() == [1, 2, None, 0]
    assert conform_target(pl.Series("y", [1, None]), PLAIN).to_list() == ["1", None]
    assert conform_target(names.cast(pl.Categorical), PLAIN).to_list() == names.to_list()
    with pytest.raises(InputError, match="row 1"):
        conform_target(pl.Series("y", ["1.0"]), PLAIN)


def test_a_number_to_predict_is_read_as_training_wrote_it() -> None:
    update = {"task": "regression", "classes": (), "notations": (("y", "1.234,5"),)}
    schema = PLAIN.model_copy(update={**update, "plain": False})
    assert conform_target(pl.Series("y", ["3,50", "1.500"]), schema).to_list() == [3.5, 1500]
    assert conform_target(pl.Series("y", [3.5]), schema).to_list() == [3.5]


@pytest.mark.parametrize(
    ("cells", "fields", "parts"),
    [
        (["1", "y"], {"kind": "numeric", "words": ("x",)}, ["row 2", "'y'", "one of: x"]),
        (["1,5", "1.5"], {"kind": "numeric", "notation": "1.234,5"}, ["row 2", "'1.5'", "3,5"]),
        (["2024-01-01", "soon"], {"kind": "date"}, ["row 2", "'soon'", "2024-01-31"]),
        (["2024-01-01 10:00:00", "soon"], {"kind": "date"}, ["row 2", "'soon'"]),
        (["2024-01-01T10:00:00Z", None, "soon"], {"kind": "date"}, ["row 3", "'soon'"]),
        (["soon", "2024-01-01"], {"kind": "date"}, ["row 1", "'soon'"]),
        (["1,234", "inf"], {"kind": "numeric"}, ["infinite", "row 2"]),
        (["31/12/24"], {"kind": "date", "notation": "%d/%m/%Y"}, ["row 1", "'31/12/24'", "%d/%m"]),
        ([1, 2], {"kind": "date"}, ["holds dates", "Int64"]),
        ([b"x"], {"kind": "text"}, ["Binary", "texts"]),
    ],
)
def test_cells_that_are_written_otherwise(cells: list, fields: dict, parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        one(cells, **fields)
    assert all(part in str(caught.value) for part in ["f.csv", "'a'", *parts]), caught.value


@pytest.mark.parametrize("sign", [1, -1])
def test_targets_whose_squares_are_no_numbers(sign: int) -> None:
    numbers = Schema(columns=SCHEMA.columns, target="y", task="regression", classes=())
    fine = pl.Series("y", [0.0, None, sign * 1e100])
    assert conform_target(fine, numbers).equals(fine, null_equal=True)
    with pytest.raises(InputError, match=r"too large in row 3") as caught:
        conform_target(pl.Series("y", [0.0, None, sign * 2.5e207]), numbers, "t.csv")
    assert "2.5e+207" in str(caught.value)
