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
        InputError: the path does depend on what a tensor holds.
    """
    recorder = _Recorder(simpler)
    for n, leaf in enumerate(pytree.tree_leaves(examples)):
        recorder.bind(leaf, recorder.graph.placeholder(f"given{n}"))
    with recorder:
        result = function(*examples)
    recorder.graph.output(pytree.tree_map_only(Tensor, recorder.node, result))
    return recorder.graph, recorder.constants


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down each operation while it is done."""

    def __init__(self, simpler: Mapping[Any, Callable[..., Any]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph = fx.Graph()
        self.constants: dict[str, Tensor] = {}
        self._simpler = simpler
        self._nodes: dict[int, fx.Node] = {}  # by the tensor's id: nodes keep their tensors alive

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
        if read and not any(map(self._made, read)):
            return func(*args, **kwargs)  # constants only: so is what they come to
        if func is aten._local_scalar_dense.default:
            raise unsupported("Python code that depends on what a tensor holds")
        result = func(*args, **kwargs)
        given, options = pytree.tree_map_only(Tensor, self.node, (args, kwargs))
        self.bind(result, self.graph.call_function(func, given, options))
        return result

    def _made(self, x: Tensor) -> bool:
        """Whether ``x`` is an argument, or what an operation came to."""
        node = self._nodes.get(id(x))
        return node is not None and node.op != "get_attr"

    def bind(self, value: Any, node: fx.Node) -> None:
        """From now on ``value`` is what ``node`` gives: after an operation in place, too."""
        node.meta["val"] = value
        if isinstance(value, Tensor):
            self._nodes[id(value)] = node
            return
        for n, each in enumerate(value):
            if isinstance(each, Tensor):
                self.bind(each, self.graph.call_function(operator.getitem, (node, n)))

    def node(self, x: Tensor) -> fx.Node:
        """Where ``x`` comes from; one that nobody made is a constant."""
        if id(x) not in self._nodes:
            name = f"constant{len(self.constants)}"
            self.constants[name] = x
            self.bind(x, self.graph.create_node("get_attr", name))
        return self._nodes[id(x)]
