"""Embeddings of numeric columns: several numbers for each one.

Shapes: M members, N rows, B rows of a batch, D columns, T bins or frequencies, E numbers for each
column. Each layer takes [M, B, D] and returns [M, B, D·E], column after column.

Source: Gorishniy, Rubachev, Babenko 2022 (arXiv 2203.05556).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from methodic.models.parts.activations import aligned
from methodic.models.parts.layers import Layer, linear_each
from methodic.types import BufferSpec, ParameterSpec, Pass

_FAR = 1e30  # no limit


class NumericEmbedding(Layer):
    """Base: ``each`` numbers for each of D columns."""

    each: int


@dataclass(frozen=True)
class PiecewiseLinear(NumericEmbedding):
    """w·x + b + V·bins(x): linear at first, and bent at the training rows' quantiles by training.

    bins(x) has an entry for each of T bins between neighbouring quantiles: 1 for bins below x,
    the share of the bin that lies below x for x's own, 0 for those above. Beyond the outermost
    quantiles it goes on linearly. Quantiles that are equal make one edge, so that a column with few
    values has fewer bins; entries of bins that aren't there are 0. A column with one value has one
    bin of width 1.

    Args:
        name: prefix of the names.
        columns: D.
        each: E.
        bins: T.

    Source: with V = 0 at the start and its bias in front, as in TabM (arXiv 2410.24210).
    """

    name: str
    columns: int
    each: int = 16
    bins: int = 48

    @property
    def adapts(self) -> bool:
        """Bins come from training rows."""
        return True

    def parameters(self) -> dict[str, ParameterSpec]:
        shape = (self.columns, self.each)
        bound = 1 / math.sqrt(self.each)
        return {
            # Linear embeddings don't decay there, either.
            f"{self.name}.weight": ParameterSpec(
                shape, "spread", gain=bound, decays=False, role="embedding"
            ),
            f"{self.name}.bias": ParameterSpec(
                shape, "spread", gain=bound, decays=False, role="embedding"
            ),
            f"{self.name}.bins.weight": ParameterSpec(
                (self.columns, self.bins, self.each),
                "zeros",
                fan_in=self.bins,
                fan_out=self.each,
                role="embedding",
            ),
        }

    def buffers(self) -> dict[str, BufferSpec]:
        shape = (self.columns, self.bins)
        return {
            f"{self.name}.bins.left": BufferSpec(shape),
            f"{self.name}.bins.slope": BufferSpec(shape),
            f"{self.name}.bins.least": BufferSpec(shape),
            f"{self.name}.bins.most": BufferSpec(shape),
        }

    def fitted(self, run: Pass, x: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        # All members have the same training rows.
        columns = [_bins(column, self.bins) for column in x[0].double().unbind(1)]
        names = ("left", "slope", "least", "most")
        return {
            f"{self.name}.bins.{name}": torch.stack(parts)
            .to(x)
            .expand(x.shape[0], -1, -1)
            .contiguous()
            for name, parts in zip(names, zip(*columns, strict=True), strict=True)
        }

    def encoded(self, run: Pass, x: Tensor) -> Tensor:
        """bins(x): [M, B, D, T]."""
        left, slope, least, most = (
            run.buffers[f"{self.name}.bins.{each}"].unsqueeze(1)
            for each in ("left", "slope", "least", "most")
        )
        return torch.minimum(torch.maximum((x.unsqueeze(-1) - left) * slope, least), most)

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        weight = run.parameters[f"{self.name}.weight"].unsqueeze(1)
        bias = run.parameters[f"{self.name}.bias"].unsqueeze(1)
        bent = linear_each(self.encoded(run, x), run.parameters[f"{self.name}.bins.weight"], None)
        return (x.unsqueeze(-1) * weight + bias + bent).flatten(2)


def _bins(column: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Left end, 1/width, least and greatest value of each bin of a column, float64 [T] each."""
    levels = torch.linspace(0, 1, count + 1, dtype=torch.float64, device=column.device)
    edges = torch.unique(torch.quantile(column, levels).float()).double()
    if len(edges) == 1:
        edges = torch.cat([edges, edges + 1])
    there = len(edges) - 1
    left, slope, least, most = (column.new_zeros(count) for _ in range(4))
    left[:there], slope[:there], most[:there] = edges[:-1], 1 / edges.diff(), 1.0
    least[0], most[there - 1] = -_FAR, _FAR
    return left, slope, least, most


