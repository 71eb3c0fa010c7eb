from __future__ import annotations

import pytest
import torch
from reference.trajectories import parting

from methodic.optimizers.adaptive import Adadelta, Adagrad

TOLERANCE = 1e-10
GRAD = {
    "lr": 0.1,
    "lr_decay": 0.07,
    "initial_accumulator": 0.5,
    "epsilon": 1e-2,
    "weight_decay": 0.2,
}
DELTA = {"lr": 0.7, "rho": 0.8, "epsilon": 1e-3, "weight_decay": 0.2}


def torch_adagrad(started, decay):
    return lambda params: torch.optim.Adagrad(
        params,
        lr=GRAD["lr"],
        lr_decay=GRAD["lr_decay"],
        initial_accumulator_value=GRAD["initial_accumulator"] * started,
        eps=GRAD["epsilon"],
        weight_decay=GRAD["weight_decay"] * decay,
    )


def torch_adadelta(decay):
    return lambda params: torch.optim.Adadelta(
        params,
        lr=DELTA["lr"],
        rho=DELTA["rho"],
        eps=DELTA["epsilon"],
        weight_decay=DELTA["weight_decay"] * decay,
    )


def squares(ours, w, theirs, their_w):
    """Both kinds of slots; torch's sum of squares holds what it began at."""
    if "sum_square" in ours:
        return [(ours["sum_square"] + theirs["initial_accumulator_value"], theirs["sum"])]
    pairs = {"mean_square": "square_avg", "mean_square_change": "acc_delta"}
    return [(ours[name], theirs[other]) for name, other in pairs.items()]


@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize("started", [False, True])
def test_adagrad_equals_torch(started, decay):
    rule = Adagrad(started, decay)
    assert parting(rule, GRAD, torch_adagrad(started, decay), inner=squares) < TOLERANCE


@pytest.mark.parametrize("decay", [False, True])
def test_adadelta_equals_torch(decay):
    assert parting(Adadelta(decay), DELTA, torch_adadelta(decay), inner=squares) < TOLERANCE


class Forgetting(Adagrad):
    """A running mean instead of the sum: RMSprop."""

    def update(self, gradient, parameter, state, c):
        kept = {"sum_square": state["sum_square"] * 0.99}
        return super().update(gradient, parameter, kept, c)


class EpsilonInside(Adagrad):
    def update(self, gradient, parameter, state, c):
        total = state["sum_square"] + gradient**2
        return c["scale"] * gradient / torch.sqrt(total + c["epsilon"]), {"sum_square": total}


class DecayFromOne(Adagrad):
    """The rate has decayed at the first step already."""

    def coefficients(self, step, numbers):
        return super().coefficients(step + 1, numbers)


class EpsilonBeside(Adadelta):
    def update(self, gradient, parameter, state, c):
        square = state["mean_square"] * c["rho"] + gradient**2 * c["fresh"]
        changed = state["mean_square_change"]
        size = (changed.sqrt() + c["epsilon"] ** 0.5) / (square.sqrt() + c["epsilon"] ** 0.5)
        changed = changed * c["rho"] + (size * gradient) ** 2 * c["fresh"]
        following = {"mean_square": square, "mean_square_change": changed}
        return c["scale"] * size * gradient, following


class RateInside(Adadelta):
    """Changes are remembered with their rate."""

    def update(self, gradient, parameter, state, c):
        change, following = super().update(gradient, parameter, state, c)
        changed = state["mean_square_change"] * c["rho"] + change**2 * c["fresh"]
        return change, following | {"mean_square_change": changed}


@pytest.mark.parametrize(
    ("mutant", "numbers", "other"),
    [
        (Forgetting(), GRAD, torch_adagrad(False, False)),
        (EpsilonInside(), GRAD, torch_adagrad(False, False)),
        (DecayFromOne(), GRAD, torch_adagrad(False, False)),
        (Adagrad(), GRAD, torch_adagrad(True, False)),
        (Adagrad(), GRAD, torch_adagrad(False, True)),
        (EpsilonBeside(), DELTA, torch_adadelta(False)),
        (RateInside(), DELTA, torch_adadelta(False)),
        (Adadelta(), DELTA, torch_adadelta(True)),
    ],
)
def test_the_comparison_rejects_mutants(mutant, numbers, other):
    assert not parting(mutant, numbers, other) < 1e6 * TOLERANCE
