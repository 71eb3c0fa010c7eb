"""Sizes in bytes, as people write them."""

import pytest

from methodic.data.sizes import parse_size, readable
from methodic.errors import InputError


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GB", 4 * 10**9), ("2 GiB", 2**31), ("500mb", 5 * 10**8), ("1.5M", 1_500_000)],
)
def test_sizes_are_read(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-4GB", "4XB", "10", "4i", "999kB", "1e9", "9" * 400])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(InputError, match="--memory must be a size") as caught:
        parse_size(text)
    assert caught.value.found == text


def test_bytes_in_words():
    assert [readable(size) for size in (3.2e9, 1_500_000)] == ["3.2 GB", "2 MB"]
