"""Splits: partitions, in proportion, equal rows together, nothing but a function."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.data.dataset import DataSet, load
from methodic.data.schema import Column, Schema
from methodic.data.splits import FOLDS, Split, fold, split
from methodic.errors import InputError


def classes_of(counts: list[int], copies: int = 1) -> DataSet:
    """A data set with ``counts`` rows of each class, each row ``copies`` times."""
    names = [str(i) for i, count in enumerate(counts) for _ in range(count)]
    frame = pl.DataFrame({"a": range(len(names)), "y": names})
    frame = pl.concat([frame] * copies)
    schema = Schema(
        columns=(Column(name="a", kind="numeric"),),
        target="y",
        task="multiclass",
        classes=tuple(str(i) for i in range(len(counts))),
    )
    return DataSet("made", None, frame, schema)


def parts(made: Split) -> list[np.ndarray]:
    return [made.train, made.validation, made.test]


counts = st.lists(st.integers(2, 60), min_size=2, max_size=12).filter(lambda c: sum(c) >= 20)


@settings(deadline=None, max_examples=60)
@given(counts, st.integers(-(2**70), 2**70))
def test_a_stratified_partition(sizes: list[int], seed: int) -> None:
    data = classes_of(sizes)
    made = split(data, seed)
    assert np.array_equal(np.sort(np.concatenate(parts(made))), np.arange(sum(sizes)))
    names = data.frame["y"].cast(pl.Int64).to_numpy()
    for rows, fraction in zip(parts(made), (0.7, 0.15, 0.15), strict=True):
        assert rows.dtype == np.int64
        assert np.all(np.diff(rows) > 0)
        found = np.bincount(names[rows], minlength=len(sizes))
        assert np.all(np.abs(found - fraction * np.array(sizes)) <= 2)
        assert abs(len(rows) - fraction * sum(sizes)) <= 2 + sizes.count(2) + sizes.count(3)
    assert np.bincount(names[made.train], minlength=len(sizes)).min() >= 1


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 9), min_size=30, max_size=200), st.integers(0, 99))
def test_equal_rows_land_on_one_side(cells: list[int], seed: int) -> None:
    frame = pl.DataFrame({"a": [*range(20), *cells], "y": [*[0, 1] * 10, *[c % 2 for c in cells]]})
    data = load(frame, "y", task="binary")
    made = split(data, seed)
    owners: dict[tuple, set[int]] = {}
    for number, rows in enumerate(parts(made)):
        for row in data.frame[rows].rows():
            owners.setdefault(row, set()).add(number)
    assert all(len(owner) == 1 for owner in owners.values())


@pytest.mark.parametrize("seed", range(10))
def test_rows_that_dominate_a_class_leave_the_others_to_be_split(seed: int) -> None:
    frame = pl.DataFrame({"a": [*range(60), *[0] * 500], "y": [*[0, 1] * 30, *[0] * 500]})
    made = split(load(frame, "y"), seed)
    assert set(range(60, 560)) <= set(made.train.tolist())
    assert min(len(made.validation), len(made.test)) >= 8


@pytest.mark.parametrize("seed", range(10))
def test_four_different_rows_fill_three_parts(seed: int) -> None:
    frame = pl.DataFrame({"a": [0, 1, 2, 3] * 10, "y": [0, 1] * 20})
    made = split(load(frame), seed)
    assert min(map(len, parts(made))) == 10


@pytest.mark.parametrize("copies", [2, 3])
def test_copies_stay_together_and_in_proportion(copies: int) -> None:
    data = classes_of([40, 60], copies)
    made = split(data, 3)
    where = np.empty(data.frame.height, dtype=int)
    for number, rows in enumerate(parts(made)):
        where[rows] = number
        assert abs(len(rows) - (0.7, 0.15, 0.15)[number] * len(where)) <= 3 * copies
    assert np.all(where.reshape(copies, -1) == where[:100])


def test_equal_arrays_land_on_one_side() -> None:
    images = np.random.default_rng(0).integers(0, 9, (50, 4, 4)).astype(np.float32)
    data = load(np.concatenate([images, images]), np.arange(100) % 50 % 2)
    made = split(data)
    assert set(made.train % 50).isdisjoint(made.test % 50)
    assert set(made.train % 50).isdisjoint(made.validation % 50)


def test_equal_inputs_with_another_target_are_other_rows() -> None:
    frame = pl.DataFrame({"a": [i // 2 for i in range(40)], "y": [0, 1] * 20})
    made = split(load(frame, "y"))
    assert len(made.test) == 6


def test_a_function_of_data_and_seed() -> None:
    data = load("iris")
    state = np.random.get_state()[1].copy()  # type: ignore[union-attr]
    one, again, other = split(data, 5), split(load("iris"), 5), split(data, 6)
    assert all(np.array_equal(a, b) for a, b in zip(parts(one), parts(again), strict=True))
    assert not np.array_equal(one.train, other.train)
    assert np.array_equal(state, np.random.get_state()[1])  # type: ignore[index]
    # Frozen: runs that were planned with an earlier version keep their rows.
    assert one.test.tolist()[:6] == [3, 15, 18, 20, 26, 30]


def test_every_row_is_in_the_test_part_as_often_as_any_other() -> None:
    data = classes_of([3, 7, 20])
    times = np.zeros(30)
    n = 600
    for seed in range(n):
        times[split(data, seed).test] += 1
    # Four standard deviations of a binomial count around 15%.
    assert np.all(np.abs(times / n - 0.15) < 4 * np.sqrt(0.15 * 0.85 / n))


def test_numbers_are_stratified_by_their_range() -> None:
    data = load("diabetes")
    target = data.frame["target"].to_numpy()
    edges = np.quantile(target, np.linspace(0, 1, 11)[1:-1])
    for rows, fraction in zip(parts(split(data, 1)), (0.7, 0.15, 0.15), strict=True):
        found = np.bincount(np.searchsorted(edges, target[rows]), minlength=10)
        assert np.all(np.abs(found - fraction * len(target) / 10) <= 5)


def test_test_rows_of_the_users_own() -> None:
    iris = load("iris").frame
    made = split(load(iris, test=iris.head(7)))
    assert made.test.tolist() == list(range(7))
    assert len(made.train) + len(made.validation) == 150
    assert abs(len(made.validation) - 150 * 15 / 85) <= 2


@pytest.mark.parametrize("fractions", [(0.7, 0.3, 0.0), (0.5, 0.2, 0.2), (1.2, -0.1, -0.1)])
def test_bad_fractions(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="fractions") as caught:
        split(load("iris"), fractions=fractions)
    assert caught.value.accepted


def test_too_few_different_rows() -> None:
    frame = pl.DataFrame({"a": [0, 1] * 15, "y": [0, 1] * 15})
    with pytest.raises(InputError, match="too few different rows") as caught:
        split(load(frame))
    assert "2 different rows among 30" in str(caught.value)


# --- repeated cross-validation ----------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(counts, st.integers(0, 2**62), st.integers(2, 7), st.integers(0, 3))
def test_the_folds_of_a_repetition_test_every_row_once(
    sizes: list[int], seed: int, folds: int, repetition: int
) -> None:
    data = classes_of(sizes)
    made = [fold(data, repetition * folds + i, seed, folds) for i in range(folds)]
    tested = np.concatenate([each.test for each in made])
    assert len(set(tested.tolist())) == len(tested)
    names = data.frame["y"].cast(pl.Int64).to_numpy()
    # Of two rows of a class neither is more than half of it; so all rows are tested.
    assert len(tested) == sum(sizes)
    for each in made:
        assert np.array_equal(np.sort(np.concatenate(parts(each))), np.arange(sum(sizes)))
        found = np.bincount(names[each.test], minlength=len(sizes))
        assert np.all(np.abs(found - np.array(sizes) / folds) < 1)
        assert abs(len(each.test) - sum(sizes) / folds) < 1
        assert np.bincount(names[each.train], minlength=len(sizes)).min() >= 1


def test_repetitions_differ_and_are_functions() -> None:
    data = classes_of([50, 50])
    first = [fold(data, i, 3).test.tolist() for i in range(FOLDS)]
    again = [fold(data, FOLDS + i, 3).test.tolist() for i in range(FOLDS)]
    assert not set(map(tuple, first)) & set(map(tuple, again))
    assert first == [fold(data, i, 3).test.tolist() for i in range(FOLDS)]
    assert first != [fold(data, i, 4).test.tolist() for i in range(FOLDS)]


def test_validation_rows_of_folds_are_their_own() -> None:
    data = classes_of([100, 100])
    made = [fold(data, i) for i in range(FOLDS)]
    assert all(abs(len(each.validation) - 30) <= 2 for each in made)
    assert len({tuple(each.validation.tolist()) for each in made}) == FOLDS


def test_a_class_of_one_row_always_trains() -> None:
    data = classes_of([1, 40, 40])
    for i in range(FOLDS):
        assert 0 in fold(data, i).train


def test_equal_rows_are_tested_together() -> None:
    data = classes_of([30, 30], copies=2)
    for i in range(FOLDS):
        made = fold(data, i)
        assert {row % 60 for row in made.test.tolist()}.isdisjoint(
            row % 60 for row in [*made.train.tolist(), *made.validation.tolist()]
        )


def test_folds_need_rows_and_no_test_rows_of_ones_own() -> None:
    with pytest.raises(InputError, match="too few different rows for 5 folds"):
        fold(classes_of([2, 1]), 0)
    data = load("iris")
    own = DataSet(data.name, None, data.frame, data.schema, data.frame[:10])
    with pytest.raises(InputError, match="you gave your own"):
        fold(own, 0)
    with pytest.raises(ValueError, match="doesn't exist"):
        fold(data, -1)
