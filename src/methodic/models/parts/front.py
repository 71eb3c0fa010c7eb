"""From a row's columns to one vector: numbers, arrays and categories, side by side.

Shapes: M members, N rows, B rows of a batch, D numeric columns, H entries of one-hot vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from methodic.models.inputs import Inputs
from methodic.models.network import through
from methodic.models.parts.layers import Embedding, Layer
from methodic.models.parts.numeric import NumericEmbedding
from methodic.types import BufferSpec, Pass

_CLIPPED = 3.0  # where smooth clipping ends


@dataclass(frozen=True)
class OneHot(Layer):
    """Codes of some categorical columns as vectors: [M, B, columns] → [M, B, H].

    A column of n categories gives n entries, of which the row's own is 1; of two categories, one
    entry, 1 or −1 (``signed``). A category that training didn't have gives zeros.

    Args:
        name: prefix of the buffers' names.
        columns: which of the categorical columns.
        starts: code of the first category of each of these.
        counts: categories of each.
        signed: columns of two categories get one entry.
        scaled: entries are treated like other numbers: centred by their median, divided by the
            distance of their quartiles (half of their range where that is 0), smoothly clipped.

    Source: signed and scaled as in RealMLP (arXiv 2407.04491).
    """

    name: str
    columns: tuple[int, ...]
    starts: tuple[int, ...]
    counts: tuple[int, ...]
    signed: bool = False
    scaled: bool = False

    @property
    def adapts(self) -> bool:
        return self.scaled

    @property
    def sizes(self) -> tuple[int, ...]:
        """Entries of each column."""
        return tuple(1 if self.signed and n == 2 else n for n in self.counts)

    def _entries(self) -> list[tuple[int, int, int]]:
        """Column, code that gives 1, code that gives −1 (−1: none) of each entry."""
        found = []
        for column, start, count in zip(self.columns, self.starts, self.counts, strict=True):
            if self.signed and count == 2:
                found.append((column, start, start + 1))
            else:
                found += [(column, start + i, -1) for i in range(count)]
        return found

    def buffers(self) -> dict[str, BufferSpec]:
        if not self.scaled:
            return {}
        shape = (len(self._entries()),)
        return {
            f"{self.name}.plus": BufferSpec(shape, 1.0),
            f"{self.name}.zero": BufferSpec(shape, 0.0),
            f"{self.name}.minus": BufferSpec(shape, -1.0),
        }

    def _plain(self, x: Tensor) -> Tensor:
        columns, plus, minus = zip(*self._entries(), strict=True)
        mine = x.index_select(2, torch.tensor(columns, device=x.device))
        on = (mine == torch.tensor(plus, device=x.device)).to(torch.float32)
        if max(minus) < 0:
            return on
        return on - (mine == torch.tensor(minus, device=x.device)).to(torch.float32)

    def fitted(self, run: Pass, x: Tensor) -> dict[str, Tensor]:
        if not self.scaled:
            return {}
        dtype = run.buffers[f"{self.name}.zero"].dtype
        values = self._plain(x[:1])[0].double()
        levels = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0], dtype=values.dtype, device=x.device)
        low, q25, middle, q75, high = torch.quantile(values, levels, dim=0)
        width = torch.where(q75 > q25, q75 - q25, (high - low) / 2)
        scale = torch.where(width > 0, 1 / width, 0.0)  # an entry that never changes says nothing

        def value(entry: float) -> Tensor:
            z = (entry - middle) * scale
            clipped: Tensor = z / torch.sqrt(1 + (z / _CLIPPED) ** 2)
            return clipped.to(dtype).expand(x.shape[0], -1).contiguous()

        return {
            f"{self.name}.plus": value(1.0),
            f"{self.name}.zero": value(0.0),
            f"{self.name}.minus": value(-1.0),
        }

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        plain = self._plain(x)
        if not self.scaled:
            return plain
        plus, zero, minus = (
            run.buffers[f"{self.name}.{each}"].unsqueeze(1) for each in ("plus", "zero", "minus")
        )
        return torch.where(plain > 0, plus, torch.where(plain < 0, minus, zero))


class Front:
    """All that enters a network as one vector for each row: [M, B, features].

    Args:
        inputs: what enters.
        embedding: numbers for a category that isn't one-hot.
        numeric: embeds the numeric columns; None: they stay as they are.
        one_hot: most categories of a column that becomes one-hot. Where it isn't known how many
            categories a column has (``inputs.sizes``), all of them are embedded.
        signed, scaled: see `OneHot`.
        initialization: of the table of embeddings.
    """

    def __init__(
        self,
        inputs: Inputs,
        *,
        embedding: int,
        numeric: NumericEmbedding | None = None,
        one_hot: int = 0,
        signed: bool = False,
        scaled: bool = False,
        initialization: str = "kaiming_normal",
    ) -> None:
        starts = [0, *accumulate(inputs.sizes)]
        small = [i for i, size in enumerate(inputs.sizes) if 0 < size - 1 <= one_hot]
        self._large = [i for i in range(inputs.categorical) if i not in small]
        self.numeric = numeric if inputs.numeric else None
        self.one_hot = (
            OneHot(
                "one_hot",
                tuple(small),
                tuple(starts[i] + 1 for i in small),  # a column's first code is for the unseen
                tuple(inputs.sizes[i] - 1 for i in small),
                signed,
                scaled,
            )
            if small
            else None
        )
        # Rows of columns that are one-hot aren't in the table, so the others' codes move up.
        rows = [0, *accumulate(inputs.sizes[i] for i in self._large)] if small else []
        self._moved = [rows[n] - starts[i] for n, i in enumerate(self._large)] if small else []
        codes = rows[-1] if small else inputs.codes
        self.embedding = (
            Embedding("embedding", codes, len(self._large), embedding, initialization)
            if self._large
            else None
        )
        each = self.numeric.each if self.numeric is not None else 1
        self.parts: tuple[int, ...] = (
            *[each] * inputs.numeric,
            *[1] * inputs.array,
            *(self.one_hot.sizes if self.one_hot else ()),
            *[embedding] * len(self._large),
        )
        """How many features each column gives, in order."""
        self.features = sum(self.parts)

    @property
    def plain(self) -> bool:
        """Whether the features are the inputs in their order: each number as it is, and of each
        category equally many numbers."""
        return self.numeric is None and self.one_hot is None

    def layers(self) -> Sequence[Layer]:
        """Those that have parameters or buffers."""
        every = (self.numeric, self.one_hot, self.embedding)
        return [layer for layer in every if layer is not None]

    def __call__(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → [M, B, features]."""
        parts = []
        if "numeric" in inputs:
            x = inputs["numeric"]
            parts.append(x if self.numeric is None else through(self.numeric, run, x))
        if "array" in inputs:
            parts.append(inputs["array"].flatten(2))
        if self.one_hot is not None:
            parts.append(through(self.one_hot, run, inputs["categorical"]))
        if self.embedding is not None:
            codes = inputs["categorical"]
            if self.one_hot is not None:
                codes = codes.index_select(2, torch.tensor(self._large, device=codes.device))
                codes = codes + torch.tensor(self._moved, device=codes.device)
            parts.append(through(self.embedding, run, codes))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
