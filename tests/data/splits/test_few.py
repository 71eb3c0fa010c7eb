"""Few labels: as many as asked, each class among them, the same ones in every larger experiment."""

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
from methodic.data.splits import FOLDS, Split, few, fold, rule, split
from methodic.data.splits.few import Order, least, ordered, shared, wanted
from methodic.errors import InputError
from methodic.plan import Reading


def classes_of(counts: list[int]) -> DataSet:
    names = [str(i) for i, count in enumerate(counts) for _ in range(count)]
    frame = pl.DataFrame({"a": range(len(names)), "y": names})
    schema = Schema(
        columns=(Column(name="a", kind="numeric"),),
        target="y",
        task="multiclass",
        classes=tuple(str(i) for i in range(len(counts))),
    )
    return DataSet("made", None, frame, schema)


def asked(data: DataSet, labels: object) -> DataSet:
    return replace(data, reading=data.reading.model_copy(update={"labels": str(labels)}))


def same(one: Split, two: Split) -> bool:
    parts = ("train", "validation", "test", "hidden", "beside")
    return all(np.array_equal(getattr(one, part), getattr(two, part)) for part in parts)


def codes(data: DataSet) -> np.ndarray:
    return data.frame["y"].cast(pl.Int64).to_numpy()


counts = st.lists(st.integers(2, 60), min_size=2, max_size=12).filter(lambda c: sum(c) >= 20)
seeds = st.integers(-(2**70), 2**70)


@settings(deadline=None, max_examples=100)
@given(counts, seeds, st.data())
def test_so_many_rows_keep_their_targets(sizes: list[int], seed: int, draw: st.DataObject) -> None:
    data = classes_of(sizes)
    usual = split(data, seed)
    total = len(usual.train) + len(usual.validation)
    number = draw.draw(st.integers(1, total))
    try:
        made = split(asked(data, number), seed)
    except InputError:
        return  # too few; see below
    assert len(made.train) + len(made.validation) == number
    assert np.array_equal(made.test, usual.test)
    assert set(made.train) <= set(usual.train)
    assert set(made.validation) <= set(usual.validation)
    rest = np.concatenate([made.train, made.validation, made.hidden, made.test])
    assert np.array_equal(np.sort(rest), np.arange(sum(sizes)))
    assert all(np.all(np.diff(each) > 0) for each in (made.train, made.validation, made.hidden))
    assert set(codes(data)[made.train]) == set(codes(data)[usual.train])
    held = len(usual.validation) * number / total
    assert len(made.validation) <= max(held + 0.5, len(sizes))


@settings(deadline=None, max_examples=60)
@given(counts, seeds)
def test_the_least_number_that_works_does_and_one_less_does_not(
    sizes: list[int], seed: int
) -> None:
    data = classes_of(sizes)
    with pytest.raises(InputError, match="too few: no training row of the class") as caught:
        split(asked(data, 1), seed)
    number = int(str(caught.value.accepted).removeprefix("at least "))
    assert str(number) in str(caught.value.advice)
    split(asked(data, number), seed)
    with pytest.raises(InputError, match="too few"):
        split(asked(data, number - 1), seed)


@settings(deadline=None, max_examples=40)
@given(counts, seeds)
def test_who_keeps_a_target_among_few_keeps_it_among_more(sizes: list[int], seed: int) -> None:
    data = classes_of(sizes)
    usual = split(data, seed)
    before: Split | None = None
    for number in range(1, len(usual.train) + len(usual.validation) + 1):
        try:
            made = split(asked(data, number), seed)
        except InputError:
            assert before is None, "more labels work where fewer do"
            continue
        if before is not None:
            assert set(before.train) <= set(made.train)
            assert set(before.validation) <= set(made.validation)
        before = made
    assert before is not None
    assert same(before, usual), "all labels are the usual split"


@settings(deadline=None, max_examples=60)
@given(counts, seeds, st.floats(0.05, 1))
def test_classes_in_proportion(sizes: list[int], seed: int, share: float) -> None:
    data = classes_of(sizes)
    usual = split(data, seed)
    number = max(2 * len(sizes) + 2, round(share * (len(usual.train) + len(usual.validation))))
    try:
        made = split(asked(data, number), seed)
    except InputError:
        return
    base = np.bincount(codes(data)[usual.train], minlength=len(sizes)) / len(usual.train)
    found = np.bincount(codes(data)[made.train], minlength=len(sizes))
    wanted_ = base * len(made.train)
    assert np.all(np.abs(found - wanted_) <= 1 + len(sizes) * base)


