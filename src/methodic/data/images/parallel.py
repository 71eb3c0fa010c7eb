"""Many images at once: large ones by threads, many small ones by processes.

Pillow lets go of Python's lock while it decodes, but around a small image most of the work is
Python's own, and threads would only wait for each other.
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from methodic.data.images.decoding import Broken, Pixels, decode, without_warnings
from methodic.data.parallel import processors

if TYPE_CHECKING:
    import polars as pl

    from methodic.data.schemas.schema import Resize

BLOCK = 64
"""Images that one thread or process decodes in a row."""
MANY = 4000
"""So many small images are worth the start of processes."""

_SMALL = 2**14  # bytes
_PEEK = 20
_AHEAD = 8  # blocks of each process

Cell = bytes | str | None
Block = tuple[Pixels, dict[int, str], Counter[str]]


@dataclass(frozen=True)
class Decoded:
    """The pixels of many cells.

    Args:
        pixels: uint8 [N, C, H, W]; black where broken.
        broken: row → why.
        remarks: what was done to images → to how many.
    """

    pixels: Pixels
    broken: dict[int, str]
    remarks: Counter[str]


def decode_all(cells: pl.Series, shape: tuple[int, ...], resize: Resize) -> Decoded:
    """Decode the images of a column.

    Args:
        cells: bytes or paths of files, [N]; null is broken.
        shape, resize: see `decode`.
    """
    pixels = np.zeros((len(cells), *shape), dtype=np.uint8)
    broken: dict[int, str] = {}
    remarks: Counter[str] = Counter()
    with without_warnings():
        for start, (part, wrong, done) in zip(
            range(0, len(cells), BLOCK), _blocks(cells, shape, resize), strict=True
        ):
            pixels[start : start + len(part)] = part
            broken |= {start + row: why for row, why in wrong.items()}
            remarks += done
    return Decoded(pixels, broken, remarks)


def decode_block(cells: Sequence[Cell], shape: tuple[int, ...], resize: Resize) -> Block:
    """Some cells' pixels, those that are broken, and what was done; runs anywhere."""
    pixels = np.zeros((len(cells), *shape), dtype=np.uint8)
    broken: dict[int, str] = {}
    remarks: Counter[str] = Counter()
    for row, cell in enumerate(cells):
        try:
            if cell is None:
                raise Broken("no image")
            pixels[row], done = decode(cell, shape, resize)
            remarks.update(done)
        except Broken as error:
            broken[row] = str(error)
    return pixels, broken, remarks


def _blocks(cells: pl.Series, shape: tuple[int, ...], resize: Resize) -> Iterator[Block]:
    """The blocks in order, however they are decoded."""
    pieces = (cells.slice(at, BLOCK).to_list() for at in range(0, len(cells), BLOCK))
    small = _typical_bytes(cells) < _SMALL
    if processors() == 1 or len(cells) <= BLOCK or (small and len(cells) < MANY):
        yield from (decode_block(piece, shape, resize) for piece in pieces)
        return
    with _processes() if small else ThreadPoolExecutor(processors()) as pool:
        yield from _through(pool, pieces, shape, resize)


def _through(
    pool: Executor, pieces: Iterator[list[Cell]], shape: tuple[int, ...], resize: Resize
) -> Iterator[Block]:
    """The blocks in order, a few being decoded ahead: their cells shouldn't all lie here twice."""

    def begun(piece: list[Cell]) -> tuple[list[Cell], Future[Block] | None]:
        try:
            return piece, pool.submit(decode_block, piece, shape, resize)
        except BrokenProcessPool:
            return piece, None

    under_way = deque(begun(piece) for piece in islice(pieces, _AHEAD * processors()))
    while under_way:
        piece, future = under_way.popleft()
        try:
            block = decode_block(piece, shape, resize) if future is None else future.result()
        except BrokenProcessPool:  # a process was killed, for want of memory maybe
            block = decode_block(piece, shape, resize)
        under_way.extend(begun(piece) for piece in islice(pieces, 1))
        yield block


def _processes() -> Executor:
    """Fresh interpreters that don't import the user's script, as the engine's workers are."""
    from loky.backend import get_context

    return ProcessPoolExecutor(processors(), get_context("loky"), _begin)


def _begin() -> None:
    """For a whole process; see `without_warnings`."""
    warnings.filterwarnings("ignore", module="PIL")
    logging.getLogger("PIL").addHandler(logging.NullHandler())


def _typical_bytes(cells: pl.Series) -> int:
    """The median size of the first images' files."""
    sizes = sorted(_bytes(cell) for cell in cells.drop_nulls().head(_PEEK).to_list())
    return sizes[len(sizes) // 2] if sizes else 0


def _bytes(cell: bytes | str) -> int:
    try:
        return len(cell) if isinstance(cell, bytes) else Path(cell).stat().st_size
    except (OSError, ValueError):
        return 0
