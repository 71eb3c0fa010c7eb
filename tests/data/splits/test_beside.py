"""Rows without a target beside a split: no group of tested rows, nothing later than these."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from methodic.data.loading import load
from methodic.data.splits import fold, split
from methodic.errors import InputError

ROWS = 200


def table(**columns: object) -> pl.DataFrame:
    random = np.random.default_rng(3)
    target = random.integers(0, 2, ROWS).tolist()
    made: dict[str, object] = {
        "x": random.normal(size=ROWS),
        "who": random.integers(0, 30, ROWS),
        "day": random.permutation(ROWS),
        "y": [None if i % 4 == 0 else each for i, each in enumerate(target)],
    }
    return pl.DataFrame(made | columns, strict=False)


def test_without_rules_all_may_train() -> None:
    data = load(table(), "y", drop=["who", "day"])
    assert data.unlabelled is not None
    assert split(data, 0).beside.tolist() == list(range(50))
    assert fold(data, 1, 0).beside.tolist() == list(range(50))
    assert len(split(load("iris"), 0).beside) == 0


def test_rows_of_a_tested_group_do_not_train() -> None:
    data = load(table(), "y", group="who", drop=["day"])
    assert data.unlabelled is not None
    groups = data.unlabelled["who"].to_numpy()
    for made in (split(data, 0), fold(data, 0, 0), fold(data, 3, 0)):
        held = set(data.frame["who"][np.concatenate([made.validation, made.test])])
        assert 0 < len(made.beside) < 50
        assert not held & set(groups[made.beside])
        assert set(np.setdiff1d(np.arange(50), made.beside)) == {
            i for i, each in enumerate(groups) if each in held
        }


def test_rows_without_a_group_and_groups_as_texts() -> None:
    base = table().with_columns(who=pl.when(pl.col("x") < 1).then(pl.col("who")))
    data = load(base, "y", group="who", drop=["day"])
    assert data.unlabelled is not None
    alone = data.unlabelled["who"].is_null().to_numpy()
    assert set(np.flatnonzero(alone)) <= set(split(data, 0).beside)
    texts = base.with_columns(pl.col("who").cast(pl.String))
    words = load(
        base.drop_nulls("y"),
        "y",
        group="who",
        drop=["day"],
        unlabelled=texts.filter(pl.col("y").is_null()),
    )
    assert split(words, 0).beside.tolist() == split(data, 0).beside.tolist()


def test_groups_of_test_rows_of_the_user_s_own() -> None:
    own = table().drop_nulls("y").with_columns(who=pl.lit(7))
    data = load(table().filter(pl.col("who") != 7), "y", group="who", drop=["day"], test=own)
    more = load(
        table().filter(pl.col("who") != 7),
        "y",
        group="who",
        drop=["day"],
        test=own,
        unlabelled=table().with_columns(who=pl.lit("7")),
    )
    assert split(more, 0).beside.tolist() == split(data, 0).beside.tolist()


def test_what_is_later_than_validation_rows_does_not_train() -> None:
    data = load(table(), "y", time="day", drop=["who"])
    made = split(data, 0)
    assert data.unlabelled is not None
    day = data.unlabelled["day"].to_numpy()
    first = data.frame["day"].to_numpy()[made.validation].min()
    assert made.beside.tolist() == np.flatnonzero(day < first).tolist()
    assert 10 < len(made.beside) < 45


def test_times_are_compared_whatever_their_type() -> None:
    start = datetime.date(2024, 1, 1)
    days = [start + datetime.timedelta(days=int(i)) for i in table()["day"]]
    dated = table(day=days)
    known = dated.drop_nulls("y")
    texts = dated.filter(pl.col("y").is_null()).with_columns(pl.col("day").cast(pl.String))
    data = load(known, "y", time="day", drop=["who"], unlabelled=texts)
    whole = load(dated, "y", time="day", drop=["who"])
    assert split(data, 0).beside.tolist() == split(whole, 0).beside.tolist()
    numbers = table().filter(pl.col("y").is_null())
    with pytest.raises(InputError, match="can't be compared"):
        split(load(known, "y", time="day", drop=["who"], unlabelled=numbers), 0)


def test_rows_without_a_time_are_left_out_and_said() -> None:
    some = table().with_columns(
        day=pl.when(pl.col("y").is_not_null() | (pl.col("x") > 0)).then(pl.col("day"))
    )
    data = load(some, "y", time="day", drop=["who"])
    gone = some["day"].null_count()
    assert data.unlabelled is not None
    assert data.unlabelled.height == 50 - gone
    assert any(f"left out: {gone}" in note and "'day'" in note for note in data.notes)


def test_rows_that_the_user_gave_another_part_do_not_train() -> None:
    part = ["train", "valid", "test", "train", "train"] * 40
    data = load(table(part=part), "y", split="part", drop=["who", "day"])
    wanted = sum(i % 4 == 0 and each == "train" for i, each in enumerate(part))
    assert data.unlabelled is not None
    assert data.unlabelled.height == wanted
    assert "part" not in data.unlabelled.columns
    assert any(f"left out: {50 - wanted}" in note for note in data.notes)
    assert len(split(data, 0).beside) == wanted


def test_days_and_months_are_told_apart_by_all_rows() -> None:
    """Rows without a target are of the first twelve days: alone they could be month/day."""
    start = datetime.date(2024, 1, 1)
    days = [start + datetime.timedelta(days=i) for i in range(360)]
    blank = [each.day <= 12 and i % 3 == 0 for i, each in enumerate(days)]
    frame = pl.DataFrame(
        {
            "when": [each.strftime("%d/%m/%Y") for each in days],
            "x": np.arange(360) % 37 / 7,
            "y": [None if gone else "ab"[i % 2] for i, gone in enumerate(blank)],
        }
    )
    data = load(frame, "y", time="when")
    made = split(data, 0)

    def moments(column: pl.Series) -> pl.Series:
        return column.str.to_date("%d/%m/%Y")

    assert data.unlabelled is not None
    first = moments(data.frame["when"])[made.validation].min()
    earlier = (moments(data.unlabelled["when"]) < first).arg_true()
    assert made.beside.tolist() == earlier.to_list()


def test_groups_that_look_like_numbers_match_those_of_another_file(tmp_path: Path) -> None:
    rows = [f"{i % 20:03},{i % 13},{'ab'[i % 2]}" for i in range(400)]
    (tmp_path / "a.csv").write_text("\n".join(["who,x,y", *rows]))
    (tmp_path / "b.csv").write_text("\n".join(["who,x", *(row[:-2] for row in rows)]))
    data = load(tmp_path / "a.csv", "y", group="who", unlabelled=tmp_path / "b.csv")
    made = split(data, 0)
    assert data.unlabelled is not None
    held = data.frame["who"][np.r_[made.validation, made.test]].unique()
    free = data.unlabelled["who"][made.beside].unique()
    assert set(free) == set(data.frame["who"]) - set(held)
    assert "007" in data.frame["who"].to_list()
