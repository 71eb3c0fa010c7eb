"""Rows and groups on both sides of a split."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from methodic.data.schemas.schema import Column, Schema
from methodic.diagnosis.copies import duplicates, groups

SCHEMA = Schema(
    columns=(Column(name="a", kind="numeric"), Column(name="b", kind="categorical")),
    target="y",
    task="binary",
    classes=("no", "yes"),
    group="who",
    weight="w",
)


def made(rows: int, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "a": random.normal(size=rows),
            "b": random.choice(["x", "z"], rows),
            "w": random.random(rows),
            "who": [f"{seed}-{i // 5}" for i in range(rows)],
            "y": random.choice(["no", "yes"], rows),
        }
    )


def test_columns_may_be_called_anything() -> None:
    names = {"b": "count"}
    schema = SCHEMA.model_copy(update={"columns": (Column(name="count", kind="categorical"),)})
    train, test = (made(500, seed).rename(names).drop("a") for seed in (0, 1))
    assert duplicates(train, test, schema) == []


def test_copied_rows_are_found_and_shown() -> None:
    train, test = made(500, 0), made(200, 1)
    copied = train[[7, 100, 3, 499, 250]].with_columns(w=pl.lit(9.0), who=pl.lit("new"))
    (found,) = duplicates(train, pl.concat([test.head(95), copied]), SCHEMA)
    assert found.name == "duplicates"
    assert found.what.startswith("5.0% of your test rows (5 of 100)")
    assert "test row 96 is training row 8, test row 97 is training row 101" in found.evidence[0]
    assert found.numbers["rows"] == 5
    assert found.serious
    (mild,) = duplicates(train, pl.concat([made(395, 2), copied]), SCHEMA)
    assert not mild.serious


def test_another_answer_or_type_makes_another_row_or_the_same() -> None:
    train = made(500, 0)
    turned = train.head(50).with_columns(
        y=pl.col("y").replace({"no": "yes", "yes": "no"}),
    )
    assert duplicates(train, turned, SCHEMA) == []
    whole = made(500, 0).with_columns(a=pl.int_range(500))
    other = whole.head(50).with_columns(pl.col("a").cast(pl.Float64))
    (found,) = duplicates(whole, other, SCHEMA)
    assert found.numbers["share"] == 1


def test_a_few_equal_rows_are_chance() -> None:
    train = made(500, 0)
    assert duplicates(train, pl.concat([made(100, 1), train.head(2)]), SCHEMA) == []
    assert duplicates(train, pl.concat([made(1000, 1), train.head(4)]), SCHEMA) == []


def test_coarse_columns_make_equal_rows_by_themselves() -> None:
    train, test = (
        made(2000, seed).with_columns(a=pl.col("a").clip(-1, 1).round()) for seed in (0, 1)
    )
    assert duplicates(train, test, SCHEMA) == []


@pytest.mark.parametrize("shared", [0, 3])
def test_groups(shared: int) -> None:
    train, test = made(100, 0), made(50, 1)
    cells = [*(["0-1", "0-2", "0-2"][:shared]), *test["who"].to_list()[shared:]]
    found = groups(train, test.with_columns(who=pl.Series(cells)), SCHEMA)
    if not shared:
        assert found == []
        return
    assert found[0].what == "6.0% of your test rows belong to a 'who' that training knows."
    assert "2 of" in found[0].evidence[0]
    assert "'0-1', '0-2'" in found[0].evidence[0]
    assert found[0].columns == ("who",)


def test_no_groups_no_finding() -> None:
    train = made(20, 0)
    assert groups(train, train.drop("who"), SCHEMA) == []
    assert groups(train, train, SCHEMA.model_copy(update={"group": None})) == []
    nothing = train.with_columns(who=pl.lit(None, pl.String))
    assert groups(nothing, nothing, SCHEMA) == []
