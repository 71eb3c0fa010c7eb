"""Objectives on answers: two views should agree, with each other or with a teacher.

Shapes: M members, B rows, C outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.models.parts.activations import aligned
from methodic.objectives.sides import Side
from methodic.objectives.unlabelled import Unlabelled, number
from methodic.types import Batch, Half, Mixing, Model, Pass

Answers = Literal["classes", "labels", "numbers"]


def answers(outputs: Tensor, kind: Answers) -> Tensor:
    """Outputs [M, B, C] as what they say: probabilities of classes or labels, or numbers."""
    if kind == "classes":
        return torch.softmax(outputs, -1)
    return aligned(torch.sigmoid, outputs) if kind == "labels" else outputs


@dataclass(frozen=True, eq=False)
class _OnAnswers(Unlabelled):
    """Base: the whole network is trained.

    Args:
        kind: of its answers.
    """

    kind: Answers

    @property
    def trains(self) -> tuple[Half, ...]:
        return ("encoder", "head")


@dataclass(frozen=True, eq=False)
class Consistency(_OnAnswers):
    """The mean over rows of Σ_c (p_c − q_c)², p and q the answers to two views.

    Args:
        first, second: what makes the views.

    Source: Laine and Aila 2016 (arXiv 1610.02242), the Π-model.
    """

    first: tuple[Mixing, ...]
    second: tuple[Mixing, ...]

    name: ClassVar[str] = "consistency"

    @cached_property
    def sides(self) -> tuple[Side, ...]:
        return (
            Side(f"{self.path}/first", self.network, self.first),
            Side(f"{self.path}/second", self.network, self.second),
        )

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        inputs = self.rows(batch).inputs
        first, second = (
            answers(side.outputs(model, run, inputs), self.kind) for side in self.sides
        )
        return {self.name: apart(first, second)}


@dataclass(frozen=True, eq=False)
class MeanTeacher(Consistency):
    """The same, q being the averaged network's answers, which get no gradient.

    Source: Tarvainen and Valpola 2017 (arXiv 1703.01780).
    """

    name: ClassVar[str] = "mean_teacher"
    taught: ClassVar[bool] = True

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        inputs, (own, other) = self.rows(batch).inputs, self.sides
        wanted = answers(other.taught_outputs(model, run, inputs), self.kind).detach()
        return {self.name: apart(answers(own.outputs(model, run, inputs), self.kind), wanted)}


def apart(first: Tensor, second: Tensor) -> Tensor:
    """Mean over rows of the summed squared differences: [M, B, C] twice → [M]."""
    away = first - second
    return (away * away).sum(2).mean(1)


@dataclass(frozen=True, eq=False)
class SelfLabelled(_OnAnswers):
    """Cross-entropy of a strong view with the class of the weak one, where that is sure enough.

    The mean over all rows; those with a probability below the threshold cost nothing. Without
    changes it is the same look, whose class is its own target: pseudo-labels.

    Args:
        path: ``path + ".threshold"`` in [0, 1), ``path + ".alignment"`` in [0, 1].
        weak, strong: what makes the views.
        shares: of each class among labelled rows, to which alignment corrects.

    Source: pseudo-labels: Lee 2013; FixMatch: Sohn et al. 2020 (arXiv 2001.07685); alignment, over
    the batch: Berthelot et al. 2019 (arXiv 1911.09785).
    """

    weak: tuple[Mixing, ...] = ()
    strong: tuple[Mixing, ...] = ()
    shares: tuple[float, ...] = ()

    name: ClassVar[str] = "self_labelled"

    @cached_property
    def sides(self) -> tuple[Side, ...]:
        strong = Side(f"{self.path}/strong", self.network, self.strong)
        if not self.weak and not self.strong:
            return (strong,)
        return Side(f"{self.path}/weak", self.network, self.weak), strong

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        inputs = self.rows(batch).inputs
        threshold = number(run, f"{self.path}.threshold")
        if len(self.sides) == 1:
            strong = self.sides[0].outputs(model, run, inputs)
            weak = strong.detach()
        else:
            with torch.no_grad():
                weak = self.sides[0].outputs(model, run, inputs)
            strong = self.sides[1].outputs(model, run, inputs)
        alignment = number(run, f"{self.path}.alignment")
        if alignment is not None and self.shares:
            weak = corrected(weak, alignment, torch.tensor(self.shares, device=weak.device))
        return {self.name: self_labelled(weak, strong, threshold)}


def corrected(outputs: Tensor, alignment: Tensor, shares: Tensor) -> Tensor:
    """Logits whose probabilities' mean over the batch comes nearer to some shares.

    log p + a·(log shares − log mean p), up to what a softmax takes away.

    Args:
        outputs: logits, [M, B, C].
        alignment: a in (0, 1], [M, 1].
        shares: of the classes, [C], above 0.
    """
    logs = F.log_softmax(outputs, -1)
    mean = torch.softmax(outputs, -1).mean(1)
    least = torch.finfo(mean.dtype).tiny
    away = aligned(torch.log, shares.expand_as(mean)) - aligned(torch.log, mean.clamp(min=least))
    return logs + (alignment * away).unsqueeze(1)


def self_labelled(weak: Tensor, strong: Tensor, threshold: Tensor | None) -> Tensor:
    """The loss of logits [M, B, C] of either view; threshold [M, 1], None for 0. → [M].

    Classes that are exactly equally probable share the target.
    """
    shares = torch.softmax(weak, -1)
    sure = shares.amax(-1)
    target = (shares == sure.unsqueeze(-1)).to(strong.dtype)
    cost = -(target * F.log_softmax(strong, -1)).sum(-1) / target.sum(-1)
    if threshold is not None:
        cost = cost * (sure >= threshold).to(cost.dtype)
    return cost.mean(1)


@dataclass(frozen=True, eq=False)
class Distillation(_OnAnswers):
    """T² · the divergence of softmax(outputs / T) from the teacher's, whose shares are p^(1/T).

    Of labels, the sum over them of the binary cross-entropy; of numbers, the squared error.

    Args:
        path: ``path + ".temperature"`` > 0, of classes.

    Source: Hinton, Vinyals, Dean 2015 (arXiv 1503.02531).
    """

    name: ClassVar[str] = "distillation"

    @cached_property
    def sides(self) -> tuple[Side, ...]:
        return (Side(f"{self.path}/taught", self.network),)

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        rows = self.rows(batch)
        assert rows.soft is not None, "runs give these rows what their teacher says"
        outputs = self.sides[0].outputs(model, run, rows.inputs)
        if self.kind == "classes":
            return {self.name: distilled(outputs, rows.soft, run.numbers[self._temperature])}
        if self.kind == "labels":
            cost = aligned(F.softplus, outputs) - rows.soft * outputs
            return {self.name: cost.sum(2).mean(1)}
        told = outputs[..., : rows.soft.shape[2]]  # of means and variances, the means
        return {self.name: apart(told, rows.soft)}

    @property
    def _temperature(self) -> str:
        return f"{self.path}.temperature"


def distilled(outputs: Tensor, soft: Tensor, temperature: Tensor) -> Tensor:
    """The loss of logits and a teacher's probabilities, [M, B, C] each; temperature [M]. → [M]."""
    wide = temperature.view(-1, 1, 1)
    least = torch.finfo(soft.dtype).tiny
    wanted = F.log_softmax(aligned(torch.log, soft.clamp(min=least)) / wide, -1)
    found = F.log_softmax(outputs / wide, -1)
    each = (aligned(torch.exp, wanted) * (wanted - found)).sum(2)
    return temperature * temperature * each.mean(1)
