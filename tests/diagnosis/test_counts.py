"""Classes with too few rows, and without any."""

from __future__ import annotations

import numpy as np
import pytest

from methodic.diagnosis.counts import few, strangers, unlearnt

NAMES = ("cat", "cow", "dog")


def test_enough_of_everything() -> None:
    assert few(NAMES, np.array([10, 100, 1000]), np.array([5, 20, 200])) == []
    assert unlearnt(NAMES, np.array([10, 100, 1]), np.zeros(3, int), np.zeros(3, int)) == []
    assert strangers((), NAMES, 10) == []


@pytest.mark.parametrize(
    ("train", "test"), [([9, 100, 100], [20, 20, 20]), ([100, 50, 70], [4, 20, 20])]
)
def test_few_rows_of_a_class(train: list[int], test: list[int]) -> None:
    (found,) = few(NAMES, np.array(train), np.array(test))
    assert found.what == "1 class has too few rows to be learnt or scored well."
    assert found.evidence[0] == f"'cat': {train[0]} training rows, {test[0]} test rows."
    assert (
        f"measured on {test[0]} rows is known to ± {98 / test[0] ** 0.5:.0f}" in found.evidence[1]
    )
    assert not found.serious


def test_where_all_rows_are_tested_none_lack() -> None:
    assert few(NAMES, np.array([12, 100, 100]), None) == []
    (found,) = few(NAMES, np.array([5, 100, 7]), None)
    assert found.evidence == ("'cat': 5 training rows.", "'dog': 7 training rows.")


def test_classes_without_training_rows() -> None:
    train, validation, test = np.array([50, 0, 60]), np.array([9, 0, 9]), np.array([10, 5, 5])
    (found,) = unlearnt(NAMES, train, validation, test)
    assert found.what == (
        "1 class is in the test only (25.0% of the test rows): no model can predict it."
    )
    assert found.serious
    assert found.numbers == {"classes": 1, "rows": 5, "share": 0.25}
    assert few(NAMES, train, test) == [], "told once"
    (found,) = unlearnt(NAMES, train, np.array([9, 1, 9]), test)
    assert "outside of training only" in found.what


def test_strangers_and_what_may_be_meant() -> None:
    (found,) = strangers((("Dog", 6), ("yak", 4)), NAMES, 90)
    assert found.what == (
        "2 classes are in the test only (10.0% of the test rows): their rows are left out, so the "
        "scores are about the other classes alone."
    )
    assert found.evidence == ("'Dog': 6 test rows; is 'dog' meant?", "'yak': 4 test rows.")


def test_many_are_counted() -> None:
    names = tuple(f"class {i}" for i in range(20))
    (found,) = few(names, np.full(20, 3), None)
    assert len(found.evidence) == 7
    assert found.evidence[-1] == "14 more classes."
