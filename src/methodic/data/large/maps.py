"""Encoded rows in a file that training reads as if it were memory.

The file is an ordinary safetensors file, so whatever reads a run's rows reads these; it is written
in place, row by row, since its rows are more than memory holds. Reading maps it: the system loads
what is touched. What training will touch next is touched by a thread before, and what it has done
with is let go, so that rows never wait for the disk and never fill the memory.
"""

from __future__ import annotations

import ctypes
import json
import math
import mmap
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from methodic.data.batches import Order, Rows
from methodic.data.blocks import Span
from methodic.errors import InputError

Array = npt.NDArray[Any]
Shapes = Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]]

_NAMES = {"float64": "F64", "float32": "F32", "int64": "I64", "uint8": "U8", "bool": "BOOL"}
_PAGE = mmap.PAGESIZE


class Writer:
    """A safetensors file of known shapes, whose tensors are filled bit by bit.

    Args:
        path: appears when the file is whole.
        shapes: name → type and shape.
        notes: texts to go with them.

    Raises:
        InputError: no room on the disk.

    Example:
        >>> with Writer(path, {"x": (np.dtype("float32"), (3, 2))}) as file:  # doctest: +SKIP
        ...     file["x"][1] = 7.0
    """

    def __init__(self, path: Path, shapes: Shapes, notes: Mapping[str, str]) -> None:
        self._path, self._being = path, path.with_name(path.name + ".being-written")
        # Large elements first, so that each tensor begins at a multiple of its own.
        names = sorted(shapes, key=lambda name: (-shapes[name][0].itemsize, name))
        head: dict[str, Any] = {"__metadata__": dict(notes)}
        end = 0
        for name in names:
            kind, shape = shapes[name]
            start, end = end, end + kind.itemsize * math.prod(shape)
            described = {"dtype": _NAMES[kind.name], "shape": shape, "data_offsets": (start, end)}
            head[name] = described
        text = json.dumps(head).encode()
        text += b" " * (-len(text) % 8)
        first = 8 + len(text)
        with self._being.open("wb+") as file:
            try:
                _reserve(file.fileno(), first + end, path)
            except InputError:
                self._being.unlink()
                raise
            file.write(len(text).to_bytes(8, "little") + text)
            file.flush()
            self._map = mmap.mmap(file.fileno(), first + end)
        self._arrays = {
            name: np.ndarray(
                shapes[name][1], shapes[name][0], self._map, first + head[name]["data_offsets"][0]
            )
            for name in names
        }

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def __enter__(self) -> Writer:
        return self

    def let_go(self) -> None:
        """Give back the memory of what was written; it is on its way to the disk."""
        self._map.madvise(mmap.MADV_DONTNEED)

    def __exit__(self, kind: object, *_: object) -> None:
        self._arrays.clear()
        if kind is None:
            self._map.flush()
        self._map.close()
        if kind is None:
            self._being.replace(self._path)
        else:
            self._being.unlink(missing_ok=True)


def _reserve(file: int, size: int, path: Path) -> None:
    """Take the room now: a full disk is an error here, and would kill the process later."""
    try:
        os.posix_fallocate(file, 0, size)
    except OSError as error:
        raise InputError(
            f"{path}: no room for the encoded rows",
            found=f"{error.strerror}; {size / 1e9:.3g} GB are needed",
            advice="Make room, or choose another folder with --out.",
        ) from None


@dataclass(frozen=True)
class Mapped(Rows):
    """Rows in a file that is mapped into memory; the processor's only.

    Args:
        inputs, target, weight: as for `Rows`, views of the file.
        block: of so many training rows the order is made; see `blocks.Blocks`.
        path: of the file.
        near: which of the rows are in memory.
    """

    block: int = 0
    path: Path = Path()
    near: Near = field(default_factory=lambda: Near())

    def to(self, device: torch.device) -> Rows:
        """Themselves; other devices have no way to map files."""
        if device.type != "cpu":
            raise InputError(
                f"rows that are read piece by piece train on the processor, not on '{device}'",
                advice="Leave --device out, or give the data more --memory.",
            )
        return self

    @property
    def waited(self) -> float:
        """Seconds that training has waited for rows, in this process."""
        return self.near.waited

    def at_hand(self, order: Order, first: int, count: int) -> int:
        """Wait until the rows of the next steps are in memory, and fetch those after them.

        Returns:
            How many of the steps first … first+count−1 can be taken now.
        """
        if order.full:
            return count
        steps, now, next_ = order.reach(first, count)
        self.near.hold(now, next_, self._touch, self._let_go)
        return steps

    def part(self, start: int, stop: int) -> Rows:
        """Rows start … stop−1; those before are let go, since parts are read one after another."""
        self._let_go((0, start))
        return super().part(start, stop)

    def _tensors(self) -> list[Tensor]:
        return [*self.inputs.values(), self.target, *([] if self.weight is None else [self.weight])]

    def _touch(self, span: Span) -> None:
        for tensor in self._tensors():
            place = _place(tensor, span)
            _advise(*place, mmap.MADV_WILLNEED)
            held = (ctypes.c_uint8 * place[1]).from_address(place[0])
            np.frombuffer(memoryview(held), dtype=np.uint8)[::_PAGE].max(initial=0)

    def _let_go(self, span: Span) -> None:
        for tensor in self._tensors():
            _advise(*_place(tensor, span), mmap.MADV_DONTNEED)


class Near:
    """Which rows are in memory, and how long training waited for them.

    Attributes:
        waited: seconds.
    """

    def __init__(self) -> None:
        self.waited = 0.0
        self._held: dict[Span, Future[None]] = {}
        self._thread: ThreadPoolExecutor | None = None

    def hold(
        self,
        now: Sequence[Span],
        next_: Sequence[Span],
        touch: Callable[[Span], None],
        let_go: Callable[[Span], None],
    ) -> None:
        """Have the rows ``now`` in memory, those ``next_`` on their way, and no others."""
        wanted = dict.fromkeys([*now, *next_])
        for span in [each for each in self._held if each not in wanted]:
            self._held.pop(span).cancel()
            let_go(span)
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="rows")
        for span in wanted:
            if span not in self._held:
                self._held[span] = self._thread.submit(touch, span)
        start = time.perf_counter()
        for span in now:
            self._held[span].result()
        self.waited += time.perf_counter() - start


def _place(tensor: Tensor, span: Span) -> tuple[int, int]:
    """Address and bytes of some rows of a tensor."""
    row = math.prod(tensor.shape[1:]) * tensor.element_size()
    return tensor.data_ptr() + span[0] * row, (span[1] - span[0]) * row


def _advise(address: int, size: int, advice: int) -> None:
    """Tell the system about whole pages; where it doesn't listen, nothing is lost."""
    begin = (
        address + -address % _PAGE if advice == mmap.MADV_DONTNEED else address - address % _PAGE
    )
    end = (address + size) // _PAGE * _PAGE
    if end > begin:
        ctypes.CDLL(None).madvise(
            ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), ctypes.c_int(advice)
        )
