"""Steps of one length in every direction of a matrix: Muon."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.optimizers.clipping import global_norm
from methodic.optimizers.coefficients import FloatArray, spread
from methodic.optimizers.pieces import as_matrix
from methodic.types import Rule, Scope

Adjust = Literal["original", "match_rms_adamw"]
ADJUSTMENTS: Final = get_args(Adjust)
# Of the quintic a·x + b·x³ + c·x⁵ that drives singular values towards 1, chosen for a steep start.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_LEAST = 1e-7


@dataclass(frozen=True)
class Muon(Rule):
    """Momentum whose matrix is replaced by the nearest (half-)orthogonal one.

    m ← momentum · m + (1 − momentum) · g;  n = (1 − momentum) · g + momentum · m, or m;
    w ← w − lr · scale · orthogonal(n) − lr · weight_decay · w.

    ``orthogonal`` replaces all singular values by values near 1, by some Newton–Schulz steps: the
    matrix is divided by its norm and then put through a·x + b·(xxᵀ)x + c·(xxᵀ)²x. ``scale`` is
    √max(1, outputs/inputs) ("original"), or 0.2 · √max(outputs, inputs), which gives the elements
    of a step the size that AdamW's have ("match_rms_adamw"), so that its rates and decays serve.

    For hidden matrices. Embeddings, the last layer and vectors train better with AdamW.

    Args:
        nesterov: look ahead along the momentum.
        decay: shrink the parameters; the number ``weight_decay`` is ≥ 0.
        adjust: the scale.
        iterations: Newton–Schulz steps, ≥ 1.
        outputs_first: matrices are [outputs, inputs], as those of torch.nn; else [inputs, outputs].
            A convolution's weights are [outputs, inputs, …] in either case.
        coarse: in bfloat16, which some processors multiply faster.

    State: ``momentum`` (m).

    Source: Jordan et al. 2024 (kellerjordan.github.io/posts/muon), in the form of torch.optim;
    "match_rms_adamw": Liu et al. 2025 (arXiv 2502.16982).
    """

    scope: ClassVar[Scope] = "parameter"

    nesterov: bool = True
    decay: bool = True
    adjust: Adjust = "match_rms_adamw"
    iterations: int = 5
    outputs_first: bool = False
    coarse: bool = False

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros."""
        return {"momentum": torch.zeros_like(parameter)}

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """``scale`` = −lr, ``momentum``, ``fresh`` = 1 − momentum; ``weight_decay`` with lr."""
        columns = {
            "scale": -numbers["lr"],
            "momentum": numbers["momentum"],
            "fresh": 1.0 - numbers["momentum"],
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
        following = (state["momentum"] * c["momentum"]).addcmul_(gradient, c["fresh"])
        ahead = following
        if self.nesterov:
            ahead = (following * c["momentum"]).addcmul_(gradient, c["fresh"])
        matrix = as_matrix(ahead)
        whole = orthogonal(matrix.bfloat16() if self.coarse else matrix, self.iterations)
        first = self.outputs_first or gradient.ndim > 3
        rate = c["scale"] * self._scale(*matrix.shape[1:] if first else matrix.shape[:0:-1])
        change = whole.to(gradient.dtype).view(gradient.shape) * rate
        if self.decay:
            change = torch.addcmul(change, parameter, c["weight_decay"], value=-1)
        return change, {"momentum": following}

    def _scale(self, outputs: int, inputs: int) -> float:
        if self.adjust == "original":
            return math.sqrt(max(1.0, outputs / inputs))
        return 0.2 * math.sqrt(max(outputs, inputs))


def orthogonal(matrix: Tensor, iterations: int) -> Tensor:
    """Singular values to about 1, with the singular vectors kept: [M, a, b] → [M, a, b].

    Args:
        matrix: not changed. 0 stays 0.
        iterations: Newton–Schulz steps; 5 bring most values into [0.7, 1.2].
    """
    rows, columns = matrix.shape[1:]
    x = matrix.mT if rows > columns else matrix
    norm = global_norm(x.flatten(1)).clamp_min(_LEAST)
    x = x / norm.view(-1, 1, 1)
    thin = x.shape[1] == 1
    if thin:
        x = F.pad(x, (0, 0, 0, 1))  # a product with a size of 1 takes other kernels at width 1
    if x.shape[2] == 1:
        x = F.pad(x, (0, 1))
    for _ in range(iterations):
        gram = torch.bmm(x, x.mT)
        polynomial = torch.baddbmm(gram, gram, gram, beta=_B, alpha=_C)
        x = torch.baddbmm(x, polynomial, x, beta=_A)
    x = x[:, : min(rows, columns), : max(rows, columns)]
    return (x.mT if rows > columns else x).contiguous()
