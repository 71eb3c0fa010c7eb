"""Randomness of a search, as a function of its seed and what is drawn."""

from __future__ import annotations


def seed_of(seed: int, *path: int | str) -> int:
    """A seed of 31 bits, which every generator takes, for ``path`` under ``seed``.

    Example:
        >>> seed_of(0, "ask", 3) == seed_of(0, "ask", 3)
        True
    """
    from methodic.rng import key  # brings torch, which planning a search doesn't need

    return key(seed, *path) & 0x7FFFFFFF


def uniform(seed: int, *path: int | str) -> float:
    """A number in [0, 1) for ``path`` under ``seed``."""
    from methodic.rng import key

    return (key(seed, *path) & (2**53 - 1)) / 2**53
