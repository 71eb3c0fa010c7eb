"""Numeric columns, ready for a network: scaled, clipped, missing values filled and shown.

Shapes: Dn numeric columns, K indicators.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from methodic.data.parallel import in_threads

if TYPE_CHECKING:
    import polars as pl

BUFFERS = ("center", "scale", "fill", "indicator")
"""The buffers of a `NumericEncoder`, in the order of its arguments."""

MOST_ROWS = 200_000
"""Quartiles of more rows are estimated."""

TOGETHER = 8
"""So many columns are encoded at once."""

Columns = npt.NDArray[np.float32]

_SAMPLE = 50_000
_SERIAL = 2048
_FAR = 1e6  # clipping makes 3 of everything beyond; its square still fits into float32
_SMALLEST, _LARGEST = 1e-37, 1e37  # scales outside of this are no float32 to divide by
_COARSE = 2.0**13  # float32 leaves less than 1,024 steps to a scale so many times below the center


class Work:
    """Memory for `NumericEncoder.columns`, used for some columns after the others.

    Args:
        rows: of each column.
    """

    def __init__(self, rows: int) -> None:
        self.third, self.root = np.empty((2, TOGETHER, rows), dtype=np.float32)
        # Torch takes threads for longer pieces, which wait for each other on a busy machine.
        split = [torch.split(row, _SERIAL) for row in torch.from_numpy(self.root)]
        self.pieces = [piece for row in split for piece in row]


class NumericEncoder(torch.nn.Module):
    """Robust scaling, smooth clipping and missing-value indicators.

    x ↦ z/√(1+(z/3)²) with z = (x − median)/(q75 − q25); where half of the values or more are equal,
    half of the range takes the place of q75 − q25, and 1 where that is 0, too. Missing values are
    filled with the median. A column that had missing values in training gets an indicator: 1 where
    the value is missing, 0 elsewhere.

    Where values lie so close beside their size that float32 would blur them (times in milliseconds,
    within an hour), what is encoded are their distances from ``offset``, taken in float64.

    Args:
        center: medians, float32 [Dn].
        scale: what to divide by, float32 [Dn], above 0.
        fill: what takes the place of missing values, float32 [Dn].
        indicator: which columns had missing values in training, bool [Dn].

    Source: RealMLP's preprocessing (Holzmüller, Grinsztajn, Steinwart 2024, arXiv 2407.04491).
    """

    center: Tensor
    scale: Tensor
    fill: Tensor
    indicator: Tensor
    indicated: Tensor
    near: Tensor
    near_fill: Tensor

    def __init__(self, center: Tensor, scale: Tensor, fill: Tensor, indicator: Tensor) -> None:
        super().__init__()
        self.register_buffer("center", center)
        self.register_buffer("scale", scale)
        self.register_buffer("fill", fill)
        self.register_buffer("indicator", indicator)
        # Indices beside the mask: a mask would make the shape depend on values, which neither
        # compilation nor export can follow.
        self.register_buffer("indicated", torch.nonzero(indicator).squeeze(-1), persistent=False)
        # Told by what is saved, so that nothing more has to be.
        far = center.abs() > _COARSE * scale.double()
        offset = torch.where(far, center.double(), 0.0)
        self.offset: npt.NDArray[np.float64] = offset.numpy()
        self.register_buffer("near", (center.double() - offset).float(), persistent=False)
        self.register_buffer("near_fill", (fill.double() - offset).float(), persistent=False)

    @property
    def width(self) -> int:
        """Dn + K, the number of columns that `forward` returns."""
        return self.center.numel() + self.indicated.numel()

    def forward(self, raw: Tensor) -> Tensor:
        """Encode raw numbers.

        Args:
            raw: numbers less their ``offset``, float32 [..., Dn], NaN where missing.

        Returns:
            float32 [..., Dn + K], finite, the scaled values between −3 and 3.
        """
        missing = torch.isnan(raw)
        z = (torch.where(missing, self.near_fill, raw) - self.near) / self.scale
        z = z.clamp(-_FAR, _FAR)
        third = z / 3.0
        clipped = z / torch.sqrt(1.0 + third * third)
        shown = torch.index_select(missing, -1, self.indicated).to(clipped.dtype)
        return torch.cat([clipped, shown], dim=-1)

    def columns(self, first: int, raw: Columns, work: Work) -> None:
        """What `forward` makes of some columns, bit for bit, by NumPy.

        Large tables are encoded column by column: their numbers lie in columns. A few columns of a
        few thousand rows stay in the processor's cache, and fewer calls leave threads alone.

        Args:
            first: the first column's place, below Dn.
            raw: numbers less their ``offset``, float32 [up to `TOGETHER`, N], NaN where missing; it
                is written over.
            work: for as many rows, written over.
        """
        some = len(raw)
        center, scale, fill = (
            each.numpy()[first : first + some, None]
            for each in (self.near, self.scale, self.near_fill)
        )
        third, root = work.third[:some], work.root[:some]
        with np.errstate(over="ignore", invalid="ignore"):
            # A single NaN makes one of the minimum.
            for i in np.flatnonzero(np.isnan(raw.min(axis=1, initial=0))):
                np.copyto(raw[i], fill[i], where=np.isnan(raw[i]))
            np.subtract(raw, center, out=raw)
            np.divide(raw, scale, out=raw)
            np.clip(raw, np.float32(-_FAR), np.float32(_FAR), out=raw)
            np.divide(raw, np.float32(3), out=third)
            np.multiply(third, third, out=root)
            np.add(root, np.float32(1), out=root)
            # Not NumPy's, for torch's has another last bit now and then.
            torch._foreach_sqrt_(work.pieces[: some * len(work.pieces) // TOGETHER])
            np.divide(raw, root, out=raw)


def fit_numeric(rows: pl.DataFrame) -> NumericEncoder:
    """Medians and scales in float64, column by column.

    Quartiles of more than `MOST_ROWS` rows are those of a sample of them, spread evenly: they are
    good to a third of a percent of the rows.
    """
    center, scale = [], []
    for low, q25, middle, q75, high in in_threads(_levels, rows):
        center.append(middle)
        choices = (q75 - q25, (high - low) / 2, 1.0)
        scale.append(next(each for each in choices if _SMALLEST < each < _LARGEST))
    centers = torch.tensor(center, dtype=torch.float64).clamp(-_LARGEST, _LARGEST).float()
    indicator = torch.tensor([column.null_count() > 0 for column in rows])
    scales = torch.tensor(scale, dtype=torch.float64).float()
    return NumericEncoder(centers, scales, centers.clone(), indicator)


def _levels(column: pl.Series) -> tuple[float, ...]:
    """The smallest value, the quartiles, and the largest; 0 where there are no values."""
    if len(column) <= MOST_ROWS:
        return tuple(
            float(column.quantile(q, "linear") or 0.0) for q in (0.0, 0.25, 0.5, 0.75, 1.0)
        )
    some = column.gather(spread(len(column))).drop_nulls()
    some = some if len(some) else column.drop_nulls()
    quartiles = np.quantile(some.to_numpy(), [0.25, 0.5, 0.75]) if len(some) else np.zeros(3)
    ends = (float(column.min() or 0.0), float(column.max() or 0.0))  # type: ignore[arg-type]
    return (ends[0], *map(float, quartiles), ends[1])


@lru_cache(maxsize=2)
def spread(rows: int) -> npt.NDArray[np.int64]:
    """Some of so many rows: one of each of 50,000 equal pieces, drawn; tables may have a period."""
    edges = np.linspace(0, rows, _SAMPLE + 1)
    drawn = np.random.Philox(key=0).random_raw(_SAMPLE) >> np.uint64(11)
    places: npt.NDArray[np.float64] = edges[:-1] + drawn * 2.0**-53 * np.diff(edges)
    return places.astype(np.int64)
