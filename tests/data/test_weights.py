"""A column that says how much each row counts."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from methodic.data.loading import load
from methodic.data.weights import checked, weights_of
from methodic.errors import InputError

N = 40


def table(weights: object) -> pl.DataFrame:
    columns = {"x": range(N), "y": [i % 2 for i in range(N)], "w": weights}
    return pl.DataFrame(columns, strict=False)


def test_weights_are_no_input_and_stay_with_their_rows() -> None:
    data = load(table([1 + i % 3 for i in range(N)]), "y", weight="w")
    assert [column.name for column in data.schema.columns] == ["x"]
    assert data.schema.weight == "w"
    assert data.frame["w"].to_list() == [1 + i % 3 for i in range(N)]
    found = weights_of(data.frame, data.schema)
    assert found is not None
    assert found.mean() == pytest.approx(1.0)
    np.testing.assert_allclose(found / found[0], data.frame["w"].to_numpy())
    assert ("weights", "w: 1 to 3, median 2") in data.describe()


def test_a_weight_of_0_leaves_the_row_out() -> None:
    data = load(table([i % 3 / 2 for i in range(N)]), "y", weight="w")
    assert data.frame.height == 26
    assert "data: 14 rows have weight 0 and don't count" in data.notes


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (-1, "is negative in row 4"),
        (None, "is missing in row 4"),
        ("much", "row 4"),
        (float("inf"), "infinite in row 4"),
    ],
)
def test_weights_that_are_none(bad: object, problem: str) -> None:
    cells = [str(1 + i % 3) if isinstance(bad, str) else 1.0 + i % 3 for i in range(N)]
    cells[3] = bad  # type: ignore[call-overload]
    with pytest.raises(InputError) as error:
        load(table(cells), "y", weight="w")
    assert "'w'" in error.value.problem
    assert problem in error.value.problem


def test_no_row_counts() -> None:
    with pytest.raises(InputError, match="is 0 in every row"):
        load(table([0] * N), "y", weight="w")


def test_a_weight_is_neither_target_nor_unknown() -> None:
    with pytest.raises(InputError, match="no column"):
        load(table([1] * N), "y", weight="weights")
    with pytest.raises(InputError, match="'y' is predicted, so it can't be the weight"):
        load(table([1] * N), "y", weight="y")


def test_test_rows_without_weights_count_alike() -> None:
    rows = table([1 + i % 3 for i in range(N)])
    data = load(rows, "y", weight="w", test=rows.drop("w"))
    assert data.test is not None
    assert weights_of(data.test, data.schema) is None
    assert "test data: no column 'w', so all of its rows count alike" in data.notes
    with_them = load(rows, "y", weight="w", test=rows)
    assert with_them.test is not None
    assert weights_of(with_them.test, with_them.schema) is not None


def test_huge_weights_keep_their_ratios() -> None:
    data = load(table([1.5e308 if i % 2 else 0.75e308 for i in range(N)]), "y", weight="w")
    found = weights_of(data.frame, data.schema)
    assert found is not None
    assert found[1] / found[0] == pytest.approx(2.0)


def test_checked_numbers_may_be_texts() -> None:
    assert checked(pl.Series("w", ["1.5", "2"])).to_list() == [1.5, 2.0]
    assert checked(pl.Series("w", ["1,5", "2"]), notation="1.234,5").to_list() == [1.5, 2.0]


def test_checked_numbers_of_a_notation() -> None:
    data = load(table([f"{1 + i % 3},5" for i in range(N)]), "y", weight="w")
    assert data.schema.notation("w") == "1.234,5"
    assert data.frame["w"].to_list()[:3] == [1.5, 2.5, 3.5]
