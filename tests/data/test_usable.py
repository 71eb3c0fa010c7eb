"""Rows that can be used, of a table and of its pieces."""

from __future__ import annotations

import pictures
import polars as pl
import pytest

from methodic.data.schemas.schema import Column, Schema
from methodic.data.tally import Tally
from methodic.data.usable import parted, ready
from methodic.errors import InputError

SCHEMA = Schema(
    columns=(Column(name="a", kind="numeric"),),
    target="y",
    task="binary",
    classes=("no", "yes"),
    weight="w",
)
ROWS = pl.DataFrame(
    {"a": range(8), "y": ["no", "yes", None, "no"] * 2, "w": [0.0, 0, 0, 0, 1, 2, 3, 4]}
)


def test_a_table_is_a_single_piece() -> None:
    notes: list[str] = []
    rows, blank = ready(ROWS, SCHEMA, "t", notes, skip_broken=False, keep=True)
    assert rows["a"].to_list() == [4, 5, 7]
    assert blank is not None
    assert blank["a"].to_list() == [6]
    assert notes == [
        "t: 2 rows have no value in 'y': methods that learn without targets use them, no score "
        "does",
        "t: 4 rows have weight 0 and don't count",
    ]


def test_pieces_say_together_what_the_table_says() -> None:
    notes: list[str] = []
    whole, _ = ready(ROWS, SCHEMA, "t", notes, skip_broken=False)
    tally = Tally()
    pieces = [
        parted(each, SCHEMA, "t", tally, skip_broken=False)[0] for each in ROWS.iter_slices(4)
    ]
    assert pieces[0].height == 0, "none of its rows counts, and that is fine"
    assert pl.concat(pieces).equals(whole)
    assert tally.notes() == notes


def test_weights_that_only_some_files_have() -> None:
    tally = Tally()
    parted(ROWS, SCHEMA, "t", tally, skip_broken=False)
    parted(ROWS.drop("w"), SCHEMA, "t", tally, skip_broken=False)
    with pytest.raises(InputError, match="'w' is missing in some of the files"):
        tally.notes()


def test_all_images_of_a_piece_may_be_broken() -> None:
    cells = [b"no", b"no", *(pictures.encoded(pictures.pixels(i)) for i in range(2))]
    frame = pl.DataFrame({"x": cells, "y": ["no", "yes"] * 2})
    image = Column(name="x", kind="image", shape=(3, 12, 10))
    schema = SCHEMA.model_copy(update={"columns": (image,), "weight": None})
    tally = Tally()
    first = parted(frame[:2], schema, "t", tally, skip_broken=True)[0]
    tally.before = 2
    last = parted(frame[2:], schema, "t", tally, skip_broken=True)[0]
    assert (first.height, last.height) == (0, 2)
    (note,) = tally.notes()
    assert note.startswith("t: 2 of 4 images can't be read and are left out: row 1: ")
    alone = Tally()
    parted(frame[:2], schema, "t", alone, skip_broken=True)
    with pytest.raises(InputError, match="2 of 2 images can't be read"):
        alone.notes()
