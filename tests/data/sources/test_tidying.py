"""Large tables are tidied like small ones."""

from __future__ import annotations

import polars as pl
import pytest

from methodic.data.sources.tidying import LARGE, repeats, tidied

CELLS = {
    "words": [" a", "b ", "NA", "a", None],
    "numbers": ["1", " 2", "?", "3.5", None],
    "dates": ["2024-01-05", "1999-12-31", "", None, "2024-01-05"],
    "percents": ["5%", "0", "12.5 %", "nan", None],
    "commas": ["3,5", "7", "1,25", "NA", None],
    "gone": ["", "NA", "?", None, " "],
    "floats": [1.0, float("nan"), None, 2.0, 0.5],
}


@pytest.mark.parametrize("text", [(), ("numbers", "dates")])
def test_large_tables_are_read_like_small_ones(text: tuple[str, ...]) -> None:
    small = pl.DataFrame(CELLS)
    times = LARGE // small.height
    large = tidied(pl.concat([small] * times), text)
    expected = pl.concat([tidied(small, text)] * times)
    words = [name for name, kind in large.schema.items() if isinstance(kind, pl.Enum)]
    assert "words" in words
    assert large["words"].dtype == pl.Enum(["a", "b"])
    assert large.cast(dict.fromkeys(words, pl.String)).equals(expected)


def test_categories_of_a_file_are_words_too() -> None:
    words = pl.Series("w", [" a", "b", None, "NA"] * LARGE, dtype=pl.Categorical)
    found = tidied(words.filter(words != "b").to_frame())["w"]
    assert found.dtype == pl.Enum(["a"])
    assert found.null_count() == LARGE


def test_what_repeats() -> None:
    many = pl.Series([str(i) for i in range(LARGE)])
    assert not repeats(many)
    assert repeats(pl.Series(["a", "b"] * LARGE))
    assert not repeats(pl.Series(["a", "b"]))  # a small table stays as it is
    assert repeats(pl.Series(["a", "b"] * 100), share=200 / LARGE)
    assert not repeats(pl.Series([1, 2] * LARGE))
