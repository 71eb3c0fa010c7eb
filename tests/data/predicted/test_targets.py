"""Targets given in memory, and what is shown of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from methodic.data.loading import load
from methodic.errors import InputError

N = 40
X = np.random.default_rng(0).normal(size=(N, 3))
Y = np.random.default_rng(1).normal(size=(N, 2))


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        (Y, ("y0", "y1")),
        (torch.tensor(Y), ("y0", "y1")),
        (Y.tolist(), ("y0", "y1")),
        (pl.DataFrame(Y, schema=["u", "v"]), ("u", "v")),
        (pd.DataFrame(Y, columns=["u", "v"]), ("u", "v")),
    ],
)
def test_several_targets_in_memory(targets: object, names: tuple[str, ...]) -> None:
    data = load(X, targets)
    assert (data.schema.targets, data.schema.task) == (names, "regression")
    np.testing.assert_allclose(data.frame.select(names).to_numpy(), Y)
    assert data.source is None


def test_one_target_in_a_wide_form_is_one() -> None:
    assert load(X, Y[:, :1]).schema.targets == ("target",)
    assert load(X, pl.DataFrame({"u": Y[:, 0]})).schema.targets == ("target",)


@pytest.mark.parametrize("target", [2, 0.5, np.int64(1), np.array(3)])
def test_what_is_neither_a_name_nor_values(target: object) -> None:
    with pytest.raises(InputError, match="neither a column's name nor a value for each row"):
        load(X, target)


def test_labels_in_memory() -> None:
    assert load(X, (Y > 0).astype(int)).schema.task == "multilabel"


def test_test_rows_in_memory_have_as_many() -> None:
    data = load(X, Y, test=(X[:5], Y[:5]))
    assert data.test is not None
    assert data.test.columns == data.frame.columns
    with pytest.raises(InputError, match="don't fit those of the training rows"):
        load(X, Y, test=(X[:5], np.concatenate([Y, Y], 1)[:5]))


def test_a_column_is_input_or_target() -> None:
    with pytest.raises(InputError, match="'u' is among the inputs and among the targets"):
        load(pl.DataFrame({"u": X[:, 0]}), pl.DataFrame(Y, schema=["u", "v"]))


def test_rows_lack_any_of_their_targets() -> None:
    frame = pl.DataFrame({"x": X[:, 0], "a": Y[:, 0], "b": Y[:, 1]})
    frame = frame.with_columns(b=pl.when(pl.col("x") > -0.5).then("b"))
    data = load(frame, ("a", "b"))
    kept = int((X[:, 0] > -0.5).sum())
    assert data.frame.height == kept
    assert data.unlabelled is not None
    assert data.unlabelled.height == N - kept
    assert any(f"{N - kept} rows have no value in 'b'" in note for note in data.notes)


def test_what_is_shown_of_several() -> None:
    shown = dict(load(X, Y).describe())
    assert shown["targets"] == "y0, y1 (regression)"
    assert shown["values of y1"].startswith(f"{Y[:, 1].min():g} to {Y[:, 1].max():g}, median")
    labels = pl.DataFrame({"x": range(N), "tags": ["a;b", "b", ";", "c"] * 10})
    shown = dict(load(labels, "tags", task="multilabel").describe())
    assert shown["target"] == "tags (multilabel)"
    assert shown["labels"] == "a 10, b 20, c 10"
