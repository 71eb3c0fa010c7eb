from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from objectives.given import loss, numbers, rejected
from reference import losses as literal
from sklearn.metrics import mean_pinball_loss

from methodic.errors import InputError
from methodic.objectives.numbers import (
    GaussianNLL,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    Quantile,
)


def by_member(function, output, target, *rest):
    """A public or literal version for each member; ``rest``: a number of each member."""
    found = [
        float(function(output[m], target[m], *(float(r[m]) for r in rest)))
        for m in range(len(output))
    ]
    return torch.tensor(found, dtype=torch.float64)


def listed(function):
    return lambda output, target, *rest: function(output.tolist(), target.tolist(), *rest)


def test_mean_squared_error_equals_torch_and_the_literal_version():
    output, target = numbers(3, 5, 2)
    result = loss(MeanSquaredError("o"), output, target)
    theirs = by_member(F.mse_loss, output, target)
    torch.testing.assert_close(result, theirs)
    torch.testing.assert_close(
        result, by_member(listed(literal.mean_squared_error), output, target)
    )
    rejected(
        {
            "half": result / 2,
            "absolute": by_member(F.l1_loss, output, target),
            "sum over outputs": by_member(
                lambda o, t: F.mse_loss(o, t, reduction="sum"), output, target
            )
            / 5,
        },
        theirs,
    )


def test_mean_absolute_error_equals_torch_and_the_literal_version():
    output, target = numbers(3, 5, 2)
    result = loss(MeanAbsoluteError("o"), output, target)
    theirs = by_member(F.l1_loss, output, target)
    torch.testing.assert_close(result, theirs)
    torch.testing.assert_close(
        result, by_member(listed(literal.mean_absolute_error), output, target)
    )
    rejected({"squared": by_member(F.mse_loss, output, target), "sum": 2 * result}, theirs)


def test_huber_equals_torch_and_the_literal_version():
    output, target = numbers(3, 5, 2)
    delta = torch.tensor([0.3, 1.0, 1.7], dtype=torch.float64)
    result = loss(Huber("o"), output, target, {"delta": delta})

    def torchs(o, t, d):
        return F.huber_loss(o, t, delta=d)

    theirs = by_member(torchs, output, target, delta)
    torch.testing.assert_close(result, theirs)
    torch.testing.assert_close(result, by_member(listed(literal.huber), output, target, delta))
    rejected(
        {
            "smooth L1": by_member(
                lambda o, t, d: F.smooth_l1_loss(o, t, beta=d), output, target, delta * 1.01
            ),
            "delta of another": loss(Huber("o"), output, target, {"delta": delta.flip(0)}),
            "squares": by_member(F.mse_loss, output, target) / 2,
        },
        theirs,
    )


def test_quantile_equals_scikit_learn_and_the_literal_version():
    output, target = numbers(3, 9, 2)
    tau = torch.tensor([0.1, 0.5, 0.8], dtype=torch.float64)
    result = loss(Quantile("o"), output, target, {"quantile": tau})

    def scikit(o, t, q):
        return mean_pinball_loss(t.numpy(), o.numpy(), alpha=q)

    theirs = by_member(scikit, output, target, tau)
    torch.testing.assert_close(result, theirs)
    torch.testing.assert_close(result, by_member(listed(literal.quantile), output, target, tau))
    rejected(
        {
            "the other side": loss(Quantile("o"), output, target, {"quantile": 1 - tau}),
            "twice": 2 * result,
            "absolute error": by_member(F.l1_loss, output, target) / 2,
        },
        theirs,
    )


@pytest.mark.parametrize("tau", [0.1, 0.5, 0.9])
def test_the_best_constant_is_the_quantile(tau):
    target = torch.arange(1.0, 100.0, dtype=torch.float64).view(1, -1, 1)
    guesses = torch.linspace(0, 100, 201, dtype=torch.float64)
    costs = [
        float(loss(Quantile("o"), torch.full_like(target, g), target, {"quantile": [tau]}))
        for g in guesses
    ]
    assert float(guesses[int(np.argmin(costs))]) == pytest.approx(100 * tau, abs=0.6)


def test_gaussian_likelihood_equals_torch_and_the_literal_version():
    output, target = numbers(3, 5, 2, outputs=4)
    result = loss(GaussianNLL("o"), output, target)

    def torchs(o, t):
        return F.gaussian_nll_loss(o[:, :2], t, o[:, 2:].exp())

    theirs = by_member(torchs, output, target)
    torch.testing.assert_close(result, theirs)
    torch.testing.assert_close(result, by_member(listed(literal.gaussian_nll), output, target))
    shuffled = output[..., [0, 2, 1, 3]]
    rejected(
        {
            "deviations, not variances": loss(
                GaussianNLL("o"), torch.cat([output[..., :2], 2 * output[..., 2:]], -1), target
            ),
            "without the variance's cost": result - output[..., 2:].flatten(1).mean(1) / 2,
            "means and variances in turn": loss(GaussianNLL("o"), shuffled, target),
            "twice": 2 * result,
        },
        theirs,
    )


def test_gaussian_likelihood_finds_mean_and_variance():
    target = torch.tensor([1.0, 3.0, 5.0], dtype=torch.float64).view(1, 3, 1)
    shared = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    for _ in range(4000):
        value = loss(GaussianNLL("o"), shared.expand(1, 3, 2), target)
        (slope,) = torch.autograd.grad(value.sum(), shared)
        shared = (shared - 0.05 * slope).detach().requires_grad_()
    expected = torch.tensor([3.0, np.log(8 / 3)], dtype=torch.float64)
    torch.testing.assert_close(shared.detach(), expected, rtol=0, atol=1e-3)


def test_gaussian_likelihood_needs_two_outputs_for_each_target():
    with pytest.raises(InputError, match="shape"):
        loss(GaussianNLL("o"), torch.zeros(1, 3, 1), torch.zeros(1, 3, 1))
    with pytest.raises(InputError, match="shape"):
        loss(GaussianNLL("o"), torch.zeros(1, 3, 5), torch.zeros(1, 3, 2))


def test_poisson_equals_torch_and_the_literal_version():
    output, target = numbers(3, 5, 2)
    target = target.abs().round()
    result = loss(Poisson("o"), output, target)
    theirs = by_member(F.poisson_nll_loss, output, target)
    torch.testing.assert_close(result, theirs)
    torch.testing.assert_close(result, by_member(listed(literal.poisson), output, target))
    rejected(
        {
            "rates, not their logarithms": by_member(
                lambda o, t: F.poisson_nll_loss(o.abs() + 0.1, t, log_input=False), output, target
            ),
            "with Stirling's term": by_member(
                lambda o, t: F.poisson_nll_loss(o, t, full=True), output, target
            ),
        },
        theirs,
    )


def test_a_target_of_another_shape_is_refused():
    output = torch.zeros(2, 5, 1)
    for objective in (MeanSquaredError("o"), MeanAbsoluteError("o")):
        for shape in ((2, 5), (2, 5, 2), (2, 1, 1)):
            with pytest.raises(InputError, match="shape"):
                loss(objective, output, torch.zeros(shape))
