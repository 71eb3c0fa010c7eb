"""What kind of input a column is."""

from __future__ import annotations

from datetime import date, time, timedelta

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing.parametric import column, dataframes

from methodic.data.columns.conform import as_kind
from methodic.data.columns.kinds import NEARLY_CONSTANT, kind_of
from methodic.data.encoding.encoders import Encoders
from methodic.data.loading import load
from methodic.data.schemas.document import parse
from methodic.data.schemas.overview import to_yaml
from methodic.data.schemas.schema import Column, Dropped
from methodic.errors import InputError

N = 4000
WORDS = [*"abcdefghijklmnopq"]
RANDOM = np.random.default_rng(0)
SENTENCES = [" ".join(RANDOM.choice(WORDS, 5)) for _ in range(N)]


def kind(cells: object, name: str = "c") -> Column | Dropped:
    series = pl.Series(name, cells, strict=False)
    found = kind_of(series)
    if series.dtype == pl.String and series.n_unique() < 2000:
        # What is written in texts and what is stored as categories are one thing.
        assert kind_of(series.cast(pl.Categorical)) == found
    return found


def why(cells: object, name: str = "c") -> str:
    found = kind(cells, name)
    assert isinstance(found, Dropped)
    return found.why


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([date(2020, 1, 1) + timedelta(days=i) for i in range(9)], "date"),
        ([time(i, 5) for i in range(9)], "date"),
        ([timedelta(hours=i) for i in range(9)], "numeric"),
        ([None, True, False], "categorical"),
        ([f"w{i % 300}" for i in range(N)], "categorical"),
        (["1", "2", None, "3"], "numeric"),
        (SENTENCES, "text"),
        ([f"{s} {i}" for i, s in enumerate(SENTENCES)], "text"),
        ([f"{SENTENCES[i % 30]}" for i in range(N)], "categorical"),  # a few sentences are classes
        ([f"one {i % 900}" for i in range(N)], "categorical"),  # as are names of two words
    ],
)
def test_kinds(cells: list, expected: str) -> None:
    found = kind(cells)
    assert isinstance(found, Column), found
    assert found.kind == expected


def test_long_texts_are_free_text_even_where_they_repeat() -> None:
    long = [" ".join(RANDOM.choice(WORDS, 12)) for _ in range(500)]
    found = kind([long[i % 500] for i in range(N)])
    assert isinstance(found, Column)
    assert found.kind == "text"


def test_texts_without_a_common_word_name_rows() -> None:
    assert "no two share a word" in why([f"a{i} b{i} c{i} d{i}" for i in range(100)])
    assert "it names the rows" in why([f"a{i}" for i in range(100)])


@pytest.mark.parametrize("others", [1, 2, 3])
@pytest.mark.parametrize("make", [float, str, lambda i: f"w{i}", lambda i: bool(i == 7)])
def test_nearly_constant_columns(others: int, make) -> None:
    cells = [make(7)] * N
    for i in range(others):
        cells[11 + 1000 * i] = make(i + 1)
    found = kind(cells)
    share = NEARLY_CONSTANT[1] * N
    assert isinstance(found, Dropped) == (others <= share)
    if isinstance(found, Dropped):
        assert "nearly constant: only" in found.why
        assert f"another value than {make(7)} among {N:,}" in found.why


def test_missing_or_not_counts_as_a_value() -> None:
    rare = [None if i % 1000 else 1.5 for i in range(N)]  # 4 rows
    assert isinstance(kind(rare), Column)
    assert "nearly constant" in why([None if i == 7 else 1.5 for i in range(N)])
    assert "than missing" in why([1.5 + i if i < 2 else None for i in range(N)])
    assert "than missing" in why([f"w{i}" if i < 2 else None for i in range(N)])


def test_a_few_rows_are_never_nearly_constant() -> None:
    assert isinstance(kind([0.0] * 999 + [1.0]), Column)


def test_numbers_among_which_words_stand() -> None:
    cells = [str(i * 0.5) for i in range(100)]
    cells[3] = cells[50] = "unknown"
    cells[4] = "too high"
    assert kind(cells) == Column(name="c", kind="numeric", words=("too high", "unknown"))
    cells[:20] = ["unknown"] * 20  # a fifth of them: words with numbers among them
    found = kind(cells)
    assert isinstance(found, Column)
    assert (found.kind, found.words) == ("categorical", ())


def test_percent_signs_are_remembered() -> None:
    shares = [f"{i}.5%" for i in range(100)]
    assert kind(shares) == Column(name="c", kind="numeric", notation="1,234.5%")
    commas = [f"{i},5%" for i in range(100)]
    assert kind(commas) == Column(name="c", kind="numeric", notation="1.234,5%")


