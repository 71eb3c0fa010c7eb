"""Rules for matrices as torch.optim optimizers, with AdamW for all the rest; and L-BFGS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from methodic.errors import InputError
from methodic.optimizers import muon, soap
from methodic.optimizers.adam import AdamW
from methodic.optimizers.as_torch.adapter import Part, TorchOptimizer
from methodic.types import Rule

_COARSE = 256  # rows of a matrix from which bfloat16 products pay, where a processor has them


class _ByShape(TorchOptimizer):
    """A rule for a group's parameters with at least two axes, and AdamW for its vectors.

    A group with ``matrices=False`` goes to AdamW as a whole: put embeddings and the last layer into
    such a group.
    """

    def _parts(self, group: Mapping[str, Any], parameters: list[Tensor]) -> list[Part]:
        own = {n: x for n, x in self._numbers(group).items() if not n.startswith("adamw_")}
        rest = {
            "lr": own["lr"] * float(group["adamw_ratio"]),
            "beta1": float(group["adamw_beta1"]),
            "beta2": float(group["adamw_beta2"]),
            "epsilon": float(group["adamw_epsilon"]),
            "weight_decay": own["weight_decay"],
        }
        matrices = [p for p in parameters if group["matrices"] and p.ndim > 1]
        others = [p for p in parameters if not (group["matrices"] and p.ndim > 1)]
        small = [p for p in matrices if min(p.shape[0], p.numel() // p.shape[0]) < _COARSE]
        large = [p for p in matrices if min(p.shape[0], p.numel() // p.shape[0]) >= _COARSE]
        return [
            Part(self._rule_for(group, large=False), own, small),
            Part(self._rule_for(group, large=True), own, large),
            Part(AdamW(decay=group["weight_decay"] != 0), rest, others),
        ]

    def _rule_for(self, group: Mapping[str, Any], *, large: bool) -> Rule:  # noqa: ARG002
        return self._group_rule(group)


class Muon(_ByShape):
    """Muon as a torch.optim.Optimizer; the formula is `muon.Muon`'s.

    For parameters with at least two axes, as [outputs, inputs, …]; AdamW updates the vectors, and
    all of a group with ``matrices=False``: put embeddings and the last layer into such a group.
    Matrices of at least 256 rows and columns are orthogonalized in bfloat16.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0.
        momentum: in [0, 1).
        nesterov: look ahead along the momentum.
        adjust: "match_rms_adamw", whose rates are AdamW's, or "original".
        iterations: Newton–Schulz steps, ≥ 1.
        weight_decay: ≥ 0; a step shrinks parameters by its rate times weight_decay.
        matrices: False leaves a group to AdamW.
        adamw_ratio: AdamW's rate, as a multiple ≥ 0 of lr.
        adamw_beta1, adamw_beta2: AdamW's, in [0, 1).
        adamw_epsilon: AdamW's, > 0.

    Raises:
        InputError: for a value outside of its range.

    Example:
        >>> hidden, head = torch.nn.Linear(4, 8).weight, torch.nn.Linear(8, 2).weight
        >>> optimizer = Muon([{"params": [hidden]}, {"params": [head], "matrices": False}])
    """

    _switches = frozenset({"nesterov", "adjust", "iterations", "matrices"})

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        momentum: float = 0.95,
        nesterov: bool = True,
        adjust: muon.Adjust = "match_rms_adamw",
        iterations: int = 5,
        weight_decay: float = 0.1,
        matrices: bool = True,
        adamw_ratio: float = 1.0,
        adamw_beta1: float = 0.9,
        adamw_beta2: float = 0.95,
        adamw_epsilon: float = 1e-8,
    ) -> None:
        options = {
            "lr": lr,
            "momentum": momentum,
            "nesterov": nesterov,
            "adjust": adjust,
            "iterations": iterations,
            "weight_decay": weight_decay,
            "matrices": matrices,
            "adamw_ratio": adamw_ratio,
            "adamw_beta1": adamw_beta1,
            "adamw_beta2": adamw_beta2,
            "adamw_epsilon": adamw_epsilon,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return self._rule_for(group, large=False)

    def _rule_for(self, group: Mapping[str, Any], *, large: bool) -> Rule:
        return muon.Muon(
            nesterov=group["nesterov"],
            decay=group["weight_decay"] != 0,
            adjust=group["adjust"],
            iterations=group["iterations"],
            outputs_first=True,
            coarse=large,
        )


class SOAP(_ByShape):
    """SOAP as a torch.optim.Optimizer; the formula is `soap.SOAP`'s.

    For parameters with at least two axes; AdamW updates the vectors, and all of a group with
    ``matrices=False``.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0.
        beta1, beta2: of the running mean and mean square, in [0, 1).
        shampoo_beta: of the moments that the basis comes from, in [0, 1).
        epsilon: > 0, beside the root.
        frequency: steps between two turns of the basis, ≥ 1.
        largest: a side with more rows than this keeps its own coordinates.
        weight_decay: ≥ 0; a step shrinks parameters by its rate times weight_decay.
        matrices: False leaves a group to AdamW.
        adamw_ratio: AdamW's rate, as a multiple ≥ 0 of lr.
        adamw_beta1, adamw_beta2: AdamW's, in [0, 1).
        adamw_epsilon: AdamW's, > 0.

    Raises:
        InputError: for a value outside of its range.
    """

    _switches = frozenset({"frequency", "largest", "matrices"})

    def __init__(
        self,
        params: ParamsT,
        lr: float = 3e-3,
        beta1: float = 0.95,
        beta2: float = 0.95,
        shampoo_beta: float = 0.95,
        epsilon: float = 1e-8,
        frequency: int = 10,
        largest: int = 2048,
        weight_decay: float = 0.01,
        matrices: bool = True,
        adamw_ratio: float = 1.0,
        adamw_beta1: float = 0.9,
        adamw_beta2: float = 0.95,
        adamw_epsilon: float = 1e-8,
    ) -> None:
        options = {
            "lr": lr,
            "beta1": beta1,
            "beta2": beta2,
            "shampoo_beta": shampoo_beta,
            "epsilon": epsilon,
            "frequency": frequency,
            "largest": largest,
            "weight_decay": weight_decay,
            "matrices": matrices,
            "adamw_ratio": adamw_ratio,
            "adamw_beta1": adamw_beta1,
            "adamw_beta2": adamw_beta2,
            "adamw_epsilon": adamw_epsilon,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return soap.SOAP(
            decay=group["weight_decay"] != 0,
            frequency=group["frequency"],
            largest=group["largest"],
        )


class LBFGS(torch.optim.LBFGS):
    """L-BFGS, whose ``step`` takes a closure; torch's own, with a line search unless refused.

    Args:
        params: parameters, all in one group.
        lr: the length that a search starts at, or the length itself without one; ≥ 0.
        history: steps that are remembered, ≥ 1.
        iterations: most steps in a call of ``step``, ≥ 1.
        searches: strong Wolfe conditions.
        gradient_tolerance, change_tolerance: ≥ 0; below, it stops.

    Raises:
        InputError: for a value outside of its range.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(3))
        >>> optimizer = LBFGS([weight])
        >>> def closure() -> Tensor:
        ...     optimizer.zero_grad()
        ...     loss = (weight - 2).square().sum()
        ...     loss.backward()
        ...     return loss
        >>> loss = optimizer.step(closure)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1.0,
        history: int = 10,
        iterations: int = 20,
        searches: bool = True,
        gradient_tolerance: float = 1e-7,
        change_tolerance: float = 1e-9,
    ) -> None:
        for name, count in (("history", history), ("iterations", iterations)):
            if count < 1:
                raise InputError(f"'{name}' is out of its range", found=count, accepted="≥ 1")
        numbers = {
            "lr": lr,
            "gradient_tolerance": gradient_tolerance,
            "change_tolerance": change_tolerance,
        }
        for name, number in numbers.items():
            if not 0 <= number < float("inf"):
                raise InputError(
                    f"'{name}' is out of its range", found=number, accepted="number ≥ 0"
                )
        super().__init__(
            params,
            lr=lr,
            max_iter=iterations,
            tolerance_grad=gradient_tolerance,
            tolerance_change=change_tolerance,
            history_size=history,
            line_search_fn="strong_wolfe" if searches else None,
        )
