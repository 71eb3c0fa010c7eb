"""Update rules as torch.optim optimizers, for training loops of the user's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, ParamsT

from methodic.errors import InputError, unknown
from methodic.optimizers import adam, descent, rms
from methodic.types import Rule, Table

_BELOW_ONE = frozenset({"momentum", "alpha", "beta1", "beta2"})
_SWITCHES = frozenset({"nesterov", "centered"})
# What torch, its learning-rate schedulers and users write into a group besides the options.
_LABELS = frozenset({"params", "param_names", "name", "initial_lr"})


class TorchOptimizer(Optimizer):
    """Any update rule as a torch.optim.Optimizer.

    Parameters without a gradient are left alone, and their steps don't count. ``p.grad`` is never
    written to.

    Args:
        params: parameters, (name, parameter) pairs or groups of them, as torch.optim takes them. A
            group may have its own value of each number.
        rule: the update rule.
        numbers: name → value of the numbers that the rule reads, such as ``lr``. They become the
            groups' options, where torch's schedulers change them.

    Raises:
        InputError: for a number outside of its range, an option that the rule doesn't have, sparse
            or complex gradients.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(3))
        >>> optimizer = TorchOptimizer([weight], descent.SGD(), {"lr": 0.5})
        >>> weight.sum().backward()
        >>> optimizer.step()
        >>> weight.tolist()
        [0.5, 0.5, 0.5]
    """

    def __init__(self, params: ParamsT, rule: Rule, numbers: Mapping[str, float]) -> None:
        self.rule = rule
        self._options = tuple(numbers)  # the base class adds options of its own to its defaults
        super().__init__(params, dict(numbers))

    def __getstate__(self) -> dict[str, Any]:
        # The base class would leave these out of copies and pickles.
        return {**super().__getstate__(), "rule": self.rule, "_options": self._options}

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own."""
        for name in param_group:
            if name not in self._options and name not in _LABELS:
                raise unknown("option", name, self._options, where="parameter group")
        group = self.defaults | param_group
        for name in self._options:
            if name not in _SWITCHES:
                _check_number(name, group[name])
        try:
            self._coefficients(self._group_rule(group), group, step=1)
        except KeyError as missing:
            raise InputError(
                f"{type(self.rule).__name__} needs the number {missing}",
                found=", ".join(self._options),
            ) from None
        super().add_param_group(param_group)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient.

        Args:
            closure: computes the loss and its gradients, before the update.

        Returns:
            What the closure returned, or None.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._step_group(group)
        return loss

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:  # noqa: ARG002
        """The rule for a group; subclasses read its structure from the group's options."""
        return self.rule

    def _step_group(self, group: Mapping[str, Any]) -> None:
        rule = self._group_rule(group)
        slots = rule.initial(torch.empty(1, 1)).keys()
        known: dict[tuple[int, torch.dtype, torch.device], dict[str, Tensor]] = {}
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            _check_tensors(parameter, parameter.grad)
            state = self.state[parameter]
            step = state.get("step", 0) + 1
            key = step, parameter.dtype, parameter.device
            if key not in known:
                known[key] = _as_tensors(self._coefficients(rule, group, step), parameter)
            # Schedulers may switch a number on during training, and its slot with it.
            if not slots <= state.keys():
                fresh = rule.initial(parameter.detach().unsqueeze(0))
                state.update({k: v.squeeze(0) for k, v in fresh.items() if k not in state})
            # One member: an axis in front, coefficients that broadcast to everything.
            change, following = rule.update(
                parameter.grad.unsqueeze(0),
                parameter.unsqueeze(0),
                {name: state[name].unsqueeze(0) for name in slots},
                known[key],
            )
            parameter.add_(change.squeeze(0))
            state.update({name: value.squeeze(0) for name, value in following.items()})
            state["step"] = step

    def _coefficients(self, rule: Rule, group: Mapping[str, Any], step: int) -> Table:
        numbers = {
            name: np.array([float(group[name])]) for name in self._options if name not in _SWITCHES
        }
        return rule.coefficients(np.array([[float(step)]]), numbers)


