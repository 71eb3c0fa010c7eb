"""Weighted rows, labels and several numbers: through steps and judgements, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from methodic import build
from methodic.data.batches import Rows
from methodic.engine import loop
from methodic.engine.evaluation import Judge, row_losses
from methodic.engine.parts import Cohort, State
from methodic.metrics import get_metric
from methodic.models.inputs import Inputs
from methodic.recipes.types import Recipe

N, COLUMNS, OUTPUTS = 61, 5, 3
MLP = {"kind": "mlp", "width": 11, "depth": 2, "dropout": 0.3}
KINDS: dict[str, dict[str, Any]] = {
    "classes": {"kind": "cross_entropy", "label_smoothing": 0.1},
    "balanced classes": {"kind": "cross_entropy", "class_weights": "balanced"},
    "labels": {"kind": "multilabel", "label_smoothing": 0.1},
    "balanced labels": {"kind": "multilabel", "class_weights": "balanced"},
    "numbers": {"kind": "mean_squared_error"},
    "huber": {"kind": "huber", "delta": 0.5},
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rows_of(kind: str, weighted: bool = True) -> Rows:
    generator = torch.Generator().manual_seed(0)
    inputs = {"numeric": torch.randn(N, COLUMNS, generator=generator)}
    weight = torch.rand(N, generator=generator) + 0.1 if weighted else None
    if "classes" in kind:
        target = torch.randint(0, OUTPUTS, (N,), generator=generator)
    elif "labels" in kind:
        target = torch.randint(0, 2, (N, OUTPUTS), generator=generator).float()
    else:
        target = torch.randn(N, OUTPUTS, generator=generator)
    return Rows(inputs, target, weight)


def recipe(kind: str, **stage: Any) -> Recipe:
    fields = {
        "batch": 13,
        "objectives": [KINDS[kind]],
        "optimizer": {"kind": "sgd", "lr": 0.05, "momentum": 0.9},
        **stage,
    }
    return Recipe.model_validate({"name": "a", "model": MLP, "stages": [fields]})


def make(kind: str, seeds: list[int], compiled: bool = False, **stage: Any) -> Cohort:
    counts = torch.tensor([10, 20, 31])
    return build.cohort(
        [recipe(kind, **stage)] * len(seeds),
        seeds,
        steps=[8],
        inputs=Inputs(numeric=COLUMNS),
        outputs=OUTPUTS,
        rows=N,
        class_counts=torch.stack([N - counts, counts]) if "labels" in kind else counts,
        compiled=compiled,
    )


def trained(kind: str, seeds: list[int], rows: Rows, **how: Any) -> State:
    cohort = make(kind, seeds, **how)
    stage = cohort.stages[0]
    state = loop.begin(stage, loop.initial_state(cohort))
    return loop.advance(cohort, stage, state, rows, 8, lambda _: None)


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_alone_as_in_company(kind: str, mixed: bool) -> None:
    rows = rows_of(kind)
    stage: dict[str, Any] = {"regularizers": [{"kind": "mixup", "alpha": 0.4}]} if mixed else {}
    company = trained(kind, [1, 2, 3, 4, 5], rows, **stage)
    for at in (0, 2, 4):
        alone = trained(kind, [at + 1], rows, **stage)
        assert torch.equal(alone.flat[0], company.flat[at])
    without = trained(kind, [1], rows_of(kind, weighted=False), **stage)
    assert not torch.allclose(without.flat[0], company.flat[0], rtol=1e-3)


@pytest.mark.parametrize("kind", ["balanced classes", "labels", "huber"])
def test_machine_code_takes_the_same_steps(kind: str) -> None:
    rows = rows_of(kind)
    ours, due = (trained(kind, [1, 2, 3], rows, compiled=each) for each in (True, False))
    torch.testing.assert_close(ours.flat, due.flat, rtol=2e-4, atol=2e-5)
    alone = trained(kind, [2], rows, compiled=True)
    assert torch.equal(alone.flat[0], ours.flat[1])
    without = trained(kind, [1, 2, 3], rows_of(kind, weighted=False), compiled=True)
    assert not torch.allclose(without.flat, ours.flat, rtol=1e-3)


@pytest.mark.parametrize("kind", ["classes", "labels", "numbers"])
def test_a_weight_of_2_is_a_row_that_comes_twice(kind: str) -> None:
    """In full batches, and without random numbers that rows would draw."""
    plain = {"batch": "full"}
    rows = rows_of(kind)
    counts = torch.randint(1, 4, (N,), generator=torch.Generator().manual_seed(1))
    repeated = torch.repeat_interleave(torch.arange(N), counts)
    twice = Rows({k: v[repeated] for k, v in rows.inputs.items()}, rows.target[repeated], None)

    def gradient(some: Rows) -> torch.Tensor:
        cohort = build.cohort(
            [recipe(kind, **plain).model_copy(update={"model": _linear()})],
            [1],
            steps=[1],
            inputs=Inputs(numeric=COLUMNS),
            outputs=OUTPUTS,
            rows=len(some),
        )
        stage = cohort.stages[0]
        state = loop.begin(stage, loop.initial_state(cohort))
        return loop.advance(cohort, stage, state, some, 1, lambda _: None).flat - state.flat

    weighted = Rows(rows.inputs, rows.target, counts.float())
    torch.testing.assert_close(gradient(weighted), gradient(twice), rtol=1e-4, atol=1e-6)


def _linear() -> Any:
    return Recipe.model_validate(
        {
            "name": "b",
            "model": {"kind": "linear"},
            "stages": [{"optimizer": {"kind": "sgd", "lr": 0.1}}],
        }
    ).model


def test_losses_of_rows() -> None:
    out, target = torch.randn(2, 5, 3), torch.randint(0, 2, (5, 3)).float()
    expected = torch.stack(
        [F.binary_cross_entropy_with_logits(o, target, reduction="none").mean(1) for o in out]
    )
    torch.testing.assert_close(row_losses(out, target, labels=True), expected)
    numbers = torch.randn(5, 3)
    torch.testing.assert_close(row_losses(out, numbers), ((out - numbers) ** 2).mean(-1))


def test_a_judge_weighs_rows() -> None:
    rows = rows_of("classes")
    assert rows.weight is not None
    out = torch.randn(2, N, OUTPUTS, generator=torch.Generator().manual_seed(3))
    truth, weights = np.asarray(rows.target.numpy()), rows.weight.double().numpy()

    def judged(some: Rows) -> Any:
        metric = get_metric("accuracy", "multiclass")
        return Judge(some, metric, lambda x: torch.softmax(x, -1), truth)(out)

    found, alike = judged(rows), judged(Rows(rows.inputs, rows.target))
    hits = (out.argmax(-1) == rows.target).numpy()
    np.testing.assert_allclose(found.score, (hits * weights).sum(1) / weights.sum())
    losses = torch.stack([F.cross_entropy(o, rows.target, reduction="none") for o in out])
    np.testing.assert_allclose(
        found.loss, (losses.numpy() * weights).sum(1) / weights.sum(), rtol=1e-5
    )
    assert not np.allclose(found.score, alike.score)
    assert not np.allclose(found.loss, alike.loss)


def test_a_judge_of_labels() -> None:
    rows = rows_of("labels", weighted=False)
    out = torch.randn(1, N, OUTPUTS, generator=torch.Generator().manual_seed(3))
    metric = get_metric("label_accuracy", "multilabel")
    truth = np.asarray(rows.target.long().numpy())
    found = Judge(rows, metric, torch.sigmoid, truth, labels=True)(out)
    right = (out[0] >= 0) == (rows.target == 1)
    assert found.score[0] == pytest.approx(float(right.double().mean()))
    loss = F.binary_cross_entropy_with_logits(out[0], rows.target)
    assert found.loss[0] == pytest.approx(float(loss), rel=1e-5)
