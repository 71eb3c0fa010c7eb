"""Rows, and the order in which members see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from methodic.data import batches
from methodic.data.batches import Order, Rows
from methodic.rng import order

SIZES = st.integers(1, 30).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n)))


@settings(deadline=None, max_examples=50)
@given(SIZES, st.integers(1, 3))
def test_each_row_once_in_each_epoch(sizes: tuple[int, int], members: int) -> None:
    """Also where a batch ends in the next epoch: the batches lie end to end."""
    rows, batch = sizes
    steps = 3 * rows  # exactly 3 · batch epochs
    laid = Order(range(members), rows, batch).steps(0, steps).view(steps, members, batch)
    for m in range(members):
        for epoch in laid[:, m].reshape(-1, rows):
            assert sorted(epoch.tolist()) == list(range(rows))


@settings(deadline=None, max_examples=50)
@given(SIZES, st.lists(st.integers(0, 9), min_size=1, max_size=5))
def test_pieces_equal_the_whole(sizes: tuple[int, int], counts: list[int]) -> None:
    rows, batch = sizes
    order = Order([3, 4], rows, batch)
    pieces, at = [], 0
    for count in counts:
        if count:
            pieces.append(order.steps(at, count))
        at += count
    if pieces:
        assert torch.equal(torch.cat(pieces), Order([3, 4], rows, batch).steps(0, at))


def test_going_back_gives_the_same_rows() -> None:
    order = Order([1], 10, 4)
    first = order.steps(0, 5)
    order.steps(50, 5)
    assert torch.equal(order.steps(0, 5), first)


def test_a_batch_may_begin_in_one_epoch_and_end_in_the_next() -> None:
    order = Order([1], 10, 4)
    laid = order.steps(0, 5).flatten()
    assert laid.numel() == 20
    assert torch.equal(order.steps(2, 1)[0], laid[8:12])


def test_members_streams_and_epochs_differ_and_company_does_not_matter() -> None:
    both = Order([1, 2], 50, 50).steps(0, 2).view(2, 2, 50)
    assert torch.equal(both[:, 1], Order([2], 50, 50).steps(0, 2))
    assert not torch.equal(both[0, 0], both[0, 1])
    assert not torch.equal(both[0, 0], both[1, 0])
    other = Order([1, 2], 50, 50, "order/second").steps(0, 2).view(2, 2, 50)
    assert not torch.equal(other, both)


def test_full_batches() -> None:
    assert Order([1], 10, 10).full
    assert not Order([1], 10, 9).full


def test_rows_with_partners_are_shuffled_in_full_batches_too():
    order = Order([1, 2], 10, 10, partnered=True)
    assert not order.full
    laid = order.steps(0, 3).view(3, 2, 10)
    assert torch.equal(laid.sort(-1).values, torch.arange(10).expand(3, 2, 10))
    assert len({tuple(row.tolist()) for row in laid.view(6, 10)}) == 6


MEMBERS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0, 3, 7])), min_size=1, max_size=6)


@settings(deadline=None, max_examples=80)
@given(SIZES, MEMBERS, st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_each_member_sees_its_rows_by_its_own_clock(
    sizes: tuple[int, int], members: list[tuple[int, int]], counts: list[int]
) -> None:
    """As alone, from its own step 0; whoever else is there, in whatever pieces."""
    rows, batch = sizes
    seeds, born = [seed for seed, _ in members], [start for _, start in members]
    order, at, pieces = Order(seeds, rows, batch, "order", born), 7, []
    assert order.shared == (len(members) > 1 and len(set(members)) == 1)
    for count in counts:
        pieces.append(order.steps(at, count))
        at += count
    found = torch.cat(pieces).view(at - 7, -1, batch)
    assert found.shape[1] == (1 if order.shared else len(members))
    for m, (seed, start) in enumerate(members):
        alone = Order([seed], rows, batch).steps(0, at)
        mine = found[:, 0 if order.shared else m]
        assert torch.equal(mine, alone[7 - start : at - start])


def test_nobody_sees_rows_before_it_is_there() -> None:
    with pytest.raises(AssertionError):
        Order([1, 2], 10, 4, "order", [0, 5]).steps(4, 3)


def test_one_shuffle_for_all_who_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shuffled: list[int] = []

    def counted(seeds: Sequence[int], *rest: Any) -> Tensor:
        shuffled.append(len(seeds))
        return order(seeds, *rest)

    monkeypatch.setattr(batches, "order", counted)
    assert Order([4] * 5, 20, 8).steps(0, 2).shape == (2, 8)
    assert Order([4, 5, 4], 20, 8).steps(0, 2).shape == (2, 24)
    assert Order([4], 20, 8).steps(0, 2).shape == (2, 8)
    assert shuffled == [1, 2, 1]


@pytest.fixture
def rows() -> Rows:
    inputs = {"numeric": torch.arange(12.0).view(6, 2), "categorical": torch.arange(6).view(6, 1)}
    return Rows(inputs, torch.arange(6) * 10)


def test_gather(rows: Rows) -> None:
    batch = rows.gather(torch.tensor([5, 0, 2, 2, 1, 3]), 2)
    assert batch.target.tolist() == [[50, 0, 20], [20, 10, 30]]
    assert batch.inputs["categorical"][1, :, 0].tolist() == [2, 1, 3]
    assert batch.inputs["numeric"][0].tolist() == [[10, 11], [0, 1], [4, 5]]


def test_rows_that_are_shared_are_gathered_once(rows: Rows) -> None:
    index = torch.tensor([5, 0, 2])
    own = rows.gather(index.repeat(4), 4)
    shared = rows.gather_shared(index, 4)
    for a, b in (
        (shared.target, own.target),
        *((shared.inputs[k], own.inputs[k]) for k in own.inputs),
    ):
        assert torch.equal(a, b)
        assert a.stride(0) == 0


def test_everything_is_all_rows_in_their_order_without_a_copy(rows: Rows) -> None:
    batch = rows.everything(3)
    assert batch.target.shape == (3, 6)
    assert torch.equal(batch.inputs["numeric"][2], rows.inputs["numeric"])
    assert batch.target.data_ptr() == rows.target.data_ptr()


def test_part_and_device(rows: Rows) -> None:
    part = rows.part(4, 99)
    assert len(part) == 2
    assert part.target.tolist() == [40, 50]
    assert part.inputs["categorical"].flatten().tolist() == [4, 5]
    assert rows.to(torch.device("meta")).target.device.type == "meta"


def test_rows_are_spread_over_a_sorted_file() -> None:
    sorted_rows = Rows({"numeric": torch.arange(1000.0).view(-1, 1)}, torch.arange(1000))
    some = sorted_rows.spread(8)
    assert some.target.tolist() == [0, 125, 250, 375, 500, 625, 750, 875]
    assert torch.equal(some.inputs["numeric"].flatten(), some.target.float())
    assert sorted_rows.spread(1000) is sorted_rows


@pytest.fixture
def some() -> Rows:
    """Six rows, of which the first four have a target; images, weights and a teacher."""
    images = torch.arange(6 * 4, dtype=torch.uint8).view(6, 1, 2, 2) * 10
    inputs = {"numeric": torch.arange(12.0).view(6, 2), "array": images}
    return Rows(inputs, torch.arange(4) * 10, torch.arange(1.0, 5.0), torch.arange(18.0).view(6, 3))


def test_rows_without_a_target_stand_behind_the_others(some: Rows) -> None:
    assert (len(some), some.every) == (4, 6)
    assert (len(some), some.every) == (4, 6)
    own = some.labelled
    assert (len(own), own.every) == (4, 4)
    assert torch.equal(own.inputs["numeric"], some.inputs["numeric"][:4])
    assert own.soft is not None
    assert torch.equal(own.soft, torch.arange(12.0).view(4, 3))
    assert own.weight is some.weight or torch.equal(own.weight, some.weight)  # type: ignore[arg-type]
    assert own.labelled is own


def test_nobody_sees_a_target_of_rows_from_all(some: Rows) -> None:
    batch = some.without_targets(torch.tensor([5, 0, 4, 1]), 2)
    assert batch.target.shape == (2, 0)
    assert batch.target.dtype == some.target.dtype
    assert batch.weight is batch.other is batch.beside is None
    assert batch.inputs["numeric"].tolist() == [[[10, 11], [0, 1]], [[8, 9], [2, 3]]]
    assert batch.soft is not None
    assert batch.soft[:, :, 0].tolist() == [[15, 0], [12, 3]]
    pixels = batch.inputs["array"]
    assert pixels.dtype == torch.float32
    torch.testing.assert_close(pixels[0, 0, 0], torch.tensor([[200.0, 210], [220, 230]]) / 255)
    numbers = Rows(some.inputs, torch.zeros(4, 2))
    assert numbers.without_targets(torch.tensor([5]), 1).target.shape == (1, 0, 2)


def test_everything_else_is_about_rows_with_a_target(some: Rows) -> None:
    whole = some.everything(3)
    assert whole.inputs["numeric"].shape == (3, 4, 2)
    assert whole.soft is not None
    assert whole.soft.shape == (3, 4, 3)
    assert whole.target.shape == (3, 4)
    assert some.part(2, 99).inputs["numeric"].tolist() == [[4, 5], [6, 7]]
    assert some.part(2, 99).every == 2
    assert some.spread(2).inputs["numeric"].tolist() == [[0, 1], [4, 5]]
    assert some.spread(4).every == 4, "not the others"
    gathered = some.gather(torch.tensor([3, 1]), 1)
    assert gathered.soft is not None
    assert gathered.soft[0, :, 0].tolist() == [9, 3]
    shared = some.gather_shared(torch.tensor([3, 1]), 2)
    assert shared.soft is not None
    assert shared.soft.shape == (2, 2, 3)
    moved = some.to(torch.device("meta"))
    assert (len(moved), moved.every) == (4, 6)
    assert moved.soft is not None


def test_some_inputs_are_evenly_from_all_rows(some: Rows) -> None:
    """Statistics of batch norm are about all rows, also where few of them have a target."""
    found = some.some_inputs(3, 2)
    assert found["numeric"][1].tolist() == [[0, 1], [4, 5], [8, 9]]
    assert found["array"].dtype == torch.float32
    assert found["numeric"].stride(0) == 0
    assert some.some_inputs(100, 1)["numeric"].shape == (1, 6, 2)
    own = some.labelled
    wanted = own.spread(2).everything(2).inputs
    assert torch.equal(own.some_inputs(2, 2)["numeric"], wanted["numeric"])


def test_rows_that_all_have_a_target(rows: Rows) -> None:
    assert rows.every == len(rows) == 6
    assert rows.labelled is rows
    assert rows.everything(2).soft is None
    assert Rows({}, torch.zeros(3)).every == 3
