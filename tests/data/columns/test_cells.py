"""What a cell means."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.data.columns.cells import MISSING, first, numbers_among, texts, tidy, truths

ZONED = pl.Series([datetime(2024, 1, 31, 7)]).dt.replace_time_zone("UTC")
ZONED = ZONED.dt.convert_time_zone("Europe/Berlin").dt.cast_time_unit("ns")


@pytest.mark.parametrize(
    ("cells", "expected", "kind"),
    [
        (["1", " 2", "+3"], [1, 2, 3], pl.Int64),
        (["1", "2.5", "1e3"], [1.0, 2.5, 1000.0], pl.Float64),
        (["1", "?", "N/A"], [1, None, None], pl.Int64),
        (["1", "two"], ["1", "two"], pl.String),
        ([" a ", "", "NA"], ["a", None, None], pl.String),
        (["0x1", "1_000"], ["0x1", "1_000"], pl.String),
        (["1", "NAN"], [1, None], pl.Int64),
        (["1", "NULL", "#N/A", "<NA>", "n/a", "#DIV/0!"], [1, *[None] * 5], pl.Int64),
        ([1.0, float("nan")], [1.0, None], pl.Float64),
        ([Decimal("1.5"), None], [1.5, None], pl.Float64),
        ([True, None], [True, None], pl.Boolean),
        (["?", ""], [None, None], pl.String),
        (["1,234", "5 %", ""], ["1,234", "5 %", None], pl.String),
        (["1,234", " 5"], [1234, 5], pl.Int64),
        (["3,5", "NA"], [3.5, None], pl.Float64),
        (["50%", "0"], [0.5, 0.0], pl.Float64),
        ([" 2024-01-31", "?"], [date(2024, 1, 31), None], pl.Date),
        (["31/01/2024", None], [date(2024, 1, 31), None], pl.Date),
        (["2024-01-31T08:00:00+01:00"], [datetime(2024, 1, 31, 7)], pl.Datetime("us")),
        (["08:30", "23:00"], [time(8, 30), time(23)], pl.Time),
        (ZONED, [datetime(2024, 1, 31, 7)], pl.Datetime("us")),
    ],
)
def test_tidy(cells: list, expected: list, kind: type) -> None:
    got = tidy(pl.Series("x", cells))
    assert (got.to_list(), got.dtype, got.name) == (expected, kind, "x")


@pytest.mark.parametrize("word", MISSING)
def test_each_missing_word_is_missing_with_and_without_spaces(word: str) -> None:
    assert tidy(pl.Series([word, f"  {word} ", "cat"])).to_list() == [None, None, "cat"]


def test_text_is_left_as_text_on_demand() -> None:
    assert tidy(pl.Series(["01", "2"]), text=True).to_list() == ["01", "2"]


def test_a_known_notation_is_followed() -> None:
    one = pl.Series(["1,234"])
    assert tidy(one, notation="1.234,5").to_list() == [1.234]
    assert tidy(one, notation="").to_list() == [1234]
    assert tidy(pl.Series(["31/01/2024"]), notation="").to_list() == ["31/01/2024"]
    assert tidy(pl.Series(["12/31/2024"]), notation="%d/%m/%Y").to_list() == ["12/31/2024"]


def test_a_known_notation_comes_before_what_programs_write() -> None:
    commas = {"notation": "1.234,5"}
    assert tidy(pl.Series(["1.500", "2"]), **commas).to_list() == [1500, 2]
    assert tidy(pl.Series(["2.000"]), **commas).to_list() == [2000]
    assert tidy(pl.Series(["2.5"]), **commas).to_list() == ["2.5"]
    assert tidy(pl.Series(["20240131"]), notation="%Y%m%d").to_list() == [date(2024, 1, 31)]
    assert tidy(pl.Series(["12"]), notation="1,234.5%").to_list() == ["12"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["Yes", "no", None, "YES"], [True, False, None, True]),
        (["t", "F"], [True, False]),
        (["ja", "Nein"], [True, False]),
        (["yes", "yes"], [True, True]),
        (["yes", "false"], None),
        (["yes", "no", "perhaps"], None),
        ([None], None),
    ],
)
def test_words_for_yes_and_no(words: list, expected: list | None) -> None:
    found = truths(pl.Series(words, dtype=pl.String))
    assert (None if found is None else found.to_list()) == expected


def test_numbers_and_words_are_taken_apart() -> None:
    cells = pl.Series("x", ["1", "none", "2.5", None, "1,000", "n/k", "1e2"])
    numbers, words = numbers_among(cells)
    assert numbers.to_list() == [1, None, 2.5, None, 1000, None, 100]
    assert words.to_list() == [None, "none", None, None, None, "n/k", None]
    assert (numbers.name, words.name, numbers.dtype) == ("x", "x", pl.Float64)


def test_one_word_after_many_numbers_keeps_the_column_text() -> None:
    cells = [str(i) for i in range(5000)] + ["word"]
    assert tidy(pl.Series(cells)).to_list() == cells


@settings(deadline=None, max_examples=60)
@given(st.lists(st.none() | st.text(max_size=6) | st.sampled_from(["1", " 2.5", "?"]), min_size=1))
def test_tidy_twice_is_tidy_once(cells: list[str | None]) -> None:
    once = tidy(pl.Series(cells, dtype=pl.String))
    assert tidy(once).equals(once)


@pytest.mark.parametrize(
    "same",
    [[1, 0], [1.0, 0.0], ["1", "0"]],
)
def test_one_category_has_one_spelling_as_number(same: list) -> None:
    assert texts(pl.Series(same)).to_list() == ["1", "0"]


@pytest.mark.parametrize("same", [[True, False], ["true", "false"], ["TRUE", "False"]])
def test_one_category_has_one_spelling_as_truth_value(same: list) -> None:
    assert texts(pl.Series(same)).to_list() == ["True", "False"]


def test_fractions_beside_whole_floats() -> None:
    assert texts(pl.Series([1.0, 0.5, None, -2.0])).to_list() == ["1", "0.5", None, "-2"]


def test_first() -> None:
    assert first(pl.Series([None, False, True, True])) == 2
    assert first(pl.Series([None, False], dtype=pl.Boolean)) is None
