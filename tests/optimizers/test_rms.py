from __future__ import annotations

import pytest
import torch
from reference.trajectories import coefficients, parting

from methodic.optimizers.rms import RMSprop

NUMBERS = {
    "lr": 0.01,
    "alpha": 0.9,
    "epsilon": 1e-2,
    "momentum": 0.7,
    "weight_decay": 0.2,
}
TOLERANCE = 1e-10


def torch_rmsprop(momentum, centered, decay):
    return lambda params: torch.optim.RMSprop(
        params,
        lr=NUMBERS["lr"],
        alpha=NUMBERS["alpha"],
        eps=NUMBERS["epsilon"],
        momentum=NUMBERS["momentum"] * momentum,
        centered=centered,
        weight_decay=NUMBERS["weight_decay"] * decay,
    )


VARIANTS = [
    (False, False, False),
    (True, False, False),
    (False, True, False),
    (False, False, True),
    (True, True, True),
]


THEIRS = {"mean_square": "square_avg", "mean": "grad_avg", "velocity": "momentum_buffer"}


def slots(ours, w, theirs, their_w):
    return [(ours[name], theirs[THEIRS[name]]) for name in ours]


@pytest.mark.parametrize(("momentum", "centered", "decay"), VARIANTS)
def test_equals_torch(momentum, centered, decay):
    rule = RMSprop(momentum, centered, decay)
    optimizer = torch_rmsprop(momentum, centered, decay)
    assert parting(rule, NUMBERS, optimizer, inner=slots) < TOLERANCE


class EpsilonInside(RMSprop):
    def update(self, gradient, parameter, state, c):
        square = state["mean_square"] * c["alpha"] + gradient**2 * c["fresh"]
        return c["scale"] * gradient / torch.sqrt(square + c["epsilon"]), {"mean_square": square}


class OneInside(RMSprop):
    """1 + (1 − alpha) g² under the root, nothing remembered."""

    def update(self, gradient, parameter, state, c):
        return c["scale"] * gradient / torch.sqrt(1 + c["fresh"] * gradient**2), dict(state)


class Corrected(RMSprop):
    """A bias correction as in Adam."""

    def coefficients(self, step, numbers):
        table = super().coefficients(step, numbers)
        table["scale"] = table["scale"] * (1 - numbers["alpha"] ** step) ** 0.5
        return table


class Undamped(RMSprop):
    """The fresh square with factor 1."""

    def coefficients(self, step, numbers):
        table = super().coefficients(step, numbers)
        return table | {"fresh": table["fresh"] * 0 + 1}


class NegativeMomentum(RMSprop):
    def coefficients(self, step, numbers):
        return super().coefficients(step, {**numbers, "momentum": -numbers["momentum"]})


@pytest.mark.parametrize(
    ("mutant", "switches"),
    [
        (EpsilonInside(), (False, False, False)),
        (OneInside(), (False, False, False)),
        (Corrected(), (False, False, False)),
        (Undamped(), (False, False, False)),
        (RMSprop(), (False, True, False)),
        (RMSprop(centered=True), (False, False, False)),
        (NegativeMomentum(momentum=True), (True, False, False)),
        (RMSprop(), (True, False, False)),
        (RMSprop(), (False, False, True)),
    ],
)
def test_the_comparison_rejects_mutants(mutant, switches):
    assert not parting(mutant, NUMBERS, torch_rmsprop(*switches)) < 1e6 * TOLERANCE


def test_a_constant_gradient_has_variance_0_and_not_nan():
    rule = RMSprop(centered=True)
    g = torch.linspace(0.1, 3.0, 50).unsqueeze(0)
    w, state = torch.zeros(1, 50), rule.initial(g)
    numbers = NUMBERS | {"epsilon": 1e-8}
    for t in range(1, 400):
        change, state = rule.update(g, w, state, coefficients(rule, t, numbers, torch.float32))
        assert change.isfinite().all()
    variance = state["mean_square"] - state["mean"] ** 2
    assert bool((variance < 0).any()), "rounding never went below 0: this test shows nothing"
