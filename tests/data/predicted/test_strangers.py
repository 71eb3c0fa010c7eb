"""Classes that only the user's own test rows have."""

from __future__ import annotations

import polars as pl
import pytest

from methodic.data.loading import load
from methodic.errors import InputError

TRAIN = pl.DataFrame({"a": [float(i) for i in range(40)], "y": ["cat", "dog"] * 20})


def test_their_rows_are_left_out_and_counted() -> None:
    cells = ["cat", "dog", "cow", None, "cat", "Dog", "cow", "dog", "cat", "dog"]
    test = pl.DataFrame({"a": [float(i) for i in range(10)], "y": cells})
    data = load(TRAIN, "y", test=test)
    assert data.strangers == (("cow", 2), ("Dog", 1))
    assert data.test is not None
    assert data.test["y"].to_list() == ["cat", "dog", "cat", "dog", "cat", "dog"]
    (note,) = (note for note in data.notes if "training knows no row" in note)
    assert note == (
        "test data: 3 of 10 rows are left out, since training knows no row of their class: "
        "'cow' (2), 'Dog' (1)"
    )


def test_another_column_is_refused() -> None:
    test = pl.DataFrame({"a": [1.0, 2.0, 3.0], "y": ["0", "1", "cat"]})
    with pytest.raises(InputError, match="a class that training doesn't know, in row 1"):
        load(TRAIN, "y", test=test)


def test_without_strangers_nothing_changes() -> None:
    data = load(TRAIN, "y", test=TRAIN.head(5))
    assert data.strangers == ()
    assert not data.notes
    numbers = TRAIN.with_columns(y=pl.Series([1, 2] * 20))
    spelt = numbers.head(4).with_columns(y=pl.Series(["1.0", "02", "1", "2"]))
    assert load(numbers, "y", test=spelt).strangers == ()


def test_plain_names_are_compared_as_they_stand() -> None:
    names = ["01", "None", "1", "10"] * 10
    x = TRAIN.select("a")
    data = load(x, names, test=(x.head(4), ["01", "None", "10", "NA"]))
    assert data.strangers == (("NA", 1),)
    assert data.test is not None
    assert data.test["target"].to_list() == ["01", "None", "10"]