def test_7_among_percentages_is_a_word_and_7_percent_among_numbers_too() -> None:
    shares = [f"{i}.5%" for i in range(100)]
    shares[5] = "7"
    found = kind(shares)
    assert found == Column(name="c", kind="numeric", words=("7",), notation="1,234.5%")
    numbers = [f"{i}.5" for i in range(100)]
    numbers[5] = "7%"
    assert kind(numbers) == Column(name="c", kind="numeric", words=("7%",))


def test_few_numbers_with_words_are_categories() -> None:
    cells = [*(str(i % 7) for i in range(100)), "x"]
    assert kind(cells) == Column(name="c", kind="categorical")


@pytest.mark.parametrize("make", [float, int, str])
def test_row_numbers(make) -> None:
    cells = [make(i) for i in range(50)]
    ids = kind(cells, "customer_id")
    assert isinstance(ids, Dropped) == (make is not float)
    assert isinstance(kind([*cells[:-1], cells[0]], "customer_id"), Column)


ROW_NAMES = ["id", "PassengerId", "CustomerId", "customerID", "User ID", "order-id", "row.id"]
ROW_NAMES += ["ID", "user_id", "USER ID", "rowUUID", "RowIndex", "the row", "Unnamed: 0"]


@pytest.mark.parametrize("name", ROW_NAMES)
def test_names_of_row_numbers_in_the_usual_spellings(name: str) -> None:
    assert "it numbers the rows" in why([*range(50)], name)


@pytest.mark.parametrize(
    "name", ["paid", "valid", "Madrid", "grid", "ACID", "Grid", "arrow", "Id2"]
)
def test_words_that_end_like_one(name: str) -> None:
    assert kind([*range(50)], name) == Column(name=name, kind="numeric")


def test_more_rows_are_told_in_more_numbers() -> None:
    few = kind(SENTENCES[:100])
    many = kind(SENTENCES)
    assert isinstance(few, Column)
    assert isinstance(many, Column)
    assert 8 <= few.numbers < many.numbers


ANYTHING = dataframes(
    cols=[column("c"), column("d")],
    min_size=30,
    max_size=60,
    allow_null=True,
    excluded_dtypes=[pl.Object],
)


@settings(deadline=None, max_examples=120, suppress_health_check=list(HealthCheck))
@given(ANYTHING, st.data())
def test_any_column_is_used_or_left_out(frame: pl.DataFrame, data: st.DataObject) -> None:
    rows = pl.int_range(frame.height)
    frame = frame.with_columns(y=rows % 2, z=rows / 2)
    try:
        table = load(frame, "y")
    except InputError:
        return
    encoders = Encoders.fit(table.frame, table.schema)
    again = Encoders.from_state(*encoders.state())
    rows = frame.head(data.draw(st.integers(0, 3)))
    found = again.encode(rows)
    assert all(len(each) == rows.height for each in found.values())
    if "numeric" in found:
        assert torch.isfinite(found["numeric"]).all()
    assert load(frame, "y").fingerprint == table.fingerprint
    assert parse(to_yaml(table), "s.yaml").targets == ("y",)


DAYS = [(date(2020, 1, 1) + timedelta(days=i % 700)) for i in range(N)]


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%d %H:%M:%S"])
@pytest.mark.parametrize("word", ["unknown", "0000-00-00", "0001-01-01 00:00:00", "-"])
def test_a_few_words_among_dates_are_missing_dates(form: str, word: str) -> None:
    cells = [word if i % 50 == 7 else each.strftime(form) for i, each in enumerate(DAYS)]
    found = kind(cells)
    assert isinstance(found, Column), found
    assert (found.kind, found.words) == ("date", (word,))
    dates = as_kind(pl.Series("c", cells), found)
    assert [None if each is None else each.date() for each in dates] == [
        None if cell == word else each for cell, each in zip(cells, DAYS, strict=True)
    ]
    again = parse(f"columns: {{c: {{kind: date, words: ['{word}'], notation: '{form}'}}}}", "s")
    assert again.columns["c"] == found.model_copy(update={"notation": form})


def test_many_words_among_dates_are_categories_or_names() -> None:
    half = ["unknown" if i % 2 else each.isoformat() for i, each in enumerate(DAYS)]
    assert kind(half).kind == "categorical"
    words = [f"w{i}" if i % 50 == 7 else each.isoformat() for i, each in enumerate(DAYS)]
    assert kind(words).kind == "categorical"
