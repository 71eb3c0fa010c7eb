"""Sizes in bytes, as people write them."""

from __future__ import annotations

import math
import re

from methodic.errors import InputError

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def readable(size: float) -> str:
    """Bytes in words.

    Example:
        >>> readable(3.2e9), readable(1_500_000)
        ('3.2 GB', '2 MB')
    """
    return f"{size / 1e9:.3g} GB" if size >= 1e9 else f"{math.ceil(size / 1e6)} MB"


def parse_size(text: str, what: str = "--memory") -> int:
    """A size in bytes.

    Args:
        text: "500MB", "4GB", "2GiB", or bytes.
        what: named in the error.

    Raises:
        InputError: no size, or less than a megabyte.

    Example:
        >>> parse_size("4GB"), parse_size("2 GiB")
        (4000000000, 2147483648)
    """
    found = re.fullmatch(r"\s*(\d{1,18}(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", text.lower())
    size = 0
    if found and not (found[3] and not found[2]):
        size = int(float(found[1]) * (_BINARY if found[3] else _UNITS)[found[2]])
    if size < 10**6:
        raise InputError(
            f"{what} must be a size", found=text, accepted="at least 1MB, such as 500MB or 4GB"
        )
    return size
