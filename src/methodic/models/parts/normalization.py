"""Normalization layers. Shapes: M members, B rows, D features, and what follows a feature: H × W.

Each divides by a square root, which is exact in any kernel; rsqrt is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.models.parts.layers import Layer, members, together
from methodic.types import BufferSpec, ParameterSpec, Pass


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Normalizes each feature over the batch, then scales and shifts: [M, B, D, …], same shape.

    Running statistics serve evaluation: r ← 0.9·r + 0.1·s, with the unbiased variance.

    Args:
        name: prefix of the names.
        features: D.
        momentum: share of a batch in the running statistics.
        epsilon: is added to the variance.
        scales: has a trained scale; otherwise it is 1.
        rate: factor on the learning rate of the shift.

    Source: Ioffe and Szegedy 2015.
    """

    name: str
    features: int
    momentum: float = 0.1
    epsilon: float = 1e-5
    scales: bool = True
    rate: float = 1.0

    def parameters(self) -> dict[str, ParameterSpec]:
        specs = _scale_and_shift(self.name, self.features)
        shift = f"{self.name}.shift"
        specs[shift] = replace(specs[shift], lr_scale=self.rate)
        return {k: v for k, v in specs.items() if self.scales or k == shift}

    def buffers(self) -> dict[str, BufferSpec]:
        return {
            f"{self.name}.mean": BufferSpec((self.features,), 0.0),
            f"{self.name}.variance": BufferSpec((self.features,), 1.0),
        }

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        if x.ndim == 3:
            return self._normalized(run, x)
        return self._of_images(run, x)

    def _of_images(self, run: Pass, x: Tensor) -> Tensor:
        """By torch's own kernel, which takes channels last and 16 bits, and each member alone."""
        measuring = self._measures(run)
        names = f"{self.name}.mean", f"{self.name}.variance"
        # The kernel writes its statistics into what it is given.
        mean, variance = (run.buffers[name].clone() for name in names)
        scale, shift = self._scale(run), run.parameters[f"{self.name}.shift"]
        share = 1.0 if run.collect else self.momentum
        parts = [
            # No cuDNN: its bits depend on which algorithm it picks.
            torch.batch_norm(
                each[0], each[1], each[2], each[3], each[4], measuring, share, self.epsilon, False
            )
            for each in members(x, scale, shift, mean, variance)
        ]
        if measuring:
            run.new_buffers.update(zip(names, (mean, variance), strict=True))
        return together(parts)

    def _measures(self, run: Pass) -> bool:
        """A frozen layer does in training what it does afterwards."""
        return (run.collect or run.training) and self.name not in run.fixed

    def _scale(self, run: Pass) -> Tensor:
        if self.scales:
            return run.parameters[f"{self.name}.scale"]
        return torch.ones_like(run.buffers[f"{self.name}.mean"])

    def _normalized(self, run: Pass, x: Tensor) -> Tensor:
        mean_name, variance_name = f"{self.name}.mean", f"{self.name}.variance"
        if self._measures(run):
            rows = x.shape[1]
            mean = x.mean(1, keepdim=True)
            centered = x - mean
            variance = (centered * centered).mean(1, keepdim=True)
            unbiased = variance.detach() * (rows / max(rows - 1, 1))
            for name, seen in ((mean_name, mean.detach()), (variance_name, unbiased)):
                old = run.buffers[name]
                share = 1.0 if run.collect else self.momentum
                run.new_buffers[name] = old + share * (seen.squeeze(1) - old)
        else:
            centered = x - run.buffers[mean_name].unsqueeze(1)
            variance = run.buffers[variance_name].unsqueeze(1)
        scale = self._scale(run).unsqueeze(1)
        shift = run.parameters[f"{self.name}.shift"].unsqueeze(1)
        return centered * (scale / torch.sqrt(variance + self.epsilon)) + shift


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Normalizes each row over its last axis, then scales and shifts (Ba, Kiros, Hinton 2016)."""

    name: str
    features: int
    epsilon: float = 1e-5

    def parameters(self) -> dict[str, ParameterSpec]:
        return _scale_and_shift(self.name, self.features)

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        scale, shift = _own(run, self.name, x)
        return F.layer_norm(x, (self.features,), eps=self.epsilon) * scale + shift


@dataclass(frozen=True)
class RMSNorm(Layer):
    """x/√(mean(x²) + ε) over the last axis of each row, then scales: no centring, no shift.

    Source: Zhang and Sennrich 2019 (arXiv 1910.07467).
    """

    name: str
    features: int
    epsilon: float = 1e-6

    def parameters(self) -> dict[str, ParameterSpec]:
        specs = _scale_and_shift(self.name, self.features)
        return {k: v for k, v in specs.items() if k.endswith(".scale")}

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        scale = run.parameters[f"{self.name}.scale"]
        scale = scale.view(scale.shape[0], *[1] * (x.ndim - 2), -1)
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + self.epsilon) * scale


@dataclass(frozen=True)
class GroupNorm(Layer):
    """Normalizes each row over groups of features, then scales and shifts: [M, B, D, …].

    With images, a group is normalized over its places, too. ``groups`` divides D; with D groups it
    is instance norm. Source: Wu and He 2018 (arXiv 1803.08494).
    """

    name: str
    features: int
    groups: int
    epsilon: float = 1e-5

    def parameters(self) -> dict[str, ParameterSpec]:
        return _scale_and_shift(self.name, self.features)

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        scale, shift = (run.parameters[f"{self.name}.{each}"] for each in ("scale", "shift"))
        if x.ndim == 5:  # torch's own kernel takes channels last
            parts = [
                F.group_norm(each[0], self.groups, each[1], each[2], self.epsilon)
                for each in members(x, scale, shift)
            ]
            return together(parts)
        grouped = x.reshape(*x.shape[:2], self.groups, -1)
        normal = F.layer_norm(grouped, grouped.shape[-1:], eps=self.epsilon).reshape(x.shape)
        return normal * scale.unsqueeze(1) + shift.unsqueeze(1)


def normalization(kind: str, name: str, features: int, groups: int = 8) -> Layer | None:
    """The layer of a recipe's ``normalization``; None for "none".

    Args:
        kind: "none", "batch", "layer", "group" or "rms".
        name: prefix of its parameters' names.
        features: D.
        groups: of group norm; must divide D.
    """
    match kind:
        case "batch":
            return BatchNorm(name, features)
        case "layer":
            return LayerNorm(name, features)
        case "rms":
            return RMSNorm(name, features)
        case "group":
            return GroupNorm(name, features, groups)
        case _:
            return None


def _own(run: Pass, name: str, x: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and shift of the last axis, shaped for x [M, …, D]."""
    scale, shift = run.parameters[f"{name}.scale"], run.parameters[f"{name}.shift"]
    shape = (scale.shape[0], *[1] * (x.ndim - 2), -1)
    return scale.view(shape), shift.view(shape)


def _scale_and_shift(name: str, features: int) -> dict[str, ParameterSpec]:
    return {
        f"{name}.scale": ParameterSpec((features,), "constant", decays=False, value=1.0),
        f"{name}.shift": ParameterSpec((features,), "zeros", decays=False),
    }
