"""Operations that show the same elements in another shape; nothing is computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from methodic.engine.native.program import Call
from methodic.engine.native.values import Index, Lazy, Value, View, strides_of, unsupported


def _viewed(
    call: Call,
    x: Value,
    shape: Sequence[int],
    index: Callable[[Index], Sequence[str]],
    view: Callable[[View], View],
) -> Value:
    """Other indices of the same elements."""
    del call
    if isinstance(x, View):
        return view(x)
    if x.stored is not None:
        return view(x.stored)
    return Lazy(tuple(shape), x.dtype, lambda i: x.at(index(i)), 0, (x,), (x, view))


def squeeze(call: Call, x: Value, axes: Any = None) -> Value:
    axes = [axes] if isinstance(axes, int) else axes
    every = range(len(x.shape)) if axes is None else [a % len(x.shape) for a in axes]
    gone = [a for a in every if x.shape[a] == 1]
    stay = [a for a in range(len(x.shape)) if a not in gone]

    def index(i: Index) -> list[str]:
        rest = list(i)
        return ["0" if a in gone else rest.pop(0) for a in range(len(x.shape))]

    def view(v: View) -> View:
        return View(
            v.storage,
            v.offset,
            tuple(v.shape[a] for a in stay),
            tuple(v.strides[a] for a in stay),
            v.kind,
        )

    return _viewed(call, x, [x.shape[a] for a in stay], index, view)


def unsqueeze(call: Call, x: Value, axis: int) -> Value:
    at = axis % (len(x.shape) + 1)

    def view(v: View) -> View:
        return View(
            v.storage,
            v.offset,
            (*v.shape[:at], 1, *v.shape[at:]),
            (*v.strides[:at], 0, *v.strides[at:]),
            v.kind,
        )

    shape = (*x.shape[:at], 1, *x.shape[at:])
    return _viewed(call, x, shape, lambda i: [*i[:at], *i[at + 1 :]], view)


def permute(call: Call, x: Value, order: Sequence[int]) -> Value:
    order = [a % len(x.shape) for a in order]

    def index(i: Index) -> list[str]:
        found = [""] * len(order)
        for name, axis in zip(i, order, strict=True):
            found[axis] = name
        return found

    def view(v: View) -> View:
        return View(
            v.storage,
            v.offset,
            tuple(v.shape[a] for a in order),
            tuple(v.strides[a] for a in order),
            v.kind,
        )

    return _viewed(call, x, [x.shape[a] for a in order], index, view)


def transpose(call: Call, x: Value, a: int, b: int) -> Value:
    order = list(range(len(x.shape)))
    order[a], order[b] = order[b], order[a]
    return permute(call, x, order)


def expand(call: Call, x: Value, sizes: Sequence[int], **_: Any) -> Value:
    del sizes
    shape = call.shape
    new = len(shape) - len(x.shape)
    if x.cost > 0 and math.prod(shape) > math.prod(x.shape):
        x = call.program.stored(x)

    def index(i: Index) -> list[str]:
        return ["0" if size == 1 else name for name, size in zip(i[new:], x.shape, strict=True)]

    def view(v: View) -> View:
        strides = [
            0 if size == 1 else stride for size, stride in zip(v.shape, v.strides, strict=True)
        ]
        return View(v.storage, v.offset, shape, (*[0] * new, *strides), v.kind)

    return _viewed(call, x, shape, index, view)


def sliced(
    call: Call, x: Value, axis: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Value:
    del end
    axis, first = axis % len(x.shape), start or 0
    first = first + x.shape[axis] if first < 0 else min(first, x.shape[axis])

    def index(i: Index) -> list[str]:
        moved = list(i)
        moved[axis] = f"({first}+{i[axis]}*{step})"
        return moved

    def view(v: View) -> View:
        strides = list(v.strides)
        offset = v.offset + first * strides[axis]
        strides[axis] *= step
        return View(v.storage, offset, call.shape, tuple(strides), v.kind)

    return _viewed(call, x, call.shape, index, view)


def select(call: Call, x: Value, axis: int, at: int) -> Value:
    axis = axis % len(x.shape)
    at = at % x.shape[axis]

    def index(i: Index) -> list[str]:
        return [*i[:axis], str(at), *i[axis:]]

    def view(v: View) -> View:
        return View(
            v.storage,
            v.offset + at * v.strides[axis],
            (*v.shape[:axis], *v.shape[axis + 1 :]),
            (*v.strides[:axis], *v.strides[axis + 1 :]),
            v.kind,
        )

    return _viewed(call, x, call.shape, index, view)


def split(call: Call, x: Value, sizes: Sequence[int], axis: int = 0) -> list[Value]:
    found, start = [], 0
    for size in sizes:
        shape = list(x.shape)
        shape[axis] = size
        found.append(sliced(call.of(shape, x.dtype), x, axis, start))
        start += size
    return found


def view(call: Call, x: Value, shape: Any) -> Value:
    if isinstance(shape, torch.dtype):
        return _as_type(call, x)
    target = call.shape
    if [n for n in x.shape if n != 1] == [n for n in target if n != 1]:
        return _ones_moved(call, x, target)
    dense = call.program.dense(x)
    return View(dense.storage, dense.offset, target, strides_of(target), dense.kind)


def _ones_moved(call: Call, x: Value, target: tuple[int, ...]) -> Value:
    """A shape that differs in axes of length 1 only."""

    def index(i: Index) -> list[str]:
        long = [name for name, size in zip(i, target, strict=True) if size != 1]
        return ["0" if size == 1 else long.pop(0) for size in x.shape]

    def view(v: View) -> View:
        long = [s for s, size in zip(v.strides, v.shape, strict=True) if size != 1]
        return View(
            v.storage, v.offset, target, tuple(0 if n == 1 else long.pop(0) for n in target), v.kind
        )

    return _viewed(call, x, target, index, view)


def _as_type(call: Call, x: Value) -> Value:
    """The same bits as numbers of another type."""
    dense = call.program.dense(x)
    if dense.kind is not None:
        raise unsupported("bits read as a third type")
    offset, rest = divmod(dense.offset * dense.dtype.itemsize, call.dtype.itemsize)
    assert rest == 0, "torch refuses such views"
    return View(dense.storage, offset, call.shape, strides_of(call.shape), call.dtype)


def same(call: Call, x: Value, *_: Any, **__: Any) -> Value:
    del call
    return x
