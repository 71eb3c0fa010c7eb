"""Statements keep their order where it matters, and memory is used again only when it is free."""

from __future__ import annotations

import torch

from methodic.engine.native.program import Loop, Program
from methodic.engine.native.values import Lazy, Storage, Value, View, strides_of


def memory(name: str, *shape: int) -> View:
    return View(
        Storage(name, torch.float32, torch.Size(shape).numel(), False), 0, shape, strides_of(shape)
    )


def plus(x: Value, number: int) -> Lazy:
    return Lazy(x.shape, torch.float32, lambda i: f"{x.at(i)} + {number}", 1, (x,))


def test_loops_over_the_same_elements_become_one() -> None:
    program = Program()
    a = program.stored(plus(memory("x", 8), 1))
    program.stored(plus(a, 2))
    (loop,) = program.statements
    assert isinstance(loop, Loop)
    assert loop.body == ["t1[i0] = x[i0] + 1;", "t2[i0] = t1[i0] + 2;"]


def test_what_only_its_loop_needs_stays_in_a_variable() -> None:
    program = Program()
    x, out = memory("x", 8), memory("out", 8)
    first = program.stored(plus(x, 1))
    program.copy(plus(first, 2), out)
    text, size = program.text()
    assert "float t1 = x[i0] + 1;" in text
    assert "out[i0] = t1 + 2;" in text
    assert size == 0
    program = Program()
    first = program.stored(plus(x, 1))
    program.copy(plus(first, 2), out)
    program.reduced(first, [0], "max")
    assert "t1[i0] = x[i0] + 1;" in program.text()[0], "someone else reads it"


def test_a_loop_waits_for_what_it_reads() -> None:
    """A sum lies between: the second loop reads it."""
    program = Program()
    x = memory("x", 8)
    first = program.stored(plus(x, 1))
    total = program.reduced(first, [0], "sum")
    program.stored(
        Lazy((8,), torch.float32, lambda i: f"{x.at(i)}*{total.at(['0'])}", 1, (x, total))
    )
    assert len(program.statements) == 2
    program.stored(plus(x, 5))
    assert len(program.statements) == 2, "this one needn't wait"


def test_who_reads_other_elements_has_a_loop_of_its_own() -> None:
    program = Program()
    a = program.stored(plus(memory("x", 8), 1))
    program.stored(Lazy((8,), torch.float32, lambda i: f"t1[7-{i[0]}]", 1, (a,)))
    assert len(program.statements) == 2


def test_a_part_that_is_written_later_stays_later() -> None:
    """A pad: all is filled, then a part copied, and not by an earlier loop over such parts."""
    program = Program()
    small = program.stored(plus(memory("x", 4), 1))
    target = program.scratch((8,), torch.float32)
    program.copy(Lazy((8,), torch.float32, lambda _: "0", 0, ()), target)
    program.copy(plus(memory("y", 4), 1), View(target.storage, 2, (4,), (1,)))
    written = [i for i, each in enumerate(program.statements) if target.storage in each.writes]
    assert written == [1, 2]
    assert program.statements[0].writes == {small.storage}


def test_parts_of_one_memory_are_known_to_overlap() -> None:
    """Joined without a copy: who reads the whole must not run before its parts are there."""
    program = Program()
    x = memory("x", 4)
    whole = program.scratch((8,), torch.float32)
    early = program.stored(plus(memory("z", 8), 1))
    for at in (0, 4):
        part = program.reduced(
            Lazy((4, 4), torch.float32, lambda i: f"x[{i[0]}]", 1, (x,)), [1], "sum"
        )
        flat = View(part.storage, 0, (4,), (1,))
        program.move(flat, View(whole.storage, at, (4,), (1,)))
        assert part.storage.within == (whole.storage, at)
    program.stored(plus(whole, 1))
    assert program.statements[0].writes == {early.storage}
    assert program.statements[-1].reads == {whole.storage}


def test_moments_are_written_in_place_only_where_each_is_read_as_it_is_written() -> None:
    for turned in (False, True):
        program = Program()
        old, new = memory("in0", 8), memory("out0", 8)
        place = (lambda i: f"in0[7-{i[0]}]") if turned else old.at
        program.copy(Lazy((8,), torch.float32, place, 1, (old,)), new)
        assert program.in_place(old.storage, new.storage) is not turned
    program = Program()
    program.copy(plus(old, 1), new)
    program.reduced(old, [0], "max")
    assert not program.in_place(old.storage, new.storage), "it is read once more"
    for late in (False, True):
        program = Program()
        values = [(plus(old, 1), new), (plus(old, 2), memory("out1", 8))]
        for value, target in reversed(values) if not late else values:
            program.copy(value, target)
        assert len(program.statements) == 1
        assert program.in_place(old.storage, new.storage) is not late, "a later line of its loop"


def test_memory_in_use_is_not_given_away() -> None:
    """No two pieces of scratch memory overlap while both are needed."""
    program = Program()
    values: list[Value] = [memory("x", 16, 16)]
    for n in range(30):
        values.append(program.stored(plus(values[n // 2], n)))
        values.append(program.product(_matrix(values[-1]), _matrix(values[n // 3])))
        values[-1] = View(values[-1].storage, 0, (16, 16), (16, 1))  # type: ignore[union-attr]
    places, size = program._places()
    life: dict[Storage, list[int]] = {}
    for n, statement in enumerate(program.statements):
        for storage in statement.reads | statement.writes:
            life.setdefault(storage, []).append(n)
    live = list(places)
    for n, a in enumerate(live):
        assert places[a] + a.size <= size
        for b in live[:n]:
            together = max(life[a][0], life[b][0]) <= min(life[a][-1], life[b][-1])
            apart = places[a] + a.size <= places[b] or places[b] + b.size <= places[a]
            assert apart or not together
    assert size < sum(each.size for each in live) / 2, "memory is used again"


def _matrix(value: Value) -> View:
    assert isinstance(value, View)
    return View(value.storage, 0, (1, 16, 16), (256, 16, 1))
