"""Splits: partitions, in proportion, equal rows together, nothing but a function."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.data.dataset import DataSet
from methodic.data.loading import load
from methodic.data.schemas.schema import Column, Schema
from methodic.data.splits import FOLDS, Split, fold, rule, split, uncrossable
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


# --- what the user says about parts ---------------------------------------------------------------


def table(rows: int = 200, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "a": random.normal(size=rows),
            "y": random.choice(["no", "yes"], rows),
            "who": random.integers(0, 40, rows),
            "day": random.permutation(rows),
            "part": random.choice(["train", "valid", "test"], rows, p=[0.6, 0.2, 0.2]),
        }
    )


@pytest.mark.parametrize(("asked", "share"), [("30%", 0.3), ("0.1", 0.1), (0.2, 0.2)])
def test_a_share_of_test_rows(asked: str | float, share: float) -> None:
    data = load(table().select("a", "y"), "y", split=asked)
    made = split(data, 0)
    assert abs(len(made.test) - 200 * share) <= 2
    assert abs(len(made.validation) - 200 * (1 - share) * 15 / 85) <= 2
    assert rule(data) == f"{share:g} of the rows are test rows, as asked."


def test_a_split_that_is_nothing_is_refused_on_loading() -> None:
    with pytest.raises(InputError, match="no share and no column") as caught:
        load(table(), "y", split="parts")
    assert caught.value.advice == "Did you mean the column 'part'?"
    with pytest.raises(InputError, match="nothing to split off"):
        load(table(), "y", test=table(40), split=0.2)


def test_groups_stay_on_one_side() -> None:
    data = load(table(), "y", group="who")
    assert data.schema.named("numeric") == ["a", "day"]
    who = data.frame["who"].to_numpy()
    for seed in range(5):
        sides = [set(who[rows].tolist()) for rows in parts(split(data, seed))]
        assert sum(map(len, sides)) == len(set(who.tolist()))
    assert rule(data) == "Rows of one 'who' stay on one side."


def test_folds_respect_groups_and_test_each_once() -> None:
    data = load(table(), "y", group="who")
    who = data.frame["who"].to_numpy()
    tested: list[int] = []
    for i in range(FOLDS):
        made = fold(data, i)
        sides = [set(who[rows].tolist()) for rows in parts(made)]
        assert sum(map(len, sides)) == len(set(who.tolist())), "no group is on two sides"
        assert min(map(len, parts(made))) > 0
        assert abs(len(made.validation) - 30) <= 10
        tested += made.test.tolist()
    assert sorted(tested) == list(range(200))


def test_the_latest_rows_are_the_test() -> None:
    data = load(table(), "y", time="day")
    day = data.frame["day"].to_numpy()
    made = split(data, 0)
    assert day[made.train].max() < day[made.validation].min()
    assert day[made.validation].max() < day[made.test].min()
    assert [len(rows) for rows in parts(made)] == [140, 30, 30]
    assert all(
        np.array_equal(a, b) for a, b in zip(parts(made), parts(split(data, 9)), strict=True)
    )


def test_of_a_group_the_last_time_counts() -> None:
    data = load(table(), "y", time="day", group="who")
    day, who = data.frame["day"].to_numpy(), data.frame["who"].to_numpy()
    made = split(data, 0)
    sides = [set(who[rows].tolist()) for rows in parts(made)]
    assert sum(map(len, sides)) == len(set(who.tolist()))
    last = {each: day[who == each].max() for each in set(who.tolist())}
    assert max(last[each] for each in sides[0]) < min(last[each] for each in sides[1])
    assert day[made.train].max() < day[made.test].max()


def test_a_column_of_parts() -> None:
    data = load(table(), "y", split="part")
    assert "part" not in [column.name for column in data.schema.columns]
    for rows, word in zip(parts(split(data, 0)), ("train", "valid", "test"), strict=True):
        assert set(data.frame["part"][rows]) == {word}
    assert rule(data) == "'part' names each row's part."


@pytest.mark.parametrize("said", [{}, {"time": "day"}, {"group": "who"}])
def test_validation_rows_come_out_of_training_where_no_cell_names_them(said: dict) -> None:
    frame = table().with_columns(pl.col("part").replace({"valid": "train"}))
    data = load(frame, "y", split="part", **said)
    made = split(data, 0)
    assert set(data.frame["part"][made.test]) == {"test"}
    rest = data.frame["part"].eq("train").sum()
    assert len(made.train) + len(made.validation) == rest
    assert abs(len(made.validation) - rest * 15 / 85) <= 4
    day, who = data.frame["day"].to_numpy(), data.frame["who"].to_numpy()
    if "time" in said:
        assert day[made.train].max() < day[made.validation].min()
    if "group" in said:
        assert not set(who[made.train].tolist()) & set(who[made.validation].tolist())


@pytest.mark.parametrize(
    ("said", "reason"),
    [({"time": "day"}, "later than its test rows"), ({"split": "part"}, "'part' names them")],
)
def test_what_cross_validation_would_spoil(said: dict, reason: str) -> None:
    data = load(table(), "y", **said)
    assert reason in str(uncrossable(data))
    with pytest.raises(InputError, match=reason) as caught:
        fold(data, 0)
    assert caught.value.advice == "Ask for one split (--splits one)."
    assert uncrossable(load(table(), "y", group="who")) is None
    large = replace(load(table(), "y"), large=object())  # type: ignore[arg-type]
    assert "don't fit into memory" in str(uncrossable(large))


def test_equal_rows_of_two_groups_stay_together() -> None:
    frame = table()
    copies = frame.head(20).with_columns(who=pl.lit(100) + pl.int_range(20))
    data = load(pl.concat([frame, copies]), "y", group="who", drop=["day", "part"])
    made = split(data, 3)
    where = np.empty(220, dtype=int)
    for number, rows in enumerate(parts(made)):
        where[rows] = number
    assert np.array_equal(where[:20], where[200:])


def test_the_usual_split_has_no_rule() -> None:
    assert rule(load("iris")) == ""
    both = load(table(), "y", time="day", group="who")
    assert rule(both) == "Test rows are the latest by 'day'; rows of one 'who' stay on one side."
    own = load(table(), "y", time="day", test=table(40, 1))
    assert (
        rule(own)
        == "The test rows are your own; validation rows are the latest of the rest by 'day'."
    )
