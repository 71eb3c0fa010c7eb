from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from reference.trajectories import parting

from methodic.optimizers.moments import Adamax, NAdam, RAdam

NUMBERS = {
    "lr": 0.02,
    "beta1": 0.9,
    "beta2": 0.95,
    "momentum_decay": 0.3,
    "epsilon": 1e-2,
    "weight_decay": 0.2,
}
TOLERANCE = 1e-10


def theirs(kind, decay=False, decoupled=None, **more):
    """torch's optimizer with our numbers; Adamax knows no decoupled decay."""
    if decoupled is not None:
        more["decoupled_weight_decay"] = decoupled
    return lambda params: kind(
        params,
        lr=NUMBERS["lr"],
        betas=(NUMBERS["beta1"], NUMBERS["beta2"]),
        eps=NUMBERS["epsilon"],
        weight_decay=NUMBERS["weight_decay"] * decay,
        **more,
    )


def torch_adamax(decay=False):
    return theirs(torch.optim.Adamax, decay)


def torch_nadam(decay=False, decoupled=False):
    more = {"momentum_decay": NUMBERS["momentum_decay"]}
    return theirs(torch.optim.NAdam, decay, decoupled, **more)


def torch_radam(decay=False, decoupled=False):
    return theirs(torch.optim.RAdam, decay, decoupled)


@pytest.fixture(autouse=True)
def float64():
    """torch keeps NAdam's product of all μ in the default type, whatever the parameters'."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


THEIRS = {"mean": "exp_avg", "mean_square": "exp_avg_sq", "largest": "exp_inf"}


def slots(ours, w, kept, their_w):
    return [(ours[name], kept[THEIRS[name]]) for name in ours]


@pytest.mark.parametrize("decay", [False, True])
def test_adamax_equals_torch(decay):
    assert parting(Adamax(decay), NUMBERS, torch_adamax(decay), inner=slots) < TOLERANCE


@pytest.mark.parametrize("switches", [(False, False), (True, False), (True, True)])
def test_nadam_equals_torch(switches):
    rule = NAdam(*switches)
    assert parting(rule, NUMBERS, torch_nadam(*switches), inner=slots) < TOLERANCE


@pytest.mark.parametrize("switches", [(False, False), (True, False), (True, True)])
def test_radam_equals_torch(switches):
    """40 steps, of which the first five aren't rectified yet."""
    rule = RAdam(*switches)
    assert parting(rule, NUMBERS, torch_radam(*switches), inner=slots) < TOLERANCE
    steps = np.arange(1.0, 41.0)[:, None]
    table = rule.coefficients(steps, {k: np.array([v]) for k, v in NUMBERS.items()})
    assert table["root"][:, 0].tolist() == [0.0] * 5 + [1.0] * 35


class Uncorrected(Adamax):
    def coefficients(self, step, numbers):
        return super().coefficients(np.full_like(step, 1e7), numbers)


class Mean(Adamax):
    """A running mean of |g| instead of the largest."""

    def update(self, gradient, parameter, state, c):
        mean = state["mean"] * c["beta1"] + gradient * c["fresh1"]
        largest = state["largest"] * c["beta2"] + gradient.abs() * (1 - c["beta2"])
        return c["scale"] * mean / (largest + c["epsilon"]), {"mean": mean, "largest": largest}


class EpsilonOutside(Adamax):
    def update(self, gradient, parameter, state, c):
        mean = state["mean"] * c["beta1"] + gradient * c["fresh1"]
        largest = torch.maximum(state["largest"] * c["beta2"], gradient.abs())
        return c["scale"] * mean / (largest + c["epsilon"]), {"mean": mean, "largest": largest}


class ConstantMomentum(NAdam):
    """μ = beta1 from the start: what is often written for NAdam."""

    def coefficients(self, step, numbers):
        return super().coefficients(step, {**numbers, "momentum_decay": np.array([1e4])})


class NoProduct(NAdam):
    """Corrections by beta1ᵗ instead of the product of all μ."""

    def coefficients(self, step, numbers):
        table = super().coefficients(step, numbers)
        exact = ConstantMomentum().coefficients(step, numbers)
        return table | {"now": exact["now"]}


class NotAhead(NAdam):
    def update(self, gradient, parameter, state, c):
        _, following = super().update(gradient, parameter, state, c)
        root = following["mean_square"].sqrt() + c["epsilon"]
        return (c["ahead"] + c["now"]) * following["mean"] / root, following


