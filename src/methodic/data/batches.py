"""Rows on the device, and which of them each member sees when.

Shapes: M members, N rows, n training rows, B rows of a batch, T steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from methodic.data.blocks import Blocks, Span
from methodic.rng import order
from methodic.types import Batch


@dataclass(frozen=True)
class Rows:
    """Encoded rows, resident on one device and shared by all members.

    Rows without a target stand behind those with one: ``len(rows)`` counts the labelled ones.

    Args:
        inputs: name → [E, …] of every row, E ≥ N; images are uint8, which batches have as float32
            in [0, 1].
        target: classes int64 [N], or numbers float32 [N, C], of the labelled ones.
        weight: of each labelled row, float32 [N], above 0; None: all count alike.
        soft: what a teacher says about every row, float32 [E, C]; None without one.
    """

    inputs: Mapping[str, Tensor]
    target: Tensor
    weight: Tensor | None = None
    soft: Tensor | None = None

    def __len__(self) -> int:
        return self.target.shape[0]

    @property
    def every(self) -> int:
        """E: all rows, those without a target included."""
        return next((x.shape[0] for x in self.inputs.values()), len(self))

    @property
    def labelled(self) -> Rows:
        """The rows that have a target."""
        return self if self.every == len(self) else self.part(0, len(self))

    def everything(self, members: int) -> Batch:
        """All labelled rows for each member, without a copy."""
        return self.labelled._batch(lambda x: x.expand(members, *x.shape))

    def gather(self, index: Tensor, members: int) -> Batch:
        """The rows ``index`` [M·B], for each member its own."""

        def take(x: Tensor) -> Tensor:
            return x.index_select(0, index).view(members, -1, *x.shape[1:])

        return self._batch(take)

    def gather_shared(self, index: Tensor, members: int) -> Batch:
        """The rows ``index`` [B], the same for all members: gathered once, without a copy."""

        def take(x: Tensor) -> Tensor:
            return x.index_select(0, index).expand(members, -1, *x.shape[1:])

        return self._batch(take)

    def without_targets(self, index: Tensor, members: int) -> Batch:
        """The rows ``index`` [M·B] among all, for each member its own; nobody sees a target."""

        def take(x: Tensor) -> Tensor:
            return x.index_select(0, index).view(members, -1, *x.shape[1:])

        inputs = {name: floating(take(x)) for name, x in self.inputs.items()}
        nothing = self.target.new_zeros(members, 0, *self.target.shape[1:])
        return Batch(inputs, nothing, soft=None if self.soft is None else take(self.soft))

    def part(self, start: int, stop: int) -> Rows:
        """Labelled rows start … stop−1."""
        return self._rows(lambda x: x[start : min(stop, len(self))])

    def spread(self, count: int) -> Rows:
        """At most ``count`` labelled rows, evenly from all: a file may be sorted."""
        if len(self) <= count:
            return self.labelled
        index = torch.arange(count, device=self.target.device) * len(self) // count
        return self._rows(lambda x: x.index_select(0, index))

    def some_inputs(self, count: int, members: int) -> dict[str, Tensor]:
        """Inputs of at most ``count`` rows, evenly from all, for each member: [M, …] by name."""
        if self.every == len(self):
            return self.spread(count).everything(members).inputs
        most = min(count, self.every)
        index = torch.arange(most, device=self.target.device) * self.every // most
        taken = {k: floating(x.index_select(0, index)) for k, x in self.inputs.items()}
        return {k: x.expand(members, *x.shape) for k, x in taken.items()}

    def to(self, device: torch.device) -> Rows:
        """The same rows on ``device``."""
        return self._rows(lambda x: x.to(device))

    @property
    def waited(self) -> float:
        """Seconds that training has waited for rows, in this process."""
        return 0.0

    def at_hand(self, order: Order, first: int, count: int) -> int:  # noqa: ARG002
        """How many of the steps first … first+count−1 find their rows here: all of them.

        Rows in a file wait for theirs (`data.large.maps`).
        """
        return count

    def _rows(self, take: Callable[[Tensor], Tensor]) -> Rows:
        inputs = {k: take(v) for k, v in self.inputs.items()}
        weight, soft = (None if x is None else take(x) for x in (self.weight, self.soft))
        return Rows(inputs, take(self.target), weight, soft)

    def _batch(self, take: Callable[[Tensor], Tensor]) -> Batch:
        inputs = {k: floating(take(v)) for k, v in self.inputs.items()}
        weight, soft = (None if x is None else take(x) for x in (self.weight, self.soft))
        return Batch(inputs, take(self.target), weight, soft=soft)


def floating(x: Tensor) -> Tensor:
    """Bytes as numbers in [0, 1]; anything else as it is."""
    return x.to(torch.float32).div_(255) if x.dtype == torch.uint8 else x


class Order:
    """Which rows each member sees at each step: epochs of shuffled rows, laid end to end.

    Batch t holds the positions tB … (t+1)B−1 of that endless row of epochs. So every row comes
    exactly once in each epoch, every batch has B rows, and a batch may begin in one epoch and end
    in the next. The order is a function of (seed, epoch) alone.

    Args:
        seeds: one for each member.
        rows: n.
        batch: B ≥ 1; a batch as large as the data is all rows in their own order, unless they are
            ``partnered``.
        stream: what the shuffles are for.
        born: the step at which each member's own clock started, so that it sees its first batch
            there; () if all did at 0.
        block: rows that lie together in a file and are read together; 0 shuffles all rows at once.
        partnered: what a batch is used for depends on who comes next to whom, so that its order has
            to change, however large it is.

    Attributes:
        shared: all members, several of them, see the same rows.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        rows: int,
        batch: int,
        stream: str = "order",
        born: Sequence[int] = (),
        block: int = 0,
        partnered: bool = False,
    ) -> None:
        self.rows = rows
        self.partnered = partnered
        self.batch = batch
        self.block = block
        members = list(zip(seeds, born or [0] * len(seeds), strict=True))
        different = dict.fromkeys(members)
        self.shared = len(members) > 1 and len(different) == 1
        clocks: dict[int, list[int]] = {}
        for seed, start in different:
            clocks.setdefault(start, []).append(seed)
        self._shuffles = {
            start: Blocks(tuple(own), rows, stream, block)
            if block
            else _Shuffles(tuple(own), rows, stream)
            for start, own in clocks.items()
        }
        laid = [(seed, start) for start, own in clocks.items() for seed in own]
        places = [laid.index(member) for member in members]
        self._places = None if self.shared or laid == members else torch.tensor(places)

    @property
    def full(self) -> bool:
        """Every batch is all rows, in their own order."""
        return self.batch == self.rows and not self.partnered

    @property
    def held(self) -> int:
        """Row numbers that are held at once, for each member."""
        return max((shuffles.held for shuffles in self._shuffles.values()), default=0)

    def reach(self, first: int, count: int) -> tuple[int, list[Span], list[Span]]:
        """How far some steps get with few rows of the file at once; only with ``block``.

        Returns:
            How many of the steps first … first+count−1 need no more than these: the rows that they
            read, and those that come after them.
        """
        clocks = [
            (own, (first - start) * self.batch)
            for start, own in self._shuffles.items()
            if isinstance(own, Blocks)
        ]
        assert clocks, "an order without blocks"
        steps = min(count, *(max(1, own.left(at) // self.batch) for own, at in clocks))
        now: list[Span] = []
        following: list[Span] = []
        for own, at in clocks:
            here, there = own.spans(at, steps * self.batch)
            now += here
            following += there
        return steps, now, following

    def steps(self, first: int, count: int, device: torch.device | None = None) -> Tensor:
        """Row numbers of the steps first … first+count−1: int64 [T, M·B], where shared [T, B]."""
        stretches = [
            shuffles.stretch((first - start) * self.batch, count * self.batch)
            for start, shuffles in self._shuffles.items()
        ]
        laid = stretches[0] if len(stretches) == 1 else torch.cat(stretches)
        if self._places is not None:
            laid = laid[self._places]
        by_step = laid.view(-1, count, self.batch).transpose(0, 1)
        return by_step.reshape(count, -1).to(device)


class _Shuffles:
    """Epochs of shuffled rows, laid end to end, for K different seeds."""

    def __init__(self, seeds: Sequence[int], rows: int, stream: str) -> None:
        self.seeds = seeds
        self.rows = rows
        self.stream = stream
        self._epochs: dict[int, Tensor] = {}

    @property
    def held(self) -> int:
        """Row numbers that are held at once."""
        return self.rows

    def stretch(self, start: int, count: int) -> Tensor:
        """Row numbers at ``count`` positions from ``start`` on: int64 [K, count]."""
        assert start >= 0, "no member sees rows before it is there"
        stop, pieces = start + count, []
        while start < stop:
            epoch, offset = divmod(start, self.rows)
            end = min(self.rows, offset + stop - start)
            pieces.append(self._epoch(epoch)[:, offset:end])
            start += end - offset
        return torch.cat(pieces, dim=1)

    def _epoch(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            # Steps go forward: what came before the previous epoch isn't needed again.
            self._epochs = {k: v for k, v in self._epochs.items() if k >= epoch - 1}
            self._epochs[epoch] = order(self.seeds, epoch, self.rows, self.stream)
        return self._epochs[epoch]
