"""Several columns of yes and no, sets of labels, and several columns of numbers."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.data.columns.conform import conform_target
from methodic.data.predicted.labels import SEPARATOR, matrix
from methodic.data.schemas.schema import Schema, infer
from methodic.errors import InputError
from methodic.plan import Reading

N = 40


def table(**columns: object) -> pl.DataFrame:
    return pl.DataFrame({"x": [i % 7 for i in range(N)]} | columns, strict=False)


def read(frame: pl.DataFrame, *targets: str, task: str | None = None) -> Schema:
    return infer(frame, targets, Reading(task=task), "table")


def plain(frame: pl.DataFrame, schema: Schema) -> list[list[int]]:
    columns = [conform_target(frame[name], schema) for name in schema.targets]
    return [list(row) for row in matrix(columns, schema).iter_rows()]


HALF = [i % 2 for i in range(N)]


@pytest.mark.parametrize(
    "cells",
    [
        HALF,
        [float(i) for i in HALF],
        [bool(i) for i in HALF],
        ["yes" if i else "no" for i in HALF],
        ["True" if i else "FALSE" for i in HALF],
        [str(i) for i in HALF],
        [" Y " if i else "n" for i in HALF],
    ],
)
def test_columns_of_yes_and_no_are_labels(cells: list) -> None:
    frame = table(a=cells, b=[i % 3 == 0 for i in range(N)])
    schema = read(frame, "a", "b")
    assert (schema.task, schema.classes, schema.others) == ("multilabel", ("a", "b"), ("b",))
    assert plain(frame, schema) == [[i % 2, int(i % 3 == 0)] for i in range(N)]


def test_sets_of_labels_may_be_called_anything() -> None:
    schema = read(table(count=["a;b", "b", "", "a"] * 10), "count", task="multilabel")
    assert schema.classes == ("a", "b")


@pytest.mark.parametrize("task", [None, "multilabel"])
def test_lists_are_sets_of_labels(task: str | None) -> None:
    frame = table(tags=[["b", "a"], [], ["a"], ["c", "a", "c"]] * 10)
    schema = read(frame, "tags", task=task)
    assert (schema.task, schema.classes) == ("multilabel", ("a", "b", "c"))
    assert plain(frame, schema)[:4] == [[1, 1, 0], [0, 0, 0], [1, 0, 0], [1, 0, 1]]


def test_texts_are_sets_where_the_user_says_so() -> None:
    frame = table(tags=["b; a", SEPARATOR, "a ", "c;a;;c"] * 10)
    assert read(frame, "tags").task == "multiclass"
    schema = read(frame, "tags", task="multilabel")
    assert schema.classes == ("a", "b", "c")
    told = conform_target(frame["tags"], schema)
    assert told[:4].to_list() == ["a;b", SEPARATOR, "a", "a;c"]
    assert conform_target(told, schema).equals(told), "the plain form is its own"
    assert plain(frame, schema)[:4] == [[1, 1, 0], [0, 0, 0], [1, 0, 0], [1, 0, 1]]


def test_an_empty_cell_is_a_missing_one() -> None:
    schema = read(table(tags=["a;b", "b", "", "a"] * 10), "tags", task="multilabel")
    told = conform_target(pl.Series("tags", ["a;b", "", None]), schema)
    assert told.to_list() == ["a;b", None, None]


def test_numbers_side_by_side_are_a_regression() -> None:
    schema = read(table(a=[i * 0.5 for i in range(N)], b=HALF), "a", "b")
    assert (schema.task, schema.classes, schema.targets) == ("regression", (), ("a", "b"))
    assert read(table(a=HALF, b=HALF), "a", "b", task="regression").task == "regression"


@pytest.mark.parametrize(
    ("columns", "task", "problem", "found"),
    [
        ({"a": HALF, "b": [*list("abc" * 13), "a"]}, None, "all be numbers, or all", "'b' holds"),
        ({"a": HALF, "b": list(range(N))}, "multilabel", "'b' is more than yes or no", "'2' in"),
        ({"a": HALF, "b": list(range(N))}, "classification", "more than yes or no", "row 3"),
        ({"a": HALF, "b": HALF}, "binary", "2 targets, and a binary task has one", None),
        ({"a": HALF, "b": [1] * N}, None, "'b' is constant", "1 in all 40 rows"),
        ({"a": HALF, "b": [None] * N}, None, "'b' has no values", "missing"),
        ({"a": HALF, "b": [2.5] * N}, None, "'b' is constant", "2.5"),
    ],
)
def test_targets_that_do_not_fit(
    columns: dict, task: str | None, problem: str, found: str | None
) -> None:
    with pytest.raises(InputError) as error:
        read(table(**columns), "a", "b", task=task)
    assert problem in error.value.problem
    assert found is None or found in str(error.value.found)


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (["a"] * N, "has 1 label, and"),
        (["a;b", "a"] * (N // 2), "the label 'a' is in every row"),
        ([["a;b"], ["c"]] * (N // 2), "contains ';'"),
        ([[1.5], [2.5]] * (N // 2), "holds lists of Float64"),
    ],
)
def test_sets_that_do_not_fit(cells: list, problem: str) -> None:
    with pytest.raises(InputError) as error:
        read(table(tags=cells), "tags", task="multilabel")
    assert problem in error.value.problem


def test_a_label_twice_in_a_cell_is_there_once() -> None:
    schema = read(table(tags=["a;a", "b"] * (N // 2)), "tags", task="multilabel")
    assert schema.classes == ("a", "b")
    with pytest.raises(InputError, match="the label 'a' is in every row"):
        read(table(tags=["a;a", "a;b"] * (N // 2)), "tags", task="multilabel")


def test_labels_without_a_value_and_of_another_type() -> None:
    both = read(table(a=HALF, b=[1, *HALF[1:]]), "a", "b")
    assert conform_target(pl.Series("b", [None, None]), both).to_list() == [None, None]
    for cells in ([[1]], [{"c": 1}]):
        with pytest.raises(InputError, match="'b' holds values that name no label"):
            conform_target(pl.Series("b", cells), both)
    for cell in ({"c": 1}, b"\xff"):
        with pytest.raises(InputError, match="'b' holds values that name no label"):
            read(table(b=[cell] * N), "b", task="multilabel")
    with pytest.raises(InputError, match="'b' holds values that name no label"):
        read(table(a=HALF, b=[[1]] * N), "a", "b", task="multilabel")


def test_a_target_is_named_once() -> None:
    with pytest.raises(InputError, match="named twice"):
        read(table(a=HALF), "a", "a")


def test_later_rows_with_an_unknown_label_are_refused_by_row() -> None:
    schema = read(table(tags=["a;b", "a", "b"] * 13 + ["b"]), "tags", task="multilabel")
    with pytest.raises(InputError) as error:
        conform_target(pl.Series("tags", ["a", "b;z"]), schema, "later")
    assert "row 2" in error.value.problem
    assert error.value.found == "'z'"
    assert error.value.accepted == "a, b"
    both = read(table(a=HALF, b=[1, *HALF[1:]]), "a", "b")
    with pytest.raises(InputError) as error:
        conform_target(pl.Series("b", ["yes", "perhaps"]), both, "later")
    assert "'b' is neither yes nor no in row 2" in error.value.problem


names = st.text(st.sampled_from("abcü /"), min_size=1, max_size=4).map(str.strip).filter(bool)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.frozensets(names, max_size=3), min_size=4, max_size=12))
def test_sets_survive_being_written_and_read(sets: list[frozenset[str]]) -> None:
    known = set().union(*sets)
    if len(known) < 2 or any(all(name in each for each in sets) for name in known):
        return
    cells = [";".join(each) or SEPARATOR for each in sets]
    frame = pl.DataFrame({"x": range(len(cells)), "tags": cells})
    schema = infer(frame, "tags", Reading(task="multilabel"))
    assert set(schema.classes) == known
    rows = plain(frame, schema)
    back = [{name for name, has in zip(schema.classes, row, strict=True) if has} for row in rows]
    assert back == [set(each) for each in sets]
