"""Formulas over single numbers, done by Python: a tensor's operation takes fifty times as long."""

from __future__ import annotations

import operator
from collections.abc import Callable

import torch
from torch import fx

from methodic.optimizers.as_torch.written import name

_SAME: dict[str, Callable[..., float]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
    "maximum": max,
    "minimum": min,
    "clamp_min": max,
}


def on_host(graph: fx.Graph) -> Callable[..., tuple[float, ...]] | None:
    """The same function of finite Python numbers; None where some operation has no counterpart.

    Args:
        graph: of operations on tensors of one number each, with such tensors as inputs and results.
    """
    made = fx.Graph()
    new: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        if node.op == "placeholder":
            new[node] = made.placeholder(node.name)
        elif node.op == "output":
            made.output(fx.node.map_arg(node.args[0], new.__getitem__))
        elif name(node) == "reshape":
            new[node] = new[node.args[0]]
        elif name(node) in _SAME and not node.kwargs:
            args = fx.node.map_arg(node.args, new.__getitem__)
            new[node] = made.call_function(_SAME[name(node)], args)
        else:
            return None
    found: Callable[..., tuple[float, ...]] = fx.GraphModule(torch.nn.Module(), made).forward
    return found
