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
    """

    numeric: int = 0
    categorical: int = 0
    codes: int = 0
    array: int = 0
    shape: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()
