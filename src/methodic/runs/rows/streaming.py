"""Rows that don't fit into memory, made ready for training: encoded once, into a file.

The pieces are read twice here: once to count the rows of each part, so that the file has its size
before it is written, and once to encode them. Encoders learn from the sample that the data set has
as its frame, and see none of its validation and test rows. A training row is written at a random
place of a random block, so that a file which is sorted doesn't stay so.
"""

from __future__ import annotations

import atexit
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open
from torch import Tensor

from methodic.data.batches import Rows
from methodic.data.dataset import DataSet
from methodic.data.encoding.encoders import Encoders
from methodic.data.large.keys import mixed
from methodic.data.large.maps import Mapped, Writer
from methodic.data.large.parts import Parts
from methodic.data.large.survey import MOST, SHARE
from methodic.data.predicted import answers
from methodic.data.splits.given import TEST, TRAIN
from methodic.data.tally import Tally
from methodic.errors import InputError
from methodic.files import make_folder, write_json

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.schemas.schema import Schema
    from methodic.recipes.types import Recipe

ROWS, ENCODERS = "rows.safetensors", "encoders.json"
BLOCK, EVERY = "block", "every"
"""Notes in the file of the rows: how many are read together, and of how many training rows one is
kept as it was read, for the baselines."""

_PARTS = ("train", "validation", "test")
_BLOCKS = 64
"""The memory holds so many blocks: 8 are mixed at a time, 8 more are on their way."""

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]


def write(
    data: DataSet, seed: int, number: int = 0, folder: Path | None = None
) -> tuple[Path, tuple[str, ...]]:
    """Divide and encode the rows of ``data`` into a folder, for `preparation.load`.

    Args:
        data: with `DataSet.large`.
        seed: of the split.
        number: of the split; only 0, the run's own.
        folder: gets `ROWS` and `ENCODERS`; by default one that lasts as long as the process.

    Returns:
        The folder, and which rows were left out, in words.

    Raises:
        InputError: a cell that the sample made no one expect, an empty part, rows of which none
            counts, no room on the disk; or another split.
    """
    if number:
        raise InputError(
            f"{data.name}: cross-validation would write all rows once for each of its splits, and "
            "they don't fit into memory",
            advice="Ask for --splits one, or give the data more --memory.",
        )
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="methodic-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    make_folder(folder)
    return folder, _write(data, seed, folder)


def possible(recipes: Sequence[Recipe], named: bool) -> tuple[Recipe, ...]:
    """The recipes that never want all rows at once.

    Args:
        recipes: to choose from.
        named: the user named them one by one, so none may be left out.

    Raises:
        InputError: a named one does, or all do.
    """
    whole = [each.name for each in recipes if any(s.batch == "full" for s in each.stages)]
    if whole and (named or len(whole) == len(recipes)):
        raise InputError(
            f"recipe {whole[0]} takes all rows in each step, and they don't fit into memory",
            found="batch: full",
            accepted="a number of rows, such as batch: 256",
            advice="Leave the recipe out, give it such a batch, or give the data more --memory.",
        )
    return tuple(each for each in recipes if each.name not in whole)


def mapped(
    folder: Path, rows: dict[str, Rows], raw: dict[str, dict[str, Tensor]]
) -> tuple[dict[str, Rows], dict[str, dict[str, Tensor]]]:
    """The rows of a folder, as `write` left them; those of other folders are returned as they are.

    Args:
        folder: with `ROWS`.
        rows: part → encoded rows.
        raw: part → the same before the numeric encoder; what is the same raw is added.
    """
    with safe_open(folder / ROWS, "pt") as file:
        notes = file.metadata() or {}
    if BLOCK not in notes:
        return rows, raw
    block, every = int(notes[BLOCK]), int(notes[EVERY])
    found: dict[str, Rows] = {}
    for part, each in rows.items():
        path = folder / ROWS
        found[part] = Mapped(each.inputs, each.target, each.weight, block=block, path=path)
        if "array" in each.inputs and "array" not in raw[part]:
            images = each.inputs["array"]
            raw[part]["array"] = images[::every] if part == "train" else images
    return found, raw


