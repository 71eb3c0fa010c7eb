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
    def root(self) -> Storage:
        """The memory that it is a part of, or itself."""
        return self.within[0] if self.within is not None else self

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

    reads: set[Storage]
    writes: set[Storage]
    text: str = ""

    def __str__(self) -> str:
        return self.text


@dataclass
class Loop(Statement):
    """One loop over elements that several values share.

    Args:
        shape: without axes of length 1.
        body: a line for each value.
        places: elements that it writes, as they stand in the body.
        sums: names of the sums that it collects, by the place where each ends.
    """

    shape: tuple[int, ...] = ()
    body: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)
    sums: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        names = [f"i{n}" for n in range(len(self.shape))]
        simd = f"reduction(+:{','.join(self.sums.values())})" if self.sums else ""
        before = [f"float {name} = 0;" for name in self.sums.values()]
        after = [f"{place} = {name};" for place, name in self.sums.items()]
        return "\n".join([*before, nest(names, self.shape, "\n".join(self.body), simd), *after])

    def admits(self, line: str, shape: Sequence[int]) -> bool:
        """Whether a line may join: it reads no other element than its own of what is written."""
        if self.shape != shape or any(place.count("i") < len(shape) for place in self.places):
            return False
        for storage in self.writes:
            used = re.findall(rf"\b{storage.name}\[[^\]]*\]", line)
            if any(each not in self.places for each in used) or f"{storage.name})[" in line:
                return False
        return True

    def only_here(self, storage: Storage, other: Storage) -> bool:
        """Whether elements of ``storage`` are read exactly where those of ``other`` are written."""
        text = "\n".join(self.body)
        places = {place for place in self.places if place.startswith(f"{other.name}[")}
        used = set(re.findall(rf"\b{storage.name}\[[^\]]*\]", text))
        whole = f"{storage.name})" not in text and f"{storage.name} " not in text
        return whole and used <= {f"{storage.name}{p.removeprefix(other.name)}" for p in places}


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
        self.statements.append(Statement(reads, {writes}, text))

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
        shape, names = _walk(value.shape)
        place = target.at(names)
        line, storage = f"{place} = {value.at(names)};", target.storage
        self._loop(shape, line, value.storages(), storage).places.add(place)

    def _loop(
        self, shape: tuple[int, ...], line: str, reads: set[Storage], written: Storage
    ) -> Loop:
        """A loop with ``line`` in it: an earlier one, if nothing between them is in the way."""
        memory = {each.root for each in reads | {written}}
        for statement in reversed(self.statements):
            # Parts of one memory have names of their own, so names don't tell that they overlap.
            parts = {each for each in statement.writes if each.root in memory}
            known = parts <= reads | {written}
            if isinstance(statement, Loop) and known and statement.admits(line, shape):
                statement.body.append(line)
                statement.reads |= reads - statement.writes
                statement.writes.add(written)
                return statement
            if parts:
                break  # what it reads is made there, or part of what it writes
        loop = Loop(set(reads), {written}, shape=shape, body=[line])
        self.statements.append(loop)
        return loop

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
        kept = tuple(1 if n in axes else size for n, size in enumerate(value.shape))
        target = self.scratch(kept, value.dtype)
        if kind == "sum" and math.prod(kept) == 1 and value.dtype == torch.float32:
            shape, names = _walk(value.shape)
            name = f"sum_{target.storage.name}"
            line = f"{name} += {value.at(names)};"
            loop = self._loop(shape, line, value.storages(), target.storage)
            loop.sums[target.at(["0"] * len(kept))] = name
            return target
        names = [f"i{n}" for n in range(len(value.shape))]
        text = _reduction(value, target, names, axes, kind)
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

    def in_place(self, old: Storage, new: Storage) -> bool:
        """Let ``new`` be the memory of ``old``, if each element is read as it is written."""
        readers = [each for each in self.statements if old in each.reads]
        loop = readers[0] if len(readers) == 1 else None
        if not isinstance(loop, Loop) or new not in loop.writes:
            return False
        if any(new in each.reads for each in self.statements) or not loop.only_here(old, new):
            return False
        loop.body = [re.sub(rf"\b{old.name}\[", f"{new.name}[", line) for line in loop.body]
        return True

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
            return "\n".join(["{", *lines, str(statement), "}"])

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


def _walk(shape: Sequence[int]) -> tuple[tuple[int, ...], list[str]]:
    """The shape without axes of length 1, and an index for all: alike for loops that are alike."""
    real = [n for n, size in enumerate(shape) if size > 1]
    names = ["0"] * len(shape)
    for at, n in enumerate(real):
        names[n] = f"i{at}"
    return tuple(shape[n] for n in real), names


def _reduction(
    value: Value, target: View, names: Sequence[str], axes: Sequence[int], kind: str
) -> str:
    """Loops that sum up, or look for the largest, over some of the axes."""
    start, new, place = "0" if kind == "sum" else "-INFINITY", value.at(names), target.at(names)
    real = [n for n, size in enumerate(value.shape) if size > 1]
    inner = [n for n in real if n in axes]
    outer = [n for n in real if n not in axes]
    over = [names[n] for n in inner], [value.shape[n] for n in inner]
    kept = [names[n] for n in outer], [value.shape[n] for n in outer]
    if not real or (inner and real[-1] in axes):
        update = f"acc += {new};" if kind == "sum" else f"acc = larger(acc, {new});"
        loop = nest(*over, update, "reduction(+:acc)" if kind == "sum" else None)
        ctype = C_TYPES[value.dtype]
        return nest(*kept, f"{{ {ctype} acc = {start};\n{loop}\n{place} = acc; }}", None)
    update = f"{place} += {new};" if kind == "sum" else f"{place} = larger({place}, {new});"
    return nest(*kept, f"{place} = {start};") + "\n" + nest(*over, nest(*kept, update), None)


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
