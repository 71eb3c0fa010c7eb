"""Activations: torch's own functions, and the same bits for a member in any company."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from methodic.models.parts.activations import ACTIVATIONS, activate, aligned, gain, pieces
from methodic.recipes.kinds.models import Activation, Elementwise

TORCH = {
    "identity": nn.Identity(),
    "relu": nn.ReLU(),
    "leaky_relu": nn.LeakyReLU(),
    "elu": nn.ELU(),
    "gelu": nn.GELU(),
    "mish": nn.Mish(),
    "selu": nn.SELU(),
    "sigmoid": nn.Sigmoid(),
    "silu": nn.SiLU(),
    "softplus": nn.Softplus(),
    "tanh": nn.Tanh(),
}


def with_a_tail(x: Tensor) -> Tensor:
    """2x, but one more in the last (n mod 64) elements: a kernel that rounds its tail otherwise."""
    flat = (2 * x).reshape(-1)
    tail = flat.numel() % 64
    if tail:
        flat[-tail:] += 1
    return flat.reshape(x.shape)


def test_every_activation_of_the_recipes_exists() -> None:
    assert set(ACTIVATIONS) == set(get_args(Elementwise)) == set(TORCH)
    assert set(get_args(Activation)) == {*ACTIVATIONS, "maxout"}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_like_torch(name: str) -> None:
    x = torch.linspace(-4, 4, 3 * 5 * 7).reshape(3, 5, 7)
    torch.testing.assert_close(activate(name, x), TORCH[name](x))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 40))
def test_no_member_ever_reaches_the_tail_of_a_kernel(members: int, rows: int, width: int) -> None:
    x = torch.arange(members * rows * width, dtype=torch.float32).reshape(members, rows, width)
    assert torch.equal(aligned(with_a_tail, x), 2 * x)


def test_the_stand_in_has_a_tail() -> None:
    x = torch.ones(2, 33)
    assert not torch.equal(with_a_tail(x), 2 * x)


def test_gradients_pass_through_the_padding() -> None:
    x = torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda each: activate("tanh", each), (x,))
    assert torch.autograd.gradcheck(lambda each: activate("gelu", each), (x,))


@pytest.mark.parametrize("name", ["identity", "relu", "leaky_relu", "sigmoid", "tanh"])
def test_gains_are_those_of_torch(name: str) -> None:
    named = "linear" if name == "identity" else name
    assert gain(name) == pytest.approx(nn.init.calculate_gain(named))


@pytest.mark.parametrize("name", ["relu", "gelu", "silu", "mish", "leaky_relu"])
def test_the_gain_keeps_the_scale_of_a_signal(name: str) -> None:
    """Through ten layers, the mean square stays within a factor of 10; without gain it shrinks."""
    generator = torch.Generator().manual_seed(0)

    def last(factor: float) -> float:
        x = torch.randn(1, 256, 256, generator=generator)
        for _ in range(10):
            weight = torch.randn(256, 256, generator=generator) * (factor / math.sqrt(256))
            x = activate(name, x @ weight)
        return float(F.mse_loss(x, torch.zeros_like(x)))

    assert last(gain(name)) > 0.01
    assert last(1.0) < 0.1 * last(gain(name))


def test_maxout_takes_the_larger_piece() -> None:
    x = torch.tensor([[[1.0, -2.0, 3.0, 0.5, 4.0, 3.0]]])
    assert activate("maxout", x).tolist() == [[[1.0, 4.0, 3.0]]]
    assert pieces("maxout") == 2
    assert {pieces(name) for name in ACTIVATIONS} == {1}
