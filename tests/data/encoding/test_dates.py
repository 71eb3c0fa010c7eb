"""Dates and times as numbers."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from methodic.data.columns.conform import as_dates
from methodic.data.encoding.dates import Calendar, fit, numbers

START = datetime(2020, 2, 28)


def moments(*after: timedelta | None) -> pl.Series:
    cells = [None if each is None else START + each for each in after]
    return pl.Series("d", cells, dtype=pl.Datetime("us"))


@pytest.mark.parametrize(
    ("step", "parts"),
    [
        (timedelta(days=1), ("elapsed", "year", "month", "week")),
        (timedelta(hours=5), ("elapsed", "year", "month", "week", "day")),
        (timedelta(days=7), ("elapsed", "year", "month")),
        (timedelta(minutes=3), ("day",)),  # all on one day
        (timedelta(0), ("elapsed",)),
    ],
)
def test_only_what_varies_is_used(step: timedelta, parts: tuple[str, ...]) -> None:
    calendar = fit(moments(*(i * step for i in range(20)), None))
    assert calendar.parts == parts
    assert len(calendar.names("d")) == len(numbers(moments(step), calendar))


def test_december_is_next_to_january() -> None:
    calendar = Calendar(parts=("year", "month", "week", "day"), reference=0)
    days = [datetime(2021, 12, 31, 23, 59), datetime(2022, 1, 1), datetime(2021, 7, 16, 12)]
    year, month, week, day = np.stack(
        numbers(pl.Series(days, dtype=pl.Datetime("us")), calendar)
    ).reshape(4, 2, 3)
    for cycle in (year, month, day):
        near, far = (np.hypot(*(cycle[:, 0] - cycle[:, i])) for i in (1, 2))
        assert near < 0.3 < 1.5 < far
        assert np.hypot(*cycle) == pytest.approx(1)
    angles = np.arctan2(week[0], week[1])
    # Friday, Saturday, Friday: one step is a seventh of the way round.
    assert np.mod(angles[1] - angles[0], 2 * np.pi) == pytest.approx(2 * np.pi / 7)
    assert angles[0] == pytest.approx(angles[2])


def test_elapsed_days_keep_their_minutes_in_float32() -> None:
    cells = moments(*(timedelta(days=i, minutes=i) for i in range(2001)))
    elapsed = numbers(cells, fit(cells))[0]
    assert elapsed[1000] == 0
    steps = np.diff(elapsed.astype(np.float32).astype(np.float64)) * 24 * 60
    assert steps == pytest.approx(24 * 60 + 1, abs=0.1)


def test_missing_moments_are_told_by_one_number() -> None:
    cells = moments(timedelta(0), None, timedelta(days=3), timedelta(days=40))
    first, *others = numbers(cells, fit(cells))
    assert np.isnan(first).tolist() == [False, True, False, False]
    assert [each[1] for each in others] == [0.0] * len(others)


def test_any_date_is_a_moment() -> None:
    base = pl.Series("d", [START, None], dtype=pl.Datetime("ms", "Europe/Berlin"))
    assert as_dates(base).to_list() == [START, None], "in UTC"
    assert as_dates(moments(None)).to_list() == [None]
    assert as_dates(moments(timedelta(0)).dt.date()).to_list() == [START]
    assert as_dates(moments(timedelta(hours=3)).dt.time()).dt.hour().to_list() == [3]
    assert as_dates(pl.Series("d", [None, None])).dtype == pl.Datetime("us")


def test_where_a_moment_stands_in_its_cycles() -> None:
    calendar = Calendar(parts=("year", "month", "week", "day"), reference=0)
    # A Thursday: of the year have passed 122 days, of the month 1, of the week 3.
    cells = pl.Series([datetime(2024, 5, 2, 6)], dtype=pl.Datetime("us"))
    passed = (122 / 365.2425, 1 / 31, 3 / 7, 1 / 4)
    expected = [wave(2 * np.pi * share) for share in passed for wave in (np.sin, np.cos)]
    assert [float(each[0]) for each in numbers(cells, calendar)] == pytest.approx(expected)
