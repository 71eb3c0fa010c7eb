"""An update rule's formula, written down as the operations that it takes, and made shorter.

Shapes: one row of numbers, [1, n].
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx
from torch.fx.proxy import GraphAppendingTracer, Proxy

from methodic.types import Rule

_NAMES = {
    operator.add: "add",
    operator.sub: "sub",
    operator.mul: "mul",
    operator.truediv: "div",
    operator.neg: "neg",
}


class Term(NamedTuple):
    """Something that is added to the parameter, by a method of it."""

    method: str
    args: tuple[Any, ...]
    options: dict[str, Any]


class Written:
    """A rule's operations in order, what each yields for an example, and when it can run.

    Attributes:
        operations: what has to be computed before the terms are added.
        terms: together they are the change; at most the first reads the parameter itself.
        late: operations over elements that run after the terms, and may write over what those read.
        stages: operation → how many times all elements must have been seen before it.
        gathering: operations that see all elements and yield numbers.

    Args:
        rule: whose update.
        coefficients: names that it reads.
        means: coefficient → the one that it adds up to 1 with.
    """

    def __init__(
        self, rule: Rule, coefficients: Sequence[str], means: Mapping[str, str] | None = None
    ) -> None:
        row, one = torch.ones(1, 3), torch.ones(())
        initial = rule.initial(row)
        self.slots = tuple(name for name, x in initial.items() if x.shape == row.shape)
        self.numbers = tuple(name for name in initial if name not in self.slots)
        graph = fx.Graph()
        tracer = _Tracer(graph)
        self.values = tracer.values

        def given(label: str, example: Tensor) -> Proxy:
            node = graph.placeholder(label)
            self.values[node] = example.clone()
            return tracer.proxy(node)

        gradient, parameter = given("g", row), given("w", row)
        state = {
            name: given(f"s{i}", initial[name])
            for i, name in enumerate((*self.slots, *self.numbers))
        }
        c = {
            name: given(f"c{i}", row if name == "point" else one)
            for i, name in enumerate(coefficients)
        }
        self.inputs = list(graph.nodes)
        change, following = rule.update(gradient, parameter, state, c)  # type: ignore[arg-type]
        self.change: fx.Node = change.node  # type: ignore[attr-defined]
        self.following: dict[str, fx.Node] = {n: x.node for n, x in following.items()}  # type: ignore[attr-defined]
        self.parameter = self.inputs[1]
        self.state = dict(zip((*self.slots, *self.numbers), self.inputs[2:], strict=False))
        self._constants = {c[name].node for name in coefficients if name != "point"}
        self._alone = rule.scope == "whole"  # a number that it computes is one number
        self.operations = [n for n in graph.nodes if n.op != "placeholder"]
        self._name_what_is_overwritten()
        self._fold_products()
        self._fold_means({c[fresh].node: c[kept].node for fresh, kept in (means or {}).items()})
        self.late = self._after_the_change()
        self.terms = self._in_terms()
        self.gathering = {n for n in self.operations if self._gathers(n)}
        self.stages = self._staged()

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

    def _name_what_is_overwritten(self) -> None:
        """Who reads a tensor after it was written over shall read the result of the writing."""
        at = {node: i for i, node in enumerate(self.operations)}
        for node in self.operations:
            if not writes(node):
                continue
            old, here = node.args[0], at[node]
            assert isinstance(old, fx.Node)
            later = {user for user in old.users if at[user] > here}
            old.replace_all_uses_with(node, delete_user_cb=later.__contains__)
            self.change = node if self.change is old else self.change
            self.following = {n: node if x is old else x for n, x in self.following.items()}

    def _fold_products(self) -> None:
        """x + (a · b) · c with a number c is one operation."""
        kept = set(self.following.values())
        for node in list(self.operations):
            if name(node) not in ("addcmul", "addcmul_") or node.kwargs or len(node.args) != 3:
                continue
            x, product, factor = node.args
            if (
                self._is_number(factor)
                and isinstance(product, fx.Node)
                and name(product) == "mul"
                and all(isinstance(n, fx.Node) for n in product.args)
                and len(product.users) == 1
                and product not in kept
                and not self._overwritten(product.all_input_nodes, product, (node,))
            ):
                node.args = (x, *product.args)
                node.kwargs = {"value": self._scalar(factor)}
                self.operations.remove(product)
                product.graph.erase_node(product)

    def _fold_means(self, pairs: Mapping[fx.Node, fx.Node]) -> None:
        """mean · kept + x · fresh, with numbers that add up to 1, is one operation."""
        for node in list(self.operations):
            if name(node) not in ("addcmul", "addcmul_") or node.kwargs or len(node.args) != 3:
                continue
            kept, x, factor = node.args
            if (
                factor in pairs
                and isinstance(kept, fx.Node)
                and name(kept) == "mul"
                and not kept.kwargs
                and kept.args[1] is pairs[factor]
                and len(kept.users) == 1
                and not self._overwritten(kept.all_input_nodes, kept, (node,))
            ):
                with node.graph.inserting_before(node):
                    mean = node.graph.call_function(torch.lerp, (kept.args[0], x, factor))
                self.values[mean] = self.values[node]  # later operations may write over it
                self._replace(node, mean)
                self.operations.remove(kept)
                kept.graph.erase_node(kept)

    def _replace(self, old: fx.Node, new: fx.Node) -> None:
        old.replace_all_uses_with(new)
        self.operations[self.operations.index(old)] = new
        self.change = new if self.change is old else self.change
        self.following = {n: new if x is old else x for n, x in self.following.items()}
        old.graph.erase_node(old)

    def _is_number(self, factor: object) -> bool:
        """It can be the ``value`` of addcmul and addcdiv, which takes no memory to be read."""
        if not isinstance(factor, fx.Node) or self.full(factor):
            return False
        return factor in self._constants or self._alone

    def _scalar(self, factor: fx.Node) -> fx.Node:
        """A number without axes."""
        if factor in self._constants:
            return factor
        with factor.graph.inserting_after(factor):
            flat = factor.graph.call_method("reshape", (factor, ()))
        self.values[flat] = self.values[factor].reshape(())
        at = self.operations.index(factor) + 1 if factor in self.operations else 0
        self.operations.insert(at, flat)
        return flat

    def _overwritten(
        self, nodes: Iterable[fx.Node], since: fx.Node, ignored: Iterable[fx.Node]
    ) -> bool:
        """Whether some node's memory is written to after an operation."""
        memory = {self.storage(node) for node in nodes}
        later = self.operations[self.operations.index(since) + 1 :]
        return any(writes(n) and self.storage(n) in memory for n in later if n not in ignored)

    def _after_the_change(self) -> frozenset[fx.Node]:
        if self.change not in self.operations or any(map(self._gathers, self.operations)):
            return frozenset()
        rest = self.operations[self.operations.index(self.change) + 1 :]
        after = frozenset(node for node in rest if self.full(node))
        reading = any(self.parameter in node.all_input_nodes for node in after)
        return frozenset() if reading else after

    def _in_terms(self) -> list[Term]:
        """Add the summands of a change one by one, instead of adding them up before."""
        dissolved: list[fx.Node] = []
        terms = self._split(self.change, 0, dissolved)
        reading = [term for term in terms if self.parameter in term.args]
        if len(reading) > 1:
            return [Term("add_", (self.change,), {})]
        self.operations = [node for node in self.operations if node not in dissolved]
        return [*reading, *(term for term in terms if term not in reading)]

    def _split(self, node: fx.Node, users: int, dissolved: list[fx.Node]) -> list[Term]:
        whole = [Term("add_", (node,), {})]
        if not self._dissolves(node, users, dissolved):
            return whole
        if name(node) in ("addcmul", "addcmul_"):
            dissolved.append(node)
            first, *factors = node.args
            assert isinstance(first, fx.Node)
            own = Term("addcmul_", tuple(factors), dict(node.kwargs))
            return [*self._split(first, 1, dissolved), own]
        if name(node) not in ("mul", "mul_") or node.kwargs:
            return whole
        first, factor = node.args
        if not isinstance(first, fx.Node) or not isinstance(factor, fx.Node):
            return whole
        if not self.full(first) or self.full(factor):
            return whole
        dissolved.append(node)
        ratio = name(first) == "div" and self._is_number(factor) and not first.kwargs
        ratio = ratio and all(isinstance(n, fx.Node) and self.full(n) for n in first.args)
        if ratio and self._dissolves(first, 1, dissolved):
            dissolved.append(first)
            return [Term("addcdiv_", first.args, {"value": self._scalar(factor)})]
        return [Term("addcmul_", (first, factor), {})]

    def _dissolves(self, node: fx.Node, users: int, dissolved: list[fx.Node]) -> bool:
        """Nobody else reads a node, and its operands will still be there at the end."""
        memory = {self.storage(following) for following in self.following.values()}
        return (
            node in self.operations
            and len(node.users) == users
            and self.storage(node) not in memory
            and not self._overwritten(node.all_input_nodes, node, {*dissolved, *self.late})
        )

    def _staged(self) -> dict[fx.Node, int]:
        stages: dict[fx.Node, int] = {}
        readers: dict[int, int] = {}  # storage → the latest stage that touches it
        for node in self.operations:
            inputs = node.all_input_nodes
            stage = max((stages.get(n, 0) + (n in self.gathering) for n in inputs), default=0)
            if writes(node):
                stage = max(stage, readers.get(self.storage(node), 0))
            stages[node] = stage
            for read in (*inputs, node):
                storage = self.storage(read)
                readers[storage] = max(readers.get(storage, 0), stage)
        self._delay(stages)
        return stages

    def _delay(self, stages: dict[fx.Node, int]) -> None:
        """What only later stages read can be computed there, if its operands stay."""
        last = max([0, *stages.values(), *(stages[node] + 1 for node in self.gathering)])
        staying = {self.storage(node) for node in self.following.values()}
        staying |= {self.storage(node) for node in self.inputs}
        for node in reversed(self.operations):
            operands = [n for n in node.all_input_nodes if self.full(n)]
            fresh = all(self.storage(n) != self.storage(node) for n in operands)
            if (
                self.full(node)
                and fresh
                and self.storage(node) not in staying
                and all(self.storage(n) in staying for n in operands)
                and not self._overwritten(operands, node, ())
            ):
                memory = self.storage(node)
                readers = [n for n in self.operations if n is not node]
                found = [
                    stages[n]
                    for n in readers
                    if any(self.storage(x) == memory for x in n.all_input_nodes)
                ]
                stages[node] = max(stages[node], min(found, default=last))

    def last_stage(self) -> int:
        """When the terms are added."""
        gathered = (self.stages[node] + 1 for node in self.gathering)
        return max([0, *self.stages.values(), *gathered])


