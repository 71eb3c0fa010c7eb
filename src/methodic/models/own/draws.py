"""Dropout masks of users' modules, drawn faster.

torch asks its generator for 64 random bits for each element of a mask and turns them into a double;
in a small transformer that is a third of a training step. Here 64 bits decide four elements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_LEAST = 4096  # elements; a smaller mask costs next to nothing
_LEVELS = 2**16
_RARE = 0.01  # a probability below this (or above 1 − this) isn't a multiple of 1/65536, nearly


class QuickMasks(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within, `Tensor.bernoulli_(p)` on the processor sets elements to 1 with p to 1/65536.

    The bits come from torch's own generator, so that whoever seeds it decides the masks, but they
    are other masks than torch's own.

    Example:
        >>> from methodic.rng import drawing
        >>> with drawing(0), QuickMasks():
        ...     mask = torch.empty(100, 100).bernoulli_(0.9)
        >>> bool((mask.mean() - 0.9).abs() < 0.01), mask.unique().tolist()
        (True, [0.0, 1.0])
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Every operation comes by; all but one kind pass."""
        if func is torch.ops.aten.bernoulli_.float and not kwargs and _worth_it(*args):
            return _fill(*args)
        return func(*args, **(kwargs or {}))


def _worth_it(mask: Tensor, p: float = 0.5) -> bool:
    large = mask.device.type == "cpu" and mask.numel() >= _LEAST
    return large and _RARE <= p <= 1 - _RARE


def _fill(mask: Tensor, p: float = 0.5) -> Tensor:
    n = mask.numel()
    bits = torch.empty(-(-n // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
    ones = bits[:n] < round(p * _LEVELS) - _LEVELS // 2
    return mask.copy_(ones.view(mask.shape))
