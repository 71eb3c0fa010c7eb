from __future__ import annotations

import pytest
import torch
from pytorch_optimizer import Lion as TheirLion
from reference.trajectories import coefficients, parting

from methodic.optimizers.sign import Lion

NUMBERS = {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "weight_decay": 0.2}
TOLERANCE = 1e-11


def their_lion(decay, foreach=False):
    return lambda params: TheirLion(
        params,
        lr=NUMBERS["lr"],
        betas=(NUMBERS["beta1"], NUMBERS["beta2"]),
        weight_decay=NUMBERS["weight_decay"] * decay,
        foreach=foreach,
    )


def means(ours, w, theirs, their_w):
    return [(ours["mean"], theirs["exp_avg"])]


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("decay", [False, True])
def test_equals_a_public_one(decay, foreach):
    assert parting(Lion(decay), NUMBERS, their_lion(decay, foreach), inner=means) < TOLERANCE


class OneBeta(Lion):
    """The sign of the mean that is kept: signum."""

    def update(self, gradient, parameter, state, c):
        mean = state["mean"] * c["beta2"] + gradient * c["fresh2"]
        return c["scale"] * mean.sign() - c["weight_decay"] * parameter, {"mean": mean}


class Swapped(Lion):
    def coefficients(self, step, numbers):
        other = {**numbers, "beta1": numbers["beta2"], "beta2": numbers["beta1"]}
        return super().coefficients(step, other)


class NoSign(Lion):
    def update(self, gradient, parameter, state, c):
        change, following = super().update(gradient, parameter, state, c)
        return change * gradient.abs(), following


@pytest.mark.parametrize(
    ("mutant", "decay"),
    [
        (OneBeta(), True),
        (Swapped(), True),
        (NoSign(decay=False), False),
        (Lion(decay=False), True),
        (Lion(), False),
    ],
)
def test_the_comparison_rejects_mutants(mutant, decay):
    assert not parting(mutant, NUMBERS, their_lion(decay)) < 1e6 * TOLERANCE


def test_every_weight_moves_by_the_rate_but_for_gradients_of_0():
    g = torch.tensor([[1e-20, -3.0, 0.0, 500.0]], dtype=torch.float64)
    c = coefficients(Lion(decay=False), 1, NUMBERS)
    change, _ = Lion(decay=False).update(g, torch.ones_like(g), Lion().initial(g), c)
    assert change.tolist() == [[-0.01, 0.01, 0.0, -0.01]]
