"""Adam in the coordinates that Shampoo finds: SOAP.

Shapes: M members, matrices [a, b].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.optimizers.coefficients import FloatArray, power, spread
from methodic.optimizers.pieces import as_matrix
from methodic.types import Rule, Scope

_SIDES = ("left", "right")


@dataclass(frozen=True)
class SOAP(Rule):
    """Adam in the eigenbasis of the gradients' second moments, which turns slowly.

    L ← shampoo_beta · L + (1 − shampoo_beta) · g gᵀ, and R alike with gᵀ g; their eigenvectors are
    the columns of U and V. With g' = Uᵀ g V:
    m ← beta1 · m + (1 − beta1) · g;  s ← beta2 · s + (1 − beta2) · g'²;
    d = U ((Uᵀ m V) / (√s + epsilon)) Vᵀ, with Adam's bias corrections;
    w ← (w − lr · d) · (1 − lr · weight_decay).

    The first step only looks: it finds U and V by an eigendecomposition and moves nothing. Every
    ``frequency`` steps they are turned by one step of power iteration and a QR decomposition, with
    columns in falling order, and the columns of s with them.

    Args:
        decay: shrink the parameters; the number ``weight_decay`` is ≥ 0.
        frequency: steps between two turns of the basis, ≥ 1.
        largest: a side with more rows than this keeps its own coordinates.

    State: ``mean`` (m), ``mean_square`` (s), and ``left`` (L), ``right`` (R), ``left_basis`` (U),
    ``right_basis`` (V) where that side isn't too large.

    Source: Vyas et al. 2024 (arXiv 2409.11321).
    """

    scope: ClassVar[Scope] = "parameter"

    decay: bool = True
    frequency: int = 10
    largest: int = 2048

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros."""
        matrix = as_matrix(parameter)
        state = {"mean": torch.zeros_like(matrix), "mean_square": torch.zeros_like(matrix)}
        for side, size in zip(_SIDES, matrix.shape[1:], strict=True):
            if size <= self.largest:
                state[side] = matrix.new_zeros(matrix.shape[0], size, size)
                state[f"{side}_basis"] = torch.zeros_like(state[side])
        return state

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """Adam's, one step behind and 0 at the first; ``first`` and ``turns`` are 0 or 1."""
        beta1, beta2, lr = numbers["beta1"], numbers["beta2"], numbers["lr"]
        first = np.where(step == 1, 1.0, 0.0)
        taken = np.maximum(step - 1.0, 1.0)
        correction = np.sqrt(1.0 - power(beta2, taken))
        columns = {
            "first": first,
            "turns": np.where(taken % self.frequency == 0, 1.0, 0.0) * (1.0 - first),
            "scale": (first - 1.0) * lr * correction / (1.0 - power(beta1, taken)),
            "epsilon": numbers["epsilon"],
            "beta1": beta1,
            "fresh1": (1.0 - first) * (1.0 - beta1),
            "beta2": beta2,
            "fresh2": (1.0 - first) * (1.0 - beta2),  # without bases, it would see the first g
            "kept": numbers["shampoo_beta"],
            "fresh": 1.0 - numbers["shampoo_beta"],
        }
        if self.decay:
            columns["weight_decay"] = (1.0 - first) * lr * numbers["weight_decay"]
        return spread(step, columns)

    def update(
        self,
        gradient: Tensor,
        parameter: Tensor,
        state: Mapping[str, Tensor],
        c: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What to add to the parameter, and the next state."""
        shape, g = gradient.shape, as_matrix(gradient)
        flat = {
            n: x if x.ndim < 4 or n == "weight_decay" else x.view(-1, 1, 1) for n, x in c.items()
        }
        into = _Basis(state)
        turned = into.forward(g)
        mean = (state["mean"] * flat["beta1"]).addcmul_(g, flat["fresh1"])
        square = (state["mean_square"] * flat["beta2"]).addcmul_(turned * turned, flat["fresh2"])
        step = into.forward(mean) / square.sqrt().add_(flat["epsilon"])
        change = (into.backward(step) * flat["scale"]).view(shape)
        if self.decay:
            change = torch.addcmul(change, parameter + change, c["weight_decay"], value=-1)
        following = {"mean": mean, "mean_square": square}
        for side, product in (("left", multiply(g, g.mT)), ("right", multiply(g.mT, g))):
            if side in state:
                following[side] = (state[side] * flat["kept"]).addcmul_(product, flat["fresh"])
                following[f"{side}_basis"] = state[f"{side}_basis"]
        return change, _turned(following, c["first"], c["turns"])


class _Basis:
    """To and from the coordinates of U and V."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self._left, self._right = (state.get(f"{side}_basis") for side in _SIDES)

    def forward(self, x: Tensor) -> Tensor:
        """Uᵀ x V."""
        x = x if self._left is None else multiply(self._left.mT, x)
        return x if self._right is None else multiply(x, self._right)

    def backward(self, x: Tensor) -> Tensor:
        """U x Vᵀ."""
        x = x if self._left is None else multiply(self._left, x)
        return x if self._right is None else multiply(x, self._right.mT)


def multiply(x: Tensor, y: Tensor) -> Tensor:
    """[M, a, b] · [M, b, c]; sizes of 1 are padded, for they take other kernels at width 1."""
    rows, inner, columns = x.shape[1], x.shape[2], y.shape[2]
    if 1 not in (rows, inner, columns):
        return torch.bmm(x, y)  # padding by nothing would still copy
    x = F.pad(x, (0, int(inner == 1), 0, int(rows == 1)))
    y = F.pad(y, (0, int(columns == 1), 0, int(inner == 1)))
    return torch.bmm(x, y)[:, :rows, :columns]


def _turned(state: dict[str, Tensor], first: Tensor, turns: Tensor) -> dict[str, Tensor]:
    """The state with new bases for those members whose time has come, one member at a time."""
    members = state["mean"].shape[0]
    starting, turning = (x.flatten().expand(members).tolist() for x in (first, turns))
    due = [m for m in range(members) if starting[m] or turning[m]]
    if not due:
        return state
    found = dict(state)
    for side, axis in zip(_SIDES, (0, 1), strict=True):
        if side not in state:
            continue
        name = f"{side}_basis"
        found[name], found["mean_square"] = found[name].clone(), found["mean_square"].clone()
        for m in due:
            moments = state[side][m]
            if not bool(moments.isfinite().all()):
                continue  # this member has diverged; decompositions would raise
            if starting[m]:
                found[name][m] = _eigenvectors(moments)
            else:
                basis, order = _power_step(moments, state[name][m])
                found[name][m] = basis
                found["mean_square"][m] = found["mean_square"][m].index_select(axis, order)
    return found


def _eigenvectors(moments: Tensor) -> Tensor:
    """In falling order of their eigenvalues."""
    try:
        vectors: Tensor = torch.linalg.eigh(moments)[1]
    except RuntimeError:  # it didn't converge in this precision
        vectors = torch.linalg.eigh(moments.double())[1].to(moments.dtype)
    return vectors.flip(1)


def _power_step(moments: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """The basis after one step of power iteration, and the order that its columns took."""
    product = moments @ basis
    order = torch.argsort((basis * product).sum(0), descending=True, stable=True)
    return torch.linalg.qr(product.index_select(1, order))[0], order