def move(rows: Rows, folder: Path) -> None:
    """Have the file of rows that `write` wrote elsewhere in ``folder``."""
    assert isinstance(rows, Mapped), "only rows in a file can be moved"
    if rows.path.parent == folder:
        return
    try:
        os.link(rows.path, folder / ROWS)
    except OSError:  # another disk
        shutil.copyfile(rows.path, folder / ROWS)


def _write(data: DataSet, seed: int, folder: Path) -> tuple[str, ...]:
    large = data.large
    assert large is not None, "only for rows that are read in pieces"
    parts = Parts(data, large.rows, seed)
    sample = large.usable(data.schema)
    encoders = Encoders.fit(sample.filter(parts(sample) == TRAIN), data.schema)
    example = _tensors(encoders, sample.head(1))
    size = sum(_row_bytes(x) for name, x in example.items() if not name.startswith("raw/"))
    layout = _Layout(max(1, math.ceil(large.rows * size * _BLOCKS / large.limit)), seed)
    counts, tallies = torch.zeros_like(encoders.class_counts), (Tally(), Tally())
    for frame, codes in _divided(data, parts, _light(data), tallies):
        layout.count(codes, _weights(frame, data.schema))
        counts += answers.counts(encoders.truth(frame.filter(codes == TRAIN)), data.schema)
    notes = tuple(note for tally in tallies for note in tally.notes())
    layout.close(data.name)
    raw = sum(_row_bytes(x) for name, x in example.items() if name.startswith("raw/"))
    most = max(1, min(MOST, int(2 * large.limit / SHARE / max(raw, 1))))
    layout.every = max(1, math.ceil(layout.rows[TRAIN] / most))
    encoders.class_counts = counts
    shapes = {
        f"{part}/{name}": (_stored(name, x), (layout.kept(code, name), *x.shape[1:]))
        for code, part in enumerate(_PARTS)
        for name, x in example.items()
    }
    learnt = {f"encoders/{name}": x.numpy() for name, x in encoders.state()[1].items()}
    shapes |= {name: (x.dtype, x.shape) for name, x in learnt.items()}
    with Writer(
        folder / ROWS, shapes, {BLOCK: str(layout.block), EVERY: str(layout.every)}
    ) as file:
        for name, x in learnt.items():
            file[name][...] = x
        for frame, codes in _divided(data, parts, data.schema):
            for code, part in enumerate(_PARTS):
                rows = frame.filter(codes == code)
                if rows.height:
                    _put(file, part, layout, code, rows, encoders)
            file.let_go()
    write_json(folder / ENCODERS, encoders.state()[0])
    return notes


