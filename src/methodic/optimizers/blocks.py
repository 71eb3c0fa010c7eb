"""Parameters of an optimizer, laid together so that a step takes few and large operations.

Small parameters share one row of moments, and their gradients are joined for a step. A large one is
its own row, and goes through the formula in pieces that fit the processor's cache. The moments that
each parameter shows in the optimizer's state are views of these rows. Where a formula is so short
that joining would cost more than it saves, and where a rule must see a parameter in its own shape,
each parameter takes its step by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from methodic.optimizers.in_place import InPlace
from methodic.types import Rule

_PIECE = 32_768  # elements of one operand at a time: eight of them lie in a core's cache


@dataclass(eq=False)
class Block:
    """Parameters that take a step together.

    Args:
        parameters: with a gradient, of one type, device and step.
        states: of each, as the optimizer keeps it.
        rows: slot → all moments, [1, n]; what isn't shaped like a parameter, [1, 1].
        program: the rule.
        joined: gradients are joined; else there is one contiguous parameter.
    """

    parameters: list[Tensor]
    states: list[dict[str, Any]]
    rows: dict[str, Tensor]
    program: InPlace
    joined: bool
    _shown: list[dict[str, Tensor]] = field(default_factory=list)
    _scratch: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        sizes = [parameter.numel() for parameter in self.parameters]
        parts = {name: self.rows[name].split_with_sizes(sizes, 1) for name in self.program.slots}
        for i, (parameter, state) in enumerate(zip(self.parameters, self.states, strict=True)):
            shown = {name: part[i].view(parameter.shape) for name, part in parts.items()}
            shown |= {name: self.rows[name] for name in self.program.numbers}
            state.update(shown)
            self._shown.append(shown)

    def intact(self) -> bool:
        """Every state still shows the block's memory, and all are at the same step."""
        step = self.states[0]["step"]
        for state, shown in zip(self.states, self._shown, strict=True):
            if state["step"] != step:
                return False
            for name, tensor in shown.items():
                if state[name] is not tensor:
                    return False
        return True

    def step(self, c: Mapping[str, Tensor], points: Mapping[Tensor, Tensor]) -> None:
        """One step of all parameters.

        Args:
            c: the rule's coefficients, numbers without an axis.
            points: where gradients were taken, for rules that probe.
        """
        program, rows = self.program, self.rows
        numbers = [rows[name] for name in program.numbers]
        after: Sequence[Tensor] = numbers
        for gradient, parameter, slots, scratch, point in self._pieces(points):
            given = c if point is None else {**c, "point": point}
            tail = [given[name] for name in program.coefficients]
            after = program.run(gradient, parameter, *slots, *numbers, *tail, *scratch)
        for name, number in zip(program.numbers, after, strict=True):
            rows[name].copy_(number)
        at = self.states[0]["step"] + 1
        for state in self.states:
            state["step"] = at

    def _pieces(self, points: Mapping[Tensor, Tensor]) -> Iterator[tuple[Any, ...]]:
        """(gradient, parameter, slots, scratch, point), one row each."""
        slots = [self.rows[name] for name in self.program.slots]
        probes = "point" in self.program.coefficients
        parameters: Any = self.parameters  # the annotations of torch know of no gradients here
        if self.joined:
            gradient = _joined([parameter.grad for parameter in parameters])
            whole = _joined(parameters)
            point = _joined([points[p] for p in parameters]) if probes else None
            yield gradient, whole, slots, self._memory(gradient, gradient.shape[1]), point
            if len(parameters) > 1:
                parts = torch._C._nn.unflatten_dense_tensors(whole.view(-1), parameters)
                torch._foreach_copy_(parameters, parts)
            elif not parameters[0].is_contiguous():
                parameters[0].copy_(whole.view(parameters[0].shape))
            return
        (one,) = parameters
        size = one.numel() if self.program.whole else _piece()
        rows = [one.grad.reshape(1, -1), one.view(1, -1), *slots]
        if probes:
            rows.append(points[one].reshape(1, -1))
        memory = self._memory(one, min(size, one.numel()))
        for pieces in zip(*(row.split(size, 1) for row in rows), strict=True):
            gradient, parameter, *own = pieces
            point = own.pop() if probes else None
            length = gradient.shape[1]
            scratch = [m if m.shape[1] == length else m[:, :length] for m in memory]
            yield gradient, parameter, own, scratch, point

    def _memory(self, like: Tensor, size: int) -> list[Tensor]:
        if not self._scratch or self._scratch[0].shape[1] != size:
            self._scratch = [like.new_empty(1, size) for _ in range(self.program.scratch)]
        return self._scratch


