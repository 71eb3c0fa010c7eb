from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import losses as literal

from methodic.errors import InputError
from methodic.objectives.supervised import CrossEntropy, MeanSquaredError
from methodic.types import Batch, Pass


def run_of(output, numbers=None):
    return Pass({"output": output}, {}, {}, numbers or {}, training=True)


def model(run, inputs):
    return run.parameters["output"]


def loss(objective, output, target, smoothing=None):
    numbers = {} if smoothing is None else {"o.label_smoothing": torch.as_tensor(smoothing)}
    (value,) = objective(model, run_of(output, numbers), Batch({}, target)).values()
    return value


def classes(members, rows, count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(members, rows, count, generator=generator, dtype=torch.float64)
    return logits, torch.randint(0, count, (members, rows), generator=generator)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 3),
    st.integers(1, 6),
    st.integers(2, 5),
    st.floats(0, 0.9),
    st.booleans(),
    st.integers(0, 1000),
)
def test_cross_entropy_equals_the_literal_version(members, rows, count, smoothing, weighted, seed):
    logits, target = classes(members, rows, count, seed)
    weights = torch.linspace(0.5, 2.0, count, dtype=torch.float64) if weighted else None
    objective = CrossEntropy("o", smoothing=True, class_weights=weights)
    result = loss(objective, logits, target, torch.full((members,), smoothing).double())
    smoothing = float(torch.tensor(smoothing))
    for m in range(members):
        expected = literal.cross_entropy(
            logits[m].tolist(),
            target[m].tolist(),
            smoothing,
            weights.tolist() if weighted else None,
        )
        assert float(result[m]) == pytest.approx(expected, rel=1e-6)


WEIGHTS = torch.tensor([0.3, 1.0, 2.5, 0.7], dtype=torch.float64)


@pytest.mark.parametrize("smoothing", [None, (0.1, 0.3)])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_cross_entropy_equals_torch(smoothing, weights):
    logits, target = classes(2, 9, 4)
    result = loss(
        CrossEntropy("o", smoothing is not None, weights),
        logits,
        target,
        None if smoothing is None else torch.tensor(smoothing, dtype=torch.float64),
    )
    assert result.shape == (2,)
    assert result.dtype == torch.float64
    torch.testing.assert_close(result, _torch(logits, target, smoothing, weights))


def _torch(logits, target, smoothing, weights):
    return torch.stack(
        [
            F.cross_entropy(
                logits[m],
                target[m],
                weight=weights,
                label_smoothing=smoothing[m] if smoothing else 0.0,
            )
            for m in range(len(logits))
        ]
    )


def test_the_comparison_rejects_mutants():
    logits, target = classes(2, 9, 4)
    smoothing = (0.1, 0.3)
    theirs = _torch(logits, target, smoothing, WEIGHTS)
    epsilon = torch.tensor(smoothing, dtype=torch.float64)
    weighted = CrossEntropy("o", True, WEIGHTS)
    log_p = F.log_softmax(logits, -1)
    nll = -log_p.gather(-1, target.unsqueeze(-1)).squeeze(-1) * WEIGHTS[target]
    plain = nll.sum(1) / WEIGHTS[target].sum(1)
    mutants = {
        "shared among the other classes": loss(weighted, logits, target, epsilon * 4 / 3),
        "smoothing of the first member for all": loss(
            weighted, logits, target, epsilon[:1].expand(2)
        ),
        "no smoothing": loss(CrossEntropy("o", False, WEIGHTS), logits, target),
        "no weights": loss(CrossEntropy("o", True), logits, target, epsilon),
        "mean over rows, not over weights": loss(weighted, logits, target, epsilon)
        * WEIGHTS[target].mean(1),
        "sum": loss(weighted, logits, target, epsilon) * 9,
        "smoothing without class weights": (1 - epsilon) * plain
        - epsilon * log_p.mean(-1).sum(1) / WEIGHTS[target].sum(1),
    }
    for name, mutant in mutants.items():
        assert not torch.allclose(mutant, theirs, rtol=1e-4), name


def test_numbers_far_out_stay_finite():
    logits = torch.tensor([[[1e4, -1e4], [-1e4, 1e4]]], requires_grad=True)
    value = loss(CrossEntropy("o"), logits, torch.tensor([[1, 1]]))
    assert value.item() == pytest.approx(1e4)
    assert torch.autograd.grad(value.sum(), logits)[0].isfinite().all()


def test_mean_squared_error_equals_torch_and_the_literal_version():
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(3, 5, 2, generator=generator, dtype=torch.float64)
    target = torch.randn(3, 5, 2, generator=generator, dtype=torch.float64)
    result = loss(MeanSquaredError("o"), output, target)
    for m in range(3):
        theirs = float(F.mse_loss(output[m], target[m]))
        assert float(result[m]) == pytest.approx(theirs, rel=1e-12)
        expected = literal.mean_squared_error(output[m].tolist(), target[m].tolist())
        assert float(result[m]) == pytest.approx(expected, rel=1e-12)
        mutants = [
            theirs / 2,
            float(F.l1_loss(output[m], target[m])),
            float(F.mse_loss(output[m], target[m], reduction="sum")) / 5,
        ]
        assert not any(np.isclose(float(result[m]), each, rtol=1e-6) for each in mutants)


def test_a_target_of_another_shape_is_refused():
    output = torch.zeros(2, 5, 1)
    with pytest.raises(InputError, match="shape"):
        loss(MeanSquaredError("o"), output, torch.zeros(2, 5))
    with pytest.raises(InputError, match="shape"):
        loss(CrossEntropy("o"), output, torch.zeros(2, 4, dtype=torch.int64))


def test_nothing_is_drawn():
    assert CrossEntropy("o").noise(5) == {}
    assert MeanSquaredError("o").noise(5) == {}
