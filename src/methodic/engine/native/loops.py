"""Values of a traced graph as C++: what is stored, what is computed where it is read.

Pointwise operations aren't stored: each becomes part of the expression that reads it, until a
reduction, a product of matrices, several readers or an output ask for its elements in memory. So a
chain of them is one loop, which the C++ compiler vectorizes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from methodic.errors import InputError

Index = Sequence[str]

C_TYPES = {
    torch.float32: "float",
    torch.int64: "int64_t",
    torch.int32: "int32_t",
    torch.int16: "int16_t",
    torch.bool: "bool",
}
_ALIGN = 64  # bytes
_LONGEST = 60  # operations of one expression
_DEAR = 10  # an expression that must become vectors


def unsupported(what: str) -> InputError:
    """The graph holds something that isn't written as loops."""
    return InputError(
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


@dataclass
class Statement:
    """A piece of the program and the memory that it touches."""

    text: str
    reads: set[Storage]
    writes: set[Storage]
    loops: tuple[int, ...] | None = None  # one elementwise loop of this shape …
    body: str = ""  # … with this body


@dataclass
class Program:
    """Statements in order; `store` and its like add to them."""

    statements: list[Statement] = field(default_factory=list)
    _count: int = 0

    def scratch(self, shape: Sequence[int], dtype: torch.dtype) -> View:
        """New scratch memory."""
        self._count += 1
        storage = Storage(f"t{self._count}", dtype, math.prod(shape))
        return View(storage, 0, tuple(shape), strides_of(shape))

    def add(self, text: str, reads: set[Storage], writes: Storage) -> None:
        self.statements.append(Statement(text, reads, {writes}))

    def stored(self, value: Value) -> View:
        """``value`` in memory; where it isn't yet, a loop that puts it there."""
        if isinstance(value, View):
            return value
        if value.stored is None:
            if value.root is not None and (value.cost == 0 or value.cost >= _DEAR):
                root, view = value.root
                value.stored = view(self.stored(root))
            else:
                target = self.scratch(value.shape, value.dtype)
                self.copy(value, target)
                value.stored = target
        return value.stored

    def copy(self, value: Value, target: View) -> None:
        """A loop that writes all elements of ``value`` to ``target``."""
        # Loops over the same elements have the same text, whatever axes of length 1 there are.
        real = [n for n, size in enumerate(value.shape) if size > 1]
        names = ["0"] * len(value.shape)
        for at, n in enumerate(real):
            names[n] = f"i{at}"
        shape = tuple(value.shape[n] for n in real)
        place = target.at(names)
        body = f"{place} = {value.at(names)};"
        reads, before = value.storages(), self.statements[-1] if self.statements else None
        if before is not None and before.loops == shape and _same_element(before, body, shape):
            body = f"{before.body}\n{body}"
            reads |= before.reads
            writes = before.writes | {target.storage}
            self.statements.pop()
        else:
            writes = {target.storage}
        text = nest([f"i{n}" for n in range(len(shape))], shape, body)
        self.statements.append(Statement(text, reads - writes, writes, shape, body))

    def move(self, value: Value, target: View) -> None:
        """`copy`; memory that holds nothing else becomes a part of the target's, without a copy."""
        if (
            isinstance(value, View)
            and value.storage.scratch
            and value.storage.within is None
            and value.storage.numel == math.prod(value.shape)
            and value.dense
            and target.dense
            and target.storage.within is None
            and target.storage.scratch
            and value.kind is None
        ):
            value.storage.within = (target.storage, target.offset)
            return
        self.copy(value, target)

    def dense(self, value: Value) -> View:
        """``value`` in memory without gaps."""
        view = self.stored(value)
        if view.dense:
            return view
        target = self.scratch(view.shape, view.dtype)
        self.copy(view, target)
        return target

    def reduced(self, value: Value, axes: Sequence[int], kind: str) -> View:
        """Sum or maximum over axes, which stay with length 1."""
        shape = tuple(1 if n in axes else size for n, size in enumerate(value.shape))
        target = self.scratch(shape, value.dtype)
        names = [f"i{n}" for n in range(len(value.shape))]
        place = target.at(names)
        start = "0" if kind == "sum" else "-INFINITY"
        new = value.at(names)
        real = [n for n, size in enumerate(value.shape) if size > 1]
        inner = [n for n in real if n in axes]
        outer = [n for n in real if n not in axes]
        ctype = C_TYPES[value.dtype]
        if not real or (inner and real[-1] in axes):
            how = "+" if kind == "sum" else "max"
            update = f"acc += {new};" if kind == "sum" else f"acc = larger(acc, {new});"
            simd = f"reduction({how}:acc)" if kind == "sum" else None
            loop = nest([names[n] for n in inner], [value.shape[n] for n in inner], update, simd)
            body = f"{{ {ctype} acc = {start};\n{loop}\n{place} = acc; }}"
            text = nest([names[n] for n in outer], [value.shape[n] for n in outer], body, None)
        else:
            kept = ([names[n] for n in outer], [value.shape[n] for n in outer])
            update = f"{place} += {new};" if kind == "sum" else f"{place} = larger({place}, {new});"
            first = nest(*kept, f"{place} = {start};")
            again = nest(*kept, update)
            over = [names[n] for n in inner], [value.shape[n] for n in inner]
            text = first + "\n" + nest(*over, again, None)
        self.add(text, value.storages(), target.storage)
        return target

    def product(self, a: Value, b: Value) -> View:
        """Product of matrices [1, I, K] and [1, K, J]."""
        x, y = self.stored(a), self.stored(b)
        rows, inner, columns = x.shape[1], x.shape[2], y.shape[2]
        target = self.scratch((1, rows, columns), torch.float32)
        sizes = (rows, columns, inner, *x.strides[1:], *y.strides[1:])
        packed = _needs_packing(columns, y.strides)
        room = self.scratch((inner * (columns + -columns % 16) if packed else 1,), torch.float32)
        text = (
            f"product<{', '.join(map(str, sizes))}>({x.storage.name} + {x.offset}, "
            f"{y.storage.name} + {y.offset}, {target.storage.name}, {room.storage.name});"
        )
        self.add(text, {x.storage, y.storage, room.storage}, target.storage)
        return target

    def text(self) -> tuple[str, int]:
        """All statements, with places in the scratch memory; and its size in bytes."""
        places, size = self._places()

        def within(statement: Statement) -> str:
            # In a block of its own: pieces of memory that are used again overlap with others.
            lines = []
            for storage in sorted(statement.reads | statement.writes, key=lambda s: s.name):
                if storage.scratch:
                    ctype, place = C_TYPES[storage.dtype], places[storage]
                    lines.append(
                        f"{ctype}* __restrict {storage.name} = ({ctype}*)(scratch + {place});"
                    )
            return "\n".join(["{", *lines, statement.text, "}"])

        return "\n".join(within(each) for each in self.statements), size

    def _places(self) -> tuple[dict[Storage, int], int]:
        """Where each piece of scratch memory lies; it is used again after its last reader."""
        last: dict[Storage, int] = {}
        first: dict[Storage, int] = {}
        parts: set[Storage] = set()
        for n, statement in enumerate(self.statements):
            for storage in statement.reads | statement.writes:
                if storage.within is not None:
                    parts.add(storage)
                    storage = storage.within[0]
                if storage.scratch:
                    last[storage] = n
                    first.setdefault(storage, n)
        places: dict[Storage, int] = {}
        free: list[tuple[int, int]] = []  # (place, bytes)
        size = 0
        for n in range(len(self.statements)):
            for storage in [s for s, begin in first.items() if begin == n]:
                fitting = [hole for hole in free if hole[1] >= storage.size]
                if fitting:
                    place, room = min(fitting, key=lambda hole: hole[1])
                    free.remove((place, room))
                    if room > storage.size:
                        free.append((place + storage.size, room - storage.size))
                else:
                    place, size = size, size + storage.size
                places[storage] = place
            for storage in [s for s, end in last.items() if end == n]:
                free = _joined([*free, (places[storage], storage.size)])
        for storage in parts:
            whole, at = storage.within  # type: ignore[misc]
            places[storage] = places[whole] + at * storage.dtype.itemsize
        return places, size


def _joined(holes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbouring holes as one."""
    found: list[tuple[int, int]] = []
    for place, size in sorted(holes):
        if found and sum(found[-1]) == place:
            found[-1] = (found[-1][0], found[-1][1] + size)
        else:
            found.append((place, size))
    return found


def _same_element(before: Statement, body: str, shape: Sequence[int]) -> bool:
    """Whether ``body`` may join the loop ``before``: it reads no other element written there."""
    places = {place for place, _, _ in (line.partition(" = ") for line in before.body.split("\n"))}
    if any(place.count("i") < len(shape) for place in places):
        return False
    for storage in before.writes:
        used = re.findall(rf"\b{storage.name}\[[^\]]*\]", body)
        if any(each not in places for each in used) or f"{storage.name})[" in body:
            return False
    return True


def _needs_packing(columns: int, strides: Sequence[int]) -> bool:
    return columns % 16 != 0 or strides[2] != 1


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


def pointwise(
    shape: Sequence[int],
    dtype: torch.dtype,
    operands: Sequence[Value],
    write: Callable[..., str],
    cost: int,
    program: Program,
) -> Lazy:
    """``write(*elements)`` for each place of ``shape``; operands are broadcast."""
    shape = tuple(shape)
    ready: list[Value] = []
    for each in operands:
        again = math.prod(each.shape) < math.prod(shape) and each.cost > 0
        ready.append(program.stored(each) if again or each.cost > _LONGEST else each)

    def at(index: Index) -> str:
        return write(*(each.at(_broadcast(index, each.shape)) for each in ready))

    return Lazy(shape, dtype, at, cost, ready)


def _broadcast(index: Index, shape: Sequence[int]) -> list[str]:
    mine = list(index)[len(index) - len(shape) :]
    return ["0" if size == 1 else i for i, size in zip(mine, shape, strict=True)]
