"""The target in disguise."""

from __future__ import annotations

import numpy as np
import pytest

from methodic.diagnosis.disguise import disguised
from methodic.diagnosis.findings import Finding
from methodic.diagnosis.views import Array, View

RANDOM = np.random.default_rng(0)
Y = RANDOM.gamma(2.0, 3.0, 400)
CLASS = View("y", RANDOM.integers(0, 3, 400).astype(float), ("low", "mid", "top"))


def of_numbers(x: Array, y: Array = Y) -> list[Finding]:
    other = View("other", np.random.default_rng(5).normal(size=len(y)))
    return disguised([other, View("x", x)], [View("y", y)])


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (Y, "a copy"),
        (Y * 1000 + 3, "in other units"),
        (-Y / 7, "in other units"),
        (np.log(Y), "a monotone function"),
        (-(Y**3), "a monotone function"),
        (np.round(Y, 1), "a monotone function"),
        (np.argsort(np.argsort(Y)).astype(float), "a monotone function"),
        (np.where(np.arange(400) < 20, np.nan, Y), "a copy"),
    ],
)
def test_numbers_in_disguise(x: Array, says: str) -> None:
    (found,) = of_numbers(x)
    assert says in found.what
    assert found.columns == ("x",)
    assert found.serious
    assert "--drop x" in found.advice


@pytest.mark.parametrize(
    "x",
    [
        Y + RANDOM.normal(size=400) * 0.01,
        np.where(np.arange(400) == 7, 1e3, np.log(Y)),  # one row in another order
        np.where(np.arange(400) < 100, np.nan, Y),  # mostly, but not always there
        (Y > 5).astype(float),  # few values: no more than a threshold
        np.sin(Y),
        np.full(400, 2.0),
        np.where(np.arange(400) < 12, -np.finfo(float).max, RANDOM.normal(size=400)),  # "no data"
    ],
)
def test_what_is_no_disguise(x: Array) -> None:
    assert of_numbers(x) == []


def test_values_that_overlap_are_no_function_of_a_coarse_target() -> None:
    levels = np.floor(np.sort(Y)[::-1])
    within = np.random.default_rng(1).random(400)
    assert of_numbers(levels + 1.5 * within, levels) == []
    (found,) = of_numbers(levels + 0.9 * within, levels)
    assert "a monotone function" in found.what


def test_other_units_come_with_the_formula() -> None:
    (found,) = of_numbers(Y * 1000 + 3)
    assert found.evidence[0].startswith("'y' = 0.001 × 'x' -0.003,")


def test_renamed_classes() -> None:
    names = np.array([2, 0, 1])
    renamed = View("z", names[CLASS.values.astype(int)].astype(float), ("b", "c", "a"))
    (found,) = disguised([renamed, CLASS], [CLASS])[:1]
    assert found.what == "'z' is the target 'y' under other names."
    assert "'a' is 'low'" in found.evidence[0]
    coded = View("code", CLASS.values * 10 + 1)
    (found,) = disguised([coded], [CLASS])
    assert "1 is 'low', 11 is 'mid', 21 is 'top'" in found.evidence[0]


def test_one_exception_is_no_renaming() -> None:
    values = CLASS.values.copy()
    values[5] = (values[5] + 1) % 3
    assert disguised([View("z", values, ("a", "b", "c"))], [CLASS]) == []
    finer = View("z", CLASS.values * 2 + RANDOM.integers(0, 2, 400), tuple("abcdef"))
    assert disguised([finer], [CLASS]) == []


def test_sums() -> None:
    a, b, c = np.random.default_rng(1).normal(size=(3, 400))
    views = [View("a", a), View("b", b), View("c", c)]
    (found,) = disguised(views, [View("y", 2 * a - 5 * b + 1)])
    assert found.columns == ("a", "b")
    assert found.evidence[0].startswith("'y' = 2 × 'a' -5 × 'b', plus a constant")
    assert disguised(views, [View("y", 2 * a - 5 * b + c * b)]) == []
    assert disguised(views, [View("y", 2 * a - 5 * b + 0.001 * RANDOM.normal(size=400))]) == []


def test_a_copy_is_told_instead_of_the_sum_that_it_makes() -> None:
    (found,) = of_numbers(Y)
    assert found.columns == ("x",)


def test_few_rows_say_nothing() -> None:
    assert of_numbers(Y[:15], Y[:15]) == []
    # Twenty rows in thirty columns always have a sum.
    wide = [View(str(i), x) for i, x in enumerate(np.random.default_rng(3).normal(size=(30, 20)))]
    assert disguised(wide, [View("y", Y[:20])]) == []
