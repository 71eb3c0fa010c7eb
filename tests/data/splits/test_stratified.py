"""What rows have in common: equal rows, strata."""

from __future__ import annotations

import numpy as np
import polars as pl

from methodic.data.dataset import DataSet
from methodic.data.loading import load
from methodic.data.schemas.schema import Column, Schema
from methodic.data.splits.stratified import equal_rows, numbered, strata


def test_numbers_follow_first_appearance() -> None:
    assert numbered(np.array([7, 3, 7, 9, 3])).tolist() == [0, 1, 0, 2, 1]


def test_what_is_said_about_rows_makes_none_different() -> None:
    frame = pl.DataFrame({"a": [*range(20), *range(20)], "y": [0, 1] * 20, "t": range(40)})
    plain = load(frame.drop("t"), "y")
    timed = load(frame, "y", time="t")
    assert equal_rows(timed).tolist() == equal_rows(plain).tolist()
    assert equal_rows(timed).tolist() == [*range(20), *range(20)]


def test_numbers_are_in_ten_ranges() -> None:
    data = load("diabetes")
    found = strata(data, np.arange(100))
    assert np.bincount(found).tolist() == [10] * 10
    values = data.frame["target"].to_numpy()[:100]
    assert all(values[found == i].max() <= values[found == i + 1].min() for i in range(9)), (
        "ranges are in order"
    )


def test_of_labels_the_rarest_counts() -> None:
    frame = pl.DataFrame({"a": range(6), "often": [1, 1, 1, 1, 0, 0], "rare": [1, 0, 0, 0, 1, 0]})
    schema = Schema(
        columns=(Column(name="a", kind="numeric"),),
        target="often",
        others=("rare",),
        task="multilabel",
        classes=("often", "rare"),
    )
    found = strata(DataSet("made", None, frame, schema), np.arange(6))
    assert found.tolist() == [2, 1, 1, 1, 2, 0]
