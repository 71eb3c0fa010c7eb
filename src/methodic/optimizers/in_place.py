"""An update rule's formula, run in memory that is there already.

A rule is a pure function: every operation makes a new tensor. Over millions of parameters most of
the time goes to fetching that memory. Here the rule is written down once, by handing it proxies,
and then run with the same operations writing over what nobody will read again: old moments, and a
few pieces of scratch memory.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.proxy import GraphAppendingTracer, Proxy

from methodic.types import Rule

_OPERATORS = {
    operator.add: torch.add,
    operator.sub: torch.sub,
    operator.mul: torch.mul,
    operator.truediv: torch.div,
    operator.neg: torch.neg,
}
# Elementwise, with an ``out`` that may be one of their own operands.
_OUT = frozenset(
    {"add", "sub", "mul", "div", "neg", "addcmul", "addcdiv", "sqrt", "square", "abs", "sign"}
    | {"maximum", "minimum", "reciprocal", "clamp", "clamp_min", "clamp_max"}
)


@dataclass(frozen=True)
class InPlace:
    """A rule's update that writes into its arguments.

    Args:
        run: (gradient, parameter, *slots, *coefficients, *scratch) → the numbers that follow. It
            adds to the parameter and writes the slots that are shaped like it.
        slots, numbers: names in the state that are shaped like the parameter, and [1, 1].
        coefficients: names, in order.
        scratch: how many pieces of memory, shaped like the parameter, it wants.
        operations: how many there are.
        whole: some operation sees all elements, so they can't be handed over in parts.
    """

    run: Callable[..., tuple[Tensor, ...]]
    slots: tuple[str, ...]
    numbers: tuple[str, ...]
    coefficients: tuple[str, ...]
    scratch: int
    operations: int
    whole: bool


def in_place(rule: Rule, coefficients: Sequence[str]) -> InPlace:
    """Write a rule down as an in-place program.

    Args:
        rule: of any scope but "parameter", or one that takes a parameter as a row of numbers.
        coefficients: names that its update reads; "point" is shaped like the parameter.
    """
    written = _Written(rule, coefficients)
    memory = _Memory(written)
    graph, scratch = _rewritten(written, memory)
    module = fx.GraphModule(torch.nn.Module(), graph)
    return InPlace(
        module.forward,
        written.slots,
        written.numbers,
        tuple(coefficients),
        scratch,
        sum(node.op.startswith("call") for node in graph.nodes),
        written.whole,
    )


class _Written:
    """A rule's operations in order, and what each yields for an example."""

    def __init__(self, rule: Rule, coefficients: Sequence[str]) -> None:
        row, one = torch.ones(1, 3), torch.ones(())
        initial = rule.initial(row)
        self.slots = tuple(name for name, x in initial.items() if x.shape == row.shape)
        self.numbers = tuple(name for name in initial if name not in self.slots)
        self.graph = fx.Graph()
        tracer = GraphAppendingTracer(self.graph)
        self.values: dict[fx.Node, Any] = {}

        def given(label: str, example: Tensor) -> Proxy:
            node = self.graph.placeholder(label)
            self.values[node] = example.clone()
            return Proxy(node, tracer)

        gradient, parameter = given("g", row), given("w", row)
        state = {
            name: given(f"s{i}", initial[name])
            for i, name in enumerate((*self.slots, *self.numbers))
        }
        c = {
            name: given(f"c{i}", row if name == "point" else one)
            for i, name in enumerate(coefficients)
        }
        self.inputs = list(self.graph.nodes)
        change, following = rule.update(gradient, parameter, state, c)  # type: ignore[arg-type]
        self.change: fx.Node = change.node  # type: ignore[attr-defined]
        self.following: dict[str, fx.Node] = {n: x.node for n, x in following.items()}  # type: ignore[attr-defined]
        self.gradient, self.parameter = self.inputs[:2]
        self.state = dict(zip((*self.slots, *self.numbers), self.inputs[2:], strict=False))
        self.operations = [n for n in self.graph.nodes if n.op != "placeholder"]
        for node in self.operations:
            self.values[node] = _result(node, self.values)
        self.whole = any(self._gathers(node) for node in self.operations)

    def full(self, node: fx.Node) -> bool:
        """Shaped like the parameter."""
        value = self.values[node]
        return isinstance(value, Tensor) and value.shape == (1, 3)

    def storage(self, node: fx.Node) -> int:
        """The same for nodes that show the same memory."""
        value = self.values[node]
        return value.untyped_storage().data_ptr() if isinstance(value, Tensor) else id(value)

    def _gathers(self, node: fx.Node) -> bool:
        return not self.full(node) and any(self.full(n) for n in node.all_input_nodes)


