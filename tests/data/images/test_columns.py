"""Columns of images: recognised, decoded, and what is broken named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pictures
import polars as pl
import pytest

from methodic.data.images import columns as module
from methodic.data.images.columns import conformed, decoded, form_of, image_column, located, policy
from methodic.data.schemas.schema import Column, Schema
from methodic.errors import InputError

PIXELS = [pictures.pixels(i) for i in range(6)]
CELLS = [pictures.encoded(each) for each in PIXELS]
COLUMN = Column(name="x", kind="image", shape=(3, 12, 10))
SCHEMA = Schema(columns=(COLUMN,), target="y", task="binary", classes=("0", "1"))


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    return [str(pictures.write(tmp_path / f"{i}.png", each)) for i, each in enumerate(PIXELS)]


def stacked(series: pl.Series) -> np.ndarray:
    return series.to_numpy()


def test_forms(files: list[str]) -> None:
    assert form_of(pl.Series("x", CELLS)) == "encoded"
    assert form_of(pl.Series("x", [None, b"?", *CELLS])) == "encoded"
    assert form_of(pl.Series("x", files)) == "paths"
    assert form_of(pl.Series("x", np.stack(PIXELS))) == "pixels"
    assert form_of(pl.Series("x", np.stack(PIXELS).transpose(0, 2, 3, 1))) == "pixels"


def test_other_columns_are_no_images(files: list[str]) -> None:
    for series in (
        pl.Series("x", [b"RIFF....WAVEfmt "] * 3),
        pl.Series("x", ["a.png", "b.png"]),
        pl.Series("x", [*"abcdefg", files[0]]),
        pl.Series("x", np.stack(PIXELS).astype(np.float32)),
        pl.Series("x", np.zeros((3, 2, 2), dtype=np.uint8)),
        pl.Series("x", [1, 2]),
        pl.Series("x", [None, None], dtype=pl.Binary),
    ):
        assert form_of(series) is None
        assert image_column(series) is None


def test_paths_are_relative_to_the_table(files: list[str]) -> None:
    names = pl.DataFrame({"file": [Path(each).name for each in files], "n": range(6)})
    notes: list[str] = []
    found = located(names, Path(files[0]).parent, notes)
    assert found["file"].to_list() == files
    assert found["n"].equals(names["n"])
    assert located(found, Path("elsewhere"))["file"].to_list() == files
    assert not notes
    assert located(names, Path("elsewhere"), notes).equals(names)
    assert "elsewhere" in notes[0]


def test_images_in_structures() -> None:
    cells = [{"bytes": cell, "path": f"{i}.png"} for i, cell in enumerate(CELLS)]
    found = located(pl.DataFrame({"x": cells}), Path())
    assert found["x"].to_list() == CELLS
    assert np.array_equal(stacked(conformed(pl.Series("x", cells), COLUMN)), np.stack(PIXELS))


def test_the_column_of_a_schema(files: list[str]) -> None:
    for series in (pl.Series("x", CELLS), pl.Series("x", files), pl.Series("x", np.stack(PIXELS))):
        assert image_column(series) == COLUMN
    mixed = pl.Series("x", [b"broken", None, *CELLS])
    assert image_column(mixed) == COLUMN


@pytest.mark.parametrize("form", ["encoded", "paths", "pixels", "channels last"])
def test_every_form_ends_in_the_same_pixels(form: str, files: list[str]) -> None:
    both = np.stack(PIXELS)
    series = {
        "encoded": pl.Series("x", CELLS),
        "paths": pl.Series("x", files),
        "pixels": pl.Series("x", both),
        "channels last": pl.Series("x", both.transpose(0, 2, 3, 1).copy()),
    }[form]
    found = conformed(series, COLUMN)
    assert found.name == "x"
    assert found.dtype == pl.Array(pl.UInt8, (3, 12, 10))
    assert np.array_equal(stacked(found), both)


def test_pixels_of_the_right_shape_are_not_copied() -> None:
    series = module.arrays.as_images(np.stack(PIXELS), "x")
    assert np.shares_memory(conformed(series, COLUMN).to_numpy(), series.to_numpy())


def test_every_form_is_resized_alike(files: list[str]) -> None:
    small = COLUMN.model_copy(update={"shape": (1, 6, 6)})
    results = [
        stacked(conformed(series, small))
        for series in (
            pl.Series("x", CELLS),
            pl.Series("x", files),
            pl.Series("x", np.stack(PIXELS)),
        )
    ]
    assert results[0].shape == (6, 1, 6, 6)
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_nothing_is_something_too() -> None:
    assert conformed(pl.Series("x", [], dtype=pl.Binary), COLUMN).dtype == pl.Array(
        pl.UInt8, (3, 12, 10)
    )


def test_broken_images_are_all_named(files: list[str]) -> None:
    folder = Path(files[0]).parent
    Path(files[1]).write_bytes(CELLS[1][:60])
    Path(files[4]).write_text("no picture")
    with pytest.raises(InputError) as caught:
        conformed(pl.Series("x", [*files, str(folder / "gone.png")]), COLUMN, str(folder))
    assert caught.value.problem == f"{folder}: 3 of 7 images can't be read"
    lines = str(caught.value.found).split("\n    ")
    assert [line.split(":")[0] for line in lines] == ["1.png", "4.png", "gone.png"]
    assert "no such file" in lines[2]
    assert "--skip-broken" in str(caught.value.advice)


def test_many_broken_images_are_counted() -> None:
    with pytest.raises(InputError, match=r"150 of 156") as caught:
        conformed(pl.Series("x", [*CELLS, *[b"no"] * 150]), COLUMN)
    lines = str(caught.value.found).split("\n    ")
    assert lines[0].startswith("row 7: ")
    assert lines[-1] == "and 50 more"


def frame(cells: list[bytes | None]) -> pl.DataFrame:
    return pl.DataFrame({"x": pl.Series(cells, dtype=pl.Binary), "y": range(len(cells))})


def test_broken_images_can_be_left_out() -> None:
    notes: list[str] = []
    rows = frame([CELLS[0], None, CELLS[2], CELLS[3][:50]])
    found = decoded(rows, SCHEMA, "birds", notes, skip_broken=True)
    assert found["y"].to_list() == [0, 2]
    assert np.array_equal(stacked(found["x"]), np.stack([PIXELS[0], PIXELS[2]]))
    assert len(notes) == 1
    assert "2 of 4" in notes[0]
    assert "row 2: no image" in notes[0]
    assert "row 4: " in notes[0]
    with pytest.raises(InputError, match="2 of 4"):
        decoded(rows, SCHEMA, "birds", notes)


def test_some_image_has_to_be_left() -> None:
    with pytest.raises(InputError, match="2 of 2") as caught:
        decoded(frame([b"", b"no"]), SCHEMA, "birds", [], skip_broken=True)
    assert caught.value.advice is None


def test_missing_pixels() -> None:
    series = pl.Series("x", np.stack(PIXELS[:2])).extend(
        pl.Series("x", [None], dtype=pl.Array(pl.UInt8, (3, 12, 10)))
    )
    notes: list[str] = []
    rows = series.to_frame().with_columns(y=pl.Series([0, 1, 2]))
    assert decoded(rows, SCHEMA, "birds", notes, skip_broken=True)["y"].to_list() == [0, 1]
    with pytest.raises(InputError, match="1 of 3"):
        conformed(series, COLUMN)


def test_what_was_done_is_said() -> None:
    other = pictures.encoded(pictures.pixels(9, 30, 50))
    notes: list[str] = []
    decoded(frame([*CELLS, other]), SCHEMA, "birds", notes)
    assert notes == [
        "birds: 1 of 7 images are of another size than 10 × 12, scaled and cut to that"
    ]
    notes.clear()
    grey = SCHEMA.model_copy(
        update={"columns": (COLUMN.model_copy(update={"shape": (1, 12, 10)}),)}
    )
    decoded(frame(list(CELLS)), grey, "birds", notes)
    assert notes == ["birds: all images are in colour, made grey"]


def test_the_policy_in_words() -> None:
    assert "10 × 12 pixels, 3 channels" in policy(COLUMN)
    assert "framed" in policy(Column(name="x", kind="image", shape=(1, 8, 8), resize="pad"))


def test_columns_that_hold_something_else() -> None:
    for series in (pl.Series("x", [1, 2]), pl.Series("x", np.zeros((2, 3, 12, 10)))):
        with pytest.raises(InputError, match="column 'x'"):
            conformed(series, COLUMN)
    with pytest.raises(InputError, match="aren't images"):
        conformed(pl.Series("x", np.zeros((2, 5, 6, 7), dtype=np.uint8)), COLUMN)
