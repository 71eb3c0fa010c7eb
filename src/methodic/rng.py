"""Randomness as a function of (seed, stream, step): no generator, no hidden state.

A counter-based hash over 32-bit integers. Integer arithmetic is exact, so the bits are the same on
every machine and device, whatever the number of threads, members or evaluations. A *site* is a name
such as "dropout/0": it picks a fixed sequence of counters; (seed, step) pick the keys with which
these counters are mixed. Adding a site never changes another site's numbers.

Shapes: M members, n numbers.

Source: the mixing function is Chris Wellons' "lowbias32" (hash-prospector, 2018), twice, with
independent keys (the second time shortened).
"""

from __future__ import annotations

import contextlib
import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_MULTIPLY_1 = 0x7FEB352D
_MULTIPLY_2 = 0x846CA68B - (1 << 32)  # as a signed 32-bit number
_BLOCK = 64  # numbers per site are padded to this, see `Draws`


def mix(x: Tensor) -> Tensor:
    """Scramble 32-bit integers; every input bit changes every output bit half of the time."""
    return _mix_(x.clone(), torch.empty_like(x))


def _mix_(x: Tensor, scratch: Tensor) -> Tensor:
    """`mix` in place: fresh memory for each operation would cost more than the arithmetic."""
    _fold_(x, scratch, 16).mul_(_MULTIPLY_1)
    _fold_(x, scratch, 15).mul_(_MULTIPLY_2)
    return _fold_(x, scratch, 16)


def _fold_(x: Tensor, scratch: Tensor, by: int) -> Tensor:
    """x ^= x >>> by. torch's shift keeps the sign, so the upper bits are masked away."""
    torch.bitwise_right_shift(x, by, out=scratch)
    return x.bitwise_xor_(scratch.bitwise_and_((1 << (32 - by)) - 1))


def key(seed: int, *path: int | str) -> int:
    """A signed 64-bit key for ``path`` under ``seed``, computed on the host with plain integers.

    Example:
        >>> key(0, "order", 3) == key(0, "order", 3), key(0, "order", 3) == key(1, "order", 3)
        (True, False)
    """
    state = _splitmix(_chain(seed, path))
    return state - 2**64 if state >= 2**63 else state


def _chain(seed: int, path: Sequence[int | str]) -> int:
    state = (seed ^ (seed >> 64)) & (2**64 - 1)
    for part in path:
        number = zlib.crc32(part.encode()) | 1 << 40 if isinstance(part, str) else part
        state = _splitmix(state ^ _splitmix(number & (2**64 - 1)))
    return state


def _splitmix(x: int) -> int:
    """One output of SplitMix64 (Steele, Lea, Flood 2014)."""
    x = (x + 0x9E3779B97F4A7C15) & (2**64 - 1)
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return x ^ (x >> 31)


def _splitmix_array(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """`_splitmix` of each element; unsigned arithmetic wraps around as it should."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _signed(x: int) -> int:
    x &= 0xFFFFFFFF
    return x - 2**32 if x >= 2**31 else x


def keys(seeds: Sequence[int], *path: int | str, device: torch.device | None = None) -> Tensor:
    """Two 32-bit keys for each member: int32 [2, M, 1]."""
    pairs = [key(seed, *path) for seed in seeds]
    low = [_signed(each) for each in pairs]
    high = [_signed(each >> 32) for each in pairs]
    return torch.tensor([low, high], dtype=torch.int32, device=device).unsqueeze(-1)


def key_table(
    seeds: Sequence[int],
    *path: int | str,
    first: int,
    count: int,
    device: torch.device | None = None,
    born: Sequence[int] = (),
) -> Tensor:
    """`keys(seeds, *path, step)` for ``count`` steps from ``first``: int32 [T, 2, M, 1].

    Args:
        seeds: one for each member.
        path: what the numbers are for.
        first, count: which steps, on a clock that all members share.
        device: where the keys are wanted.
        born: when each member's own clock started, at most ``first``; () if all did at 0.
    """
    states = np.array([_chain(seed, path) for seed in seeds], dtype=np.uint64)
    steps = np.arange(first, first + count, dtype=np.uint64)[:, None]
    if any(born):
        steps = steps - np.array(born, dtype=np.uint64)
    last = _splitmix_array(_splitmix_array(states ^ _splitmix_array(steps)))
    halves = np.stack([last & np.uint64(0xFFFFFFFF), last >> np.uint64(32)], axis=1)
    signed = np.ascontiguousarray(halves.astype(np.uint32)).view(np.int32)
    return torch.from_numpy(signed).unsqueeze(-1).to(device)


def counters(name: str, n: int, device: torch.device | None = None) -> Tensor:
    """The fixed, already scrambled counters of a site: int32 [n]."""
    start = torch.arange(n, dtype=torch.int32, device=device)
    return mix(mix(start) ^ _signed(zlib.crc32(name.encode())))


def hashed(base: Tensor, two_keys: Tensor) -> Tensor:
    """Mix counters [n] with each member's keys [2, M, 1]: int32 [M, n], all 32 bits random."""
    x = base ^ two_keys[0]
    scratch = torch.empty_like(x)
    _mix_(x, scratch).add_(two_keys[1])
    _fold_(x, scratch, 16).mul_(_MULTIPLY_1)
    return _fold_(x, scratch, 15)


def to_uniform(bits: Tensor) -> Tensor:
    """Uniform floats in [0, 1) from 32 random bits: multiples of 2⁻²⁴, exact in float32."""
    return (bits >> 8).bitwise_and_(0xFFFFFF).to(torch.float32).mul_(2.0**-24)


def to_normal(bits: Tensor) -> Tensor:
    """Standard normal floats from an even number of random 32-bit integers (Box and Muller 1958).

    Args:
        bits: int32 [..., n], n a multiple of 128, so that no vectorised kernel has a tail whose
            last bits are rounded differently from its body.
    """
    first, second = bits.chunk(2, dim=-1)
    radius = torch.sqrt(-2.0 * torch.log1p(-to_uniform(first.contiguous())))
    angle = (2.0 * math.pi) * to_uniform(second.contiguous())
    return torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], dim=-1)


