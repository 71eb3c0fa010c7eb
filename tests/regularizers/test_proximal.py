from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import rules as literal

from methodic.errors import InputError
from methodic.regularizers.proximal import ProximalL1, soft_threshold

values = st.lists(st.floats(-5, 5, allow_subnormal=False), min_size=1, max_size=9)


def shrink(w, threshold):
    return soft_threshold(
        torch.tensor([w], dtype=torch.float64), torch.tensor([threshold], dtype=torch.float64)
    )[0]


@settings(deadline=None, max_examples=60)
@given(values, st.floats(0, 3))
def test_equals_the_literal_version(w, threshold):
    assert shrink(w, threshold).tolist() == literal.soft_threshold(w, threshold)


@settings(deadline=None, max_examples=40)
@given(values, st.floats(0, 3))
def test_it_minimizes_its_objective(w, threshold):
    def objective(x):
        return (
            (x - torch.tensor(w, dtype=torch.float64)) ** 2
        ).sum() / 2 + threshold * x.abs().sum()

    best = shrink(w, threshold)
    generator = torch.Generator().manual_seed(0)
    for size in (1e-3, 0.1, 1.0):
        for _ in range(5):
            away = size * torch.randn(best.shape, generator=generator, dtype=torch.float64)
            assert float(objective(best)) <= float(objective(best + away)) + 1e-12


def test_a_hard_threshold_is_rejected():
    """A mutant that zeroes small weights and keeps the others fails the comparison."""
    w, threshold = [0.5, -2.0, 0.1, 3.0], 0.4
    hard = [x if abs(x) > threshold else 0.0 for x in w]
    assert hard != literal.soft_threshold(w, threshold)
    assert shrink(w, threshold).tolist() == literal.soft_threshold(w, threshold)


def test_only_named_parameters_change_each_by_its_members_threshold():
    parameters = {"weight": torch.full((2, 3, 2), 0.5), "bias": torch.full((2, 3), 0.5)}
    numbers = {"r.weight": torch.tensor([1.0, 4.0])}
    changed = ProximalL1("r", ("weight",))(parameters, numbers, lr=torch.tensor([0.1, 0.2]))
    assert changed.keys() == {"weight"}
    torch.testing.assert_close(changed["weight"][0], torch.full((3, 2), 0.4))
    assert torch.equal(changed["weight"][1], torch.zeros(3, 2))
    assert (parameters["weight"] == 0.5).all()


def test_lasso_finds_the_inputs_that_matter():
    """Proximal gradient descent (ISTA) against scikit-learn's lasso."""
    from sklearn.linear_model import Lasso

    generator = np.random.default_rng(0)
    X = generator.normal(size=(200, 8))
    y = X[:, 0] * 2 - X[:, 3] + 0.1 * generator.normal(size=200)
    lasso = Lasso(alpha=0.1, fit_intercept=False, tol=1e-12).fit(X, y)
    inputs, target = torch.tensor(X), torch.tensor(y)
    w = torch.zeros(1, 8, dtype=torch.float64)
    lr = torch.tensor([0.3], dtype=torch.float64)
    step = ProximalL1("r", ("w",))
    for _ in range(500):
        slope = (inputs.T @ (inputs @ w[0] - target) / 200).unsqueeze(0)
        w = step({"w": w - lr * slope}, {"r.weight": torch.tensor([0.1]).double()}, lr)["w"]
    np.testing.assert_allclose(w[0].numpy(), lasso.coef_, atol=1e-6)
    assert ((w[0] == 0).numpy() == (lasso.coef_ == 0)).all()
    assert int((w[0] == 0).sum()) == 6


def test_what_is_not_finite_stays_so():
    out = shrink([float("nan"), float("inf"), float("-inf")], 0.5)
    assert out[0].isnan()
    assert out[1:].tolist() == [float("inf"), float("-inf")]


def test_a_threshold_on_nothing_is_refused():
    with pytest.raises(InputError, match=r"stages\.0"):
        ProximalL1("stages.0.regularizers.0", ())
