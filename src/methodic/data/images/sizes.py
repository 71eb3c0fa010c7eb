"""At which size images are kept, when nobody says so.

Shapes: C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_low

from methodic.data.images.decoding import Header

LARGEST = 96
"""The short side is kept up to here: a network on a processor pays for every pixel.

A schema.yaml with another ``shape`` overrules it.
"""


def shape_of(headers: Sequence[Header]) -> tuple[int, int, int]:
    """The shape [C, H, W] for images of these sizes.

    Images of one size keep it, and their proportions where the short side is above `LARGEST`.
    Images of different sizes get the median height and width, scaled so that the short side is at
    most `LARGEST`. Colour is kept where any of them has it.

    Args:
        headers: of one image or more.

    Example:
        >>> shape_of([Header(1, 28, 28), Header(1, 28, 28)])
        (1, 28, 28)
        >>> shape_of([Header(3, 600, 800), Header(3, 768, 1024), Header(1, 30, 40)])
        (3, 96, 128)
    """
    height = median_low(each.height for each in headers)
    width = median_low(each.width for each in headers)
    scale = min(1.0, LARGEST / min(height, width))
    colour = max(each.channels for each in headers)
    return colour, max(1, round(height * scale)), max(1, round(width * scale))
