import math

import numpy as np
import pytest
from scipy.stats import binom

from methodic.evidence.closer.residuals import Residuals, half_width, residuals


def simulated(width, trials=4000, rows=50, seed=0) -> int:
    """How often a new row lies inside an interval from ``rows`` validation rows."""
    random = np.random.default_rng(seed)
    inside = 0
    for _ in range(trials):
        known = random.standard_t(3, rows + 1)
        inside += abs(known[-1]) <= width(np.abs(known[:-1]))
    return inside


def test_intervals_cover_as_often_as_the_theory_says():
    # 50 validation rows, level 0.9: the 46th smallest of 50, so exactly 46/51 of new rows.
    low, high = binom.interval(0.999, 4000, 46 / 51)
    assert low <= simulated(half_width) <= high
    # A mutation: the plain quantile of few rows covers less.
    few_low, _ = binom.interval(0.999, 4000, 10 / 11)
    assert simulated(lambda known: np.quantile(known, 0.9), rows=10) < few_low
    assert simulated(half_width, rows=10) >= few_low


def test_the_width_is_a_place_in_the_sorted_list():
    for rows in (9, 10, 19, 99, 100, 123):
        known = np.random.default_rng(rows).permutation(np.arange(1.0, rows + 1))
        place = next(k for k in range(1, rows + 2) if k * 10 >= 9 * (rows + 1))
        assert half_width(known) == place  # integers only: 0.9 isn't exact
    assert half_width(np.arange(8.0)) is None  # the 9th of 8 would be needed
    assert half_width(np.zeros(0)) is None
    assert half_width(np.array([math.nan] * 20)) is None


def test_numbers_by_hand():
    truth, predicted = np.array([1.0, 2.0, 4.0]), np.array([0.0, 2.0, 2.0])
    validation = np.arange(20.0)
    found = residuals(truth, predicted, validation, validation + 1.5)
    assert found.bias == 1.0  # too low by 1, 0 and 2
    assert found.deviation == pytest.approx(1.0)
    assert found.half_width == 1.5
    assert found.coverage == pytest.approx(2 / 3)
    assert found.points == ((0.0, 1.0), (2.0, 0.0), (2.0, 2.0))
    assert sum(found.counts) == 3
    assert len(found.edges) == len(found.counts) + 1
    assert (found.edges[0], found.edges[-1]) == (0.0, 2.0)
    assert Residuals.model_validate_json(found.model_dump_json()) == found


def test_many_rows_are_bounded():
    random = np.random.default_rng(0)
    truth = random.normal(size=50_000)
    found = residuals(truth, np.zeros(50_000), truth, np.zeros(50_000))
    assert 900 <= len(found.points) <= 1000
    assert len(found.counts) == 40
    assert sum(found.counts) == 50_000
    assert found.coverage == pytest.approx(0.9, abs=1e-4)
    assert np.array_equal(found.counts, np.histogram(truth, 40)[0])


def test_no_spread_one_row_and_no_validation_rows():
    same = residuals(np.full(30, 7.0), np.full(30, 5.0), np.full(30, 7.0), np.full(30, 7.0))
    assert (same.bias, same.deviation, same.half_width, same.coverage) == (2.0, 0.0, 0.0, 0.0)
    assert same.counts == (30,)
    nothing = residuals(np.zeros(30), np.zeros(30), np.zeros(30), np.zeros(30))
    assert (nothing.edges, nothing.counts, nothing.coverage) == ((0.0, 0.0), (30,), 1.0)
    one = residuals(np.array([3.0]), np.array([1.0]), np.zeros(0), np.zeros(0))
    assert (one.bias, one.deviation, one.half_width, one.coverage) == (2.0, None, None, None)
    # Spread that is all rounding must not be cut into bins without a width.
    tiny = 1e15 + np.array([0.0, 0.125, 0.25] * 20)
    assert sum(residuals(tiny, np.zeros(60), tiny, tiny).counts) == 60


def test_numbers_beyond_squaring_are_said_to_be():
    huge = np.array([1e200, -1e200] * 10)
    assert residuals(huge, -huge, huge, huge) is None
