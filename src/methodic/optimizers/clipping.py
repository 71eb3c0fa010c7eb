"""Limits on gradients, for each member by itself.

Shapes: M members, P parameters.
"""

from __future__ import annotations

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