class SGD(TorchOptimizer):
    """Gradient descent as a torch.optim.Optimizer; the formula is `descent.SGD`'s.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0.
        momentum: in [0, 1); 0 keeps no velocity.
        nesterov: look ahead along the velocity; needs a momentum.
        weight_decay: ≥ 0, added to the gradient.

    Raises:
        InputError: for a value outside of its range.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.1,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        options = {
            "lr": lr,
            "momentum": momentum,
            "nesterov": nesterov,
            "weight_decay": weight_decay,
        }
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return descent.SGD(
            momentum=group["momentum"] != 0,
            nesterov=group["nesterov"],
            decay=group["weight_decay"] != 0,
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
        weight_decay: ≥ 0, added to the gradient.

    Raises:
        InputError: for a value outside of its range.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        options = _adam_options(lr, beta1, beta2, epsilon, weight_decay)
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return adam.Adam(decay=group["weight_decay"] != 0)


class AdamW(TorchOptimizer):
    """Adam with decoupled weight decay as a torch.optim.Optimizer; the formula is `adam.AdamW`'s.

    Args:
        params: parameters or groups of them.
        lr: learning rate, ≥ 0.
        beta1, beta2: of the running mean and mean square, in [0, 1).
        epsilon: > 0, beside the root.
        weight_decay: ≥ 0; a step shrinks parameters by lr · weight_decay.

    Raises:
        InputError: for a value outside of its range.

    Example:
        >>> model = torch.nn.Linear(2, 1)
        >>> groups = [{"params": [model.weight]}, {"params": [model.bias], "weight_decay": 0.0}]
        >>> optimizer = AdamW(groups, lr=0.01)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        options = _adam_options(lr, beta1, beta2, epsilon, weight_decay)
        super().__init__(params, self._group_rule(options), options)

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:
        return adam.AdamW(decay=group["weight_decay"] != 0)


def _adam_options(
    lr: float, beta1: float, beta2: float, epsilon: float, weight_decay: float
) -> dict[str, float]:
    return {
        "lr": lr,
        "beta1": beta1,
        "beta2": beta2,
        "epsilon": epsilon,
        "weight_decay": weight_decay,
    }


def _check_number(name: str, value: float | Tensor) -> None:
    """Learning rates may be 0, since schedules start and end there."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"'{name}' must be a number", found=repr(value)) from None
    if name in _BELOW_ONE:
        fits, accepted = 0 <= number < 1, "0 ≤ number < 1"
    elif name == "epsilon":
        fits, accepted = number > 0, "number > 0"
    else:
        fits, accepted = number >= 0, "number ≥ 0"
    if not (fits and math.isfinite(number)):
        raise InputError(f"'{name}' is out of its range", found=value, accepted=accepted)


def _as_tensors(table: Table, like: Tensor) -> dict[str, Tensor]:
    """Every coefficient as a tensor [1], by one copy."""
    columns = like.new_tensor(np.stack([column[0] for column in table.values()]))
    return dict(zip(table, columns.unbind(), strict=True))


def _check_tensors(parameter: Tensor, gradient: Tensor) -> None:
    if gradient.layout != torch.strided:
        raise InputError(
            "this optimizer needs dense gradients",
            found=f"a gradient of layout {gradient.layout}",
            advice="Build the embedding with sparse=False, or use torch.optim.SparseAdam for it.",
        )
    if parameter.dtype not in (torch.float32, torch.float64):
        # In bfloat16 a beta2 of 0.999 would be 1: the running mean square would never forget.
        raise InputError(
            "this optimizer can't keep its state in the parameter's type",
            found=parameter.dtype,
            accepted="torch.float32 or torch.float64",
            advice="Keep parameters in float32 and compute the loss under torch.autocast.",
        )
