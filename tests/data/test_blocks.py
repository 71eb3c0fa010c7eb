"""The order of rows in a file: each once in an epoch, and few blocks at a time."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.data.batches import Order
from methodic.data.blocks import Blocks


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 400), st.integers(1, 50), st.integers(0, 5), st.integers(0, 2))
def test_each_row_comes_once_in_each_epoch(rows, block, seed, epoch):
    found = Blocks((seed, seed + 1), rows, "order", block).stretch(epoch * rows, rows)
    assert found.shape == (2, rows)
    assert (found.sort(dim=1).values == torch.arange(rows)).all()


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 400), st.integers(1, 50), st.integers(0, 900), st.integers(1, 300))
def test_any_stretch_is_a_part_of_the_endless_row(rows, block, start, count):
    whole = Blocks((3,), rows, "order", block).stretch(0, start + count)
    assert torch.equal(Blocks((3,), rows, "order", block).stretch(start, count), whole[:, start:])


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 400), st.integers(1, 50), st.integers(0, 900), st.integers(1, 300))
def test_the_spans_hold_what_is_read_and_what_comes_next(rows, block, start, count):
    blocks = Blocks((3, 4), rows, "order", block)
    now, after = blocks.spans(start, count)

    def inside(spans, index):
        return torch.stack([(index >= a) & (index < b) for a, b in spans]).any(0).all()

    assert inside(now, blocks.stretch(start, count))
    end = start + count - 1
    end += blocks.left(end)
    assert inside(after, blocks.stretch(end, blocks.left(end)))
    assert all(0 <= a < b <= rows for a, b in [*now, *after])


def test_a_window_has_few_blocks_and_an_epoch_has_other_ones():
    blocks = Blocks((0,), 64_000, "order", 100)
    now, after = blocks.spans(0, 1)
    assert sum(b - a for a, b in now) == sum(b - a for a, b in after) == 800
    assert set(now).isdisjoint(after)
    again, _ = blocks.spans(64_000, 1)
    assert set(again) != set(now)


def test_rows_of_a_window_are_shuffled():
    found = Blocks((0,), 64_000, "order", 100).stretch(0, 800)[0]
    steps = (found[1:] - found[:-1]).abs()
    assert (steps == 1).sum() < 20  # neighbours in the file are no neighbours here
    first = Blocks((1,), 64_000, "order", 100).stretch(0, 800)[0]
    assert len(set(found.tolist()) & set(first.tolist())) < 400


def test_an_order_goes_as_far_as_its_window():
    order = Order([7], 64_000, 30, block=100)
    steps, now, _ = order.reach(0, 1000)
    assert steps == 26  # 26 batches of 30 rows are 780 of the window's 800
    rows = order.steps(0, steps)
    assert all(any(a <= row < b for a, b in now) for row in rows.flatten().tolist())
    assert order.reach(26, 1000)[0] == 1  # this batch begins in one window and ends in the next
    assert order.reach(0, 5)[0] == 5


def test_members_that_share_an_order_share_its_windows():
    together, alone = Order([7, 7], 5000, 16, block=64), Order([7], 5000, 16, block=64)
    assert together.shared
    assert torch.equal(together.steps(3, 400), alone.steps(3, 400))
    assert together.reach(3, 400) == alone.reach(3, 400)


def test_a_member_that_came_later_begins_at_its_own_first_row():
    order, alone = Order([7, 7], 5000, 16, "order", (0, 10), 64), Order([7], 5000, 16, block=64)
    assert torch.equal(order.steps(10, 50).view(50, 2, 16)[:, 1], alone.steps(0, 50))
    steps, now, _ = order.reach(10, 50)
    index = order.steps(10, steps).flatten().tolist()
    assert all(any(a <= row < b for a, b in now) for row in index)


def test_other_orders_know_no_blocks():
    with pytest.raises(AssertionError, match="without blocks"):
        Order([7], 5000, 16).reach(0, 5)
