"""Parts in the order of time."""

from __future__ import annotations

import datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.data.splits.timed import moments, ordered, times
from methodic.errors import InputError


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.integers(0, 30), min_size=20, max_size=200).filter(lambda x: len(set(x)) > 2),
    st.floats(0.05, 0.4),
    st.floats(0.05, 0.4),
)
def test_the_test_comes_last_and_no_time_is_parted(
    times: list[int], validation: float, test: float
) -> None:
    moment = moments(pl.Series("t", times))
    parts = ordered(moment, (validation, test), "t")
    values = np.array(times)
    assert {0, 1, 2} == set(parts.tolist())
    for earlier, later in ((0, 1), (1, 2)):
        assert values[parts == earlier].max() < values[parts == later].min()
    # No other last time would come nearer to the share, unless the other parts needed it.
    rows = int((parts == 2).sum())
    for other in sorted(set(times))[2:]:
        assert abs(rows - test * len(times)) <= abs((values >= other).sum() - test * len(times))


def test_shares_are_met_where_all_times_differ() -> None:
    moment = moments(pl.Series("t", np.random.default_rng(0).permutation(1000)))
    assert np.bincount(ordered(moment, (0.15, 0.15), "t")).tolist() == [700, 150, 150]
    assert np.bincount(ordered(moment, (0.2, 0.0), "t")).tolist() == [800, 200]


def test_dates_numbers_and_texts_are_times() -> None:
    days = [datetime.date(2024, 1, day) for day in (5, 1, 9)]
    wanted = [1, 0, 2]
    for cells in (
        days,
        [datetime.datetime(d.year, d.month, d.day, 7) for d in days],
        [day.isoformat() for day in days],
        [f"{day.isoformat()} 18:05:00" for day in days],
        [2.5, -1.0, 7e9],
        ["2.5", "-1", "7000"],
        [datetime.time(5), datetime.time(1), datetime.time(9)],
    ):
        assert moments(pl.Series("t", cells)).tolist() == wanted, cells


def test_a_missing_time_is_an_error() -> None:
    with pytest.raises(InputError, match=r"row 2 .* has no time") as caught:
        moments(pl.Series("t", [1.0, None, 3.0]), "x.csv")
    assert caught.value.problem.startswith("x.csv: rows are ordered by 't'")
    with pytest.raises(InputError, match="row 2"):
        moments(pl.Series("t", [1.0, float("nan"), 3.0]))


@pytest.mark.parametrize(
    ("cells", "match"),
    [
        (["soon", "later", "never"], "aren't dates"),
        (["2024-01-01", "yesterday"], "aren't dates"),
        ([True, False], "holds no times"),
        ([[1], [2]], "holds no times"),
    ],
)
def test_what_is_no_time(cells: list[object], match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        moments(pl.Series("t", cells))
    assert caught.value.accepted


def test_too_few_times() -> None:
    with pytest.raises(InputError, match="'t' has too few different times") as caught:
        ordered(moments(pl.Series("t", [1, 2] * 20)), (0.15, 0.15), "t")
    assert caught.value.found == "2 among 40 rows"
    assert np.bincount(ordered(moments(pl.Series("t", [1, 2] * 20)), (0.2, 0.0), "t")).tolist() == [
        20,
        20,
    ]


def test_times_can_be_compared() -> None:
    days = times(pl.Series("t", ["2024-01-05", "2024-01-01"]))
    assert days.dtype.is_temporal()
    assert (days < days.max()).to_list() == [False, True]
    assert times(pl.Series("t", ["2", "10"])).to_list() == [2, 10]
