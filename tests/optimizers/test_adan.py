from __future__ import annotations

import pytest
from pytorch_optimizer import Adan as TheirAdan
from reference.trajectories import parting

from methodic.optimizers.adan import Adan

NUMBERS = {
    "lr": 0.02,
    "beta1": 0.9,
    "beta2": 0.8,
    "beta3": 0.95,
    "epsilon": 1e-2,
    "weight_decay": 0.2,
}
TOLERANCE = 1e-10


def their_adan(decay, decoupled=False, foreach=False):
    """What is called decoupled there multiplies by 1 − lr · weight_decay."""
    return lambda params: TheirAdan(
        params,
        lr=NUMBERS["lr"],
        betas=(NUMBERS["beta1"], NUMBERS["beta2"], NUMBERS["beta3"]),
        eps=NUMBERS["epsilon"],
        weight_decay=NUMBERS["weight_decay"] * decay,
        weight_decouple=decoupled,
        foreach=foreach,
    )


def slots(ours, w, theirs, their_w):
    return [
        (ours["mean"], theirs["exp_avg"]),
        (ours["mean_difference"], theirs["exp_avg_diff"]),
        (ours["mean_square"], theirs["exp_avg_sq"]),
        (ours["previous"], -theirs["previous_grad"]),
    ]


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("decay", [False, True])
def test_equals_a_public_one(decay, foreach):
    rule = Adan(decay)
    assert parting(rule, NUMBERS, their_adan(decay, foreach=foreach), inner=slots) < TOLERANCE


class FirstDifference(Adan):
    """The first difference is the first gradient."""

    def coefficients(self, step, numbers):
        table = super().coefficients(step, numbers)
        return table | {"begun": 0 * table["begun"] + 1}


class NotAhead(Adan):
    """Squares of the gradient alone."""

    def update(self, gradient, parameter, state, c):
        change, following = super().update(gradient, parameter, state, c)
        square = state["mean_square"] * c["beta3"] + gradient**2 * c["fresh3"]
        was = following["mean_square"].sqrt() + c["epsilon"]
        change = change * was / (square.sqrt() + c["epsilon"])
        return change, following | {"mean_square": square}


class OneAverage(Adan):
    """m and v with one decay."""

    def coefficients(self, step, numbers):
        return super().coefficients(step, {**numbers, "beta2": numbers["beta1"]})


class Paper(Adan):
    """Betas as the paper writes them, 1 minus ours."""

    def coefficients(self, step, numbers):
        turned = {f"beta{i}": 1 - numbers[f"beta{i}"] for i in (1, 2, 3)}
        return super().coefficients(step, numbers | turned)


@pytest.mark.parametrize(
    ("mutant", "other"),
    [
        (FirstDifference(False), their_adan(False)),
        (NotAhead(False), their_adan(False)),
        (OneAverage(False), their_adan(False)),
        (Paper(False), their_adan(False)),
        (Adan(False), their_adan(True)),
        (Adan(), their_adan(True, decoupled=True)),
    ],
)
def test_the_comparison_rejects_mutants(mutant, other):
    assert not parting(mutant, NUMBERS, other) < 1e6 * TOLERANCE
