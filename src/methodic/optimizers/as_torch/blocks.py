"""Parameters of an optimizer, laid together so that a step takes few and large operations.

Small parameters share one row of moments, and their gradients are joined for a step. A large one is
its own row, and goes through the formula in pieces that fit the processor's cache. The moments that
each parameter shows in the optimizer's state are views of these rows. Where a formula is so short
that joining would cost more than it saves, and where a rule must see a parameter in its own shape,
each parameter takes its step by itself (`apart`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from methodic.optimizers.as_torch.apart import Apart
from methodic.optimizers.as_torch.in_place import InPlace, Phase
from methodic.types import Rule

_PIECE = 65_536  # elements of one operand at a time: five of them lie in a core's cache


@dataclass(eq=False)
class _Lane:
    """One row of a block: a large parameter, or small ones joined.

    Args:
        parameters: one contiguous parameter, unless joined.
        rows: name in the program → [1, n]: moments, and memory between phases.
        joined: gradients and parameters are copied together for a step.
    """

    parameters: list[Tensor]
    rows: dict[str, Tensor]
    joined: bool
    _cut: dict[tuple[str, int], Sequence[Tensor]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.joined:
            sizes = [parameter.numel() for parameter in self.parameters]
            first = self.parameters[0]
            self.whole, self.gradient = (first.new_empty(1, sum(sizes)) for _ in range(2))
            self._views, self._gradients = (
                [
                    part.view(parameter.shape)
                    for part, parameter in zip(
                        row.split_with_sizes(sizes, 1), self.parameters, strict=True
                    )
                ]
                for row in (self.whole, self.gradient)
            )

    def opened(self, points: Mapping[Tensor, Tensor], point: str | None) -> dict[str, Tensor]:
        """Name in the program → [1, n], for one step."""
        parameters: Any = self.parameters  # the annotations of torch know of no gradients here
        if self.joined:
            torch._foreach_copy_(self._gradients, [p.grad for p in parameters])
            torch._foreach_copy_(self._views, parameters)
            rows = {"g": self.gradient, "w": self.whole, **self.rows}
        else:
            (one,) = parameters
            rows = {"g": one.grad.reshape(1, -1), "w": one.view(1, -1), **self.rows}
        if point is not None:
            rows[point] = torch.cat([points[p].reshape(1, -1) for p in parameters], 1)
        return rows

    def pieces(self, name: str, row: Tensor, size: int) -> Sequence[Tensor]:
        """Some elements at a time. What stays in its place from step to step is cut once."""
        if name not in self.rows:
            return torch.split(row, size, 1)
        found = self._cut.get((name, size))
        if found is None:
            found = self._cut[name, size] = torch.split(row, size, 1)
        return found

    def close(self) -> None:
        """Give the parameters what was joined."""
        if self.joined:
            torch._foreach_copy_(self.parameters, self._views)


@dataclass(eq=False)
class Block:
    """Parameters that take a step together.

    Args:
        parameters: with a gradient, of one type, device and step.
        states: of each, as the optimizer keeps it.
        lanes: of the parameters, in order.
        numbers: what the state has that isn't shaped like a parameter, [1, 1].
        program: the rule.
        sizes: of the parameters that the rule sees apart, though they lie in one lane.
    """

    parameters: list[Tensor]
    states: list[dict[str, Any]]
    lanes: list[_Lane]
    numbers: dict[str, Tensor]
    program: InPlace
    sizes: list[int] | None
    _shown: list[dict[str, Tensor]] = field(default_factory=list)
    _read: dict[str, tuple[Tensor, int, float]] = field(default_factory=dict)
    _scratch: dict[tuple[int, int], dict[str, list[Tensor]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        program = self.program
        for lane in self.lanes:
            sizes = [parameter.numel() for parameter in lane.parameters]
            parts = {
                name: lane.rows[f"s{i}"].split_with_sizes(sizes, 1)
                for i, name in enumerate(program.slots)
            }
            for i, parameter in enumerate(lane.parameters):
                shown = {name: part[i].view(parameter.shape) for name, part in parts.items()}
                self._shown.append(shown | self.numbers)
        for state, shown in zip(self.states, self._shown, strict=True):
            state.update(shown)
        self._showing = [
            (state, name, tensor)
            for state, shown in zip(self.states, self._shown, strict=True)
            for name, tensor in shown.items()
        ]
        self._coefficients = [
            (f"c{i}", name) for i, name in enumerate(program.coefficients) if name != "point"
        ]
        probes = "point" in program.coefficients
        self._point = f"c{program.coefficients.index('point')}" if probes else None
        first = len(program.slots)
        self._numbers = [(f"s{first + i}", name) for i, name in enumerate(program.numbers)]
        self._owners: Tensor | None = None  # of each element in the lane
        if self.sizes is not None:
            counts = torch.tensor(self.sizes, device=self.parameters[0].device)
            self._owners = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)

    def intact(self) -> bool:
        """Every state still shows the block's memory, and all are at the same step."""
        step = self.states[0]["step"]
        for state in self.states:
            if state["step"] != step:
                return False
        return all(state[name] is tensor for state, name, tensor in self._showing)

    def step(self, c: Mapping[str, Tensor], points: Mapping[Tensor, Tensor]) -> None:
        """One step of all parameters.

        Args:
            c: the rule's coefficients, numbers without an axis.
            points: where gradients were taken, for rules that probe.
        """
        known: dict[str, Any] = {label: c[name] for label, name in self._coefficients}
        for label, name in self._numbers:
            known[label] = self.numbers[name]
        known["sizes"] = self.sizes
        rows = [lane.opened(points, self._point) for lane in self.lanes]
        for phase in self.program.phases:
            if phase.full:
                numbers = [known[name] for name in phase.numbers]
                if self._owners is not None:
                    numbers = [self._spread(x) for x in numbers]
                found = self._over_elements(phase, rows, numbers)
            else:
                found = self._over_numbers(phase, known)
            known.update(zip(phase.results, found, strict=True))
        for lane in self.lanes:
            lane.close()
        for name, result in zip(self.program.numbers, self.program.following, strict=True):
            self.numbers[name].copy_(known[result])
        at = self.states[0]["step"] + 1
        for state in self.states:
            state["step"] = at

    def _over_numbers(self, phase: Phase, known: Mapping[str, Tensor]) -> Sequence[Tensor]:
        """One phase without elements; by Python, where that is near and nothing has diverged."""
        like = self.parameters[0]
        if phase.host is not None and like.device.type == "cpu":
            values = [self._value(name, known[name]) for name in phase.numbers]
            if all(map(math.isfinite, values)):
                with suppress(ZeroDivisionError):
                    return torch.tensor(phase.host(*values), dtype=like.dtype).unbind()
        return phase.run(*[known[name] for name in phase.numbers])

    def _value(self, name: str, x: Tensor) -> float:
        """A tensor's number; read once while nobody writes into it."""
        tensor, version, value = self._read.get(name, (None, 0, 0.0))
        if tensor is not x or version != x._version:
            value = x.item()
            self._read[name] = x, x._version, value
        return value

    def _spread(self, value: Any) -> Any:
        """Each parameter's number for all of its elements: [K, 1] → [1, n]."""
        if not isinstance(value, Tensor) or value.ndim == 0:
            return value
        return value.reshape(-1).index_select(0, self._owners).unsqueeze(0)  # type: ignore[arg-type]

    def _over_elements(
        self, phase: Phase, rows: Sequence[Mapping[str, Tensor]], numbers: list[Any]
    ) -> Sequence[Tensor]:
        """One phase in all lanes, piece by piece."""
        parts = [
            phase.run(*own, *numbers)
            for lane, row in zip(self.lanes, rows, strict=True)
            for own in self._pieces(phase.full, lane, row)
        ]
        if len(parts) == 1 or not phase.results:
            return parts[0]
        columns = zip(phase.combine, zip(*parts, strict=True), strict=True)
        return [combine(list(column)) for combine, column in columns]

    def _pieces(
        self, names: Sequence[str], lane: _Lane, row: Mapping[str, Tensor]
    ) -> Iterator[Sequence[Tensor]]:
        """What a phase wants, some elements at a time."""
        n = row["w"].shape[1]
        divisible = not self.program.whole and self.sizes is None
        size = -(-n // max(1, round(n / _piece()))) if divisible else n
        if size == n:
            scratch = self._memory(row["w"], n, n)
            yield [row[name] if name in row else scratch[name][0] for name in names]
            return
        scratch = self._memory(row["w"], n, size)
        columns = [
            lane.pieces(name, row[name], size) if name in row else scratch[name] for name in names
        ]
        yield from zip(*columns, strict=True)

    def _memory(self, like: Tensor, n: int, size: int) -> dict[str, list[Tensor]]:
        """Scratch memory for each of the pieces; all but the last have the same."""
        found = self._scratch.get((n, size))
        if found is None:
            full = self._scratch.get((size, size))
            if full is None:
                names = [f"t{i}" for i in range(self.program.scratch)]
                full = {name: [like.new_empty(1, size)] for name in names}
                self._scratch[size, size] = full
            before = -(-n // size) - 1
            found = {
                name: [*[memory] * before, memory[:, : n - before * size]]
                for name, (memory,) in full.items()
            }
            self._scratch[n, size] = found
        return found


def _piece() -> int:
    threads = torch.get_num_threads()
    return _PIECE if threads == 1 else 2 * threads * _PIECE


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
    groups: dict[Any, list[Tensor]] = {}
    for parameter in parameters:
        states[parameter].setdefault("step", 0)
        key = parameter.dtype, parameter.device, states[parameter]["step"]
        groups.setdefault(key, []).append(parameter)
    found: list[Block | Apart] = []
    for group in groups.values():
        if program is None or _short(program):
            found.append(Apart(group, [states[p] for p in group], rule, program))
        else:
            found += _laid(group, states, rule, program)
    return found


def _short(program: InPlace) -> bool:
    """Joining would cost more than the formula."""
    few = program.operations <= 2 and not program.scratch
    return few and len(program.phases) == 1 and not program.numbers and not program.gathers


def _laid(
    group: Sequence[Tensor],
    states: Mapping[Tensor, dict[str, Any]],
    rule: Rule,
    program: InPlace,
) -> list[Block | Apart]:
    apart = rule.scope == "parameter" and program.gathers
    if program.whole:
        lanes = [[p] for p in group] if apart else [list(group)]
    else:
        large = [p for p in group if p.numel() > _PIECE and p.is_contiguous()]
        small = [p for p in group if p.numel() <= _PIECE or not p.is_contiguous()]
        lanes = [*([small] if small else []), *([p] for p in large)]
    together = rule.scope == "whole" and bool(program.gathers or program.numbers)
    found: list[Block | Apart] = []
    for some in [lanes] if together else [[lane] for lane in lanes]:
        every = [parameter for lane in some for parameter in lane]
        own = [states[parameter] for parameter in every]
        first = rule.initial(every[0].detach().reshape(1, -1))
        numbers = {}
        for name in program.numbers:
            known = [state[name] for state in own if name in state]
            numbers[name] = (known[0] if known else first[name]).clone()
        made = [_lane(lane, states, rule, program) for lane in some]
        sizes = [p.numel() for p in every] if apart and len(every) > 1 else None
        found.append(Block(every, own, made, numbers, program, sizes))
    return found


def _lane(
    parameters: list[Tensor],
    states: Mapping[Tensor, dict[str, Any]],
    rule: Rule,
    program: InPlace,
) -> _Lane:
    """Parameters in a row, their moments in new memory."""
    first = rule.initial(torch.cat([p.detach().reshape(1, -1) for p in parameters], 1))
    sizes = [parameter.numel() for parameter in parameters]
    rows = {}
    for i, name in enumerate(program.slots):
        rows[f"s{i}"] = row = first[name].clone()
        for part, parameter in zip(row.split_with_sizes(sizes, 1), parameters, strict=True):
            if name in states[parameter]:
                part.copy_(states[parameter][name].reshape(1, -1))
    for i in range(program.kept):
        rows[f"k{i}"] = parameters[0].new_empty(1, sum(sizes))
    joined = len(parameters) > 1 or not parameters[0].is_contiguous()
    return _Lane(parameters, rows, joined)
