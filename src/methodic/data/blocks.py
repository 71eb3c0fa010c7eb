"""The order of rows that lie in a file: near enough to a shuffle, and read in large pieces.

Shapes: K seeds, n rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from methodic.rng import key, order

Span = tuple[int, int]
"""Rows from … up to, not including."""


class Blocks:
    """Epochs of rows that are read from a file block by block, for K different seeds.

    An epoch cuts the rows, as on a ring, into blocks from a random row on, takes the blocks in
    random order, and shuffles the rows of `MIXED` of them at a time: a window. The rows that are
    left over at the end of the ring come in the last window.

    Args:
        seeds: K ones.
        rows: n.
        stream: what the shuffles are for.
        block: rows of a block.
    """

    MIXED = 8

    def __init__(self, seeds: Sequence[int], rows: int, stream: str, block: int) -> None:
        self.seeds = seeds
        self.rows = rows
        self.stream = stream
        self.block = min(block, rows)
        self._window = self.block * self.MIXED
        self._last = max(1, rows // self._window) - 1  # the last one takes what is left
        self._layouts: dict[int, tuple[list[int], Tensor]] = {}
        self._shuffled: dict[tuple[int, int], Tensor] = {}

    @property
    def held(self) -> int:
        """Row numbers that are held at once."""
        return min(self.rows, 2 * self._window)

    def stretch(self, start: int, count: int) -> Tensor:
        """Row numbers at ``count`` positions from ``start`` on: int64 [K, count]."""
        assert start >= 0, "no member sees rows before it is there"
        stop, pieces = start + count, []
        while start < stop:
            epoch, which, begin, end = self._around(start)
            taken = min(end, stop - epoch * self.rows)
            offset = start - epoch * self.rows
            pieces.append(self._rows_of(epoch, which)[:, offset - begin : taken - begin])
            start = epoch * self.rows + taken
        return torch.cat(pieces, dim=1)

    def left(self, position: int) -> int:
        """Positions up to the end of a position's window."""
        epoch, _, _, end = self._around(position)
        return epoch * self.rows + end - position

    def spans(self, start: int, count: int) -> tuple[list[Span], list[Span]]:
        """Blocks of the windows at some positions, and those of the window that follows."""
        found, at = [], start
        while at < start + count:
            found += self._spans(at)
            at += self.left(at)
        return found, self._spans(at)

    def _around(self, position: int) -> tuple[int, int, int, int]:
        """Epoch and window of a position; where in the epoch the window begins and ends."""
        epoch, offset = divmod(position, self.rows)
        which = min(offset // self._window, self._last)
        end = self.rows if which == self._last else (which + 1) * self._window
        return epoch, which, which * self._window, end

    def _layout(self, epoch: int) -> tuple[list[int], Tensor]:
        """For each seed the row at which the ring begins, and the order of the blocks, [K, …]."""
        if epoch not in self._layouts:
            self._layouts = {k: v for k, v in self._layouts.items() if k >= epoch - 1}
            begins = [key(seed, self.stream, "ring", epoch) % self.rows for seed in self.seeds]
            count = self.rows // self.block
            self._layouts[epoch] = begins, order(self.seeds, epoch, count, f"{self.stream}/blocks")
        return self._layouts[epoch]

    def _spans(self, position: int) -> list[Span]:
        epoch, _, begin, end = self._around(position)
        begins, blocks = self._layout(epoch)
        full = blocks.shape[1] * self.block
        places = [
            (first + int(row[at // self.block]) * self.block, self.block)
            for first, row in zip(begins, blocks, strict=True)
            for at in range(begin, min(end, full), self.block)
        ]
        if end > full:
            places += [(first + full, end - full) for first in begins]
        found = []
        for first, size in places:
            first %= self.rows
            found.append((first, min(first + size, self.rows)))
            if first + size > self.rows:
                found.append((0, first + size - self.rows))
        return found

    def _rows_of(self, epoch: int, which: int) -> Tensor:
        """The shuffled rows of a window: int64 [K, rows of it]."""
        if (epoch, which) not in self._shuffled:
            # Steps go forward: windows before the last one aren't needed again.
            self._shuffled = dict(list(self._shuffled.items())[-1:])
            self._shuffled[epoch, which] = self._shuffle(epoch, which)
        return self._shuffled[epoch, which]

    def _shuffle(self, epoch: int, which: int) -> Tensor:
        _, _, begin, end = self._around(epoch * self.rows + which * self._window)
        begins, blocks = self._layout(epoch)
        at = torch.arange(begin, end)
        inner, block = at % self.block, at // self.block
        full = blocks.shape[1]
        moved = blocks[:, block.clamp(max=full - 1)] * self.block + inner
        places = torch.where(block < full, moved, at)  # what is left over stays where it is
        ring = (places + torch.tensor(begins).unsqueeze(1)) % self.rows
        mixed = order(self.seeds, epoch, end - begin, f"{self.stream}/window {which}")
        return ring.gather(1, mixed)
