"""Training rows without a target: which they are, and what is said about them."""

from __future__ import annotations

import numpy as np
import polars as pl

from methodic.data.loading import load
from methodic.data.splits import split
from methodic.runs.rows.besides import FEW, equal, notes, rows

ROWS = 200


def table() -> pl.DataFrame:
    random = np.random.default_rng(5)
    return pl.DataFrame(
        {
            "x": random.normal(size=ROWS),
            "kind": random.choice(["a", "b"], ROWS),
            "y": [None if i % 2 else i % 3 for i in range(ROWS)],
        }
    )


def test_hidden_ones_come_first() -> None:
    data = load(table(), "y", labels=30, unlabelled=table().head(7))
    cut = split(data, 0)
    found = rows(data, cut)
    assert found is not None
    assert found.columns == ["x", "kind"]
    assert found.height == len(cut.hidden) + ROWS // 2 + 7
    assert data.unlabelled is not None
    assert found[: len(cut.hidden)].equals(data.frame[cut.hidden].select("x", "kind"))
    assert found[len(cut.hidden) :].equals(data.unlabelled)


def test_only_those_that_the_split_allows() -> None:
    whose = table().with_columns(who=pl.int_range(pl.len()) // 4)
    data = load(whose, "y", group="who")
    cut = split(data, 0)
    found = rows(data, cut)
    assert found is not None
    assert found.columns == ["x", "kind"]
    assert found.height == len(cut.beside) < 100


def test_none_is_none() -> None:
    data = load("iris")
    assert rows(data, split(data, 0)) is None
    assert notes(data.schema, None, data.frame, 5) == []


def test_rows_that_equal_a_test_row_are_counted() -> None:
    data = load(table(), "y")
    assert data.unlabelled is not None
    test = pl.concat([data.unlabelled[[3, 3, 8]], data.unlabelled[[5]].with_columns(x=0.5)])
    assert equal(data.schema, data.unlabelled, test) == 2
    assert equal(data.schema, data.unlabelled, data.frame) == 0
    (note,) = notes(data.schema, data.unlabelled, test, FEW)
    assert note.startswith("2 of the 100 training rows without a target equal a test row")


def test_few_validation_rows_are_said() -> None:
    data = load(table(), "y")
    (note,) = notes(data.schema, data.unlabelled, data.frame, 16)
    assert note.startswith("Choosing by 16 validation rows is noisy: a score of 80% has a standard")
    assert "10 points" in note
    numbers = load("diabetes", unlabelled="diabetes")
    last = notes(numbers.schema, numbers.unlabelled, numbers.frame, 18)[-1]
    assert "off by about 17%" in last
    assert notes(data.schema, data.unlabelled, data.frame, FEW) == []
