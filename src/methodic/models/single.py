"""Networks that take their members one after the other, and a batch of theirs at a time.

On a processor, convolutions and attention of one member fill the caches and the matrix units by
themselves; members side by side would only be slower. Alone, a member's tensors have the same sizes
in any company, so its bits can't depend on it, and their numbers can lie in memory as the kernels
like them best: channels last.

Shapes: M members, B rows of a batch, C channels, H × W places, O outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from methodic.models.network import TwoHalves
from methodic.types import Pass

ROWS = 256
"""Rows that pass through at a time in evaluation: a constant, so that all of them round alike."""


class OneByOne(TwoHalves):
    """Base: the halves are those of one member; members take turns."""

    def one_encoded(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[1, B, …] by name → [1, B, F]."""
        raise NotImplementedError

    def one_answered(self, run: Pass, features: Tensor) -> Tensor:
        """[1, B, F] → [1, B, O]."""
        raise NotImplementedError

    def one(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[1, B, …] by name → [1, B, O]."""
        return self.one_answered(run, self.one_encoded(run, inputs))

    def __call__(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → [M, B, O]."""
        return _in_turn(self.one, run, inputs)

    def encoded(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → [M, B, F]."""
        return _in_turn(self.one_encoded, run, inputs)

    def answered(self, run: Pass, features: Tensor) -> Tensor:
        """[M, B, F] → [M, B, O]."""
        return _in_turn(lambda own, x: self.one_answered(own, x[""]), run, {"": features})


_One = Callable[[Pass, Mapping[str, Tensor]], Tensor]


def _in_turn(one: _One, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
    """``one`` for each member: [M, B, …] by name → [M, B, …]."""
    members = len(next(iter(inputs.values())))
    if members == 1:
        return _in_parts(one, run, inputs)
    passes = list(_apart(run, members))
    parts = []
    for m, alone in enumerate(passes):
        mine = {name: value[m : m + 1] for name, value in inputs.items()}
        parts.append(_in_parts(one, alone, mine))
    for name in passes[0].new_buffers:
        run.new_buffers[name] = torch.cat([each.new_buffers[name] for each in passes])
    return torch.cat(parts)


def _in_parts(one: _One, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
    """Evaluation goes by some rows at a time: all at once wouldn't fit into any cache."""
    rows = next(iter(inputs.values())).shape[1]
    if run.training or run.collect or rows <= ROWS:
        return one(run, inputs)
    parts = [
        one(run, {name: value[:, start : start + ROWS] for name, value in inputs.items()})
        for start in range(0, rows, ROWS)
    ]
    return torch.cat(parts, 1)


def channels_last(x: Tensor) -> Tensor:
    """[1, B, C, H, W], same shape; in memory, the channels of a place lie side by side."""
    image = x.squeeze(0).contiguous(memory_format=torch.channels_last)
    if image.shape[1] == 1:
        # A single channel lies as in either format. Torch would take it for channels first, and go
        # on so through the whole network.
        _, _, height, width = image.shape
        image = image.as_strided(image.shape, (height * width, 1, width, 1))
    return image.unsqueeze(0)


def _apart(run: Pass, members: int) -> Iterator[Pass]:
    """A pass for each member. Split once, so that there is one sum on the way back."""
    kinds = (run.parameters, run.buffers, run.noise, run.numbers)
    split = [{name: torch.split(value, 1) for name, value in kind.items()} for kind in kinds]
    for m in range(members):
        parameters, buffers, noise, numbers = (
            {name: value[m] for name, value in kind.items()} for kind in split
        )
        alone = Pass(parameters, buffers, noise, numbers, run.training, run.collect)
        alone.fixed = run.fixed
        yield alone
