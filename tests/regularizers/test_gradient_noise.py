from __future__ import annotations

import pytest
import torch
from scipy import stats

from methodic.regularizers.gradient_noise import GradientNoise
from methodic.rng import Draws, Noise, keys

P = 4000


def noisy(steps, eta=(0.3, 0.01), gamma=(0.55, 1.0), falls=True):
    part = GradientNoise("r", falls)
    noise = Draws(part.noise(P))(keys([1, 2], "noise"))
    numbers = {"r.eta": torch.tensor(eta), "r.gamma": torch.tensor(gamma)}
    return part(torch.ones(2, P), noise, numbers, steps) - 1


@pytest.mark.parametrize("step", [1, 10, 1000])
def test_its_variance_falls_as_in_the_paper(step):
    found = noisy(step)
    for m, (eta, gamma) in enumerate(((0.3, 0.55), (0.01, 1.0))):
        deviation = (eta / (1 + step) ** gamma) ** 0.5
        away = (found[m] / deviation).numpy()
        assert stats.kstest(away, stats.norm.cdf).pvalue > 1e-3
        assert stats.kstest(away * 1.3, stats.norm.cdf).pvalue < 1e-3


def test_steps_may_be_each_members_own():
    own = noisy(torch.tensor([5.0, 70.0], dtype=torch.float64))
    assert torch.equal(own[0], noisy(5)[0])
    assert torch.equal(own[1], noisy(70)[1])


def test_without_gamma_it_stays():
    assert torch.equal(noisy(1, falls=False), noisy(1000, falls=False))
    assert not torch.equal(noisy(1), noisy(1000))


def test_what_it_draws():
    assert GradientNoise("a.b").noise(7) == {"a.b": Noise((7,), "normal")}
