"""Columns as numbers."""

from __future__ import annotations

import datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.data.loading import load
from methodic.data.schemas.schema import Column, Schema
from methodic.diagnosis import views
from methodic.diagnosis.views import View


def schema(**kinds: str) -> Schema:
    columns = tuple(Column(name=name, kind=kind) for name, kind in kinds.items())  # type: ignore[arg-type]
    return Schema(columns=columns, target="y", task="binary", classes=("no", "yes"))


def test_every_kind_of_column() -> None:
    frame = pl.DataFrame(
        {
            "n": [1, None, 3],
            "c": ["b", None, "a"],
            "b": [True, False, None],
            "d": [datetime.date(2024, 1, 2), None, datetime.date(2024, 1, 1)],
            "t": ["word " * 30, None, "word"],
        }
    )
    kinds = {"n": "numeric", "c": "categorical", "b": "categorical", "d": "date", "t": "text"}
    numbers, category, truth, date, text = views.inputs(frame, schema(**kinds))
    assert numbers.values.tolist()[::2] == [1.0, 3.0]
    assert (category.words, category.values.tolist()[::2]) == (("a", "b"), [1.0, 0.0])
    assert truth.words is not None
    assert date.values[0] > date.values[2]
    assert (text.name, text.values[0], text.values[2]) == ("t (its length)", 149.0, 4.0)
    for view in (numbers, category, date, text):
        assert np.isnan(view.values[1])
    assert np.isnan(truth.values[2])
    assert category.show(1.0) == "'b'"
    assert numbers.show(3.0) == "3"


def test_an_array_is_its_mean_and_deviation() -> None:
    images = np.random.default_rng(0).integers(0, 9, (30, 4, 4)).astype(np.float32)
    data = load(images, np.arange(30) % 2)
    mean, deviation = views.inputs(data.frame, data.schema)
    flat = images.reshape(30, -1).astype(np.float64)
    assert np.allclose(mean.values, flat.mean(axis=1))
    assert np.allclose(deviation.values, flat.std(axis=1))


def test_targets_of_each_task() -> None:
    iris = load("iris")
    (target,) = views.targets(iris.frame, iris.schema)
    assert np.bincount(target.values.astype(int)).tolist() == [50, 50, 50]
    assert target.words == iris.schema.classes
    diabetes = load("diabetes")
    (target,) = views.targets(diabetes.frame, diabetes.schema)
    assert target.words is None
    assert np.array_equal(target.values, diabetes.frame["target"].to_numpy())
    labels = pl.DataFrame({"a": range(40), "p": [0, 1] * 20, "q": [0, 0, 1, 1] * 10})
    data = load(labels, ("p", "q"))
    one, two = views.targets(data.frame, data.schema)
    assert (one.name, two.name) == ("p", "q")
    assert two.values.tolist()[:4] == [0.0, 0.0, 1.0, 1.0]


def test_a_sample_is_the_same_each_time_and_from_everywhere() -> None:
    assert views.some(100, 10).tolist() == list(range(100))
    rows = views.some(100_000, 10)
    assert len(set(rows.tolist())) == views.MOST_ROWS
    assert np.all(np.diff(rows) > 0)
    assert np.array_equal(rows, views.some(100_000, 10))
    assert np.histogram(rows, 10, (0, 100_000))[0].min() > 0.8 * views.MOST_ROWS / 10
    assert len(views.some(100_000, 10_000)) == views.FEWEST_ROWS


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.one_of(st.none(), st.integers(0, 30)), min_size=1, max_size=100),
    st.integers(2, 12),
    st.booleans(),
)
def test_bins_hold_equal_values_together(
    cells: list[int | None], bins: int, category: bool
) -> None:
    values = np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
    words = tuple(map(str, range(31))) if category else None
    code, size = views.codes(View("x", values, words), bins)
    assert size <= bins + 1
    assert code.min() >= 0
    assert code.max() < size
    owners: dict[float, set[int]] = {}
    for value, each in zip(values, code.tolist(), strict=True):
        owners.setdefault(-1.0 if np.isnan(value) else value, set()).add(each)
    assert all(len(owner) == 1 for owner in owners.values())
    if np.isnan(values).any():
        assert not owners[-1.0] & set().union(*(o for v, o in owners.items() if v >= 0), set())
    known = sorted(value for value in owners if value >= 0)
    if len(known) <= bins:
        assert len({min(owners[value]) for value in known}) == len(known), "a bin each"
    elif not category:
        placed = [min(owners[value]) for value in known]
        assert placed == sorted(placed), "bins of numbers are in order"


@pytest.mark.parametrize("rows", [20, 1000])
def test_numbers_fill_their_bins_evenly(rows: int) -> None:
    values = np.random.default_rng(0).normal(size=rows)
    code, size = views.codes(View("x", values), 10)
    assert np.bincount(code, minlength=size)[:10].tolist() == [rows // 10] * 10
