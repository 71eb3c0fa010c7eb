"""Damaged pictures in folders and tables: named, left out on request, and never a traceback."""

from __future__ import annotations

import io
import shutil
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.fuzz import damage
from tests.fuzz.bounded import Bounded
from tests.fuzz.conftest import fresh, many, some

FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "bmp": "BMP"}
MODES = ("L", "RGB", "RGBA", "P", "1", "I;16", "CMYK", "LA")
SIDE = 12
COUNT = 24


def picture(kind: str, mode: str, width: int, height: int, turn: int = 1, seed: int = 0) -> bytes:
    """A picture of noise; a mode that the format lacks becomes RGB."""
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = turn
    try:
        if mode == "I;16":
            wide = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
            wide.save(stream, FORMATS[kind])
        else:
            image.convert(mode).save(stream, FORMATS[kind], exif=exif)
    except (OSError, KeyError, ValueError):
        stream = io.BytesIO()
        image.save(stream, FORMATS[kind], exif=exif)
    return stream.getvalue()


def claiming(content: bytes, width: int, height: int) -> bytes:
    """A PNG whose header says that it is larger than it is, with the right checksum."""
    header = b"IHDR" + struct.pack(">II", width, height) + content[24:29]
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


class Damage(NamedTuple):
    """A picture, what happens to its bytes, and where it stands among good ones."""

    kind: str
    mode: str
    size: tuple[int, int]
    turn: int
    claim: tuple[int, int] | None
    edits: list[tuple[int, float, float]]
    table: bool
    skip: bool

    def content(self) -> bytes:
        """The damaged picture."""
        made = picture(self.kind, self.mode, *self.size, self.turn)
        if self.claim is not None and self.kind == "png":
            made = claiming(made, *self.claim)
        return damage.damaged(made, self.edits)


def damages() -> st.SearchStrategy[Damage]:
    sides = st.integers(1, 40)
    huge = st.sampled_from([1, 3000, 65_535, 2**31 - 1])
    return st.builds(
        Damage,
        st.sampled_from(sorted(FORMATS)),
        st.sampled_from(MODES),
        st.tuples(sides, sides),
        st.integers(0, 9),
        st.one_of(st.none(), st.tuples(huge, huge)),
        damage.bytes_edits(),
        st.booleans(),
        st.booleans(),
    )


def good(folder: Path) -> None:
    """Two classes of good pictures."""
    for i in range(COUNT):
        target = folder / ("cats", "dogs")[i % 2]
        target.mkdir(parents=True, exist_ok=True)
        (target / f"{i:02d}.png").write_bytes(picture("png", "RGB", SIDE, SIDE + i % 2, seed=i))


def train(place: Path, data: Path, out: Path, *more: str) -> list[str]:
    return [
        "train", str(data), "--target", "label", "--recipe", str(place / "small.yaml"),
        "--steps", "2", "--out", str(out), "--quiet", *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def model(place: Path, command: Bounded) -> Path:
    """A model that was trained on the good pictures."""
    good(place / "good")
    command.warm(train(place, place / "good", place / "model"))
    return place / "model"


def check(place: Path, model: Path, command: Bounded, harm: Damage) -> None:
    """Train on good pictures with a damaged one among them, and predict it."""
    content, out = harm.content(), fresh(place)
    data = place / "data"
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(place / "good", data)
    broken = data / "cats" / f"broken.{harm.kind}"
    broken.write_bytes(content)
    source = data
    if harm.table:
        files = sorted(data.rglob("*.*"))
        source = place / "data.parquet"
        pl.DataFrame(
            {
                "image": [file.read_bytes() for file in files],
                "label": [file.parent.name for file in files],
            }
        ).write_parquet(source)
    more = ["--skip-broken"] if harm.skip else []
    answer = command.ended(train(place, source, out, *more))
    assert answer.code == 0 or not out.exists(), "half a run is left behind"
    shutil.rmtree(out, ignore_errors=True)
    if answer.code == 2 and not harm.table:
        assert "broken." in answer.said, "the broken picture isn't named"
    if harm.skip:
        assert answer.code == 0, answer.said
    predicted = place / "predicted.csv"
    predicted.unlink(missing_ok=True)
    answer = command.ended(["predict", str(model), str(broken), "-o", str(predicted)])
    assert predicted.exists() == (answer.code == 0)


@some(15)
@given(harm=damages())
def test_some(place: Path, model: Path, command: Bounded, harm: Damage) -> None:
    check(place, model, command, harm)


@pytest.mark.heavy
@many(300)
@given(harm=damages())
def test_many(place: Path, model: Path, command: Bounded, harm: Damage) -> None:
    check(place, model, command, harm)


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_whole_pictures_end_in_results(
    kind: str, place: Path, model: Path, command: Bounded
) -> None:
    """The damage is what is refused."""
    file = place / f"whole.{kind}"
    file.write_bytes(picture(kind, "RGB", 20, 15))
    out = place / f"{kind}.csv"
    answer = command(["predict", str(model), str(file), "-o", str(out)])
    assert answer.code == 0, answer.said
    assert pl.read_csv(out)["file"].to_list() == [file.name]


def test_a_picture_that_claims_to_be_huge(place: Path, model: Path, command: Bounded) -> None:
    file = place / "huge.png"
    file.write_bytes(claiming(picture("png", "RGB", 8, 8), 2**31 - 1, 2**31 - 1))
    answer = command.ended(["predict", str(model), str(file)])
    assert answer.code == 2
    assert "huge.png" in answer.said