@dataclass(eq=False)
class Apart:
    """Parameters of one type, device and step that take it one by one, in their own shapes."""

    parameters: list[Tensor]
    states: list[dict[str, Any]]
    rule: Rule
    program: InPlace | None  # a short one, without scratch memory
    _slots: list[tuple[str, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for parameter, state in zip(self.parameters, self.states, strict=True):
            fresh = self.rule.initial(parameter.detach().unsqueeze(0))
            state.update({name: x.squeeze(0) for name, x in fresh.items() if name not in state})
            self._slots.append(tuple(fresh))

    def intact(self) -> bool:
        """All states are at the same step."""
        step = self.states[0]["step"]
        return all(state["step"] == step for state in self.states)

    def step(self, c: Mapping[str, Tensor], points: Mapping[Tensor, Tensor]) -> None:
        """One step of all parameters, as for `Block`."""
        del points
        if self.program is not None:
            run, slots = self.program.run, self.program.slots
            tail = [c[name] for name in self.program.coefficients]
            for parameter, state in zip(self.parameters, self.states, strict=True):
                run(parameter.grad, parameter, *[state[name] for name in slots], *tail)
                state["step"] += 1
            return
        every = zip(self.parameters, self.states, self._slots, strict=True)
        for parameter, state, names in every:
            assert parameter.grad is not None, "only those that have one are here"
            before = {name: state[name].unsqueeze(0) for name in names}
            gradient, row = parameter.grad.unsqueeze(0), parameter.unsqueeze(0)
            change, following = self.rule.update(gradient, row, before, c)
            parameter.add_(change.squeeze(0))
            state.update({name: value.squeeze(0) for name, value in following.items()})
            state["step"] += 1


def _piece() -> int:
    threads = torch.get_num_threads()
    return _PIECE if threads == 1 else 8 * _PIECE


def _joined(tensors: list[Tensor]) -> Tensor:
    flat: Tensor = torch._C._nn.flatten_dense_tensors(tensors)
    return flat.unsqueeze(0)


def blocks(
    parameters: Sequence[Tensor],
    states: Mapping[Tensor, dict[str, Any]],
    rule: Rule,
    program: InPlace | None,
) -> list[Block | Apart]:
    """Lay parameters together.

    Args:
        parameters: with gradients.
        states: of each; moments that are there are kept, those that miss begin. ``step`` too.
        rule: their rule.
        program: the same in place; None for one that needs parameters in their shapes.
    """
    short = program is not None and program.operations <= 2 and not program.scratch
    short = short and not program.numbers and not program.whole  # type: ignore[union-attr]
    groups: dict[Any, list[Tensor]] = {}
    for parameter in parameters:
        state = states[parameter]
        state.setdefault("step", 0)
        alone = (
            program is not None
            and not (short or program.whole)
            and parameter.numel() > _PIECE
            and parameter.is_contiguous()
        )
        key = parameter.dtype, parameter.device, state["step"], parameter if alone else None
        groups.setdefault(key, []).append(parameter)
    found: list[Block | Apart] = []
    for key, group in groups.items():
        own = [states[parameter] for parameter in group]
        if program is None or short:
            found.append(Apart(group, own, rule, program))
        else:
            rows = _rows(group, own, rule, program)
            found.append(Block(group, own, rows, program, key[-1] is None))
    return found


def _rows(
    group: Sequence[Tensor],
    states: Sequence[dict[str, Any]],
    rule: Rule,
    program: InPlace,
) -> dict[str, Tensor]:
    """Slot → the moments of a block, in new memory."""
    first = rule.initial(torch.cat([p.detach().reshape(1, -1) for p in group], 1))
    sizes = [parameter.numel() for parameter in group]
    for name in program.slots:
        first[name] = first[name].clone()
        for part, state in zip(first[name].split_with_sizes(sizes, 1), states, strict=True):
            if name in state:
                part.copy_(state[name].reshape(1, -1))
    for name in program.numbers:
        known = [state[name] for state in states if name in state]
        first[name] = (known[0] if known else first[name]).clone()
    return first
