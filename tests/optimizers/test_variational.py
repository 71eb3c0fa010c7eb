from __future__ import annotations

import numpy as np
import pytest
import torch
from reference.rules_averaged import ivon, ivon_point
from reference.trajectories import START, coefficients, drive, lr_at, normal, valley_gradient

from methodic.optimizers.variational import IVON
from methodic.rng import Draws, keys

NUMBERS = {
    "lr": 0.01,
    "ess": 500.0,
    "hess_init": 0.7,
    "beta1": 0.9,
    "beta2": 0.98,
    "weight_decay": 0.2,
}
TOLERANCE = 1e-10


def parting(rule, decay, steps=40):
    """Largest difference from algorithm 1 of the paper, weights and state."""
    numbers = NUMBERS | {"weight_decay": NUMBERS["weight_decay"] * decay}

    def at(t):
        return numbers | {"lr": lr_at(numbers["lr"], t)}

    start = torch.tensor([START], dtype=torch.float64)
    path = drive(rule, start, valley_gradient, at, steps)
    w, state, largest = list(START), {}, 0.0
    for t, (ours, slots) in enumerate(path, start=1):
        point = ivon_point(w, state, at(t), normal(len(w), t).tolist())
        g = valley_gradient(torch.tensor([point], dtype=torch.float64))[0].tolist()
        w, state = ivon(w, g, state, {**at(t), "point": point}, t)
        pairs = [(ours, w), *((slots[name], state[name]) for name in slots)]
        for mine, other in pairs:
            apart = float((mine[0] - torch.tensor(other, dtype=torch.float64)).abs().max())
            largest = max(largest, np.inf if np.isnan(apart) else apart)
    return largest


@pytest.mark.parametrize("decay", [False, True])
def test_equals_the_paper(decay):
    assert parting(IVON(decay), decay) < TOLERANCE


class NoCorrection(IVON):
    """A plain running mean of the curvature: it may become negative."""

    def coefficients(self, step, numbers):
        table = super().coefficients(step, numbers)
        return table | {"swing": 0 * table["swing"]}


class GradientSquared(IVON):
    """The curvature from squared gradients, as Adam's."""

    def update(self, gradient, parameter, state, c):
        precision = state["curvature"] + c["start"] + c["weight_decay"]
        point = parameter + gradient / (precision * c["ess"])
        return super().update(gradient, parameter, state, {**c, "point": point})


class AtTheMean(IVON):
    def point(self, parameter, state, c, noise):
        return parameter.clone()


class WithoutPrior(IVON):
    """δ shrinks the mean but doesn't narrow the distribution."""

    def _precise(self, curvature, c):
        return curvature


class OldCurvature(IVON):
    """The step is divided by the curvature before it."""

    def update(self, gradient, parameter, state, c):
        change, following = super().update(gradient, parameter, state, c)
        before = state["curvature"] + c["start"] + c["weight_decay"]
        return change * (following["curvature"] + c["weight_decay"]) / before, following


class Biased(IVON):
    def coefficients(self, step, numbers):
        table = super().coefficients(step, numbers)
        return table | {"unbiased": 0 * table["unbiased"] + 1}


class Unscaled(IVON):
    """The rate without hess_init + δ."""

    def update(self, gradient, parameter, state, c):
        change, following = super().update(gradient, parameter, state, c)
        return change / (c["hess_init"] + c["weight_decay"]), following


@pytest.mark.parametrize(
    "mutant",
    [
        NoCorrection(),
        GradientSquared(),
        AtTheMean(),
        WithoutPrior(),
        OldCurvature(),
        Biased(),
        Unscaled(),
        IVON(decay=False),
    ],
)
def test_the_comparison_rejects_mutants(mutant):
    assert not parting(mutant, decay=True) < 1e6 * TOLERANCE


def test_it_learns_the_posterior_of_a_quadratic():
    """Loss a/2 (w − b)²: mean a b / (a + δ), precision ess · (a + δ) — known in closed form."""
    a = torch.tensor([0.5, 1.0, 2.0, 4.0], dtype=torch.float64).repeat(64)
    b = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64).repeat(64)
    numbers = NUMBERS | {"beta2": 0.995, "ess": 10.0, "hess_init": 3.0, "weight_decay": 0.5}
    steps = 3000

    def at(t):
        return numbers | {"lr": 0.1 * (1 - t / steps)}

    start = torch.zeros(1, 256, dtype=torch.float64)
    path = drive(IVON(), start, lambda w, _: a * (w - b), at, steps)
    w, _ = path[-1]
    each = w.view(64, 4).mean(0)
    torch.testing.assert_close(each, (a * b / (a + 0.5))[:4], rtol=0, atol=0.02)
    late = torch.stack([slots["curvature"] for _, slots in path[-1000:]])
    found = late.view(-1, 4).mean(0)
    torch.testing.assert_close(found, a[:4], rtol=0.08, atol=0)


@pytest.mark.parametrize("gradient", [-3.0, -1.5, -1.0, -0.5, 0.0, 1.0])
def test_the_precision_at_most_halves_in_a_step(gradient):
    """Whatever the estimate of the curvature is: so it stays above 0."""
    w = torch.zeros(1, 1, dtype=torch.float64)
    state = IVON().initial(w)
    for t in range(1, 50):
        c = coefficients(IVON(), t, NUMBERS)
        before = state["curvature"] + c["start"] + NUMBERS["weight_decay"]
        point = {**c, "point": w + 0.1}
        _, state = IVON().update(torch.full_like(w, gradient), w, state, point)
        after = state["curvature"] + NUMBERS["weight_decay"]
        assert float(after) >= 0.5 * float(before) * (1 - 1e-12)


def test_the_engine_draws_its_noise():
    """In the shape and at the site that `point` reads."""
    rule, w = IVON(), torch.ones(2, 70)
    noise = Draws(rule.noise(70))(keys([0, 1], "step", 3))
    c = coefficients(rule, 1, NUMBERS, torch.float32)
    away = rule.point(w, rule.initial(w), c, noise) - w
    width = 1 / np.sqrt(NUMBERS["ess"] * (NUMBERS["hess_init"] + NUMBERS["weight_decay"]))
    assert 0.8 * width < float(away.std()) < 1.2 * width
    assert not torch.equal(away[0], away[1])
