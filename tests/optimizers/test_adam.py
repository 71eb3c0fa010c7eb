from __future__ import annotations

import numpy as np
import pytest
import torch
from reference.trajectories import parting

from methodic.optimizers.adam import Adam, AdamW

NUMBERS = {"lr": 0.02, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-2, "weight_decay": 0.2}
TOLERANCE = 1e-10


def torch_adam(decay, numbers=NUMBERS, amsgrad=False):
    return _torch(torch.optim.Adam, decay, numbers, amsgrad)


def torch_adamw(decay, numbers=NUMBERS, amsgrad=False):
    return _torch(torch.optim.AdamW, decay, numbers, amsgrad)


def _torch(kind, decay, numbers, amsgrad):
    return lambda params: kind(
        params,
        lr=numbers["lr"],
        betas=(numbers["beta1"], numbers["beta2"]),
        eps=numbers["epsilon"],
        weight_decay=numbers["weight_decay"] * decay,
        amsgrad=amsgrad,
    )


THEIRS = {"mean": "exp_avg", "mean_square": "exp_avg_sq", "largest": "max_exp_avg_sq"}


def slots(ours, w, theirs, their_w):
    return [(ours[name], theirs[THEIRS[name]]) for name in ours]


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize("epsilon", [1e-2, 1e-8])
def test_adam_equals_torch(decay, epsilon, amsgrad):
    numbers = NUMBERS | {"epsilon": epsilon}
    optimizer = torch_adam(decay, numbers, amsgrad)
    assert parting(Adam(decay, amsgrad), numbers, optimizer, inner=slots) < TOLERANCE


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("decay", [False, True])
@pytest.mark.parametrize("epsilon", [1e-2, 1e-8])
def test_adamw_equals_torch(decay, epsilon, amsgrad):
    numbers = NUMBERS | {"epsilon": epsilon}
    optimizer = torch_adamw(decay, numbers, amsgrad)
    assert parting(AdamW(decay, amsgrad), numbers, optimizer, inner=slots) < TOLERANCE


def mutate(rule, change):
    """The rule with other coefficients."""

    class Mutant(type(rule)):
        def coefficients(self, step, numbers):
            return change(super().coefficients, step, numbers)

    return Mutant(rule.decay)


def without_correction(coefficients, step, numbers):
    return coefficients(np.full_like(step, 1e7), numbers)


def counting_from_two(coefficients, step, numbers):
    return coefficients(step + 1, numbers)


def epsilon_uncorrected(coefficients, step, numbers):
    return coefficients(step, numbers) | {"epsilon": numbers["epsilon"] + 0 * step}


def betas_swapped(coefficients, step, numbers):
    return coefficients(step, {**numbers, "beta1": numbers["beta2"], "beta2": numbers["beta1"]})


def without_rate_in_the_decay(coefficients, step, numbers):
    return coefficients(step, numbers) | {"weight_decay": numbers["weight_decay"] + 0 * step}


class EpsilonInside(Adam):
    def update(self, gradient, parameter, state, c):
        mean = state["mean"] * c["beta1"] + gradient * c["fresh1"]
        square = state["mean_square"] * c["beta2"] + gradient**2 * c["fresh2"]
        change = c["scale"] * mean / torch.sqrt(square + c["epsilon"])
        return change, {"mean": mean, "mean_square": square}


class LargestOfCorrected(Adam):
    """The largest ŝ instead of the largest s: Adam's first squares count too much."""

    def update(self, gradient, parameter, state, c):
        mean = state["mean"] * c["beta1"] + gradient * c["fresh1"]
        square = state["mean_square"] * c["beta2"] + gradient**2 * c["fresh2"]
        corrected = square * (NUMBERS["epsilon"] / c["epsilon"]) ** 2
        largest = torch.maximum(state["largest"], corrected)
        rate = c["scale"] * NUMBERS["epsilon"] / c["epsilon"]
        change = rate * mean / (largest.sqrt() + NUMBERS["epsilon"])
        return change, {"mean": mean, "mean_square": square, "largest": largest}


class NoSquare(Adam):
    """The mean of |g| for the mean of g²."""

    def update(self, gradient, parameter, state, c):
        _, following = super().update(gradient.abs().sqrt(), parameter, state, c)
        mean = state["mean"] * c["beta1"] + gradient * c["fresh1"]
        change = c["scale"] * mean / (following["mean_square"].sqrt() + c["epsilon"])
        return change, following | {"mean": mean}


@pytest.mark.parametrize(
    ("mutant", "other"),
    [
        (mutate(Adam(), without_correction), torch_adam(False)),
        (mutate(Adam(), counting_from_two), torch_adam(False)),
        (mutate(Adam(), epsilon_uncorrected), torch_adam(False)),
        (mutate(Adam(), betas_swapped), torch_adam(False)),
        (EpsilonInside(), torch_adam(False)),
        (NoSquare(), torch_adam(False)),
        (LargestOfCorrected(amsgrad=True), torch_adam(False, amsgrad=True)),
        (Adam(), torch_adam(False, amsgrad=True)),
        (Adam(amsgrad=True), torch_adam(False)),
        (AdamW(amsgrad=True), torch_adamw(True)),
        (AdamW(), torch_adam(True)),
        (Adam(), torch_adam(True)),
        (Adam(decay=True), torch_adamw(True)),
        (AdamW(decay=False), torch_adamw(True)),
        (mutate(AdamW(), without_correction), torch_adamw(True)),
        (mutate(AdamW(), without_rate_in_the_decay), torch_adamw(True)),
    ],
)
def test_the_comparison_rejects_mutants(mutant, other):
    assert not parting(mutant, NUMBERS, other) < 1e6 * TOLERANCE


def test_the_first_step_has_the_length_of_the_rate():
    """Kingma and Ba, section 2.1: |Δ| ≈ lr at the first step, whatever the gradient's scale."""
    numbers = {name: np.array([n]) for name, n in NUMBERS.items()} | {"epsilon": np.array([1e-12])}
    table = Adam().coefficients(np.array([[1.0]]), numbers)
    c = {name: torch.tensor(column, dtype=torch.float64) for name, column in table.items()}
    g = torch.tensor([[1e-4, -3.0, 500.0]], dtype=torch.float64)
    change, _ = Adam().update(g, torch.zeros_like(g), Adam().initial(g), c)
    torch.testing.assert_close(change, -NUMBERS["lr"] * g.sign(), rtol=1e-6, atol=0)


def test_corrections_stay_right_after_many_steps():
    numbers = {name: np.array([n]) for name, n in NUMBERS.items()}
    table = AdamW().coefficients(np.array([[1e7]]), numbers)
    assert table["scale"][0, 0] == -NUMBERS["lr"]
    assert table["epsilon"][0, 0] == NUMBERS["epsilon"]