@dataclass(frozen=True)
class Periodic(NumericEmbedding):
    """relu(W·[cos(2πc·x), sin(2πc·x)] + b) with trained frequencies c: "PLR".

    Args:
        name: prefix of the names.
        columns: D.
        each: E.
        frequencies: T, for each column.
        scale: standard deviation of the initial frequencies; it matters more than the other sizes.
    """

    name: str
    columns: int
    each: int = 24
    frequencies: int = 48
    scale: float = 0.01

    def parameters(self) -> dict[str, ParameterSpec]:
        inside, bound = 2 * self.frequencies, 1 / math.sqrt(2 * self.frequencies)
        return {
            f"{self.name}.frequency": ParameterSpec(
                (self.columns, self.frequencies),
                "truncated",
                gain=self.scale,
                decays=False,
                role="embedding",
            ),
            f"{self.name}.weight": ParameterSpec(
                (self.columns, inside, self.each),
                "spread",
                fan_in=inside,
                fan_out=self.each,
                gain=bound,
                role="embedding",
            ),
            f"{self.name}.bias": ParameterSpec(
                (self.columns, self.each), "spread", gain=bound, decays=False, role="embedding"
            ),
        }

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        frequency = run.parameters[f"{self.name}.frequency"].unsqueeze(1)
        angle = 2 * math.pi * frequency * x.unsqueeze(-1)
        waves = torch.cat([aligned(torch.cos, angle), aligned(torch.sin, angle)], -1)
        weight, bias = run.parameters[f"{self.name}.weight"], run.parameters[f"{self.name}.bias"]
        return torch.relu(linear_each(waves, weight, bias)).flatten(2)


@dataclass(frozen=True)
class PBLD(NumericEmbedding):
    """[W·cos(2πc·x + φ) + b, x]: periodic, with bias, linear, and with x itself.

    Args:
        name: prefix of the names.
        columns: D.
        each: E, of which E − 1 are periodic; ≥ 2.
        frequencies: T, for each column.
        scale: standard deviation of the initial frequencies.
        lr_scale: factor on the updates of all its parameters.

    Source: RealMLP (arXiv 2407.04491).
    """

    name: str
    columns: int
    each: int = 4
    frequencies: int = 16
    scale: float = 0.1
    lr_scale: float = 0.1

    def parameters(self) -> dict[str, ParameterSpec]:
        bound = 1 / math.sqrt(self.frequencies)
        first, out = (self.columns, self.frequencies), self.each - 1

        def spec(shape: tuple[int, ...], kind: str, size: float) -> ParameterSpec:
            # Biases decay, too, as they do there.
            return ParameterSpec(
                shape,
                kind,
                fan_in=self.frequencies,
                fan_out=out,
                gain=size,
                role="embedding",
                lr_scale=self.lr_scale,
            )

        return {
            f"{self.name}.frequency": spec(first, "gaussian", self.scale),
            f"{self.name}.phase": spec(first, "spread", math.pi),
            f"{self.name}.weight": spec((*first, out), "spread", bound),
            f"{self.name}.bias": spec((self.columns, out), "spread", bound),
        }

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        frequency = run.parameters[f"{self.name}.frequency"].unsqueeze(1)
        phase = run.parameters[f"{self.name}.phase"].unsqueeze(1)
        wide = x.unsqueeze(-1)
        waves = aligned(torch.cos, 2 * math.pi * frequency * wide + phase)
        weight, bias = run.parameters[f"{self.name}.weight"], run.parameters[f"{self.name}.bias"]
        return torch.cat([linear_each(waves, weight, bias), wide], -1).flatten(2)
