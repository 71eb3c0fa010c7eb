"""Later rules as torch.optim optimizers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.optim.optimizer import ParamsT

from methodic.optimizers import adafactor, adan, lamb, prodigy, schedule_free, sign, variational
from methodic.optimizers.as_torch.adapter import TorchOptimizer
from methodic.types import Rule


class Lion(TorchOptimizer):
    """Lion as a torch.optim.Optimizer; the formula is `sign.Lion`'s.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0; every parameter moves by it.
        beta1, beta2: of the mean in the sign and of the one that is kept, in [0, 1).
        weight_decay: ≥ 0; a step shrinks parameters by lr · weight_decay.

    Raises:
        InputError: for a value outside of its range.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-4,
        beta1: float = 0.9,
        beta2: float = 0.99,
        weight_decay: float = 0.0,
    ) -> None:
        options = {
            "lr": lr,
            "beta1": beta1,
            "beta2": beta2,
            "weight_decay": weight_decay,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return sign.Lion(decay=group["weight_decay"] != 0)


class Adan(TorchOptimizer):
    """Adan as a torch.optim.Optimizer; the formula is `adan.Adan`'s.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0.
        beta1, beta2, beta3: of the means of gradients, of their differences, and of squares, in [0,
            1).
        epsilon: > 0, beside the root.
        weight_decay: ≥ 0; a step shrinks parameters by lr · weight_decay.

    Raises:
        InputError: for a value outside of its range.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        beta1: float = 0.98,
        beta2: float = 0.92,
        beta3: float = 0.99,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        options = {
            "lr": lr,
            "beta1": beta1,
            "beta2": beta2,
            "beta3": beta3,
            "epsilon": epsilon,
            "weight_decay": weight_decay,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return adan.Adan(decay=group["weight_decay"] != 0)


class ScheduleFreeSGD(TorchOptimizer):
    """Schedule-free gradient descent as a torch.optim.Optimizer.

    The formula is `schedule_free.ScheduleFreeSGD`'s.

    Evaluate and save inside of ``with optimizer.averaged():``.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0.
        momentum: in [0, 1): how far gradients are taken towards the average.
        weight_decay: ≥ 0, added to the gradient.

    Raises:
        InputError: for a value outside of its range.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1.0,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        options = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return schedule_free.ScheduleFreeSGD(decay=group["weight_decay"] != 0)


class ScheduleFreeAdamW(TorchOptimizer):
    """Schedule-free AdamW as a torch.optim.Optimizer.

    The formula is `schedule_free.ScheduleFreeAdamW`'s.

    Evaluate and save inside of ``with optimizer.averaged():``.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0.
        beta1, beta2: how far gradients are taken towards the average, and of the mean square; in
            [0, 1).
        epsilon: > 0, beside the root.
        weight_decay: ≥ 0; a step shrinks parameters by lr · weight_decay.

    Raises:
        InputError: for a value outside of its range.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 2.5e-3,
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
        return schedule_free.ScheduleFreeAdamW(decay=group["weight_decay"] != 0)


class IVON(TorchOptimizer):
    """IVON, which learns a distribution over weights as a torch.optim.Optimizer.

    The formula is `variational.IVON`'s.

    Take each gradient inside of ``with optimizer.sampled():``.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0.
        ess: > 0; about the number of training rows.
        hess_init: > 0; the curvature that it starts with.
        beta1, beta2: of the running mean and curvature, in [0, 1).
        weight_decay: ≥ 0; precision of the prior, per row.

    Raises:
        InputError: for a value outside of its range.

    Example:
        >>> model = torch.nn.Linear(2, 1)
        >>> optimizer = IVON(model.parameters(), ess=1000.0)
        >>> with optimizer.sampled():
        ...     model(torch.ones(8, 2)).square().mean().backward()
        >>> optimizer.step()
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.1,
        ess: float = 1e4,
        hess_init: float = 1.0,
        beta1: float = 0.9,
        beta2: float = 0.99999,
        weight_decay: float = 1e-4,
    ) -> None:
        options = {
            "lr": lr,
            "ess": ess,
            "hess_init": hess_init,
            "beta1": beta1,
            "beta2": beta2,
            "weight_decay": weight_decay,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return variational.IVON(decay=group["weight_decay"] != 0)


class LAMB(TorchOptimizer):
    """LAMB as a torch.optim.Optimizer; the formula is `lamb.LAMB`'s.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0, relative to each parameter's norm.
        beta1, beta2: of the running mean and mean square, in [0, 1).
        epsilon: > 0, beside the root.
        norm_limit: > 0; largest norm that a step follows.
        corrected: divide out the bias of both means.
        weight_decay: ≥ 0; times the parameter, it is part of each step before that is scaled.

    Raises:
        InputError: for a value outside of its range.
    """

    _switches = frozenset({"corrected"})
    _shapeless = True

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-6,
        norm_limit: float = 10.0,
        corrected: bool = True,
        weight_decay: float = 0.0,
    ) -> None:
        options = {
            "lr": lr,
            "beta1": beta1,
            "beta2": beta2,
            "epsilon": epsilon,
            "norm_limit": norm_limit,
            "corrected": corrected,
            "weight_decay": weight_decay,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return lamb.LAMB(decay=group["weight_decay"] != 0, corrected=group["corrected"])


class Adafactor(TorchOptimizer):
    """Adafactor as a torch.optim.Optimizer; the formula is `adafactor.Adafactor`'s.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0, relative to each parameter's size.
        decay_power: ≥ 0; how fast old squares are forgotten.
        epsilon: > 0; least root mean square that is divided by.
        scale_floor: ≥ 0; least size of a parameter that a step follows.
        threshold: ≥ 1; root mean square of a step above which it is clipped.
        weight_decay: ≥ 0; a step shrinks parameters by lr · weight_decay.

    Raises:
        InputError: for a value outside of its range.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.01,
        decay_power: float = 0.8,
        epsilon: float = 1.2e-7,
        scale_floor: float = 1e-3,
        threshold: float = 1.0,
        weight_decay: float = 0.0,
    ) -> None:
        options = {
            "lr": lr,
            "decay_power": decay_power,
            "epsilon": epsilon,
            "scale_floor": scale_floor,
            "threshold": threshold,
            "weight_decay": weight_decay,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return adafactor.Adafactor(decay=group["weight_decay"] != 0)


class Prodigy(TorchOptimizer):
    """Prodigy as a torch.optim.Optimizer; the formula is `prodigy.Prodigy`'s.

    Each group estimates a distance of its own.

    Args:
        params: parameters or groups of them.
        lr: factor on the rate that it finds, ≥ 0.
        beta1, beta2: of the running mean and mean square, in [0, 1).
        epsilon: > 0, beside the root.
        d0: > 0; first estimate of the distance, far too small.
        d_coef: ≥ 0; factor on later estimates.
        corrected: divide out the bias of both means.
        safeguarded: keep a warm-up from blowing up the estimate.
        weight_decay: ≥ 0; a step shrinks parameters by lr · weight_decay.

    Raises:
        InputError: for a value outside of its range.
    """

    _switches = frozenset({"corrected", "safeguarded"})

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1.0,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        d0: float = 1e-6,
        d_coef: float = 1.0,
        corrected: bool = False,
        safeguarded: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        options = {
            "lr": lr,
            "beta1": beta1,
            "beta2": beta2,
            "epsilon": epsilon,
            "d0": d0,
            "d_coef": d_coef,
            "corrected": corrected,
            "safeguarded": safeguarded,
            "weight_decay": weight_decay,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return prodigy.Prodigy(
            decay=group["weight_decay"] != 0,
            corrected=group["corrected"],
            safeguarded=group["safeguarded"],
        )
