"""Losses for classes.

Shapes: M members, B rows, C outputs or classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.errors import InputError
from methodic.models.parts.activations import aligned
from methodic.objectives.rowwise import Rowwise, misshapen
from methodic.types import Pass


@dataclass(frozen=True, eq=False)
class _ByClass(Rowwise):
    """A loss whose target is a class of each row."""

    path: str

    def check(self, output: Tensor, target: Tensor) -> None:
        check_classes(output, target)


def check_classes(output: Tensor, target: Tensor) -> None:
    """One class [M, B] for each row of the output [M, B, C]."""
    if target.shape != output.shape[:-1]:
        raise misshapen("classes", target.shape, output.shape, [*target.shape, output.shape[-1]])


@dataclass(frozen=True, eq=False)
class CrossEntropy(_ByClass):
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

    smoothing: bool = False
    class_weights: Tensor | None = None

    name: ClassVar[str] = "cross_entropy"

    def prepared(self, output: Tensor) -> Tensor:
        """Logarithms of the probabilities, [M, C, B].

        log_softmax over a middle axis is vectorised along the rows: for few classes twice as fast
        as over the last axis.
        """
        return F.log_softmax(output.transpose(1, 2), dim=1)

    def rowwise(self, run: Pass, prepared: Tensor, target: Tensor) -> Tensor:
        loss = F.nll_loss(prepared, target, reduction="none")  # −log p of the class
        weights = self.class_weights
        if weights is not None:
            loss = loss * weights.to(loss)[target]
        if self.smoothing:
            epsilon = run.numbers[self.path + ".label_smoothing"].unsqueeze(-1)
            every = prepared if weights is None else prepared * weights.to(loss).unsqueeze(-1)
            loss = torch.addcmul(loss, epsilon, -every.mean(1) - loss)
        return loss

    def counts(self, target: Tensor) -> Tensor | None:
        return _looked_up(self.class_weights, target)


@dataclass(frozen=True, eq=False)
class Focal(_ByClass):
    """−(1 − p)^γ · log p of the class; what is classified well already counts for little.

    With class weights, the mean is weighted as for cross-entropy.

    Args:
        path: of the objective in the recipe; ``path + ".gamma"`` is ≥ 0.
        focused: gamma isn't 0; without it this is cross-entropy.
        class_weights: [C], > 0; none: every class weighs 1.

    Source: Lin et al. 2017.
    """

    focused: bool = True
    class_weights: Tensor | None = None

    name: ClassVar[str] = "focal"

    def prepared(self, output: Tensor) -> Tensor:
        """Logarithms of the probabilities, [M, C, B]."""
        return F.log_softmax(output.transpose(1, 2), dim=1)

    def rowwise(self, run: Pass, prepared: Tensor, target: Tensor) -> Tensor:
        loss = F.nll_loss(prepared, target, reduction="none")
        if self.focused:
            # 1 − p, kept away from 0, where its power would have no finite slope.
            missed = -aligned(torch.expm1, -loss)
            missed = missed.clamp(min=torch.finfo(missed.dtype).eps)
            power = aligned(torch.log, missed) * run.numbers[self.path + ".gamma"].unsqueeze(-1)
            loss = aligned(torch.exp, power) * loss
        if self.class_weights is not None:
            loss = loss * self.class_weights.to(loss)[target]
        return loss

    def counts(self, target: Tensor) -> Tensor | None:
        return _looked_up(self.class_weights, target)


@dataclass(frozen=True, eq=False)
class Binary(_ByClass):
    """Cross-entropy of two classes by one logit z: log(1 + exp(∓z)).

    z is the network's only output; or, of two, the second minus the first, which makes it the
    cross-entropy of softmax.

    Args:
        path: of the objective in the recipe.
        class_weights: [2], > 0; none: both classes weigh 1.
    """

    class_weights: Tensor | None = None

    name: ClassVar[str] = "binary"

    def prepared(self, output: Tensor) -> Tensor:
        """z, [M, B]."""
        return single_logit(self.name, output)

    def rowwise(self, run: Pass, prepared: Tensor, target: Tensor) -> Tensor:  # noqa: ARG002
        sign = (1 - 2 * target).to(prepared.dtype)
        loss = aligned(F.softplus, prepared * sign)
        return loss if self.class_weights is None else loss * self.class_weights.to(loss)[target]

    def counts(self, target: Tensor) -> Tensor | None:
        return _looked_up(self.class_weights, target)


def _looked_up(weights: Tensor | None, target: Tensor) -> Tensor | None:
    return None if weights is None else weights.to(target.device)[target]


def single_logit(name: str, output: Tensor) -> Tensor:
    """The only output, or the second of two minus the first: [M, B, 1 or 2] → [M, B].

    Raises:
        InputError: there are more.
    """
    if output.shape[-1] == 1:
        return output.squeeze(-1)
    if output.shape[-1] == 2:
        return output[..., 1] - output[..., 0]
    raise InputError(
        f"objective '{name}' is for two classes, or one number",
        found=f"a network with {output.shape[-1]} outputs",
        accepted="1 or 2 outputs",
    )


@dataclass(frozen=True, eq=False)
class Multilabel(Rowwise):
    """Mean over outputs of y · w · log(1 + exp(−z)) + (1 − y) · log(1 + exp(z)).

    Each output is a yes or no of its own. The target says so for each, [M, B, C] in [0, 1]; a
    class, [M, B], is yes for its own output and no for the others (one against the rest). With
    label smoothing ε, y becomes (1 − ε) · y + ε/2.

    Args:
        path: of the objective in the recipe; ``path + ".label_smoothing"`` is in [0, 1).
        yes_weights: w, [C], > 0; none: a yes weighs 1, like a no.
        smoothing: whether labels are smoothed.
    """

    path: str
    yes_weights: Tensor | None = None
    smoothing: bool = False

    name: ClassVar[str] = "multilabel"

    def check(self, output: Tensor, target: Tensor) -> None:
        if not target.is_floating_point():
            check_classes(output, target)
        elif target.shape != output.shape:
            raise misshapen("yes or no for each output", target.shape, output.shape, target.shape)

    def rowwise(self, run: Pass, prepared: Tensor, target: Tensor) -> Tensor:
        if not target.is_floating_point():
            target = one_hot(target, prepared)
        if self.smoothing:
            epsilon = run.numbers[self.path + ".label_smoothing"].view(-1, 1, 1)
            target = torch.addcmul(target, epsilon, 0.5 - target)
        missed = aligned(F.softplus, -prepared)  # log(1 + exp(−z)); + z is log(1 + exp(z))
        yes = target if self.yes_weights is None else target * self.yes_weights.to(missed)
        return (yes * missed + (1 - target) * (missed + prepared)).mean(-1)


def one_hot(target: Tensor, like: Tensor) -> Tensor:
    """Classes [M, B] as 0 and 1: [M, B, C], in the type of ``like`` [M, B, C]."""
    classes = torch.arange(like.shape[-1], device=like.device)
    return (target.unsqueeze(-1) == classes).to(like.dtype)


@dataclass(frozen=True, eq=False)
class Hinge(_ByClass):
    """max(0, 1 + max_{c ≠ y} o_c − o_y); of a single output o, max(0, 1 ∓ o).

    Outputs are scores: the largest is the predicted class, but softmax of them isn't a probability.

    Args:
        path: of the objective in the recipe.

    Source: Crammer and Singer 2001.
    """

    name: ClassVar[str] = "hinge"

    def rowwise(self, run: Pass, prepared: Tensor, target: Tensor) -> Tensor:  # noqa: ARG002
        if prepared.shape[-1] == 1:
            sign = (1 - 2 * target).to(prepared.dtype)
            return torch.relu(1 + prepared.squeeze(-1) * sign)
        # The class itself comes without the 1, so the largest is 0 at least.
        raised = prepared + (1 - one_hot(target, prepared))
        own = F.nll_loss(prepared.transpose(1, 2), target, reduction="none")  # −o_y
        return raised.amax(-1) + own


@dataclass(frozen=True, eq=False)
class Ordinal(_ByClass):
    """Σ_c (P(class ≤ c) − 1[y ≤ c])² with P from softmax: the squared distance of two histograms.

    For classes whose codes are in order. It is a proper score, so unlike a loss on cumulative
    links it needs neither thresholds nor other predictions: the probabilities are those of softmax,
    and true ones are its optimum.

    Args:
        path: of the objective in the recipe.

    Source: Epstein 1969 (ranked probability score); Hou, Yu, Samaras 2016 (as a loss).
    """

    name: ClassVar[str] = "ordinal"

    def prepared(self, output: Tensor) -> Tensor:
        """P(class ≤ c) for all but the last, [M, B, C − 1]."""
        p = aligned(torch.exp, F.log_softmax(output, -1))
        codes = torch.arange(output.shape[-1], device=output.device)
        below = (codes.unsqueeze(-1) <= codes[:-1]).to(p.dtype)  # [C, C − 1]
        return (p.unsqueeze(-1) * below).sum(-2)

    def rowwise(self, run: Pass, prepared: Tensor, target: Tensor) -> Tensor:  # noqa: ARG002
        codes = torch.arange(prepared.shape[-1], device=prepared.device)
        away = prepared - (target.unsqueeze(-1) <= codes).to(prepared.dtype)
        return (away * away).sum(-1)
