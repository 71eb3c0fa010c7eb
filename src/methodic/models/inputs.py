"""What enters a network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Inputs:
    """What enters a network.

    Args:
        numeric: D, encoded numeric columns.
        categorical: number of categorical columns.
        codes: rows of the embedding table that all categorical columns share.
        array: elements of an array input, flattened; 0 without one.
        shape: of an array input, (C, H, W) for images; () where it isn't known or there is none.
        sizes: rows of that table which belong to each categorical column: unseen, then the
            categories, then maybe missing; () where it isn't known.
        scaling: each channel's mean and deviation, where "array" holds images as numbers from 0 to
            1: networks standardise by them; () where arrays come in standardised.
    """

    numeric: int = 0
    categorical: int = 0
    codes: int = 0
    array: int = 0
    shape: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()
    scaling: tuple[tuple[float, float], ...] = ()

    @property
    def images(self) -> bool:
        """Images enter, and nothing else."""
        return len(self.shape) == 3 and not self.numeric and not self.categorical
