"""Adaptive rates from rows' and columns' means alone: Adafactor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from methodic.optimizers.coefficients import FloatArray, spread
from methodic.optimizers.pieces import as_matrix
from methodic.types import Rule, Scope


@dataclass(frozen=True)
class Adafactor(Rule):
    """Gradients divided by a root mean square that matrices keep as one column and one row.

    For a matrix g [a, b], with f = t^(−decay_power):
    r ← (1 − f) · r + f · rowmeans(g²);  k ← (1 − f) · k + f · columnmeans(g²);  s = r k / mean(r);
    for a vector: s ← (1 − f) · s + f · g².
    u = g / max(√s, epsilon);  w ← w − α · u / max(1, rms(u) / threshold) − lr · weight_decay · w
    with  α = max(scale_floor, rms(w)) · min(lr, 1/√t).

    The memory for moments is a + b instead of 2 a b numbers. A step is a fraction lr of the
    weights' own size.

    Args:
        decay: shrink the parameters; the number ``weight_decay`` is ≥ 0.

    Numbers: ``decay_power`` ≥ 0, ``scale_floor`` > 0, ``threshold`` ≥ 1.

    State: ``rows`` (r) and ``columns`` (k) of a matrix, ``mean_square`` (s) of a vector. A
    convolution's weights count as a matrix, with a row for each output.

    Source: Shazeer and Stern 2018 (arXiv 1804.04235), in the form of torch.optim.
    """

    scope: ClassVar[Scope] = "parameter"

    decay: bool = False

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros."""
        if parameter.ndim < 3:
            return {"mean_square": torch.zeros_like(parameter)}
        members, rows, columns = as_matrix(parameter).shape
        return {
            "rows": parameter.new_zeros(members, rows, 1),
            "columns": parameter.new_zeros(members, 1, columns),
        }

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """How squares are kept; ``limit`` = 1/epsilon; ``scale`` = −threshold · min(lr, 1/√t)."""
        fresh = _powers(step, -numbers["decay_power"])
        columns = {
            "scale": -numbers["threshold"] * np.minimum(numbers["lr"], 1.0 / np.sqrt(step)),
            "kept": 1.0 - fresh,
            "fresh": fresh,
            "epsilon": numbers["epsilon"],
            "limit": 1.0 / numbers["epsilon"],
            "threshold": numbers["threshold"],
            "scale_floor": numbers["scale_floor"],
        }
        if self.decay:
            columns["weight_decay"] = numbers["lr"] * numbers["weight_decay"]
        return spread(step, columns)

    def update(
        self,
        gradient: Tensor,
        parameter: Tensor,
        state: Mapping[str, Tensor],
        c: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What to add to the parameter, and the next state."""
        if gradient.ndim < 3:
            square = (state["mean_square"] * c["kept"]).addcmul_(gradient * gradient, c["fresh"])
            following = {"mean_square": square}
            inverse = square.rsqrt()
        else:
            matrix = as_matrix(gradient)
            kept, fresh, epsilon = (_three(c[name]) for name in ("kept", "fresh", "epsilon"))
            squares, (_, a, b) = matrix * matrix, matrix.shape
            # Sums, divided where they are used: a mean is two operations.
            by_row, by_column = squares.sum(2, keepdim=True), squares.sum(1, keepdim=True)
            rows = (state["rows"] * kept).addcmul_(by_row, fresh, value=1 / b)
            columns = (state["columns"] * kept).addcmul_(by_column, fresh, value=1 / a)
            following = {"rows": rows, "columns": columns}
            average = torch.maximum(rows.sum(1, keepdim=True) / a, epsilon)
            # Roots of the factors, since roots and quotients of all elements would take long.
            inverse = (rows.rsqrt() * (columns / average).rsqrt_()).view(gradient.shape)
        update = inverse.clamp_max_(c["limit"]).mul_(gradient)
        clipped = torch.maximum(_size(update), c["threshold"])
        rate = torch.maximum(_size(parameter), c["scale_floor"]) * c["scale"]
        change = update.mul_(rate / clipped)
        if self.decay:
            change = torch.addcmul(change, parameter, c["weight_decay"], value=-1)
        return change, following


def _three(x: Tensor) -> Tensor:
    return x if x.ndim < 4 else x.view(-1, 1, 1)


def _size(x: Tensor) -> Tensor:
    """Root mean square of each member's elements: [M, …] → [M, 1, …]."""
    norm: Tensor = torch.linalg.vector_norm(x, dim=tuple(range(1, x.ndim)), keepdim=True)
    return norm / math.sqrt(math.prod(x.shape[1:]))


def _powers(base: FloatArray, exponent: FloatArray) -> FloatArray:
    """base**exponent one by one: vectorised powers may round by who stands beside an element."""
    bases, exponents = np.broadcast_arrays(base, exponent)
    found = [b**e for b, e in zip(bases.ravel().tolist(), exponents.ravel().tolist(), strict=True)]
    return np.array(found).reshape(bases.shape)
