"""The range test's span, and which rates are within noise."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from methodic.evidence.rates import Rates, Sweep, Tried, spread, standing, sweep
from methodic.metrics import get_metric

ACCURACY, RMSE = get_metric("accuracy", "binary"), get_metric("rmse", "regression")
RISING = [10 ** (-6 + 7 * i / 99) for i in range(100)]


def valley(rate: float, noise: float = 0.0) -> float:
    """Nothing happens below 1e-4, the loss falls until 0.03, and explodes above 0.3."""
    at = math.log10(rate)
    if at < -4:
        return 2.0 + noise
    if at < -1.5:
        return 2.0 - 1.5 * (at + 4) / 2.5 + noise
    return 0.5 + noise if at < -0.5 else 0.5 + 30 * (at + 0.5) + noise


def test_the_span_goes_from_the_fall_to_the_valley() -> None:
    found = sweep(RISING, [[valley(rate), valley(rate)] for rate in RISING])
    assert 1e-4 < found.low < 1e-3
    assert 0.03 < found.high < 3
    assert found.diverged is not None
    assert 0.3 < found.diverged < 3
    assert found.high <= found.diverged
    assert len(found.rates) == len(found.losses) < 100


def test_noise_moves_it_little() -> None:
    clean = sweep(RISING, [[valley(rate)] for rate in RISING])
    noisy = [[valley(rate, 0.1 * math.sin(57 * i)) for _ in "ab"] for i, rate in enumerate(RISING)]
    found = sweep(RISING, noisy)
    assert 0.2 < found.low / clean.low < 5
    assert 0.2 < found.high / clean.high < 5


def test_what_is_not_finite_ends_the_test() -> None:
    losses = [[1.0 - 0.01 * i, 1.0] for i in range(50)] + [[math.nan, 1.0]] + [[0.0, 0.0]] * 49
    found = sweep(RISING, losses)
    assert found.diverged == RISING[50]
    assert len(found.rates) == 50
    at_once = sweep(RISING, [[math.inf]] * 100)
    assert at_once.rates == ()
    assert at_once.low == at_once.high == RISING[0]


def test_a_loss_may_fall_below_zero() -> None:
    """As a log density does: the same valley, 3 lower, has the same span."""
    above = sweep(RISING, [[valley(rate)] for rate in RISING])
    below = sweep(RISING, [[valley(rate) - 3] for rate in RISING])
    assert below.low == above.low
    assert below.diverged is not None
    assert 0.3 < below.diverged < 10
    assert 0.03 < below.high < 3


def test_a_loss_that_only_rises_or_never_moves() -> None:
    for losses in ([[1.0]] * 100, [[1.0 + i / 50] for i in range(100)]):
        found = sweep(RISING, losses)
        assert RISING[0] / 10 < found.low < found.high


@given(st.floats(1e-8, 1), st.floats(1.5, 1e6), st.integers(3, 20))
def test_rates_are_spread_evenly(low: float, factor: float, count: int) -> None:
    found = spread(low, low * factor, count)
    assert len(found) == count
    assert found[0] == pytest.approx(low, rel=0.01)
    assert found[-1] == pytest.approx(low * factor, rel=0.01)
    assert found == sorted(found)


def tried(rate: float, *scores: float | None, loss: float = 1.0) -> Tried:
    return Tried(
        rate=rate, scores=scores, losses=tuple(None if x is None else loss for x in scores)
    )


def test_within_noise_is_what_differs_by_less_than_seeds_do() -> None:
    known = [
        tried(0.001, 0.70, 0.71, 0.72),
        tried(0.01, 0.90, 0.95, 0.93),
        tried(0.1, 0.93, 0.94, 0.95),
        tried(1.0, None, 0.9, None),
    ]
    assert standing(known, ACCURACY) == (0.1, 0.01, 0.1)


def test_errors_are_better_when_small() -> None:
    known = [tried(0.1, 5.0, 5.1, 5.2), tried(0.01, 3.0, 3.1, 3.2), tried(0.001, 9.0, 9.2, 9.1)]
    assert standing(known, RMSE) == (0.01, 0.01, 0.01)


def test_a_gap_ends_the_interval() -> None:
    """What lies beyond a worse rate doesn't belong to it, however good."""
    known = [
        tried(0.001, 0.9, 0.93, 0.95),
        tried(0.01, 0.5, 0.5, 0.5),
        tried(0.1, 0.94, 0.94, 0.95),
    ]
    assert standing(known, ACCURACY) == (0.1, 0.1, 0.1)


def test_equal_scores_are_told_apart_by_the_loss() -> None:
    known = [tried(0.1, 1.0, 1.0, loss=0.2), tried(0.2, 1.0, 1.0, loss=0.1)]
    assert standing(known, ACCURACY) == (0.2, 0.1, 0.2)


def test_nothing_that_trains() -> None:
    assert standing([tried(0.1, None), tried(1.0, 0.5, None)], ACCURACY) is None


def rates(**fields: object) -> Rates:
    known = {
        "recipe": "adam",
        "data": "iris",
        "task": "multiclass",
        "metric": "accuracy",
        "sweep": Sweep(rates=(), losses=(), low=0.1, high=1.0, diverged=None),
        "tried": (tried(0.01, 0.9, 0.9), tried(0.1, 0.95, 0.96), tried(1.0, 0.8, 0.8)),
        "best": 0.1,
        "low": 0.1,
        "high": 0.1,
        "steps": 30,
        "grid": (0.01, 0.1, 1.0),
        "seconds": 1.0,
    }
    return Rates.model_validate({**known, **fields})


def test_the_answer_in_words() -> None:
    first, second, third = rates().text
    assert first == (
        "adam on iris: learning rate 0.1; rates from 0.1 to 0.1 are within noise of it."
    )
    assert "3 rates × 2 seeds × 30 steps: accuracy 95.5% on validation" in second
    assert third.startswith("`methodic run` needs no finder here")
    assert "of which 0.1 is within noise" in third
    assert "give the recipe a range around" in rates(grid=(0.5, 5.0)).text[-1]
    assert "rate is fixed" in rates(grid=()).text[-1]
    assert "highest rate tried" in rates(best=1.0, low=1.0, high=1.0).text[2]
    single = (tried(0.1, 0.9), tried(1.0, 0.8), tried(2.0, 0.7))
    assert any("single seed" in line for line in rates(tried=single).text)
    assert not any("safer" in line for line in rates(low=0.05, high=0.4).text)
    wide = rates(best=1.0, low=0.01, high=1.0)
    assert any("0.1, in the middle of them, is the safer" in line for line in wide.text)
