"""What an operation of a graph may use besides its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from methodic.engine.native.loops import Program


@dataclass(frozen=True)
class Call:
    """What an operation may use besides its arguments: the program, and what it yields."""

    program: Program
    shape: tuple[int, ...]
    dtype: torch.dtype

    def of(self, shape: Sequence[int], dtype: torch.dtype) -> Call:
        """Another result in the same program."""
        return Call(self.program, tuple(shape), dtype)
