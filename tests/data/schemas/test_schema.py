"""Kinds, task and classes, read off a table."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from methodic.data.schemas.schema import Column, Schema, infer
from methodic.data.schemas.task import FEW
from methodic.errors import InputError
from methodic.plan import Reading

N = 40
WORDS = [f"{'abcdefghij'[i // 10]}{'abcdefghij'[i % 10]}" for i in range(100)]


def table(**columns: object) -> pl.DataFrame:
    return pl.DataFrame(
        {"a": [i % 7 for i in range(N)], "target": [i % 2 for i in range(N)]} | columns,
        strict=False,
    )


def reasons(schema: Schema) -> dict[str, str]:
    return {each.name: each.why for each in schema.dropped}


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([i * 0.5 for i in range(N)], "numeric"),
        ([str(i) for i in range(N)], "numeric"),
        (["1", "?", *map(str, range(N - 2))], "numeric"),
        ([WORDS[i % 5] for i in range(N)], "categorical"),
        ([i % 3 == 0 for i in range(N)], "categorical"),
        ([None, *([1.0] * (N - 1))], "numeric"),  # missing or not says something, too
        ([date(2020, 1, 1 + i % 28) for i in range(N)], "date"),
        ([f"2020-01-{1 + i % 28:02}" for i in range(N)], "date"),
    ],
)
def test_kinds(cells: list, kind: str) -> None:
    assert infer(table(b=cells), "target").columns[1] == Column(name="b", kind=kind)


@pytest.mark.parametrize("cells", [["x", "y"] * (N // 2), [0.5 * i for i in range(N)]])
def test_a_target_may_have_any_name(cells: list) -> None:
    assert infer(table(count=cells), "count").target == "count"


@pytest.mark.parametrize(
    ("name", "cells", "why"),
    [
        ("b", [None] * N, "all values are missing"),
        ("b", ["?"] * N, "all values are missing"),
        ("b", [float("nan")] * N, "all values are missing"),
        ("b", [3] * N, "all values are the same (3)"),
        ("b", ["x"] * N, "all values are the same (x)"),
        ("b", WORDS[:N], "every value is different"),
        ("b", [*WORDS[: N - 1], WORDS[0]], "39 of 40 values are different"),
        ("b", [date(2020, 1, 1)] * N, "all values are the same (2020-01-01)"),
        ("b", [[1, 2]] * N, "are not used"),
        ("b", [{"u": 1}] * N, "are not used"),
        ("customer_id", list(range(N)), "it numbers the rows"),
        ("unnamed_1", list(range(N)), "it numbers the rows"),
        ("b", [1e9 + i % 2 for i in range(N)], "seventh digit"),
    ],
)
def test_columns_without_use_are_dropped_with_the_reason(name: str, cells: list, why: str) -> None:
    schema = infer(table(**{name: cells}), "target")
    assert [column.name for column in schema.columns] == ["a"]
    assert why in reasons(schema)[name]


def test_different_numbers_are_numbers_unless_the_name_says_otherwise() -> None:
    assert infer(table(width=list(range(N))), "target").named("numeric") == ["a", "width"]


def test_dropped_on_demand() -> None:
    schema = infer(table(b=list(range(N))), "target", Reading(drop=("b",)))
    assert reasons(schema) == {"b": "asked for"}


def test_one_array_column() -> None:
    cells = pl.Series(
        [[[i, 0.5], [1.0, 2.0]] for i in range(N)], dtype=pl.Array(pl.Float32, (2, 2))
    )
    schema = infer(table(b=cells, c=cells), "target")
    assert schema.columns[1] == Column(name="b", kind="array", shape=(2, 2))
    assert "'b' is it" in reasons(schema)["c"]


@pytest.mark.parametrize(
    ("cells", "task", "classes"),
    [
        ([i % 2 for i in range(N)], "binary", ("0", "1")),
        ([float(i % 2) for i in range(N)], "binary", ("0", "1")),
        ([0.5 + i % 2 for i in range(N)], "binary", ("0.5", "1.5")),
        ([i % 12 for i in range(N)], "multiclass", tuple(map(str, range(12)))),
        ([str(8 + i % 3) for i in range(N)], "multiclass", ("8", "9", "10")),
        (["yn"[i % 2] for i in range(N)], "binary", ("n", "y")),
        ([i % 2 == 0 for i in range(N)], "binary", ("False", "True")),
        ([None, *[i % 2 for i in range(N - 1)]], "binary", ("0", "1")),
        ([i / 3 for i in range(N)], "regression", ()),
        ([i % 3 + 0.5 for i in range(N)], "regression", ()),
        ([i % (FEW + 1) for i in range(N)], "regression", ()),
        ([99, *[i % 3 for i in range(N - 1)]], "regression", ()),  # a value that occurs once
    ],
)
def test_the_task_is_inferred(cells: list, task: str, classes: tuple[str, ...]) -> None:
    schema = infer(table(target=cells), "target")
    assert (schema.task, schema.classes) == (task, classes)


@pytest.mark.parametrize(
    ("asked", "cells", "task"),
    [
        ("regression", [i % 2 for i in range(N)], "regression"),
        ("classification", [i % 25 for i in range(2 * 25)], "multiclass"),
        ("classification", [i % 2 for i in range(N)], "binary"),
        ("multiclass", [i % 2 for i in range(N)], "multiclass"),
        ("binary", ["yn"[i % 2] for i in range(N)], "binary"),
    ],
)
def test_the_task_can_be_given(asked: str, cells: list, task: str) -> None:
    frame = pl.DataFrame({"a": [i % 7 for i in range(len(cells))], "target": cells})
    assert infer(frame, "target", Reading(task=asked)).task == task


@pytest.mark.parametrize(
    ("cells", "task", "parts"),
    [
        ([1] * N, None, ["'target' is constant", "1 in all 40 rows", "--target"]),
        ([None] * N, None, ["'target' has no values"]),
        ([i % 2 for i in range(N)], "clustering", ["no task 'clustering'", "regression"]),
        ([i % 2 for i in range(N)], "regresion", ["Did you mean 'regression'?"]),
        ([i % 3 for i in range(N)], "binary", ["3 classes", "0, 1, 2", "multiclass"]),
        (["yn"[i % 2] for i in range(N)], "regression", ["holds texts", "'target'", "--task"]),
        (["rare", *["yn"[i % 2] for i in range(N - 1)]], None, ["'rare'", "single row", "join"]),
        (WORDS[:N], None, ["40 classes of a single row", "--target"]),
        ([99, *[i % 2 for i in range(N - 1)]], "multiclass", ["'99'", "--task regression"]),
        ([date(2020, 1, 1 + i % 28) for i in range(N)], None, ["'target'", "Date", "numbers"]),
    ],
)
def test_bad_targets(cells: list, task: str | None, parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        infer(table(target=cells), "target", Reading(task=task))
    assert all(part in str(caught.value) for part in parts), caught.value


def test_a_misspelt_target_names_the_nearest() -> None:
    with pytest.raises(InputError, match="Did you mean 'target'"):
        infer(table(), "tagret")


def test_no_input_column_left() -> None:
    with pytest.raises(InputError, match="no input column is left") as caught:
        infer(table(a=[1] * N), "target")
    assert "'a': all values are the same" in str(caught.value)


def test_json_round_trip() -> None:
    schema = infer(table(b=[WORDS[i % 5] for i in range(N)], c=[1] * N), "target")
    assert Schema.model_validate_json(schema.model_dump_json()) == schema
