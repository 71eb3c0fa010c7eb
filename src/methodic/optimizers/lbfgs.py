"""Newton's method from a memory of steps: L-BFGS, as torch has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from methodic.optimizers.coefficients import FloatArray, spread
from methodic.types import Rule, Scope

_NUMBERS = ("n_iter", "func_evals", "t", "H_diag", "known", "begun")


@dataclass(frozen=True)
class LBFGS(Rule):
    """Steps along −H g, with the inverse Hessian H from the last ``history`` steps.

    One step of training is up to ``iterations`` such steps on the same batch, so batches should be
    large or full. It stops earlier where the gradient or the progress is small. ``weight_decay``
    adds ½ · weight_decay · ‖w‖² to the loss.

    Args:
        decay: use the number ``weight_decay`` ≥ 0.
        history: steps that are remembered, ≥ 1.
        iterations: most steps on one batch, ≥ 1.
        searches: find each step's length by a line search (strong Wolfe conditions) that starts at
            the rate; else the rate is the length.
        gradient_tolerance, change_tolerance: below which largest element of the gradient, and which
            change of the loss or the parameters, it stops.

    State: torch's own as tensors: the last gradient and direction [1, P], the ``history`` last
    differences of gradients and steps [1, history, P], and numbers [1, 1].

    Source: Liu and Nocedal 1989; torch.optim.LBFGS does the work.
    """

    scope: ClassVar[Scope] = "whole"
    alone: ClassVar[bool] = True

    decay: bool = False
    history: int = 10
    iterations: int = 20
    searches: bool = True
    gradient_tolerance: float = 1e-7
    change_tolerance: float = 1e-9

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros."""
        members, size = parameter.shape
        state = {name: torch.zeros_like(parameter) for name in ("d", "prev_flat_grad")}
        for name in ("old_dirs", "old_stps"):
            state[name] = parameter.new_zeros(members, self.history, size)
        state["ro"] = parameter.new_zeros(members, self.history)
        return state | {name: parameter.new_zeros(members, 1) for name in _NUMBERS}

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """``rate`` = lr, and ``weight_decay``, as they are."""
        columns = {"rate": numbers["lr"]}
        if self.decay:
            columns["weight_decay"] = numbers["weight_decay"]
        return spread(step, columns)

    def minimize(
        self,
        evaluate: Callable[[Tensor], tuple[Tensor, Tensor]],
        parameter: Tensor,
        state: Mapping[str, Tensor],
        c: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What to add to the parameter [1, P] after some steps on this batch, and the next state.

        A loss or gradient that isn't finite ends the steps, and is what the caller gets to see.
        """
        point = torch.nn.Parameter(parameter.detach().clone())
        optimizer = torch.optim.LBFGS(
            [point],
            lr=float(c["rate"]),
            max_iter=self.iterations,
            tolerance_grad=self.gradient_tolerance,
            tolerance_change=self.change_tolerance,
            history_size=self.history,
            line_search_fn="strong_wolfe" if self.searches else None,
        )
        optimizer.state[point].update(self._unpacked(state))

        def closure() -> Tensor:
            loss, gradient = evaluate(point.detach())
            if self.decay:
                pull = point.detach() * c["weight_decay"]
                loss, gradient = loss + 0.5 * (pull * point.detach()).sum(1), gradient + pull
            point.grad = gradient.clone()
            return loss.sum()

        optimizer.step(closure)  # type: ignore[no-untyped-call]
        return point.detach() - parameter, self._packed(optimizer.state[point], parameter)

    def _unpacked(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """Torch's own state."""
        if not bool(state["begun"]):
            return {}
        known = int(state["known"])
        return {
            "n_iter": int(state["n_iter"]),
            "func_evals": int(state["func_evals"]),
            "t": float(state["t"]),
            "H_diag": state["H_diag"].reshape(()),
            "d": state["d"][0],
            "prev_flat_grad": state["prev_flat_grad"][0].clone(),  # torch writes into it
            "old_dirs": list(state["old_dirs"][0, :known]),
            "old_stps": list(state["old_stps"][0, :known]),
            "ro": list(state["ro"][0, :known]),
        }

    def _packed(self, own: Mapping[str, Any], like: Tensor) -> dict[str, Tensor]:
        """Torch's own state as tensors of one size."""
        packed = self.initial(like)
        packed["func_evals"].fill_(own["func_evals"])
        if own.get("d") is None:  # it found itself at a minimum, and began nothing
            return packed
        for name in ("n_iter", "t", "H_diag"):
            packed[name].fill_(float(own[name]))
        packed["begun"].fill_(1)
        packed["known"].fill_(len(own["ro"]))
        packed["d"][0], packed["prev_flat_grad"][0] = own["d"], own["prev_flat_grad"]
        for name in ("old_dirs", "old_stps", "ro"):
            for i, value in enumerate(own[name]):
                packed[name][0, i] = value
        return packed
