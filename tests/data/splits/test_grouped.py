"""Groups stay whole, in proportion as well as they can."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.data.splits import grouped
from methodic.data.splits.stratified import Rows, numbered
from methodic.errors import InputError


def parts_of_groups(group: Rows, parts: Rows) -> list[set[int]]:
    return [set(parts[group == each].tolist()) for each in range(int(group.max()) + 1)]


def made(sizes: list[int]) -> Rows:
    rows = np.repeat(np.arange(len(sizes)), sizes)
    return numbered(np.random.default_rng(0).permutation(rows))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 40), min_size=3, max_size=40), st.integers(0, 99), st.integers(1, 4))
def test_groups_stay_whole_and_every_part_has_one(sizes: list[int], seed: int, kinds: int) -> None:
    group = made(sizes)
    stratum = numbered(np.random.default_rng(seed).integers(0, kinds, len(group)))
    parts = grouped.assigned(group, stratum, (0.15, 0.15), seed, "g", "x")
    assert {0, 1, 2} == set(parts.tolist())
    assert all(len(each) == 1 for each in parts_of_groups(group, parts))
    again = grouped.assigned(group, stratum, (0.15, 0.15), seed, "g", "x")
    assert np.array_equal(parts, again)


def test_many_small_groups_meet_the_shares_in_every_class() -> None:
    random = np.random.default_rng(1)
    group = made([int(n) for n in random.integers(1, 8, 2000)])
    rare = random.random(2000) < 0.05
    stratum = rare[group].astype(np.int64)  # a group is of one class
    for seed in range(5):
        parts = grouped.assigned(group, stratum, (0.15, 0.15), seed, "g", "x")
        for part, share in enumerate((0.7, 0.15, 0.15)):
            assert abs((parts == part).mean() - share) < 0.005
            assert abs((parts[stratum == 1] == part).mean() - share) < 0.03


def test_of_few_unequal_groups_a_near_draw_is_taken() -> None:
    group = made([100, 90, 60, 50, 40, 30, 15, 10, 5])
    for seed in range(10):
        parts = grouped.assigned(group, np.zeros(400, np.int64), (0.15, 0.15), seed, "g", "x")
        assert abs((parts == 2).sum() - 60) <= 10
        assert abs((parts == 1).sum() - 60) <= 10


def test_a_class_of_one_group_trains() -> None:
    group = made([10] * 12)
    stratum = (group == 5).astype(np.int64)
    for seed in range(20):
        parts = grouped.assigned(group, stratum, (0.15, 0.15), seed, "g", "x")
        assert (parts[group == 5] == 0).all()


def test_another_seed_draws_others() -> None:
    group = made([3] * 100)
    one, two = (
        grouped.assigned(group, np.zeros(300, np.int64), (0.15, 0.15), seed, "g", "x")
        for seed in (0, 1)
    )
    assert not np.array_equal(one, two)


def test_without_test_rows_two_groups_are_enough() -> None:
    group = made([10, 20])
    parts = grouped.assigned(group, np.zeros(30, np.int64), (0.2, 0.0), 0, "g", "x")
    assert sorted(np.bincount(parts).tolist()) == [10, 20]
    with pytest.raises(InputError, match="x: 'g' has too few groups for 3 parts") as caught:
        grouped.assigned(group, np.zeros(30, np.int64), (0.2, 0.2), 0, "g", "x")
    assert "2 groups" in str(caught.value.found)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 30), min_size=5, max_size=30), st.integers(2, 5), st.integers(0, 9))
def test_every_group_is_dealt_once_and_folds_are_even(
    sizes: list[int], folds: int, seed: int
) -> None:
    group = made(sizes)
    fold = grouped.dealt(group, np.zeros(len(group), np.int64), folds, seed, 0, "g", "x")
    assert all(len(each) == 1 for each in parts_of_groups(group, fold))
    rows = np.bincount(fold, minlength=folds)
    # Graham's bound: no fold has more than its share and the largest group.
    assert rows.max() <= len(group) / folds + max(sizes)
    assert rows.min() > 0


def test_repetitions_deal_anew() -> None:
    group = made([4] * 50)
    dealt = [
        grouped.dealt(group, np.zeros(200, np.int64), 5, 0, repetition, "g", "x")
        for repetition in (0, 1)
    ]
    assert not np.array_equal(*dealt)
    with pytest.raises(InputError, match="too few groups for 5 folds"):
        grouped.dealt(made([4] * 4), np.zeros(16, np.int64), 5, 0, 0, "g", "x")


# --- which groups there are -----------------------------------------------------------------------


def test_equal_rows_join_their_groups() -> None:
    column = pl.Series("g", [*"aabbccddee", *"fghijklmno"])
    equal = numbered(np.array([0, 1, 1, 2, *range(3, 19)]))  # a row of a is one of b
    wanted = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, *range(4, 14)]
    assert grouped.groups(column, equal).tolist() == wanted


def test_through_others_too() -> None:
    column = pl.Series("g", [1, 1, 2, 2, 3, 3, *range(10, 40)])
    equal = numbered(np.array([0, 1, 1, 2, 2, 3, *range(10, 40)]))
    group = grouped.groups(column, equal)
    assert len(set(group[:6].tolist())) == 1
    assert group.max() == 30


def test_rows_that_are_equal_everywhere_join_nothing() -> None:
    column = pl.Series("g", [i // 4 for i in range(100)])
    equal = np.arange(100) % 3  # three different rows, which all groups have
    assert np.array_equal(grouped.groups(column, equal), np.arange(100) // 4)


def test_groups_are_not_joined_to_one_that_is_most_of_the_rows() -> None:
    column = pl.Series("g", [i // 4 for i in range(100)])
    equal = numbered(np.array([i if i >= 80 or i % 4 else -1 for i in range(100)]))
    assert np.array_equal(grouped.groups(column, equal), np.arange(100) // 4)


def test_a_row_without_a_group_is_by_itself() -> None:
    column = pl.Series("g", ["a", None, "a", None, "b"])
    assert grouped.groups(column, np.arange(5)).tolist() == [0, 1, 0, 2, 3]
