from __future__ import annotations

import pytest
import torch

from methodic.errors import InputError
from methodic.optimizers.descent import SGD
from methodic.regularizers.penalties import L1, L2, ElasticNet
from methodic.types import Pass

NAMES = ("layer/0.weight", "head.weight")


def example(members=3):
    generator = torch.Generator().manual_seed(0)
    shapes = {"layer/0.weight": (4, 3), "layer/0.bias": (3,), "head.weight": (3, 2)}
    parameters = {
        name: torch.randn(members, *shape, generator=generator, dtype=torch.float64)
        for name, shape in shapes.items()
    }
    return parameters, {"r.weight": torch.linspace(0.1, 0.5, members, dtype=torch.float64)}


def penalty_of(kind, parameters, numbers):
    run = Pass(parameters, {}, {}, numbers, training=True)
    return next(iter(kind("r", NAMES)(run).values()))


def literal(power, parameters, weight, member):
    total = 0.0
    for name in NAMES:
        for w in parameters[name][member].flatten().tolist():
            total += abs(w) ** power
    return weight * total


@pytest.mark.parametrize(("kind", "power"), [(L1, 1), (L2, 2)])
def test_equals_the_literal_version(kind, power):
    parameters, numbers = example()
    result = penalty_of(kind, parameters, numbers)
    for m in range(3):
        weight = float(numbers["r.weight"][m])
        expected = pytest.approx(literal(power, parameters, weight, m), rel=1e-12)
        assert float(result[m]) == expected
        assert literal(3 - power, parameters, weight, m) != expected
        assert literal(power, parameters, weight / 2, m) != expected


def test_l2_under_descent_is_a_weight_decay_of_twice_the_weight():
    parameters, numbers = example()
    w = parameters["head.weight"].clone().requires_grad_()
    (slope,) = torch.autograd.grad(
        penalty_of(L2, parameters | {"head.weight": w}, numbers).sum(), w
    )
    lr = torch.full((3, 1, 1), -0.1, dtype=torch.float64)
    penalized, _ = SGD().update(slope, w.detach(), {}, {"scale": lr})
    decay = 2 * numbers["r.weight"].view(3, 1, 1)
    decayed, _ = SGD(decay=True).update(
        torch.zeros_like(w), w.detach(), {}, {"scale": lr, "weight_decay": decay}
    )
    torch.testing.assert_close(penalized, decayed)


def test_l1_at_0_pulls_nowhere():
    parameters, numbers = example()
    w = torch.zeros(3, 3, 2, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(
        penalty_of(L1, parameters | {"head.weight": w}, numbers).sum(), w
    )
    assert not slope.any()


@pytest.mark.parametrize("kind", [L1, L2])
def test_a_penalty_on_nothing_is_refused(kind):
    with pytest.raises(InputError, match=r"stages\.0"):
        kind("stages.0.regularizers.1", ())


def test_elastic_net_equals_scikit_learns_penalty():
    """scikit-learn: alpha · l1_ratio · Σ|w| + ½ · alpha · (1 − l1_ratio) · Σw²."""
    w = torch.tensor([[0.5, -2.0, 0.0], [1.0, 0.1, -0.3]], dtype=torch.float64)
    weight, ratio = torch.tensor([[0.3, 0.7], [0.2, 0.9]], dtype=torch.float64)
    numbers = {"r.weight": weight, "r.l1_ratio": ratio}
    run = Pass({"w": w}, {}, {}, numbers, training=True)
    theirs = weight * ratio * w.abs().sum(1) + 0.5 * weight * (1 - ratio) * (w**2).sum(1)
    torch.testing.assert_close(ElasticNet("r", ("w",))(run)["elastic_net"], theirs)
    for mutant in (
        weight * (ratio * w.abs().sum(1) + (1 - ratio) * (w**2).sum(1)),
        weight * ((1 - ratio) * w.abs().sum(1) + 0.5 * ratio * (w**2).sum(1)),
        weight * (ratio * w.abs().sum(1) + 0.5 * (1 - ratio) * (w**2).sum(1).sqrt()),
    ):
        assert not torch.allclose(mutant, theirs, rtol=1e-4)


def test_elastic_net_without_its_first_half_is_half_of_l2():
    w = torch.tensor([[0.5, -2.0, 0.0]], dtype=torch.float64)
    run = Pass({"w": w}, {}, {}, {"r.weight": torch.tensor([0.4]).double()}, training=True)
    half = ElasticNet("r", ("w",), lasso=False)(run)["elastic_net"]
    torch.testing.assert_close(half, L2("r", ("w",))(run)["l2"] / 2)


def test_elastic_net_on_nothing_is_refused():
    with pytest.raises(InputError, match="no parameter to penalize"):
        ElasticNet("r", ())
