"""What a row holds, as a decoder gives it back: numbers, categories, elements of an array.

Shapes: M members, B rows, N numbers and array elements, K categorical columns, S their categories
in all, D = N + S.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.models.autoencoder import rows_of
from methodic.models.inputs import Inputs
from methodic.models.parts.activations import aligned
from methodic.types import Named


@dataclass(frozen=True)
class Cells:
    """The cells of a row, in a decoder's order: numbers, the array, then logits of each category.

    Images count in their standardised form, or, in units, from 0 to 1.

    Args:
        inputs: what enters the network.
        unit: images stay numbers from 0 to 1.
    """

    inputs: Inputs
    unit: bool = False

    @property
    def numbers(self) -> int:
        """N."""
        return self.inputs.numeric + self.inputs.array

    @property
    def outputs(self) -> int:
        """D."""
        return self.numbers + sum(self.inputs.sizes)

    @property
    def columns(self) -> int:
        """N + K: cells of a row."""
        return self.numbers + len(self.inputs.sizes)

    def wanted(self, inputs: Named) -> Tensor:
        """The numbers of some rows: [M, B, N]."""
        if not self.inputs.scaling or self.unit:
            return rows_of(inputs)
        array = inputs["array"]
        mean, deviation = (
            torch.tensor(each, device=array.device).view(-1, 1, 1)
            for each in zip(*self.inputs.scaling, strict=True)
        )
        return rows_of({**inputs, "array": (array - mean) / deviation})

    def costs(self, found: Tensor, inputs: Named, binary: bool = False) -> Tensor:
        """The cost of each cell, [M, B, N + K]: what ``found`` [M, B, D] says about ``inputs``.

        Squared errors of numbers, or with ``binary`` cross-entropies of logits; cross-entropies of
        categories.
        """
        parts = []
        if self.numbers:
            numbers, wanted = found[..., : self.numbers], self.wanted(inputs)
            parts.append((_binary if binary else _squared)(numbers, wanted))
        if self.inputs.sizes:
            parts.append(self._categories(found[..., self.numbers :], inputs["categorical"]))
        return parts[0] if len(parts) == 1 else torch.cat(parts, -1)

    def _categories(self, logits: Tensor, codes: Tensor) -> Tensor:
        """Cross-entropies, [M, B, K]. All columns share a table, one's codes behind another's."""
        sizes: Sequence[int] = self.inputs.sizes
        firsts = [0, *accumulate(sizes)][:-1]
        found = []
        for i, (part, first) in enumerate(
            zip(torch.split(logits, list(sizes), -1), firsts, strict=True)
        ):
            log = F.log_softmax(part.transpose(1, 2), 1)
            found.append(F.nll_loss(log, codes[..., i] - first, reduction="none"))
        return torch.stack(found, -1)


def _squared(numbers: Tensor, wanted: Tensor) -> Tensor:
    # Not by ** 2, whose gradient is a power that machine code doesn't know.
    away = numbers - wanted
    return away * away


def _binary(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross-entropy of numbers between 0 and 1: softplus(logit) − wanted · logit."""
    return aligned(F.softplus, logits) - wanted * logits