class NeverRectified(RAdam):
    def coefficients(self, step, numbers):
        table = super().coefficients(step, numbers)
        return table | {"root": 0 * table["root"], "offset": 0 * table["offset"] + 1}


class RectifiedFromFour(RAdam):
    """The paper's own threshold: ρₜ > 4."""

    def coefficients(self, step, numbers):
        past = numbers["beta2"] ** step
        whole = 2 / (1 - numbers["beta2"]) - 1
        length = whole - 2 * step * past / (1 - past)
        table = super().coefficients(step, numbers)
        if not 4 < length[0, 0] <= 5:
            return table
        above = (length - 4) * (length - 2) * whole
        ratio = above / ((whole - 4) * (whole - 2) * length)
        scale = table["scale"] * np.sqrt(ratio * (1 - past))
        one = np.ones_like(table["root"])
        return table | {"scale": scale, "root": one, "offset": one * numbers["epsilon"]}


class EpsilonAsInAdam(RAdam):
    def coefficients(self, step, numbers):
        table = super().coefficients(step, numbers)
        correction = np.sqrt(1 - numbers["beta2"] ** step)
        return table | {"offset": np.where(table["root"] == 1, correction, 1) * table["offset"]}


@pytest.mark.parametrize(
    ("mutant", "other"),
    [
        (Uncorrected(), torch_adamax()),
        (Mean(), torch_adamax()),
        (EpsilonOutside(), torch_adamax()),
        (Adamax(), torch_adamax(True)),
        (ConstantMomentum(), torch_nadam()),
        (NoProduct(), torch_nadam()),
        (NotAhead(), torch_nadam()),
        (NAdam(True, True), torch_nadam(True, False)),
        (NAdam(True, False), torch_nadam(True, True)),
        (NeverRectified(), torch_radam()),
        (RectifiedFromFour(), torch_radam()),
        (EpsilonAsInAdam(), torch_radam()),
        (RAdam(True, True), torch_radam(True, False)),
        (RAdam(True, False), torch_radam(True, True)),
    ],
)
def test_the_comparison_rejects_mutants(mutant, other):
    assert not parting(mutant, NUMBERS, other) < 1e6 * TOLERANCE


@pytest.mark.parametrize("beta1", [0.0, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("t", [1, 2, 63, 64, 400, 5000])
def test_the_product_of_nadam_is_the_product(beta1, t):
    """Also where factors are left out, since beta1ᵗ is next to nothing."""
    numbers = {**NUMBERS, "beta1": beta1, "momentum_decay": 0.004}
    table = NAdam().coefficients(
        np.array([[float(t)]]), {k: np.array([v]) for k, v in numbers.items()}
    )

    def mu(i):
        return beta1 * (1 - 0.5 * 0.96 ** (i * 0.004))

    product = math.prod(mu(i) for i in range(1, t + 1))
    root = math.sqrt(1 - numbers["beta2"] ** t)
    now = -numbers["lr"] * root * (1 - mu(t)) / (1 - product)
    ahead = -numbers["lr"] * root * mu(t + 1) / (1 - product * mu(t + 1))
    np.testing.assert_allclose(table["now"][0, 0], now, rtol=1e-11)
    np.testing.assert_allclose(table["ahead"][0, 0], ahead, rtol=1e-11)


def test_members_on_clocks_and_decays_of_their_own():
    """Steps [T, M] and driven numbers [T, M] give what each member has alone."""
    steps = np.array([[5.0, 1.0, 300.0], [6.0, 2.0, 301.0]])
    driven = np.array([[0.004, 0.01, 0.004], [0.005, 0.01, 0.2]])
    numbers = {k: np.array([v] * 3) for k, v in NUMBERS.items()} | {"momentum_decay": driven}
    table = NAdam().coefficients(steps, numbers)
    for t in range(2):
        for m in range(3):
            own = {k: np.array([v]) for k, v in NUMBERS.items()}
            own["momentum_decay"] = driven[t : t + 1, m]
            alone = NAdam().coefficients(steps[t : t + 1, m : m + 1], own)
            for name, column in alone.items():
                assert column[0, 0] == table[name][t, m]


def test_radam_with_a_short_memory_is_never_rectified():
    numbers = {k: np.array([v]) for k, v in NUMBERS.items()} | {"beta2": np.array([0.5])}
    table = RAdam().coefficients(np.arange(1.0, 100.0)[:, None], numbers)
    assert not table["root"].any()
    assert np.isfinite(table["scale"]).all()
