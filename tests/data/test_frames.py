"""Tables from memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from methodic.data.frames import as_frame, as_series
from methodic.errors import InputError

ROWS = [[1.0, 2.0], [3.0, 4.0]]


class Sparse:
    def toarray(self) -> None: ...


@pytest.mark.parametrize(
    "source",
    [
        ROWS,
        np.array(ROWS),
        np.array(ROWS, dtype=">f8"),
        np.array(ROWS, dtype=np.float16),
        np.array(ROWS, dtype=np.longdouble),
        np.array(ROWS, dtype=np.int16),
        np.array(ROWS, order="F")[::1],
        torch.tensor(ROWS, requires_grad=True),
        torch.tensor(ROWS, dtype=torch.bfloat16),
        pd.DataFrame(ROWS, columns=["x0", "x1"], index=[7, 9]),
        pl.DataFrame({"x0": [1.0, 3.0], "x1": [2.0, 4.0]}),
        pl.LazyFrame({"x0": [1.0, 3.0], "x1": [2.0, 4.0]}),
        [np.array(ROWS[0]), np.array(ROWS[1])],
    ],
)
def test_the_same_rows_from_anywhere(source: object) -> None:
    frame = as_frame(source)
    assert frame.to_dict(as_series=False) == {"x0": [1.0, 3.0], "x1": [2.0, 4.0]}


def test_columns_of_mixed_lists_keep_their_types() -> None:
    frame = as_frame([[1, "a", True], [None, "b", False], [2.5, None, None]])
    assert frame.dtypes == [pl.Float64, pl.String, pl.Boolean]
    assert frame.rows()[1] == (None, "b", False)


def test_three_dimensions_are_one_column_of_arrays() -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    frame = as_frame(torch.from_numpy(array))
    assert frame.schema == {"x": pl.Array(pl.Float32, (3, 4))}
    assert np.array_equal(frame["x"].to_numpy(), array)
    assert as_frame(array > 3)["x"].to_numpy().sum() == 20


def test_pandas_columns_of_every_kind() -> None:
    frame = as_frame(
        pd.DataFrame(
            {
                "mixed": pd.Series([0, "x", None], dtype=object),
                "object_integers": pd.Series([1, np.int64(2), None], dtype=object),
                "object_truths": pd.Series([True, False, pd.NA], dtype=object),
                "nullable": pd.array([1, 2, None], dtype="Int64"),
                "text": ["u", None, "v"],
                "category": pd.Categorical(["q", "r", "q"]),
                "number": [1.0, float("nan"), 2.0],
                3: [1, 2, 3],
            }
        )
    )
    assert frame["mixed"].to_list() == ["0", "x", None]
    assert frame["object_integers"].to_list() == [1, 2, None]
    assert frame["object_truths"].to_list() == [True, False, None]
    assert frame["nullable"].to_list() == [1, 2, None]
    assert frame["text"].to_list() == ["u", None, "v"]
    assert frame["category"].cast(pl.String).to_list() == ["q", "r", "q"]
    assert frame["number"].to_list() == [1.0, None, 2.0]
    assert frame["3"].to_list() == [1, 2, 3]


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ([[1, 2], [3]], ["row 2", "1 cells", "first row has 2"]),
        ([[[1], [2]], [[1], [2, 3]]], ["ragged"]),
        ([1, 2, 3], ["shape (3,)", "reshape"]),
        (np.empty((0, 3)), ["shape (0, 3)", "rows × columns"]),
        (np.array([[1j]]), ["complex"]),
        (np.full((2, 2, 2), "a"), ["must hold numbers"]),
        (Sparse(), ["sparse", "toarray"]),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), ["same name", "'a'"]),
        (42, ["int", "a NumPy array"]),
        ({"a": [1]}, ["dict", "pandas"]),
    ],
)
def test_bad_tables(source: object, parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        as_frame(source)
    assert all(part in str(caught.value) for part in parts), caught.value


@pytest.mark.parametrize(
    "source",
    [
        [1, 2],
        (1, 2),
        np.array([[1], [2]]),
        torch.tensor([1, 2]),
        pd.Series([1, 2], index=[5, 6]),
        pd.DataFrame({"q": [1, 2]}),
        pl.Series("q", [1, 2]),
    ],
)
def test_targets_from_anywhere(source: object) -> None:
    assert as_series(source, "y").equals(pl.Series("y", [1, 2]), check_names=True)


def test_text_targets() -> None:
    assert as_series(["a", None], "y").to_list() == ["a", None]
    assert as_series(np.array(["a", "b"]), "y").to_list() == ["a", "b"]
    assert as_series(np.array([b"a", b"b"]), "y").to_list() == ["a", "b"]


@pytest.mark.parametrize("source", [np.zeros((3, 2)), pd.DataFrame({"a": [1], "b": [2]})])
def test_several_targets_are_refused(source: object) -> None:
    with pytest.raises(InputError, match=r"one (value|target)"):
        as_series(source, "y")


def test_who_changes_a_pandas_frame_later_changes_nothing() -> None:
    cells = {"a": [1.0, 2.0], "b": [1, 2], "c": pd.array([1, None], dtype="Int64"), "d": ["x", "y"]}
    frame = pd.DataFrame(cells)
    found = as_frame(frame)
    frame.loc[0, ["a", "b", "c", "d"]] = [9.0, 9, 9, "z"]
    assert found.row(0) == (1.0, 1, 1, "x")


def test_kinds_of_numbers_in_pandas() -> None:
    frame = pd.DataFrame(
        {
            "big": np.array([1.5, np.nan]).astype(">f8"),
            "long": np.array([1, 2], dtype=np.longdouble),
            "half": np.array([1, 2], dtype=np.float16),
            "few": pd.arrays.SparseArray([0, 1]),
            "seconds": np.array(["2020", "2021"], dtype="datetime64[s]"),
        }
    )
    found = as_frame(frame)
    assert found.row(0)[:4] == (1.5, 1.0, 1.0, 0)
    assert found["big"].to_list() == [1.5, None]
    assert found["seconds"].dt.year().to_list() == [2020, 2021]
    with pytest.raises(InputError, match="complex"):
        as_frame(pd.DataFrame({"z": np.array([1j])}))


def test_moments_of_numpy_in_any_unit() -> None:
    for unit in ("h", "D", "s", "ns", "M"):
        found = as_frame(np.array([["2020-01-01"], ["2021-01-01"]], dtype=f"datetime64[{unit}]"))
        assert found["x0"].dt.year().to_list() == [2020, 2021]
    hours = as_frame(np.array([[1], [2]], dtype="timedelta64[h]"))["x0"]
    assert hours.dt.total_hours().to_list() == [1, 2]


def test_a_name_that_is_taken_by_a_column_without_one() -> None:
    with pytest.raises(InputError, match="same name"):
        as_frame(pl.DataFrame({"": [1], "unnamed_1": [2]}))
