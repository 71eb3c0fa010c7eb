"""What is to be learnt of a target; by its values: see test_schema."""

from __future__ import annotations

import polars as pl
import pytest

from methodic.data.schemas.task import answers_of, task_of

NAMES = ["None", "NA", "null", "", " a", "01", "1", "2024-01-31", "true", "TRUE", "nan"]


def test_names_are_as_they_stand() -> None:
    column = pl.Series("y", [*NAMES, None] * 2)
    for each in (column, column.cast(pl.Categorical)):
        cells, plain = answers_of(each, "classification", names=True)
        assert plain
        assert cells.to_list() == column.to_list()
        task, classes = task_of(cells.drop_nulls(), "classification", "data", plain=True)
        assert (task, classes) == ("multiclass", tuple(sorted(NAMES)))


def test_names_that_are_numbers_are_sorted_as_such() -> None:
    assert task_of(pl.Series(["10", "9", "09"] * 2), None, "data", plain=True)[1] == (
        "09",
        "9",
        "10",
    )


@pytest.mark.parametrize(
    ("cells", "task", "plain"),
    [
        (["1", "2"] * 9, None, True),
        ([f"{i}.5" for i in range(9)], None, False),  # numbers to predict, written as texts
        ([f"{i}.5" for i in range(9)], "classification", True),
        (["1", "2"] * 9, "regression", False),
        ([1, 2] * 9, None, False),
        (["a", "b"], None, True),
    ],
)
def test_texts_that_regression_can_learn_are_numbers(
    cells: list, task: str | None, plain: bool
) -> None:
    assert answers_of(pl.Series(cells), task, names=True)[1] == plain
    assert not answers_of(pl.Series(cells), task, names=False)[1]
