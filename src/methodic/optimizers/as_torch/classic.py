"""Descent, and what divides it by past gradients, as torch.optim optimizers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.optim.optimizer import ParamsT

from methodic.optimizers import adam, adaptive, descent, moments, rms
from methodic.optimizers.as_torch.adapter import TorchOptimizer
from methodic.types import Rule


class SGD(TorchOptimizer):
    """Gradient descent as a torch.optim.Optimizer; the formula is `descent.SGD`'s.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0.
        momentum: in [0, 1); 0 keeps no velocity.
        dampening: in [0, 1); the velocity takes 1 − dampening of each gradient.
        nesterov: look ahead along the velocity; needs a momentum.
        weight_decay: ≥ 0, added to the gradient.

    Raises:
        InputError: for a value outside of its range.
    """

    _switches = frozenset({"nesterov"})

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.1,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        options = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "nesterov": nesterov,
            "weight_decay": weight_decay,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return descent.SGD(
            momentum=group["momentum"] != 0,
            nesterov=group["nesterov"],
            decay=group["weight_decay"] != 0,
            dampened=group["dampening"] != 0,
        )


class RMSprop(TorchOptimizer):
    """RMSprop as a torch.optim.Optimizer; the formula is `rms.RMSprop`'s.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0.
        alpha: of the running mean square, in [0, 1).
        epsilon: > 0, beside the root.
        momentum: in [0, 1); 0 keeps no velocity.
        centered: divide by the standard deviation instead of the root mean square.
        weight_decay: ≥ 0, added to the gradient.

    Raises:
        InputError: for a value outside of its range.
    """

    _switches = frozenset({"centered"})

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        alpha: float = 0.99,
        epsilon: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        options = {
            "lr": lr,
            "alpha": alpha,
            "epsilon": epsilon,
            "momentum": momentum,
            "centered": centered,
            "weight_decay": weight_decay,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return rms.RMSprop(
            momentum=group["momentum"] != 0,
            centered=group["centered"],
            decay=group["weight_decay"] != 0,
        )


class Adam(TorchOptimizer):
    """Adam as a torch.optim.Optimizer; the formula is `adam.Adam`'s.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0.
        beta1, beta2: of the running mean and mean square, in [0, 1).
        epsilon: > 0, beside the root.
        amsgrad: divide by the root of the largest mean square so far.
        weight_decay: ≥ 0, added to the gradient.

    Raises:
        InputError: for a value outside of its range.
    """

    _switches = frozenset({"amsgrad"})

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        amsgrad: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        options = {
            "lr": lr,
            "beta1": beta1,
            "beta2": beta2,
            "epsilon": epsilon,
            "amsgrad": amsgrad,
            "weight_decay": weight_decay,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return adam.Adam(decay=group["weight_decay"] != 0, amsgrad=group["amsgrad"])


class AdamW(TorchOptimizer):
    """Adam with decoupled weight decay as a torch.optim.Optimizer; the formula is `adam.AdamW`'s.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0.
        beta1, beta2: of the running mean and mean square, in [0, 1).
        epsilon: > 0, beside the root.
        amsgrad: divide by the root of the largest mean square so far.
        weight_decay: ≥ 0; a step shrinks parameters by lr · weight_decay.

    Raises:
        InputError: for a value outside of its range.

    Example:
        >>> model = torch.nn.Linear(2, 1)
        >>> groups = [{"params": [model.weight]}, {"params": [model.bias], "weight_decay": 0.0}]
        >>> optimizer = AdamW(groups, lr=0.01)
    """

    _switches = frozenset({"amsgrad"})

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        amsgrad: bool = False,
        weight_decay: float = 0.01,
    ) -> None:
        options = {
            "lr": lr,
            "beta1": beta1,
            "beta2": beta2,
            "epsilon": epsilon,
            "amsgrad": amsgrad,
            "weight_decay": weight_decay,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return adam.AdamW(decay=group["weight_decay"] != 0, amsgrad=group["amsgrad"])


class Adagrad(TorchOptimizer):
    """Adagrad as a torch.optim.Optimizer; the formula is `adaptive.Adagrad`'s.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0.
        lr_decay: ≥ 0; the rate falls like 1 / (1 + t · lr_decay).
        initial_accumulator: ≥ 0; what the sum of squares begins at.
        epsilon: > 0, beside the root.
        weight_decay: ≥ 0, added to the gradient.

    Raises:
        InputError: for a value outside of its range.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.01,
        lr_decay: float = 0.0,
        initial_accumulator: float = 0.0,
        epsilon: float = 1e-10,
        weight_decay: float = 0.0,
    ) -> None:
        options = {
            "lr": lr,
            "lr_decay": lr_decay,
            "initial_accumulator": initial_accumulator,
            "epsilon": epsilon,
            "weight_decay": weight_decay,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return adaptive.Adagrad(
            started=group["initial_accumulator"] != 0,
            decay=group["weight_decay"] != 0,
        )


class Adadelta(TorchOptimizer):
    """Adadelta as a torch.optim.Optimizer; the formula is `adaptive.Adadelta`'s.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0.
        rho: of both running mean squares, in [0, 1).
        epsilon: > 0, in both roots.
        weight_decay: ≥ 0, added to the gradient.

    Raises:
        InputError: for a value outside of its range.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1.0,
        rho: float = 0.9,
        epsilon: float = 1e-6,
        weight_decay: float = 0.0,
    ) -> None:
        options = {
            "lr": lr,
            "rho": rho,
            "epsilon": epsilon,
            "weight_decay": weight_decay,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return adaptive.Adadelta(decay=group["weight_decay"] != 0)


class Adamax(TorchOptimizer):
    """Adamax as a torch.optim.Optimizer; the formula is `moments.Adamax`'s.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0.
        beta1, beta2: of the running mean and the largest gradient, in [0, 1).
        epsilon: > 0, beside each gradient's magnitude.
        weight_decay: ≥ 0, added to the gradient.

    Raises:
        InputError: for a value outside of its range.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 2e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        options = {
            "lr": lr,
            "beta1": beta1,
            "beta2": beta2,
            "epsilon": epsilon,
            "weight_decay": weight_decay,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return moments.Adamax(decay=group["weight_decay"] != 0)


class NAdam(TorchOptimizer):
    """NAdam as a torch.optim.Optimizer; the formula is `moments.NAdam`'s.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0.
        beta1, beta2: of the running mean and mean square, in [0, 1).
        momentum_decay: ≥ 0; how fast the momentum warms up.
        epsilon: > 0, beside the root.
        weight_decay: ≥ 0, added to the gradient unless decoupled.
        decoupled: shrink parameters beside the gradient, as AdamW does.

    Raises:
        InputError: for a value outside of its range.
    """

    _switches = frozenset({"decoupled"})

    def __init__(
        self,
        params: ParamsT,
        lr: float = 2e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        momentum_decay: float = 4e-3,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "beta1": beta1,
            "beta2": beta2,
            "momentum_decay": momentum_decay,
            "epsilon": epsilon,
            "weight_decay": weight_decay,
            "decoupled": decoupled,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return moments.NAdam(decay=group["weight_decay"] != 0, decoupled=group["decoupled"])


class RAdam(TorchOptimizer):
    """RAdam as a torch.optim.Optimizer; the formula is `moments.RAdam`'s.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0.
        beta1, beta2: of the running mean and mean square, in [0, 1).
        epsilon: > 0, beside the root.
        weight_decay: ≥ 0, added to the gradient unless decoupled.
        decoupled: shrink parameters beside the gradient, as AdamW does.

    Raises:
        InputError: for a value outside of its range.
    """

    _switches = frozenset({"decoupled"})

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "beta1": beta1,
            "beta2": beta2,
            "epsilon": epsilon,
            "weight_decay": weight_decay,
            "decoupled": decoupled,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return moments.RAdam(decay=group["weight_decay"] != 0, decoupled=group["decoupled"])
