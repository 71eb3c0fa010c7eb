"""Masks that are drawn quickly: how many ones, where they come from, and who is left alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from methodic.models.own.draws import QuickMasks
from methodic.rng import drawing

N = 400_000


def mask(p: float, n: int = N, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    with drawing(5), QuickMasks():
        return torch.empty(n, dtype=dtype).bernoulli_(p)


def own(p: float, n: int = N) -> torch.Tensor:
    with drawing(5):
        return torch.empty(n).bernoulli_(p)


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.9, 0.99])
def test_share_of_ones(p: float) -> None:
    """Within five standard deviations, also of each of the four that share 64 bits."""
    found = mask(p)
    assert found.unique().tolist() == [0.0, 1.0]
    for part in (found, *(found[i::4] for i in range(4))):
        assert abs(float(part.mean()) - p) < 5 * (p * (1 - p) / len(part)) ** 0.5
    pairs = (found[:-1] * found[1:]).mean()
    assert abs(float(pairs) - p * p) < 5 * (p * p / N) ** 0.5, "neighbours don't depend"


def test_the_seed_decides() -> None:
    assert torch.equal(mask(0.7), mask(0.7))
    assert not torch.equal(mask(0.7), own(0.7)), "torch's own masks are others"
    assert torch.equal(mask(0.7, dtype=torch.bfloat16), mask(0.7).bfloat16())
    with drawing(6), QuickMasks():
        assert not torch.equal(torch.empty(N).bernoulli_(0.7), mask(0.7))


@pytest.mark.parametrize(("p", "n"), [(0.7, 4095), (0.001, N), (0.999, N), (0.0, N), (1.0, N)])
def test_small_and_extreme_masks_are_torch_s_own(p: float, n: int) -> None:
    assert torch.equal(mask(p, n), own(p, n))


def test_odd_sizes_and_strides() -> None:
    with drawing(5), QuickMasks():
        x = torch.zeros(101, 103).t()
        assert x.bernoulli_(0.5) is x
    assert 0.4 < float(x.mean()) < 0.6


def test_dropout_and_its_gradient() -> None:
    x = torch.ones(200, 200, requires_grad=True)
    with drawing(1), QuickMasks():
        y = nn.functional.dropout(x, 0.25)
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(slope, y), "kept elements are scaled by 4/3, and so is their gradient"
    assert sorted(y.unique().tolist()) == pytest.approx([0.0, 4 / 3])
