"""Targets from cells to tensors and back."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from methodic.data.encoding.encoders import Encoders
from methodic.data.predicted import answers
from methodic.data.schemas.schema import Schema, infer
from methodic.errors import InputError
from methodic.plan import Reading

N = 30
X = list(range(N))


def fitted(task: str | None, *targets: str, **columns: object) -> tuple[pl.DataFrame, Encoders]:
    frame = pl.DataFrame({"x": X} | columns, strict=False)
    return frame, Encoders.fit(frame, infer(frame, targets, Reading(task=task)))


def test_several_numbers_are_standardised_each_by_itself() -> None:
    a, b = np.linspace(5, 7, N), np.linspace(-1000, 0, N) ** 3
    frame, encoders = fitted(None, "a", "b", a=a, b=b)
    assert answers.outputs(encoders.schema) == 2
    truth, target = encoders.truth(frame), encoders.target(frame)
    assert truth.shape == (N, 2)
    assert truth.dtype == np.float64
    np.testing.assert_array_equal(truth, np.stack([a, b], 1))
    assert target.dtype == torch.float32
    torch.testing.assert_close(target.mean(0), torch.zeros(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(target.std(0, unbiased=False), torch.ones(2))
    back = encoders.predictions(target.expand(3, N, 2))
    assert back.dtype == torch.float64
    np.testing.assert_allclose(back[1].numpy(), truth, rtol=1e-6, atol=100)


def test_one_number_keeps_its_arithmetic() -> None:
    """To the bit: (y − center) ÷ scale in float64, then float32."""
    y = np.random.default_rng(0).normal(3, 7, N)
    frame, encoders = fitted("regression", "y", y=y)
    center, scale = float(y.mean()), float(y.std())
    expected = ((y - center) / scale).astype(np.float32)[:, None]
    assert np.array_equal(encoders.target(frame).numpy(), expected)
    out = torch.randn(2, 5, 1)
    assert torch.equal(encoders.predictions(out), out.double() * scale + center)
    assert encoders.truth(frame).shape == (N,)


def test_labels_are_yes_and_no() -> None:
    a, b = [i % 2 for i in X], ["yes" if i < 10 else "no" for i in X]
    frame, encoders = fitted(None, "a", "b", a=a, b=b)
    assert encoders.class_counts.tolist() == [[15, 20], [15, 10]]
    truth, target = encoders.truth(frame), encoders.target(frame)
    assert truth.dtype == np.int64
    assert truth[:, 1].tolist() == [int(i < 10) for i in X]
    assert target.dtype == torch.float32
    assert np.array_equal(target.numpy(), truth)
    out = torch.tensor([[0.0, -40.0], [2.0, 1.0], [-2.0, -1.0]])
    predicted = encoders.predictions(out)
    torch.testing.assert_close(predicted, torch.sigmoid(out))
    assert encoders.labels(predicted) == ["a", "a;b", ""]


def test_counts_are_sums_of_weights() -> None:
    frame, encoders = fitted(None, "y", y=list("ab" * 15))
    weights = np.arange(N, dtype=np.float64)
    truth = encoders.truth(frame)
    found = answers.counts(truth, encoders.schema, weights)
    assert found.tolist() == [weights[::2].sum(), weights[1::2].sum()]
    assert answers.counts(truth, encoders.schema).tolist() == [15, 15]
    _, several = fitted(None, "a", "b", a=[i % 2 for i in X], b=[i % 3 == 0 for i in X])
    labels = np.stack([np.arange(N) % 2, np.arange(N) % 3 == 0], 1).astype(np.int64)
    no, yes = answers.counts(labels, several.schema, weights).tolist()
    assert yes == [weights[1::2].sum(), weights[::3].sum()]
    assert no == [weights.sum() - each for each in yes]


@pytest.mark.parametrize("kind", ["numbers", "labels"])
def test_what_was_learnt_is_saved(kind: str) -> None:
    columns = {"a": [i % 2 for i in X], "b": [i % 3 == 0 for i in X]}
    task = "regression" if kind == "numbers" else None
    frame, encoders = fitted(task, "a", "b", **columns)
    again = Encoders.from_state(*encoders.state())
    assert again.facts == encoders.facts
    assert torch.equal(again.class_counts, encoders.class_counts)
    assert torch.equal(again.target(frame), encoders.target(frame))


def test_damaged_scales_are_refused() -> None:
    _, encoders = fitted("regression", "a", "b", a=X, b=[i**2 for i in X])
    json, tensors = encoders.state()
    for broken in ([], [[0.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]], [[float("nan"), 1.0]]):
        with pytest.raises(InputError, match="damaged"):
            Encoders.from_state({**json, "more_targets": broken}, tensors)


def test_each_missing_target_is_named() -> None:
    frame, encoders = fitted("regression", "a", "b", a=X, b=[i**2 for i in X])
    with pytest.raises(InputError, match="the target 'b' is missing"):
        encoders.truth(frame.drop("b"))
    with pytest.raises(InputError, match="'b' has no value in row 2"):
        encoders.truth(frame.with_columns(b=pl.Series([1, None, *X[2:]])))


def test_outputs() -> None:
    def schema(**how: object) -> Schema:
        return Schema.model_validate({"columns": (), "target": "y", "classes": (), **how})

    assert answers.outputs(schema(task="regression")) == 1
    assert answers.outputs(schema(task="regression", others=("z",))) == 2
    assert answers.outputs(schema(task="binary", classes=("a", "b"))) == 2
    assert answers.outputs(schema(task="multilabel", classes=("a", "b", "c"))) == 3
