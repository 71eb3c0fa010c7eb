"""Averages that need no schedule: schedule-free gradient descent and AdamW.

Three points: z takes the steps, x is the average of all z and is evaluated, and the parameter
y = (1 − β) z + β x is where gradients are taken. The state keeps ``ahead`` = y − x, from which x
and z follow; so what scales the changes of y, such as a parameter's own rate, scales all alike.

The average counts each z by the square of the largest rate so far. The sum of such weights depends
on all earlier rates, which a function of the step can't know, so it is state: one number a member.
It is kept in units of the latest weight (``count``), which makes it the number of steps while the
rate stays, without rounding. Because of this number the rules see a member as a whole.

Shapes: M members, P parameters.

Source: Defazio et al. 2024 (arXiv 2405.15682).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from methodic.optimizers.coefficients import FloatArray, power, spread
from methodic.types import Rule, Scope

_LEAST = 1e-30  # a rate below counts as 0: nothing is divided by it


@dataclass(frozen=True)
class ScheduleFreeSGD(Rule):
    """Gradient descent whose average is as good as if the rate had fallen to 0 just now.

    g ← gradient at y, + weight_decay · y;  z ← z − lr · g;
    x ← (1 − c) x + c z,  c = r² / Σ r²,  r = largest lr so far;
    y ← (1 − momentum) z + momentum · x.

    Rates are larger than with momentum alone, and don't fall; a warm-up helps. With momentum 0 it
    averages plain descent (Polyak and Ruppert).

    Args:
        decay: add ``weight_decay`` ≥ 0 times the parameter to the gradient.

    State: ``ahead`` = y − x, [M, P]; ``count`` = Σ r² / r² and ``rate`` = r, [M, 1].
    """

    scope: ClassVar[Scope] = "whole"
    averages: ClassVar[bool] = True

    decay: bool = False

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros: all three points are the parameter."""
        return _start(parameter)

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """``scale`` = −(1 − momentum) · lr, and what `_moved` reads."""
        columns = _weights(numbers["lr"], numbers["momentum"])
        columns["scale"] = -(1.0 - numbers["momentum"]) * numbers["lr"]
        if self.decay:
            columns["weight_decay"] = numbers["weight_decay"]
        return spread(step, columns)

    def update(
        self,
        gradient: Tensor,
        parameter: Tensor,
        state: Mapping[str, Tensor],
        c: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What to add to the parameter y, and the next state."""
        if self.decay:
            gradient = torch.addcmul(gradient, parameter, c["weight_decay"])
        reached = torch.addcmul(state["ahead"], gradient, c["scale"])
        return _moved(gradient * c["scale"], reached, state, c)

    def evaluation_weights(self, parameter: Tensor, state: Mapping[str, Tensor]) -> Tensor:
        """The average x."""
        return parameter - state["ahead"]


@dataclass(frozen=True)
class ScheduleFreeAdamW(Rule):
    """AdamW without its momentum, averaged as in `ScheduleFreeSGD`.

    s ← beta2 · s + (1 − beta2) · g²,  ŝ = s / (1 − beta2ᵗ);
    z ← z − lr · (g / (√ŝ + epsilon) + weight_decay · y);  x as in `ScheduleFreeSGD`;
    y ← (1 − beta1) z + beta1 · x.

    Args:
        decay: shrink z by ``weight_decay`` ≥ 0 times the parameter y, beside the gradient.

    State: that of `ScheduleFreeSGD`, and ``mean_square`` (s), without bias correction.
    """

    scope: ClassVar[Scope] = "whole"
    averages: ClassVar[bool] = True

    decay: bool = False

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros: all three points are the parameter."""
        return {**_start(parameter), "mean_square": torch.zeros_like(parameter)}

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """``scale`` and ``epsilon`` with the bias correction in them, ``weight_decay`` with lr."""
        lr, beta1, beta2 = numbers["lr"], numbers["beta1"], numbers["beta2"]
        correction = np.sqrt(1.0 - power(beta2, step))
        columns = _weights(lr, beta1)
        columns["scale"] = -(1.0 - beta1) * lr * correction
        columns["epsilon"] = numbers["epsilon"] * correction
        columns["beta2"] = beta2
        columns["fresh2"] = 1.0 - beta2
        if self.decay:
            columns["weight_decay"] = (1.0 - beta1) * lr * numbers["weight_decay"]
        return spread(step, columns)

    def update(
        self,
        gradient: Tensor,
        parameter: Tensor,
        state: Mapping[str, Tensor],
        c: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What to add to the parameter y, and the next state."""
        square = (state["mean_square"] * c["beta2"]).addcmul_(gradient * gradient, c["fresh2"])
        direction = gradient / square.sqrt().add_(c["epsilon"])
        reached = torch.addcmul(state["ahead"], direction, c["scale"])
        taken = direction * c["scale"]
        if self.decay:
            reached.addcmul_(parameter, c["weight_decay"], value=-1)
            taken.addcmul_(parameter, c["weight_decay"], value=-1)
        change, following = _moved(taken, reached, state, c)
        return change, {**following, "mean_square": square}

    def evaluation_weights(self, parameter: Tensor, state: Mapping[str, Tensor]) -> Tensor:
        """The average x."""
        return parameter - state["ahead"]


def _start(parameter: Tensor) -> dict[str, Tensor]:
    one = parameter.new_zeros(parameter.shape[0], 1)
    return {"ahead": torch.zeros_like(parameter), "count": one, "rate": one.clone()}


def _weights(lr: FloatArray, momentum: FloatArray) -> dict[str, FloatArray]:
    """``reached``: the rate of this step; ``pull`` = β / (1 − β)."""
    return {"reached": lr, "pull": momentum / (1.0 - momentum)}


def _moved(
    taken: Tensor, reached: Tensor, state: Mapping[str, Tensor], c: Mapping[str, Tensor]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Average what z reaches: the change of y, and the next state.

    From a = y − x = (1 − β)(z − x) and the step s = (1 − β) · (change of z) follow
    a ← (1 − c)(a + s), and y moves by s + c · β / (1 − β) · (a + s), with the old a.

    Args:
        taken: s, [M, P].
        reached: a + s, [M, P]; it is written over.
    """
    rate = torch.maximum(state["rate"], c["reached"])
    kept = state["rate"] / rate.clamp_min(_LEAST)
    before = state["count"] * (kept * kept)
    count = before + 1.0
    change = torch.addcmul(taken, reached, c["pull"] / count)
    return change, {"ahead": reached.mul_(before / count), "count": count, "rate": rate}
