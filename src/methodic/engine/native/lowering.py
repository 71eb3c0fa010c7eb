"""A traced graph of tensor operations, for one member, as a program of loops."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch import fx

from methodic.engine.native import arithmetic, moves, views
from methodic.engine.native.arithmetic import elementwise
from methodic.engine.native.program import Call, Program
from methodic.engine.native.values import C_TYPES, Lazy, Value, View, unsupported


class Lowering:
    """Walks a graph and adds its statements to a program.

    Args:
        program: to add to.
        inputs: a value for each placeholder, in order.
        constants: name of an attribute → its value.
        outputs: where the first of the graph's outputs go.
    """

    def __init__(
        self,
        program: Program,
        inputs: Sequence[Value],
        constants: Mapping[str, Value],
        outputs: Sequence[View],
    ) -> None:
        self.program = program
        self._inputs = list(inputs)
        self._constants = constants
        self._outputs = outputs
        self._targets: dict[fx.Node, View] = {}
        self._known: dict[fx.Node, Any] = {}

    def run(self, graph: fx.Graph) -> list[Value]:
        """Write the first outputs to their places; the values of the others."""
        last = next(node for node in graph.nodes if node.op == "output")
        leaves = pytree.tree_leaves(last.args[0])
        for node, target in zip(leaves, self._outputs, strict=False):
            self._targets.setdefault(node, target)
        for node in graph.nodes:
            if node.op == "placeholder":
                self._known[node] = self._inputs.pop(0)
            elif node.op == "get_attr":
                self._known[node] = self._constants[node.target]
            elif node.op == "output":
                for leaf, target in zip(leaves, self._outputs, strict=False):
                    if self._known[leaf] is not target:
                        self.program.copy(self._known[leaf], target)
                return [self._known[leaf] for leaf in leaves[len(self._outputs) :]]
            elif node.users or _in_place(node) is not None:
                self._call(node)
        raise AssertionError("a graph has an output")

    def _call(self, node: fx.Node) -> None:
        arguments: Any = fx.node.map_arg(node.args, lambda n: self._known[n])
        options = dict(fx.node.map_arg(node.kwargs, lambda n: self._known[n]))
        if node.target is operator.getitem:
            several, at = arguments
            self._known[node] = several[at]
            return
        name = node.target.name().removeprefix("aten::")  # type: ignore[union-attr]
        base = name.split(".")[0]
        options.pop("out", None)
        made = OPERATIONS.get(base.rstrip("_") if base not in OPERATIONS else base)
        if made is None:
            raise unsupported(f"the operation {name}")
        value = made(_called(self.program, node), *arguments, **options)
        target = self._targets.get(node)
        if target is not None and isinstance(value, Lazy) and value.stored is None:
            self.program.copy(value, target)
            value = target
        if isinstance(value, Lazy) and _worth_storing(node, value):
            self.program.stored(value)
        self._known[node] = value
        written = _in_place(node)
        if written is not None:
            self._known[written] = value


def _called(program: Program, node: fx.Node) -> Call:
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor):  # several tensors; each knows its own
        return Call(program, (), torch.float32)
    if value.dtype not in C_TYPES:
        raise unsupported(f"numbers of type {value.dtype}")
    return Call(program, tuple(value.shape), value.dtype)


def _in_place(node: fx.Node) -> fx.Node | None:
    """The argument that an operation writes to."""
    if node.op != "call_function" or node.target is operator.getitem:
        return None
    if "out" in node.kwargs:
        return node.kwargs["out"]  # type: ignore[return-value]
    schema = node.target._schema  # type: ignore[union-attr]
    first = schema.arguments[0] if schema.arguments else None
    if first is not None and first.alias_info is not None and first.alias_info.is_write:
        return node.args[0]  # type: ignore[return-value]
    return None


def _worth_storing(node: fx.Node, value: Lazy) -> bool:
    """Whether several readers would compute the same again."""
    return value.cost > 0 and sum(_readers(user, node) for user in node.users) > 1


def _readers(node: fx.Node, read: fx.Node) -> int:
    name = str(node.target)
    if "alias" in name or "squeeze" in name:  # shows the same elements
        return sum(_readers(user, node) for user in node.users)
    if "copy_" in name and node.args[0] is read and node.args[1] is not read:
        return 0  # it is overwritten
    return 1


_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}

OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "alias": views.same,
    "detach": views.same,
    "clone": views.same,
    "contiguous": views.same,
    "lift_fresh_copy": views.same,
    "copy_": lambda call, _, x, *__: arithmetic.convert(call, x),
    "copy": lambda call, _, x, *__: arithmetic.convert(call, x),
    "squeeze": views.squeeze,
    "unsqueeze": views.unsqueeze,
    "permute": views.permute,
    "transpose": views.transpose,
    "expand": views.expand,
    "slice": views.sliced,
    "select": views.select,
    "split_with_sizes": views.split,
    "view": views.view,
    "_unsafe_view": views.view,
    "reshape": views.view,
    "add": arithmetic.scaled("{0} + {1}"),
    "sub": arithmetic.scaled("{0} - {1}"),
    "rsub": elementwise("{1} - {0}"),
    "mul": elementwise("{0}*{1}"),
    "div": elementwise("{0}/{1}", 4),
    "neg": elementwise("-{0}"),
    "reciprocal": elementwise("1.0f/{0}", 4),
    "addcmul": arithmetic.addc("*"),
    "addcdiv": arithmetic.addc("/"),
    "abs": elementwise("__builtin_fabsf({0})"),
    "sign": elementwise("({0} > 0) - ({0} < 0)"),
    "sqrt": elementwise("__builtin_sqrtf({0})", 4),
    "rsqrt": elementwise("1.0f/__builtin_sqrtf({0})", 8),
    "exp": elementwise("exp_({0})", 20),
    "log": elementwise("log_({0})", 20),
    "log1p": elementwise("log1p_({0})", 25),
    "expm1": elementwise("expm1_({0})", 20),
    "tanh": elementwise("tanh_({0})", 25),
    "sigmoid": elementwise("sigmoid_({0})", 25),
    "erf": elementwise("erf_({0})", 25),
    "sin": elementwise("sin_({0})", 25),
    "cos": elementwise("cos_({0})", 25),
    "round": elementwise("__builtin_rintf({0})"),
    "floor": elementwise("__builtin_floorf({0})"),
    "relu": elementwise("({0} < 0 ? 0 : {0})", 1),
    "leaky_relu": arithmetic.leaky_relu,
    "gelu": arithmetic.gelu,
    "elu": arithmetic.elu,
    "mish": elementwise("mish_({0})", 25),
    "mish_backward": elementwise("{0}*mish_slope_({1})", 30),
    "maximum": elementwise("larger({0}, {1})", 2),
    "minimum": elementwise("smaller({0}, {1})", 2),
    "clamp": arithmetic.clamp,
    "clamp_min": lambda call, x, low: arithmetic.clamp(call, x, low),
    "clamp_max": lambda call, x, high: arithmetic.clamp(call, x, None, high),
    "pow": arithmetic.power,
    "square": lambda call, x: arithmetic.power(call, x, 2),
    **{name: arithmetic.comparison(sign) for name, sign in _COMPARISONS.items()},
    "logical_and": elementwise("{0} && {1}"),
    "logical_not": elementwise("!{0}"),
    "bitwise_and": elementwise("{0} & {1}"),
    "bitwise_or": elementwise("{0} | {1}"),
    "bitwise_xor": elementwise("{0} ^ {1}"),
    "bitwise_not": lambda call, x: elementwise("!{0}" if call.dtype == torch.bool else "~{0}")(
        call, x
    ),
    "bitwise_right_shift": elementwise("{0} >> {1}"),
    "__rshift__": elementwise("{0} >> {1}"),
    "where": lambda call, c, x, y: arithmetic.where(call, c, x, y),
    "full": arithmetic.filled,
    "full_like": arithmetic.filled,
    "fill": lambda call, x, value: arithmetic.filled(call, x, value),
    "zeros": arithmetic.constant(0),
    "zeros_like": arithmetic.constant(0),
    "new_zeros": arithmetic.constant(0),
    "empty_like": arithmetic.constant(0),
    "empty_permuted": arithmetic.constant(0),
    "ones": arithmetic.constant(1),
    "ones_like": arithmetic.constant(1),
    "new_ones": arithmetic.constant(1),
    "scalar_tensor": arithmetic.scalar,
    "arange": arithmetic.arange,
    "_to_copy": arithmetic.convert,
    "cat": moves.cat,
    "stack": moves.stack,
    "constant_pad_nd": moves.pad,
    "slice_scatter": moves.slice_scatter,
    "index": moves.indexed,
    "index_select": moves.index_select,
    "gather": moves.gather,
    "embedding": moves.embedding,
    "embedding_dense_backward": moves.embedding_backward,
    "sum": moves.reduction("sum"),
    "mean": moves.reduction("mean"),
    "amax": moves.reduction("max"),
    "linalg_vector_norm": moves.norm,
    "bmm": moves.product,
}
