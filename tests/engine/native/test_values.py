"""Places in memory, and what is computed on the way."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from methodic.engine.native.values import Lazy, Storage, View, nest, strides_of


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 9))
def test_the_expression_is_the_place(shape: list[int], offset: int) -> None:
    view = View(Storage("m", torch.float32, 999), offset, tuple(shape), strides_of(shape))
    assert view.dense
    x = torch.arange(view.offset, view.offset + torch.Size(shape).numel()).view(shape)
    for place in ((0,) * len(shape), tuple(size - 1 for size in shape)):
        found = view.at([str(n) for n in place]).removeprefix("m[").removesuffix("]")
        total = sum(_product(term) for term in found.split("+"))
        assert total == int(x[place])


def _product(term: str) -> int:
    out = 1
    for factor in term.split("*"):
        out *= int(factor)
    return out


def test_bits_of_another_type_are_cast() -> None:
    view = View(Storage("m", torch.int32, 4), 0, (8,), (1,), torch.int16)
    assert view.at(["i0"]) == "((int16_t*)m)[i0]"
    assert view.dtype == torch.int16


def test_what_is_stored_costs_nothing_more() -> None:
    memory = View(Storage("m", torch.float32, 4), 0, (4,), (1,))
    lazy = Lazy((4,), torch.float32, lambda i: f"exp_({memory.at(i)})", 20, (memory,))
    assert lazy.cost == 20
    assert lazy.at(["i0"]) == "exp_(m[i0])"
    assert lazy.storages() == {memory.storage}
    lazy.stored = View(Storage("t", torch.float32, 4), 0, (4,), (1,))
    assert lazy.cost == 0
    assert lazy.at(["i0"]) == "t[i0]"
    assert lazy.storages() == {lazy.stored.storage}


def test_loops_of_length_one_vanish() -> None:
    assert "for" not in nest(["i0"], [1], "x[i0] = 0;")
    assert nest(["i0", "i1"], [3, 4], "x;").count("for") == 2