Kind = Literal["uniform", "normal", "short"]
"""uniform: float32 in [0, 1); normal: float32; short: int16, every value equally likely, two from
each hash, for decisions such as dropout that need no finer steps than 1/65536."""


@dataclass(frozen=True)
class Noise:
    """What a part of the step wants to draw, for one member: a shape and a distribution."""

    shape: tuple[int, ...]
    kind: Kind = "uniform"


class Draws:
    """One kernel that draws all random numbers of a step.

    Args:
        sites: name → what is drawn there for each member.
        device: where the numbers are wanted.

    Example:
        >>> draws = Draws({"dropout/0": Noise((4, 8))})
        >>> draws(keys([0, 1], "step", 7))["dropout/0"].shape
        torch.Size([2, 4, 8])
    """

    def __init__(self, sites: Mapping[str, Noise], device: torch.device | None = None) -> None:
        kinds: tuple[Kind, ...] = ("uniform", "normal", "short")
        self._groups = [_Group(sites, kind, device) for kind in kinds]

    def __bool__(self) -> bool:
        return any(group.slices for group in self._groups)

    def __call__(self, two_keys: Tensor) -> dict[str, Tensor]:
        drawn: dict[str, Tensor] = {}
        for group in self._groups:
            if group.slices:
                drawn.update(group(two_keys))
        return drawn


class _Group:
    """All sites of one distribution, each padded so that it starts and ends on whole vectors."""

    def __init__(self, sites: Mapping[str, Noise], kind: Kind, device: torch.device | None) -> None:
        self.kind = kind
        self.slices: list[tuple[str, int, int, int, tuple[int, ...]]] = []
        pieces, start = [], 0
        for name, noise in sites.items():
            if noise.kind == kind:
                n = math.prod(noise.shape)
                hashes = (n + 1) // 2 if kind == "short" else n
                padded = hashes + -hashes % (2 * _BLOCK)
                self.slices.append((name, start, padded, n, noise.shape))
                pieces.append(counters(name, padded, device))
                start += padded
        self.base = torch.cat(pieces) if pieces else torch.empty(0, dtype=torch.int32)

    def __call__(self, two_keys: Tensor) -> dict[str, Tensor]:
        bits = hashed(self.base, two_keys)
        if self.kind == "uniform":
            bits = to_uniform(bits)
        drawn = {}
        for name, start, padded, n, shape in self.slices:
            mine = bits[:, start : start + padded]
            if self.kind == "normal":
                mine = to_normal(mine)
            elif self.kind == "short":
                mine = mine.view(torch.int16)
            drawn[name] = mine[:, :n].reshape(-1, *shape)
        return drawn


def order(seeds: Sequence[int], epoch: int, rows: int, stream: str = "order") -> Tensor:
    """Each member's order of the rows in one epoch: int64 [M, rows], a permutation.

    A stable sort of hashed keys, so that it depends on nothing but its arguments.
    """
    bits = hashed(counters(stream, rows), keys(seeds, stream, epoch))
    # Each key with its row behind it: all differ, so any sort is stable, and NumPy's is ten times
    # as fast as one that carries indices along.
    both = bits.numpy().astype(np.int64) << 32 | np.arange(rows)
    both.sort(axis=-1)
    return torch.from_numpy(both & 0xFFFFFFFF)


def host_uniform(seed: int, name: str, n: int) -> npt.NDArray[np.float64]:
    """Uniform numbers in [0, 1) for host-side decisions such as splits: float64 [n]."""
    bits = hashed(counters(name, n), keys([seed], name))[0]
    return to_uniform(bits).numpy().astype(np.float64)


@contextlib.contextmanager
def drawing(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Within, torch's own generators draw from ``seed``; afterwards they are as they were before.

    For a user's code, which knows no other source. Not by `torch.manual_seed`: on a machine without
    a GPU it queues three calls for one each time, which takes 2 ms and memory without end.

    Args:
        seed: any 64-bit number.
        device: where that code draws besides the processor.

    Example:
        >>> with drawing(3):
        ...     first = torch.rand(2)
        >>> with drawing(3):
        ...     torch.equal(first, torch.rand(2))
        True
    """
    back = returning(device)
    torch.default_generator.manual_seed(seed)
    module = _module(device)
    if module is not None:
        with module.device(device):
            module.manual_seed(seed)
    try:
        yield
    finally:
        back()


def returning(device: torch.device | None = None) -> Callable[[], None]:
    """A function that puts torch's own generators back to where they are now.

    Args:
        device: one whose generator is meant besides the processor's.

    Example:
        >>> back = returning()
        >>> first = torch.rand(2)
        >>> back()
        >>> torch.equal(first, torch.rand(2))
        True
    """
    before, module = torch.get_rng_state(), _module(device)
    elsewhere = None if module is None else module.get_rng_state(device)

    def back() -> None:
        torch.set_rng_state(before)
        if module is not None:
            module.set_rng_state(elsewhere, device)

    return back


def _module(device: torch.device | None) -> Any:
    return None if device is None or device.type == "cpu" else torch.get_device_module(device)
