"""Limits on gradients, for each member by itself.

Shapes: M members, P parameters.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def global_norm(flat: Tensor) -> Tensor:
    """√Σg² over all parameters of a member: [M, P] → [M]."""
    norm: Tensor = torch.linalg.vector_norm(flat, dim=-1)
    return norm


def clip_by_norm(flat: Tensor, limits: Tensor, norm: Tensor | None = None) -> Tensor:
    """Scale a member's gradient down where its norm is above the limit.

    g · limit / max(norm, limit): a gradient within the limit isn't changed by a bit, a longer one
    keeps its direction and gets the limit's length. What is not finite stays not finite.

    Args:
        flat: gradients, [M, P].
        limits: largest norm of each member, [M], > 0.
        norm: `global_norm(flat)`, where it's known already.

    Returns:
        New gradients, [M, P].

    Source: Pascanu, Mikolov, Bengio 2013.
    """
    norm = global_norm(flat) if norm is None else norm
    return flat * (limits / torch.maximum(norm, limits)).unsqueeze(-1)


def clip_by_value(flat: Tensor, limits: Tensor) -> Tensor:
    """Every element into [−limit, limit].

    Args:
        flat: gradients, [M, P].
        limits: largest magnitude for each member, [M], > 0.

    Returns:
        New gradients, [M, P]; NaN stays NaN.
    """
    bound = limits.unsqueeze(-1)
    return torch.clamp(flat, min=-bound, max=bound)


_LEAST_NORM = 1e-3  # so that a unit whose weights are 0 can still learn


def clip_adaptively(
    gradients: Mapping[str, Tensor], parameters: Mapping[str, Tensor], limits: Tensor
) -> dict[str, Tensor]:
    """Scale a unit's gradient down where it is long beside the unit's weights.

    g · b / max(‖g‖, b) with b = limit · max(‖w‖, 0.001), for each unit by itself (`unit_norms`).
    The paper leaves the last layer out; so may the caller, by leaving it out of the mappings.

    Args:
        gradients: name → [M, …]; not written to.
        parameters: name → [M, …], with the names of the gradients at least.
        limits: largest ratio for each member, [M], > 0.

    Returns:
        New gradients, by name.

    Source: Brock et al. 2021 (AGC).
    """
    found = {}
    for name, gradient in gradients.items():
        least = unit_norms(parameters[name]).clamp(min=_LEAST_NORM)
        bound = least * limits.reshape(-1, *[1] * (gradient.ndim - 1))
        found[name] = gradient * (bound / torch.maximum(unit_norms(gradient), bound))
    return found


def unit_norms(x: Tensor) -> Tensor:
    """The norm of what enters each unit, with axes of length 1 in place of those summed over.

    Of weights [M, inputs, outputs] (or [M, copies, inputs, outputs]) a unit is a column; of those
    of a convolution, [M, outputs, inputs, …] with two axes of the kernel, a row; a vector, such as
    a bias, is one unit as a whole.

    Args:
        x: [M, …].
    """
    members = x.shape[0]
    if x.ndim <= 2:
        return global_norm(x.reshape(members, -1)).reshape(members, *[1] * (x.ndim - 1))
    if x.ndim <= 4:
        return torch.sqrt((x * x).sum(-2, keepdim=True))
    rows = x.reshape(members, x.shape[1], -1)
    return torch.sqrt((rows * rows).sum(-1)).reshape(members, -1, *[1] * (x.ndim - 2))