def test_each_class_is_validated_where_that_is_possible() -> None:
    data = classes_of([40] * 10)
    for seed in range(5):
        made = split(asked(data, 20), seed)
        assert (len(made.train), len(made.validation)) == (10, 10)
        for part in (made.train, made.validation):
            assert sorted(codes(data)[part]) == list(range(10))
        some = split(asked(data, 14), seed)
        assert (len(some.train), len(some.validation)) == (10, 4)
        assert len(set(codes(data)[some.validation])) == 4
        many = split(asked(data, 200), seed)
        assert abs(len(many.validation) - 200 * 15 / 85) < 1
        assert np.bincount(codes(data)[many.train]).max() <= 18


def test_a_function_of_the_seed() -> None:
    data = asked(load("iris"), 30)
    state = np.random.get_state()[1].copy()  # type: ignore[union-attr]
    assert same(split(data, 4), split(asked(load("iris"), 30), 4))
    assert not np.array_equal(split(data, 4).train, split(data, 5).train)
    assert np.array_equal(state, np.random.get_state()[1])  # type: ignore[index]


def test_every_training_row_is_as_likely_as_any_other_to_keep_its_target() -> None:
    data = classes_of([20, 40])
    times = np.zeros(60)
    n = 600
    for seed in range(n):
        times[split(asked(data, 20), seed).train] += 1
    expected = times.sum() / 60 / n
    assert np.all(np.abs(times / n - expected) < 0.09)  # four and a half standard deviations


@pytest.mark.parametrize(
    ("labels", "rows", "number"),
    [("100", 2000, 100), ("5%", 2000, 100), (" 2.5 % ", 200, 5), ("0.01%", 50, 1), ("100%", 7, 7)],
)
def test_what_is_typed(labels: str, rows: int, number: int) -> None:
    assert wanted(labels, rows) == number


@pytest.mark.parametrize("labels", ["", "few", "0", "0%", "-3", "1.5", "101%", "5 %%", "%", "nan"])
def test_what_is_no_number_of_labels(labels: str) -> None:
    with pytest.raises(InputError, match="--labels") as caught:
        wanted(labels, 100)
    assert "5%" in str(caught.value.accepted)
    with pytest.raises(InputError, match="--labels"):
        load("iris", labels=labels)


def test_a_forgotten_percent_sign_is_guessed() -> None:
    with pytest.raises(InputError) as caught:
        wanted("0.05", 100)
    assert caught.value.advice == "Did you mean 5%?"


def test_more_labels_than_rows() -> None:
    with pytest.raises(InputError, match="more rows than there are") as caught:
        split(load("iris", labels=150))
    assert caught.value.found == "150"
    assert "at most 128" in str(caught.value.accepted) or "at most 127" in str(
        caught.value.accepted
    )


def test_numbers_to_predict() -> None:
    data = load("diabetes", labels="10%")
    usual, made = split(load("diabetes"), 1), split(data, 1)
    total = len(usual.train) + len(usual.validation)
    assert len(made.train) + len(made.validation) == round(0.1 * total)
    target = data.frame["target"].to_numpy()
    assert abs(np.median(target[made.train]) - np.median(target[usual.train])) < 40
    two = split(load("diabetes", labels=2), 1)
    assert (len(two.train), len(two.validation)) == (1, 1)
    with pytest.raises(InputError, match="training and validation would not have a row each"):
        split(load("diabetes", labels=1), 1)


def test_labels_of_several_kinds() -> None:
    random = np.random.default_rng(0)
    has = random.random((300, 3)) < [0.5, 0.2, 0.05]
    frame = pl.DataFrame({"x": random.normal(size=300), **{f"l{i}": has[:, i] for i in range(3)}})
    data = load(frame, ("l0", "l1", "l2"), labels=40)
    made = split(data, 2)
    assert len(made.train) + len(made.validation) == 40
    assert has[made.train].any(axis=0).all(), "each label is held by some training row"
    with pytest.raises(InputError, match=r"too few: .*'l2'"):
        split(asked(data, 3), 2)


def table(rows: int = 300, whose: int = 60) -> pl.DataFrame:
    random = np.random.default_rng(7)
    return pl.DataFrame(
        {
            "x": random.normal(size=rows),
            "who": random.integers(0, whose, rows),
            "day": random.permutation(rows),
            "part": random.permutation(["train"] * 200 + ["validation"] * 50 + ["test"] * 50),
            "y": random.integers(0, 2, rows),
        }
    )


def test_groups_stay_whole() -> None:
    frame = table()
    data = load(frame, "y", group="who", drop=["day", "part"], labels=60)
    who = frame["who"].to_numpy()
    for seed in range(5):
        made = split(data, seed)
        kinds = [set(who[part]) for part in (made.train, made.validation, made.hidden, made.test)]
        assert sum(map(len, kinds)) == len(set(who)), "no group is on two sides"
        assert abs(len(made.train) + len(made.validation) - 60) <= 12
    assert rule(data).endswith(
        "about 60 of the rows that aren't test rows keep their targets, as "
        "asked, to train and to choose by; the others train without."
    )


