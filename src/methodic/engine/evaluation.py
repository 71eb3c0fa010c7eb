"""Evaluation: outputs, scores and losses of members on rows that they don't train on.

Shapes: M members, N rows, C outputs, P parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.data.batches import Rows
from methodic.engine.parts import Layout
from methodic.metrics import Metric
from methodic.types import Model, Pass

CHUNK = 2048
"""Rows evaluated at a time. A constant: matrix products of another size may round differently."""


def outputs(
    model: Model,
    layout: Layout,
    flat: Tensor,
    buffers: Mapping[str, Tensor],
    rows: Rows,
    numbers: Mapping[str, Tensor],
) -> Tensor:
    """Outputs of each member for all rows, without gradients: [M, N, C]."""
    run = Pass(layout.views(flat), buffers, {}, numbers, training=False)
    with torch.no_grad():
        parts = [
            model(run, rows.part(start, start + CHUNK).everything(flat.shape[0]).inputs)
            for start in range(0, len(rows), CHUNK)
        ]
    return torch.cat(parts, dim=1)


def measured_buffers(
    model: Model,
    layout: Layout,
    flat: Tensor,
    buffers: Mapping[str, Tensor],
    rows: Rows,
    numbers: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Batch-norm statistics for weights that weren't trained with them, such as averages.

    One fixed pass over rows from all of the training data, the same for every member.
    """
    run = Pass(layout.views(flat), buffers, {}, numbers, training=False, collect=True)
    with torch.no_grad():
        model(run, rows.spread(CHUNK).everything(flat.shape[0]).inputs)
    return {**buffers, **run.new_buffers}


@dataclass(frozen=True)
class Scores:
    """What an evaluation found for each member; float64 [M]."""

    score: npt.NDArray[np.float64]
    loss: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judge:
    """Scores members on fixed rows.

    Args:
        rows: encoded, with their encoded target.
        metric: the plan's metric.
        predictions: outputs [M, N, C] → probabilities, or numbers in the target's units.
        truth: classes int [N], or numbers in the target's units [N].
    """

    rows: Rows
    metric: Metric
    predictions: Callable[[Tensor], Tensor]
    truth: npt.NDArray[np.generic]

    def __call__(self, out: Tensor) -> Scores:
        """Scores and losses from the outputs [M, N, C] for this judge's rows."""
        predicted = self.predictions(out).cpu().numpy()
        score = np.array([self.metric.score(self.truth, each) for each in predicted])
        return Scores(score, row_losses(out, self.rows.target).mean(1).double().cpu().numpy())


def row_losses(out: Tensor, target: Tensor) -> Tensor:
    """Each row's cross-entropy, or squared error in units of the target's deviation: [M, N]."""
    if target.dtype == torch.int64:
        logs = F.log_softmax(out, dim=-1)
        picked = target.expand(out.shape[0], -1).unsqueeze(-1)
        return -logs.gather(-1, picked).squeeze(-1)
    return ((out - target) ** 2).mean(-1)
