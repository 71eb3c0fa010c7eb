"""An update rule's formula, run in memory that is there already.

A rule is a pure function: every operation makes a new tensor. Over millions of parameters most of
the time goes to fetching that memory. Here the rule is written down once, by handing it proxies,
and then run with the same operations writing over what nobody will read again: old moments, and a
few pieces of scratch memory.

It runs in phases. Those over elements can be given some elements at a time, so that these stay in
the processor's cache; those over numbers run once between them. Where a formula needs a norm or sum
over all elements, one phase ends with it and another goes on from there.

Shapes: one row of numbers, [1, n]; or K parameters joined in a row, and then numbers [K, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from methodic.optimizers.as_torch.on_host import on_host
from methodic.optimizers.as_torch.written import Term, Written, name
from methodic.types import Rule

# Elementwise, with an ``out`` that may be one of their own operands.
_OUT = frozenset(
    {"add", "sub", "mul", "div", "neg", "addcmul", "addcdiv", "sqrt", "square", "abs", "sign"}
    | {"lerp", "maximum", "minimum", "reciprocal", "clamp", "clamp_min", "clamp_max"}
)
_SIZES = "sizes"


@dataclass(frozen=True)
class Phase:
    """Part of a program.

    Args:
        run: (inputs, in order) → results.
        full: inputs that are shaped like the parameter: "g", "w", "s0", …, scratch "t0", …, memory
            that later phases read "k0", …
        numbers: further inputs; "sizes" are those of joined parameters, or None for one.
        results: names of the numbers that it yields.
        combine: how results over parts of the elements become those over all.
        host: the same for Python's numbers, where neither elements nor what they yield are read.
    """

    run: Callable[..., tuple[Tensor, ...]]
    full: tuple[str, ...]
    numbers: tuple[str, ...]
    results: tuple[str, ...]
    combine: tuple[Callable[..., Tensor], ...]
    host: Callable[..., tuple[float, ...]] | None


@dataclass(frozen=True)
class InPlace:
    """A rule's update that writes into its arguments.

    It adds to the parameter and writes the slots that are shaped like it.

    Args:
        phases: in order.
        slots, numbers: names in the state that are shaped like the parameter, and [1, 1].
        coefficients: names, in order.
        following: the results that are the next numbers of the state.
        scratch, kept: how many pieces of memory it wants, for a moment and across phases.
        operations: how many there are.
        whole: elements can't be handed over in parts.
        gathers: some operation sees all elements.
    """

    phases: tuple[Phase, ...]
    slots: tuple[str, ...]
    numbers: tuple[str, ...]
    coefficients: tuple[str, ...]
    following: tuple[str, ...]
    scratch: int
    kept: int
    operations: int
    whole: bool
    gathers: bool

    @property
    def plain(self) -> bool:
        """All that it does is to add gradient times coefficient."""
        return self.operations == 1 and self.phases[0].full == ("w", "g")


def in_place(
    rule: Rule, coefficients: Sequence[str], means: Mapping[str, str] | None = None
) -> InPlace:
    """Write a rule down as an in-place program.

    Args:
        rule: of any scope but "parameter", or one that takes a parameter as a row of numbers.
        coefficients: names that its update reads; "point" is shaped like the parameter.
        means: coefficient → the one that it adds up to 1 with, whatever the numbers.
    """
    return _Program(Written(rule, coefficients, means), tuple(coefficients)).made()


def _norms(row: Tensor, sizes: Sequence[int] | None) -> Tensor:
    """[1, n] → [K], one norm for each parameter in the row."""
    if sizes is None:
        norm: Tensor = torch.linalg.vector_norm(row, dim=-1)
        return norm
    return torch.stack(torch._foreach_norm(row.view(-1).split_with_sizes(sizes)))


def _sums(row: Tensor, sizes: Sequence[int] | None) -> Tensor:
    """[1, n] → [K, 1]."""
    if sizes is None:
        return row.sum(1, keepdim=True)
    return torch.stack([x.sum() for x in row.view(-1).split_with_sizes(sizes)]).unsqueeze(1)


def _norm_of_norms(parts: list[Tensor]) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(torch.stack(parts), dim=0)
    return norm


def _sum_of_sums(parts: list[Tensor]) -> Tensor:
    return torch.stack(parts).sum(0)


def _by_parts(node: fx.Node) -> tuple[Callable[..., Tensor], Callable[..., Tensor]] | None:
    """How to gather a row, and then the parts of a row; None: only at once."""
    if node.target is torch.linalg.vector_norm and node.kwargs == {"dim": -1}:
        return _norms, _norm_of_norms
    if name(node) == "sum" and node.args[1:] == (1,) and node.kwargs == {"keepdim": True}:
        return _sums, _sum_of_sums
    return None


class _Program:
    """Who reads which memory last, where each new tensor lies, and the phases made of that."""

    def __init__(self, written: Written, coefficients: tuple[str, ...]) -> None:
        self.written, self.coefficients = written, coefficients
        self.last_stage = written.last_stage()
        order = enumerate(written.operations)
        self.phase = {n: (written.stages[n], self._over_elements(n)) for n in written.operations}
        late = written.late
        key = {n: (*self.phase[n], n in late, at) for at, n in order}
        self.operations = sorted(written.operations, key=key.__getitem__)
        self.end = (self.last_stage, True)
        self.phases = sorted({*self.phase.values(), self.end})
        # The terms have a place of their own among the operations.
        self.adding = len(self.operations) - len(late)
        self.at = {n: at + (n in late) for at, n in enumerate(self.operations)}
        self.last: dict[int, int] = {}
        self.place: dict[int, str] = {written.storage(n): n.name for n in written.inputs}
        self.slot_of: dict[int, str] = {}
        self._find_last_readers()
        self._shaped = {n.name for n in written.inputs if written.full(n)}
        self.free: list[str] = []
        self.counts = [0, 0]  # of scratch and kept memory
        self.taken: dict[int, str] = {}
        self.placed: set[str] = set()

    def _over_elements(self, node: fx.Node) -> bool:
        return self.written.full(node) or node in self.written.gathering

    def _find_last_readers(self) -> None:
        written = self.written
        end = len(self.operations) + 1
        readers = [(self.at[n], (*n.all_input_nodes, n)) for n in self.operations]
        readers += [(self.adding, tuple(_nodes(term))) for term in written.terms]
        for at, read in readers:
            for storage in map(written.storage, read):
                self.last[storage] = max(at, self.last.get(storage, 0))
        for slot in written.slots:
            storage = written.storage(written.following[slot])
            self.last[storage] = end
            self.slot_of.setdefault(storage, slot)

    def made(self) -> InPlace:
        """The program."""
        written = self.written
        phases = [self._phase(key) for key in self.phases]
        tails = {node.name for node in written.gathering if _by_parts(node) is None}
        return InPlace(
            tuple(phases),
            written.slots,
            written.numbers,
            self.coefficients,
            tuple(written.following[slot].name for slot in written.numbers),
            self.counts[0],
            self.counts[1],
            len(written.operations) + len(written.terms),
            bool(tails),
            bool(written.gathering),
        )

    def _phase(self, key: tuple[int, bool]) -> Phase:
        written = self.written
        sheet = _Sheet(self)
        results: list[fx.Node] = []
        added = False
        for node in self.operations:
            if self.phase[node] != key:
                continue
            if key[1] and node not in written.gathering:
                if node in written.late and not added:
                    self._add(sheet)
                    added = True
                self._write(sheet, node)
                continue
            ways = _by_parts(node) if key[1] else None
            if ways is None:
                sheet.copy(node)
            else:
                sizes = sheet.given(_SIZES)
                row = node.all_input_nodes[0]
                sheet.new[node] = sheet.graph.call_function(ways[0], (sheet.of(row), sizes))
            results.append(node)
        if key == self.end:
            if not added:
                self._add(sheet)
            self._keep(sheet)
        results = [node for node in results if self._wanted(node, key)]
        sheet.graph.output(tuple(sheet.new[node] for node in results))
        module = fx.GraphModule(torch.nn.Module(), sheet.graph)
        combine = tuple(ways[1] for n in results if key[1] and (ways := _by_parts(n)))
        inputs = tuple(sheet.inputs)
        count = sum(map(self.shaped, inputs))
        return Phase(
            module.forward,
            inputs[:count],
            inputs[count:],
            tuple(node.name for node in results),
            combine,
            on_host(sheet.graph) if key == (0, False) else None,
        )

    def _wanted(self, node: fx.Node, key: tuple[int, bool]) -> bool:
        """Some other phase reads a number, or it is kept."""
        read = any(node in n.all_input_nodes for n in self.operations if self.phase[n] != key)
        ending = any(node in _nodes(term) for term in self.written.terms)
        return (
            read or ending or any(self.written.following[n] is node for n in self.written.numbers)
        )

    def shaped(self, label: str) -> bool:
        """An input that is shaped like the parameter."""
        return label in self._shaped or (label[0] in "tk" and label[1:].isdigit())

    def _write(self, sheet: _Sheet, node: fx.Node) -> None:
        """One operation over elements, into its place."""
        written, storage, at = self.written, self.written.storage(node), self.at[node]
        target = _with_out(written, node)
        fresh = all(storage != written.storage(n) for n in node.all_input_nodes)
        if target is None and not (fresh and self._crosses(storage, node)):
            sheet.copy(node)
            return
        for old in [s for s in self.taken if self.last[s] <= at]:
            self.free.append(self.taken.pop(old))
        slot = self.slot_of.get(storage)
        if slot is not None and (slot in self.placed or not self._is_free(slot, at)):
            slot = None
        if slot is not None:
            self.placed.add(slot)
            place = written.state[slot].name
        elif self._crosses(storage, node):
            place = f"k{self.counts[1]}"
            self.counts[1] += 1
        else:
            if not self.free:
                self.free.append(f"t{self.counts[0]}")
                self.counts[0] += 1
            place = self.free.pop()
            self.taken[storage] = place
        self.place[storage] = place
        source = node.all_input_nodes[0] if target is torch.clone else None
        if source is not None and self.place.get(written.storage(source)) == place:
            sheet.new[node] = sheet.of(source)  # it stays where it is
        elif target is None or target is torch.clone:
            source = sheet.of(node.all_input_nodes[0]) if target else sheet.copy(node)
            sheet.new[node] = sheet.graph.call_method("copy_", (sheet.given(place), source))
        else:
            args = fx.node.map_arg(node.args, sheet.of)
            options = {**fx.node.map_arg(node.kwargs, sheet.of), "out": sheet.given(place)}
            sheet.new[node] = sheet.graph.call_function(target, args, options)

    def _is_free(self, slot: str, at: int) -> bool:
        """Nobody reads the slot's old moments later."""
        return self.last.get(self.written.storage(self.written.state[slot]), -1) <= at

    def _crosses(self, storage: int, node: fx.Node) -> bool:
        """A later phase reads what an operation yields."""
        last = self.last[storage]
        found = (self.phase[n] for n in self.operations if self.at[n] == last)
        return next(found, self.end) != self.phase[node]

    def _add(self, sheet: _Sheet) -> None:
        """The change, to the parameter."""
        parameter = sheet.of(self.written.parameter)
        for term in self.written.terms:
            args = fx.node.map_arg(term.args, sheet.of)
            options = fx.node.map_arg(term.options, sheet.of)
            sheet.graph.call_method(term.method, (parameter, *args), options)

    def _keep(self, sheet: _Sheet) -> None:
        """Moments that aren't in their place."""
        written = self.written
        for slot in written.slots:
            source, target = written.following[slot], written.state[slot]
            if slot not in self.placed and source is not target:
                sheet.graph.call_method("copy_", (sheet.of(target), sheet.of(source)))