def test_too_few_labels_for_whole_groups() -> None:
    frame = table(300, 6)
    data = load(frame, "y", group="who", drop=["day", "part"], labels=10)
    with pytest.raises(InputError, match="too few") as caught:
        split(data, 0)
    assert "rows of one 'who' stay together" in str(caught.value.accepted)
    number = int(str(caught.value.accepted).removeprefix("at least ").split()[0])
    split(asked(data, number), 0)


def test_by_time_validation_rows_stay_later_than_all_training_rows() -> None:
    frame = table()
    data = load(frame, "y", time="day", drop=["who", "part"], labels=50)
    made, usual = split(data, 0), split(load(frame, "y", time="day", drop=["who", "part"]), 0)
    day = frame["day"].to_numpy()
    assert max(day[made.train].max(), day[made.hidden].max()) < day[usual.validation].min()
    assert np.array_equal(made.test, usual.test)
    assert len(made.train) + len(made.validation) == 50
    assert set(made.hidden) | set(made.train) == set(usual.train)
    assert "but for validation rows, which are left out then" in rule(data)


def test_the_user_s_validation_rows_never_train() -> None:
    frame = table()
    data = load(frame, "y", split="part", drop=["who", "day"], labels="20%")
    made = split(data, 0)
    part = frame["part"].to_numpy()
    assert set(part[made.train]) == set(part[made.hidden]) == {"train"}
    assert set(part[made.validation]) == {"validation"}
    assert (len(made.train), len(made.validation), len(made.test)) == (40, 10, 50)
    assert "but for validation rows" in rule(data)
    two = frame.with_columns(part=pl.col("part").replace("validation", "train"))
    free = load(two, "y", split="part", drop=["who", "day"], labels="20%")
    assert len(split(free, 0).hidden) == 200
    assert "but for" not in rule(free)


def test_beside_test_rows_of_the_user_s_own() -> None:
    frame = table().drop("who", "day", "part")
    made = split(load(frame[:250], "y", test=frame[250:], labels=30), 0)
    assert len(made.test) == 50
    assert len(made.train) + len(made.validation) == 30
    assert len(made.hidden) == 220


def test_folds_have_labels_of_their_own() -> None:
    data = load("iris", labels=24)
    made = [fold(data, i, 3) for i in range(FOLDS)]
    assert all(len(each.train) + len(each.validation) == 24 for each in made)
    assert np.array_equal(np.sort(np.concatenate([each.test for each in made])), np.arange(150))
    assert len({tuple(each.train) for each in made}) == FOLDS
    for each, usual in zip(made, (fold(load("iris"), i, 3) for i in range(FOLDS)), strict=True):
        assert np.array_equal(each.test, usual.test)
        assert len(each.hidden) == 150 - 24 - len(each.test)


def test_without_labels_nothing_is_hidden() -> None:
    made = split(load("iris"))
    assert len(made.hidden) == len(made.beside) == 0
    assert load("iris").reading == Reading(targets=("target",))


def order_of(stratum: list[int], seed: int, soon: bool) -> Order:
    rows = np.arange(len(stratum))
    kinds = np.array(stratum)
    return ordered(rows, kinds, (rows, kinds), int(kinds.max()) + 1, seed, "x", soon=soon)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(0, 99), st.booleans())
def test_an_order_has_every_row_once_and_knows_what_it_covers(
    stratum: list[int], seed: int, soon: bool
) -> None:
    made = order_of(stratum, seed, soon)
    assert sorted(made.rows.tolist()) == list(range(len(stratum)))
    kinds = np.array(stratum)[made.rows]
    assert set(kinds[: made.covered]) == set(stratum)
    assert set(kinds[: made.covered - 1]) != set(stratum)
    for kind, first in enumerate(made.firsts):
        assert first == (0 if kind not in stratum else kinds.tolist().index(kind) + 1)
    if soon:
        assert made.covered == len(set(stratum))


def test_whole_groups_near_the_number() -> None:
    order = Order(np.arange(10), np.array([3, 4, 8, 10]), np.array([3]))
    assert [order.taken(n) for n in (1, 3, 5, 6, 7, 20)] == [3, 3, 4, 4, 8, 10]
    assert order.taken(1, 4) == 4
    assert least(order, order) == 6
    assert shared(5, order, order) is None
    assert shared(6, order, order) == (3, 3)


def test_hidden_and_unused_are_no_parts() -> None:
    assert not {few.HIDDEN, few.UNUSED} & {0, 1, 2}
