"""Values of a traced graph as C++: what is stored, what is computed where it is read.

Pointwise operations aren't stored: each becomes part of the expression that reads it, until a
reduction, a product of matrices, several readers or an output ask for its elements in memory. So a
chain of them is one loop, which the C++ compiler vectorizes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from methodic.errors import InputError

Index = Sequence[str]

C_TYPES = {
    torch.float32: "float",
    torch.int64: "int64_t",
    torch.int32: "int32_t",
    torch.int16: "int16_t",
    torch.uint8: "uint8_t",
    torch.bool: "bool",
}
_ALIGN = 64  # bytes


class UncompilableError(InputError):
    """A step can't be machine code; as it is, it can be taken all the same."""


def unsupported(what: str) -> UncompilableError:
    """The graph holds something that isn't written as loops."""
    return UncompilableError(
        "a part of the training step can't be turned into machine code",
        found=what,
        advice="Leave compilation out: --no-compile.",
    )


@dataclass(eq=False)
class Storage:
    """Memory: an input, an output, or a place in the scratch memory."""

    name: str
    dtype: torch.dtype
    numel: int
    scratch: bool = True
    within: tuple[Storage, int] | None = None  # a part of other memory, from this element on

    @property
    def root(self) -> Storage:
        """The memory that it is a part of, maybe of a part; or itself."""
        return self if self.within is None else self.within[0].root

    @property
    def start(self) -> int:
        """Where it begins in its root, in elements."""
        return 0 if self.within is None else self.within[0].start + self.within[1]

    @property
    def size(self) -> int:
        """Bytes; vectors may read beyond the end."""
        need = self.numel * self.dtype.itemsize + _ALIGN
        return need + -need % _ALIGN


@dataclass
class View:
    """Elements in memory, by strides."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    kind: torch.dtype | None = None  # its bits are read as numbers of another type

    cost = 0

    @property
    def dtype(self) -> torch.dtype:
        return self.kind or self.storage.dtype

    def at(self, index: Index) -> str:
        """The element as an expression."""
        terms = [str(self.offset)] if self.offset else []
        for i, size, stride in zip(index, self.shape, self.strides, strict=True):
            if size > 1 and stride:
                terms.append(i if stride == 1 else f"{i}*{stride}")
        name = self.storage.name
        if self.kind is not None:
            name = f"(({C_TYPES[self.kind]}*){name})"
        return f"{name}[{'+'.join(terms) or '0'}]"

    @property
    def dense(self) -> bool:
        """Its elements follow each other without gaps, in the order of the index."""
        return all(
            size == 1 or stride == due
            for size, stride, due in zip(
                self.shape, self.strides, strides_of(self.shape), strict=True
            )
        )

    def storages(self) -> set[Storage]:
        return {self.storage}


@dataclass(eq=False)
class Lazy:
    """Elements that are computed where they are read.

    Args:
        compute: index → expression, as long as nothing is stored.
        work: operations of that expression.
        operands: what it reads.
        root: it shows another value's elements: that one, and the same view of stored elements.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    compute: Callable[[Index], str]
    work: int
    operands: Sequence[Value]
    root: tuple[Value, Callable[[View], View]] | None = None
    stored: View | None = None

    @property
    def cost(self) -> int:
        """Operations of its expression; 0 once it is stored."""
        return 0 if self.stored else self.work + sum(each.cost for each in self.operands)

    def at(self, index: Index) -> str:
        """The element as an expression."""
        return (self.stored.at if self.stored else self.compute)(index)

    def storages(self) -> set[Storage]:
        if self.stored:
            return self.stored.storages()
        return set().union(*(each.storages() for each in self.operands))


Value = View | Lazy


def nest(names: Sequence[str], shape: Sequence[int], body: str, simd: str | None = "") -> str:
    """``body`` within loops over ``shape``; loops of length 1 vanish.

    ``simd`` says what the innermost loop tells the compiler; None: nothing.
    """
    loops = [(name, size) for name, size in zip(names, shape, strict=True) if size > 1]
    text = body
    for name, size in zip(names, shape, strict=True):
        if size <= 1:
            text = f"constexpr int {name} = 0; (void){name};\n{text}" if _uses(text, name) else text
    if len(loops) < len(names):
        text = f"{{ {text} }}"
    for depth, (name, size) in enumerate(reversed(loops)):
        pragma = f"#pragma omp simd {simd}\n" if depth == 0 and simd is not None else ""
        text = f"{pragma}for (int {name} = 0; {name} < {size}; ++{name}) {{\n{text}\n}}"
    return text


def _uses(text: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", text) is not None


def strides_of(shape: Sequence[int]) -> tuple[int, ...]:
    """Of elements without gaps."""
    found, step = [], 1
    for size in reversed(shape):
        found.append(step)
        step *= size
    return tuple(reversed(found))


def broadcast(index: Index, shape: Sequence[int]) -> list[str]:
    mine = list(index)[len(index) - len(shape) :]
    return ["0" if size == 1 else i for i, size in zip(mine, shape, strict=True)]
