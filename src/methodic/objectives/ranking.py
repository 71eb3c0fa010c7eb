"""Losses for the order of rows.

Shapes: M members, B rows, K outputs of one row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from methodic.errors import InputError
from methodic.models.parts.activations import aligned
from methodic.objectives.classes import single_logit
from methodic.rng import Noise
from methodic.types import Batch, Model, Pass


@dataclass(frozen=True)
class PairwiseRanking:
    """Σ log(1 + exp(−(s_i − s_j))) / pairs, over all pairs of rows of a batch with y_i > y_j.

    s is the network's only output; or, of two classes, the second minus the first. With weights of
    rows, a pair weighs their product. A batch without any pair costs nothing. Only the order of
    outputs is learned: their size means nothing. The cost grows with the square of the batch.

    Args:
        path: of the objective in the recipe.

    Source: Burges et al. 2005 (RankNet).
    """

    path: str

    name: ClassVar[str] = "pairwise_ranking"

    def outputs(self, targets: int) -> int:
        """How many outputs the network needs for so many classes, or predicted numbers."""
        return targets

    def noise(self, rows: int) -> dict[str, Noise]:  # noqa: ARG002
        """Nothing is drawn."""
        return {}

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        """``pairwise_ranking``: [M]."""
        if batch.other is not None:
            raise InputError(
                "a ranking loss compares one target of each row, and mixed rows have two",
                accepted="batches without mixup or cutmix",
            )
        output = model(run, batch.inputs)
        scores = single_logit(self.name, output)
        target = batch.target
        if target.ndim == 3 and target.shape[-1] == 1:
            target = target.squeeze(-1)
        if target.shape != scores.shape[:2]:
            raise InputError(
                "a ranking loss needs one class or number of each row",
                found=list(batch.target.shape),
                accepted=[*scores.shape[:2], 1],
            )
        over = target.unsqueeze(2) > target.unsqueeze(1)  # [M, B, B]
        pairs = over.to(output.dtype)
        if batch.weight is not None:
            pairs = pairs * (batch.weight.unsqueeze(2) * batch.weight.unsqueeze(1))
        if scores.ndim == 3:  # K outputs of each row, each with its own order
            scores, pairs = scores.transpose(1, 2), pairs.unsqueeze(1)
        apart = scores.unsqueeze(-2) - scores.unsqueeze(-1)  # s_j − s_i
        cost = aligned(F.softplus, apart) * pairs
        total, count = cost.sum(-1).sum(-1), pairs.sum(-1).sum(-1)
        loss = total / count.clamp(min=1e-30)
        return {self.name: loss.mean(1) if loss.ndim == 2 else loss}
