"""A function of tensors as a graph of the operations that it came to.

torch's tracer, `make_fx`, does the same, but imports torch's compiler, which takes longer than many
a search; this one needs what is loaded anyway. The function runs once on examples. Whatever it is
(gradients by `torch.func`, `vmap`), its operations arrive here at the end, on plain tensors.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch import Tensor, fx
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

from methodic.engine.native.values import unsupported


def traced(
    function: Callable[..., Any],
    examples: Sequence[Any],
    simpler: Mapping[Any, Callable[..., Any]],
) -> tuple[fx.Graph, dict[str, Tensor]]:
    """What ``function`` does to trees of tensors; and the other tensors that it reads, by name.

    Args:
        function: its path doesn't depend on what the tensors hold.
        examples: its arguments, trees of tensors; a placeholder for each leaf, in order.
        simpler: operation → the same by others.

    Raises:
        InputError: the path does depend on what a tensor holds, or tensors can't be followed.
    """
    recorder = _Recorder(simpler)
    examples = pytree.tree_map_only(Tensor, lambda x: x.view_as(x), examples)  # one may come twice
    for n, leaf in enumerate(pytree.tree_leaves(examples)):
        recorder.bind(leaf, recorder.graph.placeholder(f"given{n}"))
    with recorder:
        result = function(*examples)
    recorder.graph.output(pytree.tree_map_only(Tensor, recorder.node, result))
    recorder.graph.eliminate_dead_code(_matters)
    return recorder.graph, recorder.constants


def _matters(node: fx.Node) -> bool:
    """Whether a node does something that others may see, though nobody reads it."""
    changes = getattr(node.target, "_schema", None)
    return node.op in ("placeholder", "output") or (changes is not None and changes.is_mutable)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down each operation while it is done."""

    def __init__(self, simpler: Mapping[Any, Callable[..., Any]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph = fx.Graph()
        self.constants: dict[str, Tensor] = {}
        self._simpler = simpler
        self._nodes: Any = WeakIdKeyDictionary()  # tensor → node
        self._parts: Any = WeakIdKeyDictionary()  # tensors that show a part of another

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch's compiler isn't here, and would be imported to be skipped

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        simpler = self._simpler.get(func, func.decompose)
        with self:
            result = simpler(*args, **kwargs)
        if result is not NotImplemented:
            return result
        aten = torch.ops.aten
        func = aten.lift_fresh_copy.default if func is aten.lift_fresh.default else func
        read = [x for x in pytree.tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        if read and not any(map(self._made, read)) and _fixed(func):
            result = func(*args, **kwargs)  # constants only: so is what they come to
        else:
            result = self._noted(func, args, kwargs, read)
        for part in pytree.tree_leaves(result) if func.is_view else ():
            if part.numel() < read[0].numel():
                self._parts[part] = True
        return result

    def _noted(self, func: Any, args: Any, kwargs: Any, read: Sequence[Tensor]) -> Any:
        """Do an operation, and write it down."""
        if torch.Tag.data_dependent_output in func.tags:
            raise unsupported("Python code that depends on what a tensor holds")
        if func._schema.is_mutable and any(x in self._parts for x in read[:1]):
            raise unsupported("an operation in place on a part of a tensor")
        # Before the operation is done: it may write over what it reads.
        given, options = pytree.tree_map_only(Tensor, self.node, (args, kwargs))
        result = func(*args, **kwargs)
        self.bind(result, self.graph.call_function(func, given, options))
        return result

    def _made(self, x: Tensor) -> bool:
        """Whether ``x`` is an argument, or what an operation came to."""
        node = self._nodes.get(x)
        return node is not None and node.op != "get_attr"

    def bind(self, value: Any, node: fx.Node) -> None:
        """From now on ``value`` is what ``node`` gives: after an operation in place, too."""
        if isinstance(value, Tensor):
            # As it is now, without its memory.
            shape, strides = value.shape, value.stride()
            node.meta["val"] = torch.empty_strided(shape, strides, dtype=value.dtype, device="meta")
            self._nodes[value] = node
            return
        if not isinstance(value, tuple | list):
            raise unsupported(f"the operation {node.target}")
        for n, each in enumerate(value):
            if isinstance(each, Tensor):
                self.bind(each, self.graph.call_function(operator.getitem, (node, n)))

    def node(self, x: Tensor) -> fx.Node:
        """Where ``x`` comes from; one that nobody made is a constant."""
        node: fx.Node | None = self._nodes.get(x)
        if node is None:
            name = f"constant{len(self.constants)}"
            self.constants[name] = x.clone()
            node = self.graph.create_node("get_attr", name)
            self.bind(x, node)
        return node


def _fixed(func: Any) -> bool:
    """Whether an operation on constants gives the same each time, and leaves them as they are."""
    return not func._schema.is_mutable and torch.Tag.nondeterministic_seeded not in func.tags
