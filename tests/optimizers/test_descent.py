from __future__ import annotations

import pytest
import torch
from reference.trajectories import parting

from methodic.errors import InputError
from methodic.optimizers.descent import SGD

NUMBERS = {"lr": 0.004, "momentum": 0.85, "dampening": 0.6, "weight_decay": 0.2}
TOLERANCE = 1e-11


def torch_sgd(momentum, nesterov, decay, dampened=False):
    return lambda params: torch.optim.SGD(
        params,
        lr=NUMBERS["lr"],
        momentum=NUMBERS["momentum"] * momentum,
        nesterov=nesterov,
        dampening=NUMBERS["dampening"] * dampened,
        weight_decay=NUMBERS["weight_decay"] * decay,
    )


VARIANTS = [
    (False, False, False),
    (False, False, True),
    (True, False, False),
    (True, False, True),
    (True, True, False),
    (True, True, True),
    (True, False, False, True),
    (True, False, True, True),
]


def velocities(ours, w, theirs, their_w):
    return [(ours["velocity"], theirs["momentum_buffer"])] if ours else []


@pytest.mark.parametrize("switches", VARIANTS)
def test_equals_torch(switches):
    rule = SGD(*switches)
    assert parting(rule, NUMBERS, torch_sgd(*switches), inner=velocities) < TOLERANCE


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


class DampenedFromTheStart(SGD):
    """The first gradient too enters only in part."""

    def coefficients(self, step, numbers):
        return super().coefficients(step + 1, numbers)


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
        (DampenedFromTheStart(momentum=True, dampened=True), (True, False, False, True)),
        (Dampened(momentum=True), (True, False, False, True)),
        (SGD(momentum=True), (True, False, False, True)),
    ],
)
def test_the_comparison_rejects_mutants(mutant, switches):
    assert not parting(mutant, NUMBERS, torch_sgd(*switches)) < 1e6 * TOLERANCE


def test_nesterov_needs_momentum():
    with pytest.raises(InputError, match="nesterov"):
        SGD(nesterov=True)


@pytest.mark.parametrize("switches", [(False, False), (True, True)])
def test_dampening_needs_plain_momentum(switches):
    with pytest.raises(InputError, match="dampening"):
        SGD(*switches, dampened=True)


def test_without_momentum_nothing_is_kept():
    assert SGD().initial(torch.zeros(2, 3)) == {}
