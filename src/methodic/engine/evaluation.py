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
from methodic.engine.parts import Cohort, Layout
from methodic.metrics import Metric
from methodic.models.precision import computing
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


def validated(cohort: Cohort, flat: Tensor, buffers: Mapping[str, Tensor], rows: Rows) -> Tensor:
    """Outputs on validation rows, [M, N, C]: in the precision in which the cohort trains."""
    model = computing(cohort.model, cohort.precision)
    return outputs(model, cohort.layout, flat, buffers, rows, cohort.numbers)


def measured_buffers(
    cohort: Cohort,
    flat: Tensor,
    buffers: Mapping[str, Tensor],
    rows: Rows,
    fixed: frozenset[str] = frozenset(),
) -> dict[str, Tensor]:
    """Batch-norm statistics for weights that weren't trained with them, such as averages.

    One fixed pass over rows from all of the training data, the same for every member; as training
    would measure them, in its precision. ``fixed``: layers that keep theirs.
    """
    views = cohort.layout.views(flat)
    run = Pass(views, buffers, {}, cohort.numbers, training=False, collect=True, fixed=fixed)
    with torch.no_grad():
        computing(cohort.model, cohort.precision)(run, rows.some_inputs(CHUNK, flat.shape[0]))
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
        truth: classes int [N], labels int [N, C], or numbers in the targets' units [N] or [N, T].
        labels: each output is a yes or no of its own.
    """

    rows: Rows
    metric: Metric
    predictions: Callable[[Tensor], Tensor]
    truth: npt.NDArray[np.generic]
    labels: bool = False

    def __call__(self, out: Tensor) -> Scores:
        """Scores and losses from the outputs [M, N, C] for this judge's rows; weighted as they."""
        predicted, weight = self.predictions(out).cpu().numpy(), self.rows.weight
        weights = None if weight is None else weight.double().cpu().numpy()
        score = np.array([self.metric.score(self.truth, each, weights) for each in predicted])
        losses = row_losses(out, self.rows.target, labels=self.labels)
        mean = losses.mean(1) if weight is None else (losses * weight).sum(1) / weight.sum()
        return Scores(score, mean.double().cpu().numpy())


def row_losses(out: Tensor, target: Tensor, *, labels: bool = False) -> Tensor:
    """Each row's loss, [M, N].

    Args:
        out: [M, N, C].
        target: classes int64 [N], labels float32 [N, C], or standardised numbers float32 [N, C].
        labels: which of the last two.

    Returns:
        Cross-entropy; the mean over labels of their binary cross-entropy; or the mean over targets
        of the squared error, in units of a target's deviation.
    """
    if labels:
        wanted = target.expand_as(out)
        return F.binary_cross_entropy_with_logits(out, wanted, reduction="none").mean(-1)
    if target.dtype == torch.int64:
        logs = F.log_softmax(out, dim=-1)
        picked = target.expand(out.shape[0], -1).unsqueeze(-1)
        return -logs.gather(-1, picked).squeeze(-1)
    return ((out - target) ** 2).mean(-1)
