"""The size that images get by themselves."""

from __future__ import annotations

from methodic.data.images.decoding import Header
from methodic.data.images.sizes import LARGEST, shape_of


def test_one_size_is_kept() -> None:
    assert shape_of([Header(3, 40, 30)] * 3) == (3, 40, 30)


def test_one_large_size_keeps_its_proportions() -> None:
    assert shape_of([Header(1, 1080, 1920)] * 3) == (1, LARGEST, round(LARGEST * 16 / 9))


def test_several_sizes_get_the_median() -> None:
    sizes = [Header(3, 20, 50), Header(3, 30, 40), Header(3, 1000, 1000)]
    assert shape_of(sizes) == (3, 30, 50)


def test_any_colour_is_colour() -> None:
    assert shape_of([Header(1, 8, 8), Header(1, 8, 8), Header(3, 8, 8)])[0] == 3
