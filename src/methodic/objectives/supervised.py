"""The usual losses of supervised learning.

Shapes: M members, B rows, C outputs or classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.errors import InputError
from methodic.rng import Noise
from methodic.types import Batch, Model, Pass


@dataclass(frozen=True, eq=False)
class CrossEntropy:
    """Cross-entropy between softmax(output) and the class.

    Σ_i w[y_i] · nll_i / Σ_i w[y_i], where nll_i = −log softmax(output_i)[y_i]. With label smoothing
    ε it becomes (1 − ε) times that, plus ε/C · Σ_i Σ_c w[c] · −log softmax(output_i)[c] / Σ_i
    w[y_i]: the target is the class with 1 − ε, and all classes with ε shared out.

    Args:
        path: of the objective in the recipe; ``path + ".label_smoothing"`` is in [0, 1).
        smoothing: whether labels are smoothed.
        class_weights: [C], > 0; none: every class weighs 1.

    Source: smoothing: Szegedy et al. 2016.
    """

    path: str
    smoothing: bool = False
    class_weights: Tensor | None = None

    def noise(self, rows: int) -> dict[str, Noise]:  # noqa: ARG002
        """Nothing is drawn."""
        return {}

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        """``cross_entropy``: [M]."""
        logits = model(run, batch.inputs)
        _same_shape("classes", batch.target.shape, logits.shape[:-1])
        # log_softmax over a middle axis is vectorised along the rows: for few classes twice as fast
        # as over the last axis.
        log_p = F.log_softmax(logits.transpose(1, 2), dim=1)  # [M, C, B]
        missed = F.nll_loss(log_p, batch.target, reduction="none")  # −log p of the class
        epsilon = (
            run.numbers[self.path + ".label_smoothing"].unsqueeze(-1) if self.smoothing else None
        )
        if self.class_weights is None:
            loss = missed if epsilon is None else _blend(missed, -log_p.mean(1), epsilon)
            return {"cross_entropy": loss.mean(1)}
        weights = self.class_weights.to(logits)
        weight = weights[batch.target]
        loss = missed * weight
        if epsilon is not None:
            loss = _blend(loss, -(log_p * weights.unsqueeze(-1)).mean(1), epsilon)
        return {"cross_entropy": loss.sum(1) / weight.sum(1)}


@dataclass(frozen=True)
class MeanSquaredError:
    """Mean of the squared differences, over rows and outputs.

    Args:
        path: of the objective in the recipe.
    """

    path: str

    def noise(self, rows: int) -> dict[str, Noise]:  # noqa: ARG002
        """Nothing is drawn."""
        return {}

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        """``mean_squared_error``: [M]."""
        output = model(run, batch.inputs)
        _same_shape("numbers", batch.target.shape, output.shape)
        difference = (output - batch.target).flatten(1)
        return {"mean_squared_error": (difference * difference).mean(1)}


def _blend(class_part: Tensor, uniform_part: Tensor, epsilon: Tensor) -> Tensor:
    return torch.addcmul(class_part, epsilon, uniform_part - class_part)


def _same_shape(what: str, found: Sequence[int], accepted: Sequence[int]) -> None:
    """Without this check, a missing axis would broadcast to a wrong loss without a word."""
    if tuple(found) != tuple(accepted):
        raise InputError(
            f"the shape of the target ({what}) doesn't fit the network's output",
            found=list(found),
            accepted=list(accepted),
            advice="The axes are members, rows and, for numbers, outputs.",
        )
