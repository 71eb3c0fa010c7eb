"""A column that alone predicts what the others together can't."""

from __future__ import annotations

import numpy as np
import pytest

from methodic.diagnosis.alone import alone
from methodic.diagnosis.views import Array, View

N = 1500


def signals(seed: int = 0) -> tuple[list[View], Array]:
    """Five columns, and a hidden number of which they tell about a half."""
    random = np.random.default_rng(seed)
    columns = random.normal(size=(5, N))
    columns[4, ::10] = np.nan
    hidden = np.nan_to_num(columns).sum(axis=0) + 2 * random.normal(size=N)
    return [View(f"x{i}", column) for i, column in enumerate(columns)], hidden


def classes(hidden: Array) -> View:
    return View("y", (hidden > 1.0).astype(float), ("no", "yes"))


@pytest.mark.parametrize("seed", range(5))
def test_honest_columns_are_left_alone(seed: int) -> None:
    views, hidden = signals(seed)
    assert alone(views, [classes(hidden)]) == []
    assert alone(views, [View("y", hidden)]) == []
    noise = View("noise", np.random.default_rng(seed).permutation(hidden))
    assert alone([noise], [classes(hidden), View("y", hidden)]) == []


@pytest.mark.parametrize(
    "leak",
    [
        lambda y, r: np.where(r.random(N) < 0.03, 1 - y, y),  # wrong in a few rows
        lambda y, r: y * 3 + r.random(N),  # a number with a threshold in it
        lambda y, r: np.where(y > 0, r.normal(size=N), np.nan),  # only some outcomes have it
    ],
)
def test_leaks_of_classes_are_found(leak: object) -> None:
    views, hidden = signals()
    target = classes(hidden)
    column = View("leak", leak(target.values, np.random.default_rng(9)))  # type: ignore[operator]
    (found,) = alone([*views, column], [target])
    assert found.columns == ("leak",)
    assert "which all other columns together don't" in found.what
    numbers = found.numbers
    assert numbers["error"] < 0.06 < numbers["error of the others"] < numbers["error of guessing"]
    assert "--drop leak" in found.advice


def test_what_was_left_out_is_said() -> None:
    """Of two leaks each is more than the others without the other one, and that is said."""
    views, hidden = signals()
    target = classes(hidden)
    random = np.random.default_rng(3)
    leaks = [View(name, target.values * 3 + random.random(N)) for name in ("a", "b")]
    found = alone([*views, *leaks], [target])
    assert {each.columns for each in found} == {("a",), ("b",)}
    assert all("without those that predict it as well, don't" in each.what for each in found)
    (one,) = alone([*views, leaks[0]], [target], less=True)
    assert "without those that predict it as well, don't" in one.what


def test_a_word_that_gives_the_class_away() -> None:
    views, hidden = signals()
    target = classes(hidden)
    random = np.random.default_rng(1)
    codes = np.where(target.values > 0, random.integers(0, 4, N), random.integers(4, 9, N))
    order = random.permutation(9)  # names are in no order of their meaning
    words = View("status", order[codes].astype(float), tuple(f"s{i}" for i in range(9)))
    (found,) = alone([*views, words], [target])
    assert found.columns == ("status",)


def test_leaks_of_numbers_are_found() -> None:
    views, hidden = signals()
    leak = View("leak", hidden**3 + np.random.default_rng(1).normal(size=N) * 0.1)
    (found,) = alone([*views, leak], [View("y", hidden)])
    assert found.columns == ("leak",)
    assert "of the variance explained" in found.evidence[0]


def test_two_leaks_do_not_excuse_each_other() -> None:
    views, hidden = signals()
    target = classes(hidden)
    random = np.random.default_rng(2)
    leaks = [View(name, target.values * 2 + random.random(N)) for name in ("one", "two")]
    found = alone([*views, *leaks], [target])
    assert {each.columns[0] for each in found} == {"one", "two"}


@pytest.mark.parametrize("noise", [1.0, 1.6])
def test_equally_good_columns_excuse_each_other(noise: float) -> None:
    """As the width and the length of the petals do in iris."""
    random = np.random.default_rng(3)
    kind = random.integers(0, 3, N).astype(float)
    both = [View(name, kind * 4 + noise * random.normal(size=N)) for name in ("width", "length")]
    assert alone(both, [View("y", kind, ("a", "b", "c"))]) == []


def test_too_few_rows_or_one_class_say_nothing() -> None:
    y = np.arange(40.0) % 2
    assert alone([View("leak", y + 0.1)], [View("y", y, ("a", "b"))]) == []
    same = View("y", np.zeros(N), ("a", "b"))
    assert alone(signals()[0], [same]) == []


def test_rows_without_a_target_are_left_out() -> None:
    views, hidden = signals()
    y = np.where(np.arange(N) % 3 == 0, np.nan, hidden)
    leak = View("leak", hidden + 0.01)
    (found,) = alone([*views, leak], [View("y", y)])
    assert found.numbers["rows"] == N * 2 // 3
