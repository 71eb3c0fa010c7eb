from __future__ import annotations

import pytest
import torch
from reference.trajectories import parting

from methodic.errors import InputError
from methodic.optimizers.descent import SGD

NUMBERS = {"lr": 0.004, "momentum": 0.85, "weight_decay": 0.2}
TOLERANCE = 1e-11


def torch_sgd(momentum, nesterov, decay):
    return lambda params: torch.optim.SGD(
        params,
        lr=NUMBERS["lr"],
        momentum=NUMBERS["momentum"] * momentum,
        nesterov=nesterov,
        weight_decay=NUMBERS["weight_decay"] * decay,
    )


VARIANTS = [
    (False, False, False),
    (False, False, True),
    (True, False, False),
    (True, False, True),
    (True, True, False),
    (True, True, True),
]


@pytest.mark.parametrize(("momentum", "nesterov", "decay"), VARIANTS)
def test_equals_torch(momentum, nesterov, decay):
    rule = SGD(momentum, nesterov, decay)
    assert parting(rule, NUMBERS, torch_sgd(momentum, nesterov, decay)) < TOLERANCE


class Ascent(SGD):
    def coefficients(self, step, numbers):
        return super().coefficients(step, {**numbers, "lr": -numbers["lr"]})


class NegativeMomentum(SGD):
    def coefficients(self, step, numbers):
        return super().coefficients(step, {**numbers, "momentum": -numbers["momentum"]})


class Dampened(SGD):
    """The velocity as an average instead of a sum."""

    def update(self, gradient, parameter, state, c):
        return super().update(gradient * (1 - c["momentum"]), parameter, state, c)


class RateInside(SGD):
    """The rate inside of the velocity."""

    def update(self, gradient, parameter, state, c):
        velocity = state["velocity"] * c["momentum"] + gradient * c["scale"]
        return velocity, {"velocity": velocity}


class PreviousGradient(SGD):
    """Momentum from the last gradient alone."""

    def update(self, gradient, parameter, state, c):
        change = (gradient + c["momentum"] * state["velocity"]) * c["scale"]
        return change, {"velocity": gradient}


class HalfDecay(SGD):
    def coefficients(self, step, numbers):
        return super().coefficients(step, {**numbers, "weight_decay": numbers["weight_decay"] / 2})


class DecoupledDecay(SGD):
    """Decay beside the velocity."""

    def update(self, gradient, parameter, state, c):
        off = {**c, "weight_decay": torch.zeros(())}
        change, following = super().update(gradient, parameter, state, off)
        return change + c["scale"] * c["weight_decay"] * parameter, following


@pytest.mark.parametrize(
    ("mutant", "switches"),
    [
        (Ascent(), (False, False, False)),
        (HalfDecay(decay=True), (False, False, True)),
        (NegativeMomentum(momentum=True), (True, False, False)),
        (Dampened(momentum=True), (True, False, False)),
        (RateInside(momentum=True), (True, False, False)),
        (PreviousGradient(momentum=True), (True, False, False)),
        (SGD(momentum=True), (True, True, False)),
        (SGD(momentum=True, nesterov=True), (True, False, False)),
        (DecoupledDecay(momentum=True, decay=True), (True, False, True)),
        (SGD(momentum=True, nesterov=True), (True, True, True)),
    ],
)
def test_the_comparison_rejects_mutants(mutant, switches):
    assert not parting(mutant, NUMBERS, torch_sgd(*switches)) < 1e6 * TOLERANCE


def test_nesterov_needs_momentum():
    with pytest.raises(InputError, match="nesterov"):
        SGD(nesterov=True)


def test_without_momentum_nothing_is_kept():
    assert SGD().initial(torch.zeros(2, 3)) == {}