@dataclass
class _Layout:
    """Where in the file each row belongs.

    Args:
        blocks: among which training rows are dealt.
        seed: of the dealing.
    """

    blocks: int
    seed: int
    every: int = 1  # of so many training rows one is kept as it was read, for the baselines
    rows: list[int] = field(default_factory=lambda: [0, 0, 0])
    weights: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    _sizes: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    _next: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    _put: list[int] = field(default_factory=lambda: [0, 0, 0])

    def count(self, codes: Ints, weights: Array | None) -> None:
        """Some more rows, by their parts."""
        if not len(self._sizes):
            self._sizes = np.zeros(self.blocks, dtype=np.int64)
        new = int((codes == TRAIN).sum())
        self._sizes += np.bincount(self._dealt(self.rows[TRAIN], new), minlength=self.blocks)
        for code in range(3):
            mine = codes == code
            self.rows[code] += int(mine.sum())
            self.weights[code] += float(mine.sum() if weights is None else weights[mine].sum())

    def close(self, name: str) -> None:
        """All rows are counted."""
        for code, part in enumerate(_PARTS):
            if not self.rows[code]:
                raise InputError(
                    f"{name}: no row is a {part} row",
                    found=f"{sum(self.rows):,} rows with a target",
                    accepted="rows for training, validation and test",
                    advice="Give more rows, or another --split.",
                )
        self._next = np.cumsum(self._sizes) - self._sizes

    @property
    def block(self) -> int:
        """Rows of a block, on average."""
        return math.ceil(self.rows[TRAIN] / self.blocks)

    def places(self, code: int, count: int) -> Ints:
        """Where the next ``count`` rows of a part belong, int64 [count]."""
        first = self._put[code]
        self._put[code] += count
        if code != TRAIN:
            return np.arange(first, first + count)
        block = self._dealt(first, count)
        by_block = np.argsort(block, kind="stable")
        counts = np.bincount(block, minlength=self.blocks)
        start = np.cumsum(counts) - counts
        found = np.empty(count, dtype=np.int64)
        inside = np.arange(count) - np.repeat(start, counts)
        found[by_block] = np.repeat(self._next, counts) + inside
        self._next += counts
        return found

    def kept(self, code: int, name: str) -> int:
        """Rows of a tensor of this name."""
        few = code == TRAIN and name.startswith("raw/")
        return -(-self.rows[code] // self.every) if few else self.rows[code]

    def _dealt(self, first: int, count: int) -> Ints:
        number = np.arange(first, first + count, dtype=np.uint64)
        return (mixed(number, self.seed) % np.uint64(self.blocks)).astype(np.int64)


def _divided(
    data: DataSet, parts: Parts, schema: Schema, tallies: tuple[Tally, Tally] | None = None
) -> Iterator[tuple[pl.DataFrame, Ints]]:
    """All rows, piece by piece, with the part of each; the user's own test rows come last.

    ``tallies`` count what is left out, among all and among the user's own test rows.
    """
    assert data.large is not None
    mine, tested = tallies or (None, None)
    for frame in data.large.frames(schema, mine):
        yield frame, parts(frame)
    if data.large.test is not None:
        for frame in data.large.test.frames(schema, tested):
            yield frame, np.full(frame.height, TEST, dtype=np.int64)
    elif data.test is not None:
        yield data.test, np.full(data.test.height, TEST, dtype=np.int64)


def _light(data: DataSet) -> Schema:
    """The schema without what is costly to read; with it, where images may turn out broken."""
    if data.reading.skip_broken:
        return data.schema
    cheap = tuple(column for column in data.schema.columns if column.kind != "image")
    return data.schema.model_copy(update={"columns": cheap})


def _tensors(encoders: Encoders, frame: pl.DataFrame) -> dict[str, Array]:
    """All that is kept of some rows, by name; images are kept once, as they are the same raw."""
    found = {f"inputs/{name}": x for name, x in encoders.encode(frame).items()}
    if not encoders.scaling:
        found |= {f"raw/{name}": x for name, x in encoders.inputs(frame).items()}
    elif "numeric" in encoders.inputs(frame.head(1)) or encoders.columns:
        raw = encoders.inputs(frame)
        found |= {f"raw/{name}": x for name, x in raw.items() if name != "array"}
    found["target"] = encoders.target(frame)
    arrays = {name: x.numpy() for name, x in found.items()}
    arrays["truth"] = np.ascontiguousarray(encoders.truth(frame))
    if encoders.schema.weight is not None:
        # All parts have a place for weights, also test rows that come without: these count alike.
        weights = _weights(frame, encoders.schema)
        arrays["weight"] = np.ones(frame.height) if weights is None else weights
    return arrays


def _put(
    file: Writer, part: str, layout: _Layout, code: int, rows: pl.DataFrame, encoders: Encoders
) -> None:
    """Encode rows of one part and write them where they belong."""
    places = layout.places(code, rows.height)
    mean = layout.weights[code] / layout.rows[code]
    for name, x in _tensors(encoders, rows).items():
        if name == "weight":
            x = (x / mean).astype(np.float32)
        if name.startswith("raw/") and code == TRAIN:
            few = places % layout.every == 0
            file[f"{part}/{name}"][places[few] // layout.every] = x[few]
        else:
            file[f"{part}/{name}"][places] = x


def _weights(frame: pl.DataFrame, schema: Schema) -> Array | None:
    if schema.weight is None or schema.weight not in frame.columns:
        return None
    return frame[schema.weight].to_numpy().astype(np.float64)


def _stored(name: str, x: Array) -> np.dtype[Any]:
    """The type of a tensor's numbers in the file."""
    return np.dtype(np.float32) if name == "weight" else x.dtype


def _row_bytes(x: Array) -> int:
    return x.itemsize * math.prod(x.shape[1:])
