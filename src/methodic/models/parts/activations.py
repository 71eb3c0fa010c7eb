"""Activations, by name, as functions of a tensor with a leading member axis.

A vectorised kernel computes the last few elements of a tensor with scalar code, which rounds
exp, tanh and their like differently. In a cohort these elements belong to the last member only, so
`aligned` gives every member whole vectors; then a member's bits don't depend on its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

_BLOCK = 64  # two AVX-512 vectors of float32, the most that a kernel takes at once


def aligned(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """``function(x)``, elementwise, with the same bits for each member in any company.

    Args:
        function: elementwise.
        x: [M, …].
    """
    per_member = x[0].numel()
    short = -per_member % _BLOCK
    if short == 0:
        return function(x)
    padded = F.pad(x.reshape(x.shape[0], per_member), (0, short))
    return function(padded)[:, :per_member].reshape(x.shape)


def _identity(x: Tensor) -> Tensor:
    return x


# max, min and multiplication are exact in any kernel; the others need whole vectors.
_EXACT: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": _identity,
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
}
_ROUNDED: dict[str, Callable[[Tensor], Tensor]] = {
    "elu": F.elu,
    "gelu": F.gelu,
    "mish": F.mish,
    "selu": F.selu,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "softplus": F.softplus,
    "tanh": torch.tanh,
}

ACTIVATIONS: tuple[str, ...] = (*_EXACT, *_ROUNDED)
"""Elementwise ones."""

PIECES = 2  # of maxout

_RELU_GAIN = math.sqrt(2.0)
_GAINS: dict[str, float] = {
    "relu": _RELU_GAIN,
    "leaky_relu": math.sqrt(2.0 / (1 + 0.01**2)),
    "tanh": 5.0 / 3.0,
}


def pieces(name: str) -> int:
    """How many numbers become one: 2 for maxout, 1 for all others."""
    return PIECES if name == "maxout" else 1


def activate(name: str, x: Tensor) -> Tensor:
    """Apply the activation ``name``: one of `ACTIVATIONS`, or "maxout".

    Maxout takes the larger of two linear pieces: [..., 2·D] → [..., D]. Source: Goodfellow et al.
    2013.
    """
    if name == "maxout":
        first, second = x.chunk(PIECES, dim=-1)
        return torch.maximum(first, second)
    if name in _EXACT:
        return _EXACT[name](x)
    return aligned(_ROUNDED[name], x)


def alone(name: str, x: Tensor) -> Tensor:
    """One of `ACTIVATIONS` for a member by itself, [1, …], however its numbers lie in memory.

    Where a member is never in company, its numbers have the same tail each time.
    """
    return (_EXACT.get(name) or _ROUNDED[name])(x)


def gain(name: str) -> float:
    """How much larger initial weights must be in front of ``name`` to keep the variance.

    Source: He et al. 2015 for rectifiers; the smooth rectifiers (GELU, SiLU, Mish, ELU) are close
    enough to ReLU to share its gain, tanh has 5/3 as in torch, all others 1.
    """
    if name in ("gelu", "silu", "mish", "elu"):
        return _RELU_GAIN
    return _GAINS.get(name, 1.0)
