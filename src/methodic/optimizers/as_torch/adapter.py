"""Update rules as torch.optim optimizers, for training loops of the user's own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.optim import optimizer as torch_optimizer
from torch.optim.optimizer import Optimizer, ParamsT

from methodic.errors import InputError, unknown
from methodic.optimizers.as_torch.ahead import Ahead
from methodic.optimizers.as_torch.blocks import blocks
from methodic.optimizers.as_torch.checks import (
    check_number,
    check_switch,
    check_tensors,
)
from methodic.optimizers.as_torch.in_place import in_place
from methodic.optimizers.as_torch.plan import Part as Part
from methodic.optimizers.as_torch.plan import Plan, Work, alike, same
from methodic.types import Rule

# What torch, its learning-rate schedulers and users write into a group besides the options.
_LABELS = frozenset({"params", "param_names", "name", "initial_lr", "max_lr", "min_lr"})
_LABELS |= {"max_momentum", "base_momentum", "swa_lr"}


class TorchOptimizer(Optimizer):
    """Any update rule as a torch.optim.Optimizer.

    Parameters without a gradient are left alone, and their steps don't count. ``p.grad`` is never
    written to. Moments are updated in place; ``state_dict()`` shows those of each parameter.

    Args:
        params: parameters, (name, parameter) pairs or groups of them, as torch.optim takes them. A
            group may have its own value of each number.
        rule: the update rule; it may be of any scope but work alone.
        numbers: name → value of the numbers that the rule reads, such as ``lr``. They become the
            groups' options, where torch's schedulers change them.

    Raises:
        InputError: for a number outside of its range, an option that the rule doesn't have, sparse
            or complex gradients.

    Example:
        >>> from methodic.optimizers import descent
        >>> weight = torch.nn.Parameter(torch.ones(3))
        >>> optimizer = TorchOptimizer([weight], descent.SGD(), {"lr": 0.5})
        >>> weight.sum().backward()
        >>> optimizer.step()
        >>> weight.tolist()
        [0.5, 0.5, 0.5]
    """

    _switches: ClassVar[frozenset[str]] = frozenset()
    """Options that are no numbers; subclasses build the rule from them."""
    _shapeless: ClassVar[bool] = False
    """The rule sees each parameter apart, but as a row of numbers."""

    def __init__(self, params: ParamsT, rule: Rule, numbers: Mapping[str, Any]) -> None:
        if rule.alone:
            raise InputError(
                f"{type(rule).__name__} asks for gradients itself",
                accepted="rules with an update",
                advice="Use methodic.optimizers.LBFGS, whose step takes a closure.",
            )
        self.rule = rule
        self._options = tuple(numbers)  # the base class adds options of its own to its defaults
        self._forget()
        super().__init__(params, dict(numbers))

    def _forget(self) -> None:
        self._plans: dict[int, Plan] = {}
        self._points: dict[Tensor, Tensor] = {}
        self._swapped = False

    def __getstate__(self) -> dict[str, Any]:
        # The base class would leave these out of copies and pickles.
        return {**super().__getstate__(), "rule": self.rule, "_options": self._options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._forget()

    @staticmethod
    def profile_hook_step(func: Callable[..., Any]) -> Callable[..., Any]:
        """A step as torch wraps it, but without the wrapping where nobody looks on.

        Telling a profiler that isn't there takes as long as the step of a small network.
        """
        watched = Optimizer.profile_hook_step(func)

        @functools.wraps(func)
        def step(self: TorchOptimizer, *args: Any, **kwargs: Any) -> Any:
            return (watched if self._is_watched() else func)(self, *args, **kwargs)

        return step

    def _is_watched(self) -> bool:
        return bool(
            torch._C._autograd._profiler_enabled()
            or self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
            or torch_optimizer._global_optimizer_pre_hooks
            or torch_optimizer._global_optimizer_post_hooks
        )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own."""
        for name in param_group:
            if name not in self._options and name not in _LABELS:
                raise unknown("option", name, self._options, where="parameter group")
        group = self.defaults | param_group
        for name in self._options:
            if name in self._switches:
                check_switch(name, group[name])
            else:
                check_number(name, group[name])
        try:
            for rule, numbers, _ in self._parts(group, []):
                _table(rule, numbers, 1)
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

        Raises:
            InputError: inside of `averaged`; for a rule that probes, without `sampled` before.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self._swapped:
            raise InputError(
                "the parameters hold other weights now",
                advice="Leave 'with optimizer.averaged():' or '.sampled():' before step().",
            )
        for number, group in enumerate(self.param_groups):
            for work in self._planned(number, group).works:
                for block, ahead in work.blocks:
                    step = block.states[0]["step"] + 1
                    block.step(ahead.at(step, work.part.numbers), self._points)
        self._points = {}
        return loss

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Put the weights to evaluate and to ship into the parameters; afterwards, take them out.

        There is no mode to forget: outside of the context the parameters are those that train.

        Raises:
            InputError: the rule has no average.

        Example:
            >>> weight = torch.nn.Parameter(torch.ones(3))
            >>> optimizer = ScheduleFreeSGD([weight], lr=0.5)
            >>> with optimizer.averaged():
            ...     saved = weight.detach().clone()
        """
        if not self.rule.averages:
            raise InputError(
                f"{type(self.rule).__name__} has no average of weights",
                advice="Evaluate the parameters as they are.",
            )
        with self._in_place_of_weights(self._average(p) for p in self._known()):
            yield

    @contextmanager
    def sampled(self) -> Iterator[None]:
        """Draw weights from the learned distribution into the parameters, for one gradient.

        The means come back afterwards; gradients stay. The draw is by torch's own generator.

        Raises:
            InputError: the rule learns no distribution.

        Example:
            >>> weight = torch.nn.Parameter(torch.ones(3))
            >>> optimizer = IVON([weight], ess=100.0)
            >>> with optimizer.sampled():
            ...     (weight**2).sum().backward()
            >>> optimizer.step()
        """
        if not self.rule.probes:
            raise InputError(
                f"{type(self.rule).__name__} takes gradients at the parameters themselves",
                advice="Leave 'with optimizer.sampled():' out.",
            )
        self._points = self._drawn()
        with self._in_place_of_weights(self._points.items()):
            yield

    def _parts(self, group: Mapping[str, Any], parameters: list[Tensor]) -> list[Part]:
        """Which rule updates which parameters of a group; all the same one, usually."""
        return [Part(self._group_rule(group), self._numbers(group), parameters)]

    def _group_rule(self, group: Mapping[str, Any]) -> Rule:  # noqa: ARG002
        """The rule for a group; subclasses read its structure from the group's options."""
        return self.rule

    def _numbers(self, group: Mapping[str, Any]) -> dict[str, float]:
        return {name: float(group[name]) for name in self._options if name not in self._switches}

    def _planned(self, number: int, group: Mapping[str, Any]) -> Plan:
        """What to do with a group; the last plan, if nothing has changed."""
        plan = self._plans.get(number)
        if plan is not None and not self.rule.probes and plan.stands(group):
            return plan
        parameters = [p for p in group["params"] if p.grad is not None]
        if self.rule.probes and any(p not in self._points for p in parameters):
            raise InputError(
                f"{type(self.rule).__name__} needs gradients at weights that it drew",
                advice="Compute loss and gradients inside of 'with optimizer.sampled():'.",
            )
        read = [(name, group[name]) for name in self._options]
        options = tuple(float(x) if isinstance(x, Tensor) else x for _, x in read)
        for parameter in parameters:
            check_tensors(parameter, parameter.grad)
        if plan is None or not same(plan.parameters, parameters) or not plan.intact():
            plan = self._plans[number] = Plan()
        elif plan.options == options:
            plan.read = read
            return plan
        parts = [part for part in self._parts(group, parameters) if part.parameters]
        if alike([work.part for work in plan.works], parts):
            for work, part in zip(plan.works, parts, strict=True):
                work.part = part
        else:
            plan.works = [self._work(part) for part in parts]
        plan.options, plan.parameters = options, parameters
        plan.read = read
        return plan

    def _work(self, part: Part) -> Work:
        program = None
        if part.rule.scope != "parameter" or self._shapeless:
            table = _table(part.rule, part.numbers, 2)
            names = [*table, "point"] if part.rule.probes else list(table)
            program = in_place(part.rule, names, _means(table))
        made = blocks(part.parameters, self.state, part.rule, program)
        return Work(part, [(block, Ahead(part.rule, block.parameters[0])) for block in made])

    def _known(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"] if p in self.state]

    def _average(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        state = {n: x.unsqueeze(0) for n, x in self.state[parameter].items() if n != "step"}
        weights = self.rule.evaluation_weights(parameter.detach().unsqueeze(0), state)
        return parameter, weights.squeeze(0)

    @torch.no_grad()
    def _drawn(self) -> dict[Tensor, Tensor]:
        found = {}
        for group in self.param_groups:
            for rule, numbers, parameters in self._parts(group, group["params"]):
                for parameter in parameters:
                    row = parameter.detach().reshape(1, -1)
                    state = self.state.get(parameter, {})
                    slots = {n: x.reshape(1, -1) for n, x in state.items() if n != "step"}
                    table = _table(rule, numbers, state.get("step", 0) + 1)
                    c = {name: row.new_tensor(x[0, 0]) for name, x in table.items()}
                    noise = {site: torch.randn_like(row) for site in rule.noise(row.shape[1])}
                    point = rule.point(row, slots or rule.initial(row), c, noise)
                    found[parameter] = point.view(parameter.shape)
        return found

    @contextmanager
    def _in_place_of_weights(self, swaps: Any) -> Iterator[None]:
        if self._swapped:
            raise InputError("the parameters hold other weights already", advice="Leave it first.")
        kept = []
        with torch.no_grad():
            for parameter, weights in list(swaps):
                kept.append((parameter, parameter.detach().clone()))
                parameter.copy_(weights)
        self._swapped = True
        try:
            yield
        finally:
            self._swapped = False
            with torch.no_grad():
                for parameter, weights in kept:
                    parameter.copy_(weights)


def _table(rule: Rule, numbers: Mapping[str, float], step: int) -> Mapping[str, Any]:
    arrays = {name: np.array([value]) for name, value in numbers.items()}
    return rule.coefficients(np.array([[float(step)]]), arrays)


def _means(table: Mapping[str, Any]) -> dict[str, str]:
    """Weights of a running mean, by their names and values: "fresh1" and "beta1" = 1 − fresh1."""
    pairs = {f"fresh{i}": f"beta{i}" for i in range(1, 4)}
    there = {fresh: kept for fresh, kept in pairs.items() if {fresh, kept} <= set(table)}
    return {f: k for f, k in there.items() if abs(table[f] + table[k] - 1.0).max() < 1e-12}
