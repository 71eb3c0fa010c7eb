"""A program of loops: statements in order, and the memory that they use.

Loops over the same elements become one where nothing between them is in the way, so that a value is
still at hand when the next line reads it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from methodic.engine.native.values import (
    C_TYPES,
    Index,
    Lazy,
    Storage,
    Value,
    View,
    broadcast,
    nest,
    strides_of,
)

_LONGEST = 60  # operations of one expression
_DEAR = 10  # an expression that must become vectors


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
        body, fixed = self._fixed()
        simd = f"reduction(+:{','.join(self.sums.values())})" if self.sums else ""
        before = [*fixed, *(f"float {name} = 0;" for name in self.sums.values())]
        after = [f"{place} = {name};" for place, name in self.sums.items()]
        return "\n".join([*before, nest(names, self.shape, "\n".join(body), simd), *after])

    def _fixed(self) -> tuple[list[str], list[str]]:
        """The body with elements that don't change in the loop read before it; and these reads."""
        written = {storage.name for storage in self.writes}
        found: dict[str, str] = {}

        def named(match: re.Match[str]) -> str:
            name, place = match.groups()
            if name in written:
                return match.group(0)
            return found.setdefault(match.group(0), f"{name}_{place}")

        body = [re.sub(r"\b([a-z]+\d+)\[(\d+)\]", named, line) for line in self.body]
        return body, [f"const auto {name} = {element};" for element, name in found.items()]

    def admits(self, line: str, shape: Sequence[int]) -> bool:
        """Whether a line may join: it reads no other element than its own of what is written."""
        if self.shape != shape or any(place.count("i") < len(shape) for place in self.places):
            return False
        for storage in self.writes:
            used = re.findall(rf"\b{storage.name}\[[^\]]*\]", line)
            if any(each not in self.places for each in used) or f"{storage.name})[" in line:
                return False
        return True

    def keep(self, storage: Storage) -> None:
        """Hold a value that only this loop needs in a variable, and not in memory."""
        (place,) = (place for place in self.places if place.startswith(f"{storage.name}["))
        ctype = C_TYPES[storage.dtype]
        self.body = [
            f"{ctype} {line}" if line.startswith(f"{place} = ") else line for line in self.body
        ]
        self.body = [re.sub(rf"\b{re.escape(place)}", storage.name, line) for line in self.body]
        self.places.remove(place)
        self.writes.remove(storage)

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
        """Products of matrices [n, I, K] and [n, K, J], one after the other."""
        x, y = self.stored(a), self.stored(b)
        several, rows, inner, columns = *x.shape, y.shape[2]
        target = self.scratch((several, rows, columns), torch.float32)
        sizes = (rows, columns, inner, *x.strides[1:], *y.strides[1:])
        packed = _needs_packing(columns, y.strides)
        room = self.scratch((inner * (columns + -columns % 16) if packed else 1,), torch.float32)
        text = (
            f"product<{', '.join(map(str, sizes))}>({x.storage.name} + {x.offset} + "
            f"n*{x.strides[0]}, {y.storage.name} + {y.offset} + n*{y.strides[0]}, "
            f"{target.storage.name} + n*{rows * columns}, {room.storage.name});"
        )
        text = nest(["n"], [several], text, None)
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
        wrote = [n for n, line in enumerate(loop.body) if line.startswith(f"{new.name}[")]
        if not wrote or any(f"{old.name}[" in line for line in loop.body[wrote[0] + 1 :]):
            return False  # a later line still needs the old value
        loop.body = [re.sub(rf"\b{old.name}\[", f"{new.name}[", line) for line in loop.body]
        return True

    def text(self) -> tuple[str, int]:
        """All statements, with places in the scratch memory; and its size in bytes."""
        self._keep()
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

    def _keep(self) -> None:
        """What nobody but the loop that makes it reads doesn't go through memory."""
        for loop in self.statements:
            if not isinstance(loop, Loop):
                continue
            elsewhere = set().union(*(s.reads | s.writes for s in self.statements if s is not loop))
            text = "\n".join(loop.body)
            for storage in sorted(loop.writes - elsewhere, key=lambda each: each.name):
                named = [p for p in loop.places if p.startswith(f"{storage.name}[")]
                cast = f"{storage.name})[" in text
                if storage.scratch and storage.within is None and len(named) == 1 and not cast:
                    loop.keep(storage)

    def _places(self) -> tuple[dict[Storage, int], int]:
        """Where each piece of scratch memory lies; it is used again after its last reader."""
        last: dict[Storage, int] = {}
        first: dict[Storage, int] = {}
        parts: set[Storage] = set()
        for n, statement in enumerate(self.statements):
            # By name: the order of a set differs between processes, and code is found by its text.
            for storage in sorted(statement.reads | statement.writes, key=lambda s: s.name):
                if storage.within is not None:
                    parts.add(storage)
                    storage = storage.root
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
            places[storage] = places[storage.root] + storage.start * storage.dtype.itemsize
        return places, size


@dataclass(frozen=True)
class Call:
    """What an operation may use besides its arguments: the program, and what it yields."""

    program: Program
    shape: tuple[int, ...]
    dtype: torch.dtype

    def of(self, shape: Sequence[int], dtype: torch.dtype) -> Call:
        """Another result in the same program."""
        return Call(self.program, tuple(shape), dtype)


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
        return write(*(each.at(broadcast(index, each.shape)) for each in ready))

    return Lazy(shape, dtype, at, cost, ready)


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
