from __future__ import annotations

import pytest
from report.runs import LR

from methodic.evidence.leaderboard import Interval
from methodic.report import cells


@pytest.mark.parametrize(
    ("interval", "metric", "shown"),
    [
        (Interval(mean=0.9731, low=0.9694, high=0.9768, n=10), "accuracy", "97.3% ± 0.4%"),
        (Interval(mean=0.97312, low=0.97278, high=0.97346, n=10), "accuracy", "97.31% ± 0.03%"),
        (Interval(mean=0.97, low=0.97, high=0.97, n=10), "accuracy", "97.0% ± 0.0%"),
        (Interval(mean=0.9731, low=None, high=None, n=1), "accuracy", "97.3%"),
        (Interval(mean=0.51234, low=0.5012, high=0.5234, n=10), "rmse", "0.512 ± 0.011"),
        (Interval(mean=45123.4, low=44803.4, high=45443.4, n=10), "rmse", "45123 ± 320"),
        (Interval(mean=3.2e9, low=3.1e9, high=3.3e9, n=10), "rmse", "3.2e+09 ± 1e+08"),
        (None, "rmse", "–"),
    ],
)
def test_intervals_show_the_digits_that_the_half_width_allows(
    interval: Interval | None, metric: str, shown: str
) -> None:
    assert cells.interval(interval, metric) == shown


@pytest.mark.parametrize(
    ("x", "shown"),
    [
        (0, "0.00 s"),
        (0.001, "< 0.01 s"),
        (0.42, "0.42 s"),
        (0.996, "1.0 s"),
        (59.96, "60 s"),
        (119.7, "2 min 00 s"),
        (130, "2 min 10 s"),
        (4000, "1 h 06 min"),
    ],
)
def test_seconds(x: float, shown: str) -> None:
    assert cells.seconds(x) == shown


def test_differences_have_a_sign() -> None:
    assert cells.difference(0.0042, "accuracy") == "+0.42 points"
    assert cells.difference(-0.0042, "accuracy") == "−0.42 points"
    assert cells.difference(1e-17, "accuracy") == "0 points"


def test_setting_names_are_as_short_as_they_can_be() -> None:
    assert cells.setting({LR: 0.003162}) == "lr 0.003162"
    two = {"stages.0.turns.0.optimizer.lr": 0.1, "stages.1.turns.0.optimizer.lr": 0.2}
    assert cells.setting(two) == "0.turns.0.optimizer.lr 0.1, 1.turns.0.optimizer.lr 0.2"
    assert cells.setting({}) == "–"


def test_spans() -> None:
    assert cells.spans({3, 1, 2, 7}) == "1–3, 7"


def test_uneven_intervals_show_both_ends() -> None:
    uneven = Interval(mean=0.97, low=0.951, high=0.982, n=360)
    assert cells.ends(uneven, "accuracy") == "95.1% to 98.2%"
    assert cells.ends(None, "accuracy") == "–"
    assert cells.ends(Interval(mean=0.97, low=None, high=None, n=1), "accuracy") == "–"


def test_intervals_of_differences_have_signs() -> None:
    found = Interval(mean=0.005, low=-0.001, high=0.011, n=10)
    assert cells.spread(found, "accuracy") == "−0.10 to +1.1 points"
    assert cells.spread(found, "rmse") == "−0.0010 to +0.011"


@pytest.mark.parametrize(
    ("x", "shown"),
    [(None, "–"), (0.0, "0%"), (1.0, "100%"), (0.5, "50%"), (0.034, "3.4%"), (0.985, "98.5%")],
)
def test_shares(x: float | None, shown: str) -> None:
    assert cells.share(x) == shown


@pytest.mark.parametrize(
    ("x", "shown"),
    [(4.2e-6, "4.2 µs"), (3.1e-4, "310 µs"), (1.3e-3, "1.3 ms"), (0.0124, "12 ms"), (2.5, "2.5 s")],
)
def test_short_durations(x: float, shown: str) -> None:
    assert cells.brief(x) == shown


@pytest.mark.parametrize(
    ("n", "shown"),
    [
        (850, "850 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (39_123, "39 kB"),
        (1_234_567, "1.2 MB"),
        (25_000_000_000, "25.0 GB"),
    ],
)
def test_sizes(n: int, shown: str) -> None:
    assert cells.size(n) == shown


def test_small_probabilities_are_no_zeros() -> None:
    assert cells.probability(1e-9) == "< 0.001"
    assert cells.probability(0.0423) == "0.042"


def test_numbers_have_real_minus_signs() -> None:
    assert cells.number(-0.12345) == "−0.123"
    assert cells.number(None) == "–"


def test_titles_are_words() -> None:
    assert cells.title("log_loss") == "log loss"
    assert cells.title("medae") == "median absolute error"
    assert cells.title("auc") == "AUC"
