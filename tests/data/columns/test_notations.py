"""How cells write numbers, dates and times."""

from __future__ import annotations

from datetime import date, datetime, time

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.data.columns.notations import (
    COMMA,
    COMMA_PERCENT,
    PERCENT,
    ambiguous,
    notation,
    parse,
)

JANUARY = datetime(2024, 1, 5, 12, 30, 45)

READ = [
    (["1", "2"], "", [1, 2]),
    (["1", "2.5", ".5", "1e3"], "", [1, 2.5, 0.5, 1000]),
    (["1,234", "5"], "", [1234, 5]),
    (["1234.5678", "1,234.5"], "", [1234.5678, 1234.5]),
    ([".25%", "1.5%"], PERCENT, [0.0025, 0.015]),
    ([",75", "-,125", "1,5"], COMMA, [0.75, -0.125, 1.5]),
    (["1,234,567.5", "-12"], "", [1234567.5, -12]),
    (["1'234", "5"], "", [1234, 5]),
    (["1 234", "1\u00a0234", "1\u202f234"], "", [1234, 1234, 1234]),
    (["12%", "5.5 %", "0"], PERCENT, [0.12, 0.055, 0]),
    (["0", "-0.0", "1,200 %"], PERCENT, [0, 0, 12]),
    (["3,5", "7"], COMMA, [3.5, 7]),
    (["3,5", "1.200,75"], COMMA, [3.5, 1200.75]),
    (["3,5", "1.200"], COMMA, [3.5, 1200]),
    (["0,125"], COMMA, [0.125]),
    (["1 234,5", "2"], COMMA, [1234.5, 2]),
    (["12,5%", "7%", "0,0"], COMMA_PERCENT, [0.125, 0.07, 0]),
    (["2024-01-05", "1999-12-31"], "", [date(2024, 1, 5), date(1999, 12, 31)]),
    (["2024/01/05"], "", [date(2024, 1, 5)]),
    (["2024.01.05"], "", [date(2024, 1, 5)]),
    (["2024-01-05 12:30:45"], "", [JANUARY]),
    (["2024-01-05T12:30:45.000000"], "", [JANUARY]),
    (["2024-01-05 12:30", "2024-01-05"], "", [datetime(2024, 1, 5, 12, 30), datetime(2024, 1, 5)]),
    (["2024-01-05", "2024-01-05T12:30:45"], "", [datetime(2024, 1, 5), JANUARY]),
    (["2024-01-05T12:30:45Z", "2024-01-05T14:30:45+02:00"], "", [JANUARY, JANUARY]),
    (["2024-01-05T12:30:45Z", "2024-01-05 12:30Z"], "", [JANUARY, JANUARY.replace(second=0)]),
    (["13/04/2024", "01/02/2024"], "%d/%m/%Y", [date(2024, 4, 13), date(2024, 2, 1)]),
    (["04/13/2024", "01/02/2024"], "%m/%d/%Y", [date(2024, 4, 13), date(2024, 1, 2)]),
    (["05/01/2024", "06/02/2024"], "%m/%d/%Y", [date(2024, 5, 1), date(2024, 6, 2)]),
    (["05.01.2024"], "%d.%m.%Y", [date(2024, 1, 5)]),
    (["05.01.24"], "%d.%m.%y", [date(2024, 1, 5)]),
    (["5 Jan 2024"], "%d %b %Y", [date(2024, 1, 5)]),
    (["January 5, 2024"], "%B %d, %Y", [date(2024, 1, 5)]),
    (["5.1.2024 12:30"], "%d.%m.%Y %H:%M", [datetime(2024, 1, 5, 12, 30)]),
    (["1/5/2024 12:30:45 PM"], "%m/%d/%Y %I:%M:%S %p", [JANUARY]),
    (["12:30", "23:59"], "%H:%M", [time(12, 30), time(23, 59)]),
    (["12:30:45"], "%H:%M:%S", [time(12, 30, 45)]),
    (["1:30 PM"], "%I:%M %p", [time(13, 30)]),
]


@pytest.mark.parametrize(("cells", "expected", "values"), READ)
def test_what_is_read(cells: list[str], expected: str, values: list) -> None:
    column = pl.Series("x", [*cells, None])
    assert notation(column) == expected
    got = parse(column, expected)
    assert (got.to_list(), got.name) == ([*values, None], "x")


