"""Test rows that are unlike the training rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from methodic.diagnosis.shift import moved, shifted
from methodic.diagnosis.views import Array, View


def side(rows: int, seed: int) -> list[View]:
    random = np.random.default_rng(seed)
    words = random.choice(3, rows, p=[0.6, 0.3, 0.1]).astype(float)
    gaps = np.where(random.random(rows) < 0.1, np.nan, random.normal(size=rows))
    return [
        View("number", random.normal(size=rows)),
        View("word", words, ("a", "b", "c")),
        View("gaps", gaps),
    ]


def replaced(views: list[View], name: str, values: Array) -> list[View]:
    return [View(v.name, values, v.words) if v.name == name else v for v in views]


@pytest.mark.parametrize("seed", range(10))
def test_sides_of_one_kind_are_alike(seed: int) -> None:
    train, test = side(1000, seed), side(300, seed + 100)
    assert shifted(train, test, [(train[0], test[0])]) == []
    assert shifted(train[:1], test[:1], []) == []


def test_small_sides_differ_by_chance() -> None:
    apart = []
    for seed in range(30):
        train, test = side(80, seed), side(60, seed + 100)
        apart += [moved(a, b).distance for a, b in zip(train, test, strict=True)]
        assert [each for each in shifted(train, test, []) if each.columns] == []
    assert np.mean(np.array(apart) >= 0.1) > 0.5, "the distances alone would be findings"


def test_a_column_that_moved() -> None:
    train, test = side(2000, 0), side(500, 1)
    test = replaced(test, "number", test[0].values + 1)
    (found,) = shifted(train, test, [])
    assert found.columns == ("number",)
    assert "'number' moved" in found.what
    assert found.numbers["auc"] > 0.65
    assert not found.serious
    assert "median" in found.evidence[0]


def test_shares_of_categories_that_moved_and_new_ones() -> None:
    train, test = side(2000, 0), side(500, 1)
    mostly = replaced(test, "word", np.where(np.arange(500) % 2 == 0, 2.0, test[1].values))
    (found,) = shifted(train, mostly, [])
    assert found.columns == ("word",)
    assert "'c' 1" in found.evidence[0]
    fresh = [View("word", v.values, ("a", "b", "new")) if v.name == "word" else v for v in mostly]
    (found,) = shifted(train, fresh, [])
    assert "of test rows hold what training doesn't know, as 'new'" in found.evidence[0]


def test_values_that_went_missing() -> None:
    train, test = side(2000, 0), side(500, 1)
    gone = np.where(np.arange(500) % 2 == 0, np.nan, test[2].values)
    (found,) = shifted(train, replaced(test, "gaps", gone), [])
    assert found.columns == ("gaps",)
    assert "missing in" in found.evidence[0]


def test_columns_that_moved_together_only_are_told_by_the_classifier() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(2, 3000))
    y = random.normal(size=1000)
    train = [View("a", x[0]), View("b", x[1])]
    test = [View("a", y), View("b", y + 0.1 * random.normal(size=1000))]
    (found,) = shifted(train, test, [])
    assert found.columns == ()
    assert "several columns together" in found.what
    assert found.numbers["auc"] > 0.8


def test_a_target_that_moved() -> None:
    train, test = side(2000, 0), side(500, 1)
    y = View("y", np.arange(2000) % 2 * 1.0, ("no", "yes"))
    rare = View("y", (np.arange(500) % 10 == 0) * 1.0, ("no", "yes"))
    (found,) = shifted(train, test, [(y, rare)])
    assert found.what == "The target 'y' is distributed differently in your test rows."
    assert "'no' 50.0% in training, 90.0% in the test" in found.evidence[0]


def test_few_rows_say_nothing() -> None:
    train, test = side(2000, 0), side(30, 1)
    assert shifted(train, replaced(test, "number", test[0].values + 5), []) == []


def test_the_distance_is_that_of_kolmogorov_and_smirnov() -> None:
    random = np.random.default_rng(4)
    x, y = random.normal(size=400), random.normal(0.3, 1.2, size=300).round(1)
    found = moved(View("x", x), View("x", y))
    reference = stats.ks_2samp(x, y, method="asymp")
    assert found.distance == pytest.approx(reference.statistic, abs=1e-12)
    assert found.p == pytest.approx(reference.pvalue, rel=0.1)
    assert moved(View("x", x), View("x", x)).distance == 0


def test_columns_without_values() -> None:
    empty = np.full(200, np.nan)
    found = moved(View("x", empty), View("x", np.zeros(200)))
    assert found.distance == 1.0
    assert found.p < 1e-10
    assert moved(View("x", empty), View("x", empty)).distance == 0
