from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import rules as literal

from methodic.errors import InputError
from methodic.regularizers.proximal import MaxNorm, ProximalElasticNet, ProximalL1, soft_threshold

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


def test_proximal_elastic_net_minimizes_its_objective():
    w = torch.tensor([[0.9, -0.05, 0.2, -3.0]], dtype=torch.float64)
    numbers = {"r.weight": torch.tensor([0.6]).double(), "r.l1_ratio": torch.tensor([0.3]).double()}
    lr = torch.tensor([0.5], dtype=torch.float64)

    def objective(x):
        l1, l2 = 0.5 * 0.6 * 0.3, 0.5 * 0.6 * 0.7
        return ((x - w) ** 2).sum() / 2 + l1 * x.abs().sum() + l2 / 2 * (x * x).sum()

    best = ProximalElasticNet("r", ("w",))({"w": w}, numbers, lr)["w"]
    assert (best == 0).tolist() == [[False, True, False, False]]
    generator = torch.Generator().manual_seed(0)
    for size in (1e-3, 0.1, 1.0):
        for _ in range(10):
            away = size * torch.randn(w.shape, generator=generator, dtype=torch.float64)
            assert float(objective(best)) <= float(objective(best + away)) + 1e-12
    for mutant in (shrink(w[0].tolist(), 0.3)[None] / 1.21, best * 1.21, best / 1.21):
        assert float(objective(mutant)) > float(objective(best)) + 1e-6


def test_proximal_elastic_net_finds_scikit_learns_solution():
    from sklearn.linear_model import ElasticNet

    generator = np.random.default_rng(0)
    X = generator.normal(size=(200, 8))
    y = X[:, 0] * 2 - X[:, 3] + 0.1 * generator.normal(size=200)
    theirs = ElasticNet(alpha=0.2, l1_ratio=0.6, fit_intercept=False, tol=1e-12).fit(X, y)
    inputs, target = torch.tensor(X), torch.tensor(y)
    w, lr = torch.zeros(1, 8, dtype=torch.float64), torch.tensor([0.3], dtype=torch.float64)
    numbers = {"r.weight": torch.tensor([0.2]).double(), "r.l1_ratio": torch.tensor([0.6]).double()}
    step = ProximalElasticNet("r", ("w",))
    for _ in range(500):
        slope = (inputs.T @ (inputs @ w[0] - target) / 200).unsqueeze(0)
        w = step({"w": w - lr * slope}, numbers, lr)["w"]
    np.testing.assert_allclose(w[0].numpy(), theirs.coef_, atol=1e-6)
    assert ((w[0] == 0).numpy() == (theirs.coef_ == 0)).all()


@pytest.mark.parametrize("shape", [(5, 3), (4, 2, 3, 3)])
def test_max_norm_equals_torchs_renorm(shape):
    """torch.renorm along a unit's axis: the second of weights [in, out], else the first."""
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    limits = torch.tensor([0.8, 1.9], dtype=torch.float64)
    ours = MaxNorm("r", ("w",))({"w": w}, {"r.limit": limits}, torch.ones(2))["w"]
    for m in range(2):
        unit = 1 if len(shape) == 2 else 0
        theirs = torch.renorm(w[m], 2, unit, float(limits[m]))
        torch.testing.assert_close(ours[m], theirs, rtol=1e-6, atol=1e-7)
        assert not torch.allclose(ours[m], torch.renorm(w[m], 2, 1 - unit, float(limits[m])))
        assert not torch.equal(ours[m], w[m])


def test_max_norm_leaves_what_is_within_the_limit_to_the_bit():
    w = torch.tensor([[[0.3, 3.0], [0.4, 4.0]]])
    out = MaxNorm("r", ("w",))({"w": w}, {"r.limit": torch.tensor([2.5])}, torch.ones(1))["w"]
    assert torch.equal(out[..., 0], w[..., 0])
    torch.testing.assert_close(out[..., 1], w[..., 1] / 2)
    zero = torch.zeros(1, 2, 2)
    again = MaxNorm("r", ("w",))({"w": zero}, {"r.limit": torch.tensor([2.5])}, torch.ones(1))
    assert torch.equal(again["w"], zero)