@pytest.mark.parametrize(
    "cells",
    [
        ["a1", "b2"],
        ["1.2.3"],
        ["1-2"],
        ["0x1", "1_000"],
        ["12345-6789"],
        ["1,23,456"],
        ["2024-13-05"],
        ["2024-01"],
        ["12:30", "25:00"],
        ["12%", "5"],  # 5 or 0.05?
        ["3,5", "2.5"],  # a column is in one style
        ["31/01/2024", "01/31/2024"],
        ["1", "two"],
        [None],
        [],
    ],
)
def test_what_stays_text(cells: list) -> None:
    assert notation(pl.Series(cells, dtype=pl.String)) is None


def test_first_days_of_months_are_not_all_in_january() -> None:
    cells = pl.Series([f"01/{month:02}/2024" for month in range(1, 13)])
    assert notation(cells) == "%d/%m/%Y"
    american = pl.Series([f"{month:02}/01/2024" for month in range(1, 13)])
    assert notation(american) == "%m/%d/%Y"


def test_a_late_cell_decides() -> None:
    cells = pl.Series(["01/02/2024", "02/03/2024"] * 1000 + ["13/02/2024"])
    assert notation(cells) == "%d/%m/%Y"
    assert notation(pl.Series(["1,234"] * 2000 + ["3,5"])) == COMMA
    assert notation(pl.Series(["3,5"] * 2000 + ["word"])) is None


def test_a_known_notation_reads_what_alone_would_mean_something_else() -> None:
    one = pl.Series(["1,234", "01/02/2024"])
    assert parse(one[:1], COMMA).to_list() == [1.234]
    assert parse(one[:1], "").to_list() == [1234]
    assert parse(one[1:], "%d/%m/%Y").to_list() == [date(2024, 2, 1)]
    assert parse(pl.Series(["1", "x"]), "").to_list() == [1, None]
    assert parse(pl.Series(["7", "7%", "0"]), PERCENT).to_list() == [None, 0.07, 0]
    assert parse(pl.Series(["7", "7%"]), "").to_list() == [7, None]
    assert parse(pl.Series(["0"]), PERCENT).dtype == pl.Float64


def test_commas_that_could_be_decimal_commas() -> None:
    assert ambiguous(pl.Series(["1,234", "56", None]))
    assert not ambiguous(pl.Series(["1,234,567"]))
    assert not ambiguous(pl.Series(["0,125"]))
    assert not ambiguous(pl.Series(["1,234", "0.5"]))
    assert not ambiguous(pl.Series(["1", "2"]))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-1e9, 1e9).map(lambda x: round(x, 3)), min_size=1))
def test_numbers_survive_being_written_in_other_ways(numbers: list[float]) -> None:
    texts = [f"{x:,.3f}" for x in numbers]
    turned = [text.translate(str.maketrans(",.", ".,")) for text in texts]
    assert parse(pl.Series(texts), "").to_list() == numbers
    assert parse(pl.Series(turned), COMMA).to_list() == numbers
    assert notation(pl.Series(turned)) == ("" if ambiguous(pl.Series(turned)) else COMMA)


def two_digits(years: list[int]) -> pl.Series:
    return pl.Series([f"03/{1 + i % 28:02}/{year % 100:02}" for i, year in enumerate(years)])


@pytest.mark.parametrize(
    ("years", "first"),
    [
        (range(1940, 2000), 1940),  # dates of birth, and no centenary to come
        (range(1935, 2021), 1935),
        (range(1965, 1976), 1965),
        (range(1975, 2025), 1975),
        (range(2020, 2050), 2020),
        (range(1970, 2070), 1970),  # no gap tells
    ],
)
def test_years_of_two_digits_lie_close_together(years: range, first: int) -> None:
    cells = two_digits([*years])
    written = notation(cells)
    assert written is not None
    found = parse(cells, written)
    assert found.dt.year().to_list() == [*years]
    assert (" since " in written) == (first < 1970)
    alone = parse(cells[-1:], written)  # a later file of one row
    assert alone.dt.year()[0] == years[-1]


def test_the_last_day_of_february() -> None:
    cells = pl.Series(["02/29/44", "02/29/00", "02/29/96", "12/31/01"])
    years = parse(cells, "%m/%d/%y since 1901").dt.year()
    assert years.to_list() == [1944, 2000, 1996, 1901]
