"""Free text as numbers."""

from __future__ import annotations

import zlib

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.data.encoding.words import bags, hashes, names


def bag(*texts: str | None, numbers: int = 64) -> np.ndarray:
    return bags(pl.Series(texts, dtype=pl.String), numbers)


def test_hashes_are_the_same_everywhere() -> None:
    assert hashes(["", "word", "Wort ä"]).tolist() == [hashed(t) for t in ("", "word", "Wort ä")]
    assert hashed("") == 16294208416658607535  # SplitMix64's first number from the seed 0
    many = hashes([f"w{i}" for i in range(4000)])
    assert np.bincount((many % np.uint64(16)).astype(int)).min() > 180, "places are used alike"
    assert 1800 < (many >> np.uint64(63)).sum() < 2200, "as are signs"


def hashed(text: str) -> int:
    """The same hash in whole numbers of any size."""
    mixed = (zlib.crc32(text.encode()) + 0x9E3779B97F4A7C15) % 2**64
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB % 2**64
    return mixed ^ mixed >> 31


def test_rows_are_vectors_of_length_one() -> None:
    found = bag("a b c", "", None, "...", "the very same words, THE VERY SAME")
    lengths = np.sqrt((found**2).sum(axis=1))
    assert lengths[[0, 4]] == pytest.approx(1, rel=1e-6)
    assert lengths[[1, 3]].tolist() == [0, 0]
    assert np.isnan(found[2, 0])
    assert not found[2, 1:].any()


def test_order_case_and_signs_do_not_matter_but_words_do() -> None:
    one, two, three, twice = bag("Red dress!", "dress, red", "red trousers", "red red dress")
    assert one == pytest.approx(two, abs=1e-7)
    assert float(one @ three) < 0.9
    assert 0.9 < float(one @ twice) < 0.9999


def test_similar_words_are_similar() -> None:
    one, typo, other = bag("international", "internatonal", "zoo", numbers=512)
    assert float(one @ typo) > 0.2 > abs(float(one @ other))


texts = st.text(max_size=20) | st.none()


@settings(deadline=None, max_examples=30)
@given(st.lists(texts, min_size=1, max_size=12), st.data())
def test_each_row_by_itself(cells: list[str | None], data: st.DataObject) -> None:
    whole = bag(*cells)
    assert np.isfinite(whole[:, 1:]).all()
    order = data.draw(st.permutations(range(len(cells))))
    assert np.array_equal(bag(*(cells[i] for i in order)), whole[order], equal_nan=True)
    alone = data.draw(st.integers(0, len(cells) - 1))
    assert np.array_equal(bag(cells[alone])[0], whole[alone], equal_nan=True)


def test_long_tables_are_cut_into_pieces() -> None:
    cells = [f"word{i % 7} and number{i % 5}" for i in range(20_000)]
    assert np.array_equal(bag(*cells, numbers=8)[-3:], bag(*cells[-3:], numbers=8))


def test_names() -> None:
    assert len(set(names("x", 256))) == 256
    assert names("x", 8)[-1] == "x (letters 2)"


def test_a_bag_is_what_the_formula_says() -> None:
    raw = np.zeros(16)
    for token, count in (("ab", 3), ("c", 1)):
        raw[hashed(token) % 12] += count * (1 if hashed(token) >> 63 else -1)
        parts = [f"<{token}>"[i : i + 3] for i in range(len(token))]
        for part in parts:
            sign = 1 if hashed(part) >> 63 else -1
            raw[12 + hashed(part) % 4] += count * sign / np.sqrt(len(parts))
    weights = np.sign(raw) * np.log1p(np.abs(raw))
    expected = weights / np.linalg.norm(weights)
    assert bag("ab AB c, ab", numbers=16)[0] == pytest.approx(expected, abs=1e-6)
