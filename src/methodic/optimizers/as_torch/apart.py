"""Parameters of an optimizer that take their steps one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from methodic.optimizers.as_torch.in_place import InPlace
from methodic.types import Rule

_Slots = dict[str, Tensor]


@dataclass(eq=False)
class Apart:
    """Parameters of one type, device and step that take it one by one, in their own shapes."""

    parameters: list[Tensor]
    states: list[dict[str, Any]]
    rule: Rule
    program: InPlace | None  # a short one, without scratch memory
    _before: list[tuple[_Slots, _Slots]] = field(default_factory=list)
    """Of each parameter, as its state shows them, and with a leading axis."""

    def __post_init__(self) -> None:
        for parameter, state in zip(self.parameters, self.states, strict=True):
            fresh = self.rule.initial(parameter.detach().unsqueeze(0))
            state.update({name: x.squeeze(0) for name, x in fresh.items() if name not in state})
            shown = {name: state[name] for name in fresh}
            self._before.append((shown, {name: x.unsqueeze(0) for name, x in shown.items()}))

    def intact(self) -> bool:
        """All states are at the same step."""
        step = self.states[0]["step"]
        return all(state["step"] == step for state in self.states)

    def step(self, c: Mapping[str, Tensor], points: Mapping[Tensor, Tensor]) -> None:
        """One step of all parameters, as for `Block`."""
        del points
        if self.program is not None:
            self._in_place(self.program, c)
            at = self.states[0]["step"] + 1
            for state in self.states:
                state["step"] = at
            return
        for i, (parameter, state) in enumerate(zip(self.parameters, self.states, strict=True)):
            assert parameter.grad is not None, "only those that have one are here"
            shown, before = self._before[i]
            if any(state[name] is not x for name, x in shown.items()):
                before = {name: state[name].unsqueeze(0) for name in shown}
            gradient, row = parameter.grad.unsqueeze(0), parameter.unsqueeze(0)
            change, following = self.rule.update(gradient, row, before, c)
            row.add_(change)
            shown = {name: value.squeeze(0) for name, value in following.items()}
            self._before[i] = shown, following
            state.update(shown)
            state["step"] += 1

    def _in_place(self, program: InPlace, c: Mapping[str, Tensor]) -> None:
        (phase,) = program.phases
        labels = {f"c{i}": c[name] for i, name in enumerate(program.coefficients)}
        tail = [labels[name] for name in phase.numbers]
        gradients: list[Any] = [parameter.grad for parameter in self.parameters]
        if program.plain:
            torch._foreach_addcmul_(self.parameters, gradients, tail * len(gradients))
            return
        slots = [(f"s{i}", name) for i, name in enumerate(program.slots)]
        for gradient, parameter, state in zip(gradients, self.parameters, self.states, strict=True):
            rows = {"g": gradient, "w": parameter}
            for label, name in slots:
                rows[label] = state[name]
            phase.run(*[rows[name] for name in phase.full], *tail)
