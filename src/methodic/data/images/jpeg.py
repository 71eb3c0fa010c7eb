"""Small JPEG files, decoded in half of the time.

Opening a JPEG of 32×32 pixels takes Pillow several times as long as decoding it: its tables and
notes become Python objects that nobody asks for. Where a file has nothing but the pixels, its size
is read from the frame header here, and the bytes go to Pillow's decoder as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

SMALL = 2**16
"""Bytes, and pixels; the larger an image, the less there is to win."""

_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
_PLAIN = (
    0xE0,
    0xDB,
    0xC4,
    0xDD,
    0xFE,
)  # JFIF, tables, restarts, comments: none changes the meaning


def quick(cell: bytes | str) -> Image.Image | None:
    """The image, if it is a small and plain JPEG file; None leaves it to Pillow's own opening.

    None as well where anything is wrong: the usual way says what.

    Args:
        cell: the bytes of a file, or its path.
    """
    from PIL import Image

    content = _content(cell)
    frame = None if content is None else _frame(content)
    if content is None or frame is None:
        return None
    mode, width, height = frame
    if not 0 < width * height <= SMALL:
        return None
    try:
        return Image.frombytes(mode, (width, height), content, "jpeg", mode, "")
    except (ValueError, OSError):
        return None


def _content(cell: bytes | str) -> bytes | None:
    if isinstance(cell, str):
        if not cell.lower().endswith((".jpg", ".jpeg")):
            return None
        try:
            path = Path(cell)
            if path.stat().st_size > SMALL:
                return None
            cell = path.read_bytes()
        except (OSError, ValueError):  # a text may be no possible name
            return None
    return cell if cell[:2] == b"\xff\xd8" and len(cell) <= SMALL else None


def _frame(content: bytes) -> tuple[str, int, int] | None:
    """Mode, width and height from the frame header, if nothing but `_PLAIN` stands before it."""
    at = 2
    while at + 10 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4])
        if marker in _FRAMES:
            bits, components = content[at + 4], content[at + 9]
            mode = {1: "L", 3: "RGB"}.get(components)
            if bits != 8 or mode is None:
                return None
            height = int.from_bytes(content[at + 5 : at + 7])
            return mode, int.from_bytes(content[at + 7 : at + 9]), height
        if marker not in _PLAIN or length < 2:
            return None
        at += 2 + length
    return None