class _Sheet:
    """The operations of one phase, with the inputs that they turn out to need."""

    def __init__(self, program: _Program) -> None:
        self.program = program
        self.graph = fx.Graph()
        self.new: dict[fx.Node, fx.Node] = {}
        self.inputs: dict[str, fx.Node] = {}
        self._full = 0

    def given(self, label: str) -> fx.Node:
        """An input; those shaped like the parameter come first."""
        if label in self.inputs:
            return self.inputs[label]
        first = self.program.shaped(label)
        before = list(self.inputs.values())[: self._full] if first else list(self.inputs.values())
        if before:
            with self.graph.inserting_after(before[-1]):
                made = self.graph.placeholder(label)
        else:
            with self.graph.inserting_before():
                made = self.graph.placeholder(label)
        items = list(self.inputs.items())
        items.insert(self._full if first else len(items), (label, made))
        self.inputs = dict(items)
        self._full += first
        return made

    def of(self, node: fx.Node) -> fx.Node:
        """What a node of the rule is here."""
        if node in self.new:
            return self.new[node]
        written = self.program.written
        label = self.program.place[written.storage(node)] if written.full(node) else node.name
        return self.given(label)

    def copy(self, node: fx.Node) -> fx.Node:
        """The operation as it is."""
        args = fx.node.map_arg(node.args, self.of)
        options = fx.node.map_arg(node.kwargs, self.of)
        self.new[node] = self.graph.create_node(node.op, node.target, args, dict(options))
        return self.new[node]


def _nodes(term: Term) -> list[fx.Node]:
    found: list[fx.Node] = []
    fx.node.map_arg((term.args, term.options), found.append)
    return found


def _with_out(written: Written, node: fx.Node) -> Any:
    """The function that does a node's work into a given memory; None: it runs as it is."""
    value = written.values[node]
    inputs = node.all_input_nodes
    fresh = all(written.storage(node) != written.storage(n) for n in inputs)
    if not written.full(node) or not fresh or value.dtype != torch.float32:
        return None
    called = name(node)
    if called == "clone":
        return torch.clone
    return getattr(torch, called) if called in _OUT else None
