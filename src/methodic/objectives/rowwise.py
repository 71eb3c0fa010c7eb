"""Losses that are a (weighted) mean over rows: what they share.

Shapes: M members, B rows, C outputs, K outputs of one row, T targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from methodic.errors import InputError
from methodic.rng import Noise
from methodic.types import Batch, Model, Pass


class Rowwise:
    """Base: a subclass says what one row costs; this one knows weights, mixed targets and copies.

    Σ_i r_i · (s_i · loss(y_i) + (1 − s_i) · loss(y'_i)) / Σ_i r_i · (s_i · n(y_i) + …): r are the
    rows' weights, y' the other targets of mixed rows and s the shares of their first ones, where a
    batch has them; n are the `counts` of a loss that weighs its rows, else 1. In training, a
    network may give K outputs for each row, [M, B, K, C]: each has its own loss, and their mean
    counts.
    """

    name: ClassVar[str]
    """Of the loss term."""

    def outputs(self, targets: int) -> int:
        """How many outputs the network needs for so many classes, or predicted numbers."""
        return targets

    def prepared(self, output: Tensor) -> Tensor:
        """What all targets of a row share, computed once: from [M, B, C] to whatever."""
        return output

    def rowwise(self, run: Pass, prepared: Tensor, target: Tensor) -> Tensor:
        """The loss of each row, [M, B]."""
        raise NotImplementedError

    def counts(self, target: Tensor) -> Tensor | None:  # noqa: ARG002
        """How much each row counts in the mean, [M, B]; None: all alike."""
        return None

    def check(self, output: Tensor, target: Tensor) -> None:
        """Refuse a target whose shape doesn't fit the output, [M, B, C]."""
        raise NotImplementedError

    def noise(self, rows: int) -> dict[str, Noise]:  # noqa: ARG002
        """Nothing is drawn."""
        return {}

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        """The loss by its name: [M]."""
        output = model(run, batch.inputs)
        target, other, share, rows = batch.target, batch.other, batch.share, batch.weight
        if output.ndim == 4:
            copies = output.shape[2]
            output = output.flatten(1, 2)
            target = _repeated(target, copies)
            other = None if other is None else _repeated(other, copies)
            rows = None if rows is None else _repeated(rows, copies)
            if share is not None and share.shape[1] > 1:
                share = _repeated(share, copies)
        self.check(output, target)
        prepared = self.prepared(output)
        loss, count = self.rowwise(run, prepared, target), self.counts(target)
        if other is not None:
            assert share is not None, "a batch with other targets says how much they count"
            loss = _blend(loss, self.rowwise(run, prepared, other), share)
            if count is not None:
                others = self.counts(other)
                assert others is not None, "rows count by their targets"
                count = _blend(count, others, share)
        if rows is not None:
            loss, count = loss * rows, rows if count is None else count * rows
        if count is None:
            return {self.name: loss.mean(1)}
        total = count.sum(1)
        if rows is not None:  # a batch of rows that all weigh nothing costs nothing
            total = total.clamp(min=torch.finfo(total.dtype).tiny)
        return {self.name: loss.sum(1) / total}


def _blend(loss: Tensor, other: Tensor, share: Tensor) -> Tensor:
    return torch.addcmul(other, share, loss - other)


def _repeated(x: Tensor, copies: int) -> Tensor:
    """[M, B, …] → [M, B·K, …], each row K times."""
    wide = x.unsqueeze(2).expand(-1, -1, copies, *[-1] * (x.ndim - 2))
    return wide.reshape(x.shape[0], -1, *x.shape[2:])


def misshapen(
    what: str, target: Sequence[int], output: Sequence[int], needed: Sequence[int]
) -> InputError:
    """The error of a target whose shape doesn't fit.

    Without such checks, a missing axis would broadcast to a wrong loss without a word.

    Args:
        what: that the target consists of.
        target, output: the shapes found.
        needed: the output's shape that would fit the target.
    """
    return InputError(
        f"the shape of the target ({what}) doesn't fit the network's output",
        found=f"target {list(target)}, output {list(output)}",
        accepted=f"output {list(needed)} for this target",
        advice="The axes are members, rows and outputs.",
    )
