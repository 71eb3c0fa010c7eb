"""Operations with loops of their own: what joins, picks, sums up and multiplies."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from methodic.engine.native.arithmetic import elementwise, number
from methodic.engine.native.program import Call
from methodic.engine.native.values import Index, Lazy, Value, View, nest, unsupported
from methodic.engine.native.views import sliced, squeeze, unsqueeze


def cat(call: Call, parts: Sequence[Value], axis: int = 0) -> Value:
    target = call.program.scratch(call.shape, call.dtype)
    at, axis = 0, axis % len(call.shape)
    for part in parts:
        if math.prod(part.shape) == 0:
            continue
        offset = at * target.strides[axis]
        part = part.stored if isinstance(part, Lazy) and part.stored else part
        call.program.move(part, View(target.storage, offset, part.shape, target.strides))
        at += part.shape[axis]
    return target


def stack(call: Call, parts: Sequence[Value], axis: int = 0) -> Value:
    return cat(call, [unsqueeze(call, part, axis) for part in parts], axis)


def pad(call: Call, x: Value, pads: Sequence[int], value: float = 0.0) -> Value:
    axes = [(len(x.shape) - 1 - n, pads[2 * n], pads[2 * n + 1]) for n in range(len(pads) // 2)]
    for axis, before, after in axes:
        if before < 0 or after < 0:
            shape = list(x.shape)
            shape[axis] += min(before, 0) + min(after, 0)
            x = sliced(call.of(shape, x.dtype), x, axis, max(-before, 0))
    if tuple(x.shape) == call.shape:
        return x
    target = call.program.scratch(call.shape, call.dtype)
    text = number(value, call.dtype)
    call.program.copy(Lazy(call.shape, call.dtype, lambda _: text, 0, ()), target)
    offset = sum(max(before, 0) * target.strides[axis] for axis, before, _ in axes)
    call.program.copy(x, View(target.storage, offset, x.shape, target.strides))
    return target


def slice_scatter(
    call: Call, x: Value, part: Value, axis: int = 0, start: Any = None, *_: Any
) -> Value:
    target = call.program.scratch(call.shape, call.dtype)
    call.program.copy(x, target)
    axis, first = axis % len(x.shape), start or 0
    first = first + x.shape[axis] if first < 0 else first
    place = View(target.storage, first * target.strides[axis], part.shape, target.strides)
    call.program.copy(part, place)
    return target


def index_select(call: Call, x: Value, axis: int, index: Value) -> Value:
    axis = axis % len(x.shape)
    table, places = call.program.stored(x), call.program.stored(index)

    def at(i: Index) -> str:
        return table.at([*i[:axis], places.at([i[axis]]), *i[axis + 1 :]])

    return Lazy(call.shape, call.dtype, at, 1, (table, places))


def gather(call: Call, x: Value, axis: int, index: Value, **_: Any) -> Value:
    axis = axis % len(x.shape)
    table, places = call.program.stored(x), call.program.stored(index)

    def at(i: Index) -> str:
        return table.at([*i[:axis], places.at(i), *i[axis + 1 :]])

    return Lazy(call.shape, call.dtype, at, 1, (table, places))


def embedding(call: Call, table: Value, index: Value, *_: Any, **__: Any) -> Value:
    rows, places = call.program.stored(table), call.program.stored(index)

    def at(i: Index) -> str:
        return rows.at([places.at(i[:-1]), i[-1]])

    return Lazy(call.shape, call.dtype, at, 1, (rows, places))


def indexed(call: Call, x: Value, indices: Sequence[Any]) -> Value:
    """x[index], along the first axis."""
    if len(indices) != 1:
        raise unsupported("indices of several axes")
    table, places = call.program.stored(x), call.program.stored(indices[0])
    axes = len(places.shape)

    def at(i: Index) -> str:
        return table.at([places.at(i[:axes]), *i[axes:]])

    return Lazy(call.shape, call.dtype, at, 1, (table, places))


def embedding_backward(
    call: Call, slope: Value, index: Value, _rows: int, padding: int = -1, *_: Any
) -> Value:
    if padding >= 0:
        raise unsupported("embeddings with padding")
    given, places = call.program.stored(slope), call.program.stored(index)
    target = call.program.scratch(call.shape, call.dtype)
    call.program.copy(Lazy(call.shape, call.dtype, lambda _: "0", 0, ()), target)
    names = [f"i{n}" for n in range(len(given.shape))]
    body = f"{target.at([places.at(names[:-1]), names[-1]])} += {given.at(names)};"
    call.program.add(
        nest(names, given.shape, body, None), {given.storage, places.storage}, target.storage
    )
    return target


def reduction(kind: str) -> Callable[..., Value]:
    def made(call: Call, x: Value, axes: Any = None, keep: bool = False, **_: Any) -> Value:
        axes = [axes] if isinstance(axes, int) else axes
        every = list(range(len(x.shape)))
        over = [a % len(x.shape) for a in axes] if axes else every
        if x.cost > 200:
            x = call.program.stored(x)
        if x.dtype == torch.bool and kind != "max":  # sums are counts, which a bool can't hold
            x = elementwise("{0}", 1)(call.of(x.shape, call.dtype), x)
        found: Value = call.program.reduced(x, over, "max" if kind == "max" else "sum")
        if kind == "mean":
            n = math.prod(x.shape[a] for a in over)
            whole = call.of(found.shape, call.dtype)
            found = elementwise("{0}/{1}", 4)(whole, found, float(n))
        return found if keep else squeeze(call, found, over)

    return made


def norm(call: Call, x: Value, order: Any = 2, axes: Any = None, keep: bool = False) -> Value:
    if order != 2:
        raise unsupported(f"the norm of order {order}")
    x = call.program.stored(x)
    square = elementwise("{0}*{0}")(call.of(x.shape, x.dtype), x)
    return elementwise("__builtin_sqrtf({0})", 4)(call, reduction("sum")(call, square, axes, keep))


def product(call: Call, a: Value, b: Value) -> Value:
    return call.program.product(a, b)
