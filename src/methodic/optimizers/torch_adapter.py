"""Update rules as torch.optim optimizers, for training loops of the user's own."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, ParamsT

from methodic.errors import InputError, unknown
from methodic.optimizers.ahead import Ahead
from methodic.optimizers.blocks import Apart, Block, blocks
from methodic.optimizers.in_place import in_place
from methodic.optimizers.muon import ADJUSTMENTS
from methodic.types import Rule

_BELOW_ONE = frozenset({"momentum", "dampening", "alpha", "rho", "beta1", "beta2", "beta3"})
_BELOW_ONE |= {"shampoo_beta", "adamw_beta1", "adamw_beta2"}
_ABOVE_ZERO = frozenset({"epsilon", "adamw_epsilon", "ess", "hess_init", "d0", "norm_limit"})
_COUNTS = frozenset({"iterations", "frequency", "largest"})
# What torch, its learning-rate schedulers and users write into a group besides the options.
_LABELS = frozenset({"params", "param_names", "name", "initial_lr", "max_lr", "min_lr"})
_LABELS |= {"max_momentum", "base_momentum", "swa_lr"}


class Part(NamedTuple):
    """Parameters of a group that one rule updates, and the numbers that it reads."""

    rule: Rule
    numbers: dict[str, float]
    parameters: list[Tensor]


@dataclass
class _Work:
    """A part as it lies in memory, with the coefficients of the steps to come."""

    part: Part
    blocks: list[tuple[Block | Apart, Ahead]]


@dataclass
class _Plan:
    """How a group is updated while its options and the parameters with gradients stay."""

    options: tuple[Any, ...] = ()
    parameters: list[Tensor] = field(default_factory=list)
    works: list[_Work] = field(default_factory=list)


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
        self._plans: dict[int, _Plan] = {}
        self._points: dict[Tensor, Tensor] = {}
        self._swapped = False

    def __getstate__(self) -> dict[str, Any]:
        # The base class would leave these out of copies and pickles.
        return {**super().__getstate__(), "rule": self.rule, "_options": self._options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._forget()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own."""
        for name in param_group:
            if name not in self._options and name not in _LABELS:
                raise unknown("option", name, self._options, where="parameter group")
        group = self.defaults | param_group
        for name in self._options:
            if name in self._switches:
                _check_switch(name, group[name])
            else:
                _check_number(name, group[name])
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

    def _planned(self, number: int, group: Mapping[str, Any]) -> _Plan:
        """What to do with a group; the last plan, if nothing has changed."""
        plan = self._plans.get(number)
        parameters = [p for p in group["params"] if p.grad is not None]
        if self.rule.probes and any(p not in self._points for p in parameters):
            raise InputError(
                f"{type(self.rule).__name__} needs gradients at weights that it drew",
                advice="Compute loss and gradients inside of 'with optimizer.sampled():'.",
            )
        options = tuple(
            float(value) if isinstance(value, Tensor) else value
            for value in [group[name] for name in self._options]
        )
        if plan is None or not _same(plan.parameters, parameters) or not _intact(plan):
            plan = self._plans[number] = _Plan()
        elif plan.options == options:
            _check_layouts(parameters)
            return plan
        for parameter in parameters:
            _check_tensors(parameter, parameter.grad)
        parts = [part for part in self._parts(group, parameters) if part.parameters]
        if _alike([work.part for work in plan.works], parts):
            for work, part in zip(plan.works, parts, strict=True):
                work.part = part
        else:
            plan.works = [self._work(part) for part in parts]
        plan.options, plan.parameters = options, parameters
        return plan

    def _work(self, part: Part) -> _Work:
        program = None
        if part.rule.scope != "parameter" or self._shapeless:
            names = list(_table(part.rule, part.numbers, 1))
            program = in_place(part.rule, [*names, "point"] if part.rule.probes else names)
        made = blocks(part.parameters, self.state, part.rule, program)
        return _Work(part, [(block, Ahead(part.rule, block.parameters[0])) for block in made])

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


def _same(before: Sequence[Tensor], now: Sequence[Tensor]) -> bool:
    return len(before) == len(now) and all(map(operator.is_, before, now))


def _alike(before: Sequence[Part], now: Sequence[Part]) -> bool:
    """The same but for numbers."""
    return len(before) == len(now) and all(
        a.rule == b.rule and _same(a.parameters, b.parameters)
        for a, b in zip(before, now, strict=True)
    )


def _intact(plan: _Plan) -> bool:
    return all(block.intact() for work in plan.works for block, _ in work.blocks)


def _check_number(name: str, value: float | Tensor) -> None:
    """Learning rates may be 0, since schedules start and end there."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"'{name}' must be a number", found=repr(value)) from None
    if name == "threshold":
        fits, accepted = number >= 1, "number ≥ 1"
    elif name in _BELOW_ONE:
        fits, accepted = 0 <= number < 1, "0 ≤ number < 1"
    elif name in _ABOVE_ZERO:
        fits, accepted = number > 0, "number > 0"
    else:
        fits, accepted = number >= 0, "number ≥ 0"
    if not (fits and math.isfinite(number)):
        raise InputError(f"'{name}' is out of its range", found=value, accepted=accepted)


def _check_switch(name: str, value: object) -> None:
    if name in _COUNTS:
        fits = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        accepted = "a whole number ≥ 1"
    elif name == "adjust":
        fits, accepted = value in ADJUSTMENTS, ", ".join(ADJUSTMENTS)
    else:
        fits, accepted = isinstance(value, bool), "True or False"
    if not fits:
        raise InputError(f"'{name}' is out of its range", found=repr(value), accepted=accepted)


def _check_layouts(parameters: Sequence[Tensor]) -> None:
    for parameter in parameters:
        gradient = parameter.grad
        if gradient is not None and gradient.layout != torch.strided:
            _check_tensors(parameter, gradient)


def _check_tensors(parameter: Tensor, gradient: Tensor | None) -> None:
    if gradient is not None and gradient.layout != torch.strided:
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
