"""Initial weights: a function of (specification, seed), for many members at once.

Each parameter's numbers come from a site of its own name, so adding a layer changes no other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from methodic.rng import Draws, Kind, Noise, keys
from methodic.types import BufferSpec, ParameterSpec


def _scaled(spread: Callable[[ParameterSpec], float]) -> Callable[[ParameterSpec, Tensor], Tensor]:
    return lambda spec, noise: noise * spread(spec)


def _symmetric(
    bound: Callable[[ParameterSpec], float],
) -> Callable[[ParameterSpec, Tensor], Tensor]:
    return lambda spec, noise: (noise * 2.0 - 1.0) * bound(spec)


def _orthogonal(spec: ParameterSpec, noise: Tensor) -> Tensor:
    """Q of a normal matrix, signs fixed so that Q is uniform (Saxe et al. 2014)."""
    rows, columns = spec.shape[0], math.prod(spec.shape[1:])
    flat = noise.reshape(-1, rows, columns)
    tall = flat if rows >= columns else flat.mT
    # One member at a time: a batched factorization may choose its blocks by the batch.
    factors = [torch.linalg.qr(each) for each in tall]
    q = torch.stack([q * torch.diagonal(r).sign() for q, r in factors])
    return spec.gain * (q if rows >= columns else q.mT).reshape(noise.shape).contiguous()


def _passing_on(spec: ParameterSpec, noise: Tensor) -> Tensor:
    """A convolution whose first outputs are its inputs, place by place; the others are drawn."""
    drawn = (noise * 2.0 - 1.0) * (spec.gain * math.sqrt(3.0 / spec.fan_in))
    outputs, inputs = spec.shape[:2]
    place = math.prod(spec.shape[2:]) // 2  # the middle: filters have odd sides
    flat = drawn.view(*drawn.shape[:3], -1)
    for i in range(min(inputs, outputs)):
        flat[:, i] = 0.0
        flat[:, i, i, place] = 1.0
    return drawn


_DRAWN: dict[str, tuple[Kind, Callable[[ParameterSpec, Tensor], Tensor]]] = {
    "kaiming_normal": ("normal", _scaled(lambda s: s.gain / math.sqrt(s.fan_in))),
    "kaiming_uniform": ("uniform", _symmetric(lambda s: s.gain * math.sqrt(3.0 / s.fan_in))),
    "xavier_normal": ("normal", _scaled(lambda s: math.sqrt(2.0 / (s.fan_in + s.fan_out)))),
    "xavier_uniform": ("uniform", _symmetric(lambda s: math.sqrt(6.0 / (s.fan_in + s.fan_out)))),
    "orthogonal": ("normal", _orthogonal),
    "normal": ("normal", _scaled(lambda _: 0.01)),
    "uniform": ("uniform", _symmetric(lambda _: 0.05)),
    "lsuv": ("normal", _orthogonal),  # and then scaled by data, see `layers.Linear`
    "gaussian": ("normal", _scaled(lambda s: s.gain)),
    "truncated": ("normal", lambda s, noise: noise.clamp(-3.0, 3.0) * s.gain),
    "spread": ("uniform", _symmetric(lambda s: s.gain)),
    "signs": ("uniform", lambda s, noise: torch.where(noise < 0.5, -s.gain, s.gain)),
    "passing_on": ("uniform", _passing_on),
}
_OF_PARTS = ("constant", "gaussian", "truncated", "spread", "signs", "passing_on")

INITIALIZATIONS: tuple[str, ...] = (*(n for n in _DRAWN if n not in _OF_PARTS), "zeros")
"""What a recipe may name. Kaiming: He et al. 2015; Xavier: Glorot and Bengio 2010; orthogonal: Saxe
et al. 2014; lsuv: Mishkin and Matas 2016 (orthogonal, then scaled so that each layer's outputs have
variance 1 on training rows); normal: standard deviation 0.01; uniform: within ±0.05."""

PARTS: tuple[str, ...] = _OF_PARTS
"""What networks ask for besides, with ``gain`` for size: gaussian: that standard deviation;
truncated: the same, within 3 of them; spread: within ±gain; signs: +gain or −gain; constant:
``value``; passing_on: a convolution's first outputs are its inputs, the others are kaiming_uniform
(Zagoruyko and Komodakis 2017)."""


def initial_parameters(
    specs: Mapping[str, ParameterSpec],
    seeds: Sequence[int],
    device: torch.device | None = None,
    stream: str = "initial",
) -> dict[str, Tensor]:
    """Initial parameters of one member for each seed: name → float32 [M, …].

    ``stream``: what they are drawn for; another one gives other numbers.

    Example:
        >>> spec = ParameterSpec((4, 3), "kaiming_normal", fan_in=4)
        >>> initial_parameters({"weight": spec}, seeds=[0, 1])["weight"].shape
        torch.Size([2, 4, 3])
    """
    sites = {
        name: Noise(_drawn_shape(spec), _DRAWN[spec.initialization][0])
        for name, spec in specs.items()
        if spec.initialization in _DRAWN
    }
    noise = Draws(sites)(keys(seeds, stream)) if sites else {}
    made = {}
    for name, spec in specs.items():
        if name in noise:
            value = _repeated(spec, _DRAWN[spec.initialization][1](spec, noise[name]))
        else:
            start = spec.value if spec.initialization == "constant" else 0.0
            value = torch.full((len(seeds), *spec.shape), start)
        made[name] = value.to(device)
    return made


def _drawn_shape(spec: ParameterSpec) -> tuple[int, ...]:
    runs = spec.alike or ((),) * len(spec.shape)
    return tuple(len(run) or size for size, run in zip(spec.shape, runs, strict=True))


def _repeated(spec: ParameterSpec, drawn: Tensor) -> Tensor:
    """Runs of equal numbers, where the specification asks for them."""
    for axis, run in enumerate(spec.alike, 1):
        if run:
            drawn = drawn.repeat_interleave(torch.tensor(run), axis)
    return drawn


def initial_buffers(
    specs: Mapping[str, BufferSpec], members: int, device: torch.device | None = None
) -> dict[str, Tensor]:
    """Initial buffers: name → float32 [M, …]."""
    return {
        name: torch.full((members, *spec.shape), spec.value, device=device)
        for name, spec in specs.items()
    }