def _result(node: fx.Node, values: Mapping[fx.Node, Any]) -> Any:
    args = fx.node.map_arg(node.args, lambda n: values[n])
    options = fx.node.map_arg(node.kwargs, lambda n: values[n])
    if node.op == "call_method":
        return getattr(args[0], str(node.target))(*args[1:], **options)
    assert callable(node.target), "rules call functions and methods only"
    return node.target(*args, **options)


class _Memory:
    """Who reads which memory last, and where each new tensor may lie."""

    def __init__(self, written: _Written) -> None:
        self.written = written
        self._last: dict[int, int] = {}
        for at, node in enumerate(written.operations):
            for read in (*node.all_input_nodes, node):
                self._last[written.storage(read)] = at
        end = len(written.operations)
        self._last[written.storage(written.change)] = end
        self._slot_of: dict[int, str] = {}
        for name in written.slots:
            storage = written.storage(written.following[name])
            self._last[storage] = end
            self._slot_of.setdefault(storage, name)

    def last(self, node: fx.Node) -> int:
        """The last operation that reads a node's memory."""
        return self._last.get(self.written.storage(node), -1)

    def slot(self, node: fx.Node, at: int) -> str | None:
        """The slot whose old memory a new tensor can take, as its new value."""
        name = self._slot_of.get(self.written.storage(node))
        if name is None or self.last(self.written.state[name]) > at:
            return None
        return name


def _rewritten(written: _Written, memory: _Memory) -> tuple[fx.Graph, int]:
    """The same operations over given memory, and how many pieces of scratch they take."""
    graph = fx.Graph()
    new: dict[fx.Node, fx.Node] = {n: graph.placeholder(n.name) for n in written.inputs}
    scratch: list[fx.Node] = []
    free: list[fx.Node] = []
    taken: dict[int, fx.Node] = {}  # storage → its scratch memory
    placed: set[str] = set()
    after_inputs = list(graph.nodes)[-1]
    final = _final(written)
    for at, node in enumerate(written.operations):
        if node is final:
            continue
        args = fx.node.map_arg(node.args, lambda n: new[n])
        options = dict(fx.node.map_arg(node.kwargs, lambda n: new[n]))
        target = _with_out(written, node)
        if target is None:
            new[node] = graph.create_node(node.op, node.target, args, options)
        else:
            for storage in [s for s in taken if memory._last[s] <= at]:
                free.append(taken.pop(storage))
            slot = memory.slot(node, at)
            if slot is not None and slot not in placed:
                placed.add(slot)
                place = new[written.state[slot]]
            else:
                if not free:
                    with graph.inserting_after(scratch[-1] if scratch else after_inputs):
                        scratch.append(graph.placeholder(f"t{len(scratch)}"))
                    free.append(scratch[-1])
                place = free.pop()
                taken[written.storage(node)] = place
            if target is torch.clone:
                new[node] = graph.call_method("copy_", (place, *args))
            else:
                new[node] = graph.call_function(target, args, {**options, "out": place})
    for name in written.slots:
        if name not in placed:
            graph.call_method("copy_", (new[written.state[name]], new[written.following[name]]))
    parameter = new[written.parameter]
    if final is not None:
        x, factor = (new[n] for n in final.args)  # type: ignore[index]
        graph.call_method("addcmul_", (parameter, x, factor))
    else:
        graph.call_method("add_", (parameter, new[written.change]))
    graph.output(tuple(new[written.following[name]] for name in written.numbers))
    return graph, len(scratch)


def _with_out(written: _Written, node: fx.Node) -> Any:
    """The function that does a node's work into a given memory; None: it runs as it is."""
    value = written.values[node]
    inputs = node.all_input_nodes
    fresh = all(written.storage(node) != written.storage(n) for n in inputs)
    if not written.full(node) or not fresh or value.dtype != torch.float32:
        return None
    target = _OPERATORS.get(node.target, node.target)  # type: ignore[arg-type]
    name = target if isinstance(target, str) else getattr(target, "__name__", "")
    if name == "clone":
        return torch.clone
    return getattr(torch, name) if name in _OUT else None


def _final(written: _Written) -> fx.Node | None:
    """The last scaling of a change, which can be done while it is added to the parameter."""
    node = written.change
    if node.target not in (operator.mul, "mul_", "mul", torch.mul) or node.users or node.kwargs:
        return None
    first, second = node.args
    if not isinstance(first, fx.Node) or not isinstance(second, fx.Node):
        return None
    if not written.full(first) or written.full(second):
        return None
    mine = written.storage(node)
    others = (n for n in written.following.values() if written.storage(n) == mine)
    return None if any(others) else node
