"""What a cell means."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.data.cells import MISSING, first, texts, tidy


@pytest.mark.parametrize(
    ("cells", "expected", "kind"),
    [
        (["1", " 2", "+3"], [1, 2, 3], pl.Int64),
        (["1", "2.5", "1e3"], [1.0, 2.5, 1000.0], pl.Float64),
        (["1", "?", "N/A"], [1, None, None], pl.Int64),
        (["1", "two"], ["1", "two"], pl.String),
        ([" a ", "", "NA"], ["a", None, None], pl.String),
        (["0x1", "1_000"], ["0x1", "1_000"], pl.String),
        (["1", "NAN"], [1.0, None], pl.Float64),
        ([1.0, float("nan")], [1.0, None], pl.Float64),
        ([Decimal("1.5"), None], [1.5, None], pl.Float64),
        ([True, None], [True, None], pl.Boolean),
        (["?", ""], [None, None], pl.String),
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