def name(node: fx.Node) -> str:
    """What an operation is called in torch; of methods that write, with an underscore."""
    target = node.target
    if isinstance(target, str):
        return target
    return _NAMES.get(target, getattr(target, "__name__", ""))


def writes(node: fx.Node) -> bool:
    """It writes over its first operand."""
    return node.op == "call_method" and str(node.target).endswith("_")


class _Known(Proxy):
    """A tensor to come, of which the number of axes is known."""

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        assert isinstance(self.tracer, _Tracer)
        found: int = self.tracer.values[self.node].ndim
        return found


class _Tracer(GraphAppendingTracer):
    """Writes operations down and does them on an example."""

    def __init__(self, graph: fx.Graph) -> None:
        super().__init__(graph)
        self.values: dict[fx.Node, Any] = {}

    def proxy(self, node: fx.Node) -> Proxy:
        """What stands for an operation's result."""
        if node not in self.values:
            self.values[node] = _result(node, self.values)
        return _Known(node, self)


def _result(node: fx.Node, values: Mapping[fx.Node, Any]) -> Any:
    args = fx.node.map_arg(node.args, lambda n: values[n])
    options = fx.node.map_arg(node.kwargs, lambda n: values[n])
    if node.op == "call_method":
        return getattr(args[0], str(node.target))(*args[1:], **options)
    assert callable(node.target), "rules call functions and methods only"
    return node.target(*args, **options)
