"""Small pictures of what a trained network makes: images given back, and images out of nothing.

What turns features into pixels belongs to the objectives, and no bundle ships it, so pictures are
made where a cohort has just been trained.

Shapes: K pictures in a line, C channels, H × W pixels.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from methodic.data.batches import Rows
from methodic.engine.parts import Cohort
from methodic.evidence.closer.representation import Picture
from methodic.models.around import encoder
from methodic.models.inputs import Inputs
from methodic.objectives.adversarial import Generator
from methodic.objectives.reconstruction import Reconstruction
from methodic.rng import Draws, keys
from methodic.types import Pass

Array = npt.NDArray[Any]
Kind = Literal["reconstructions", "samples"]

COUNT = 8  # pictures in a line
LARGEST = 16_000  # characters of a picture's file
_DRAWN = 64  # samples that are made at once: a generator standardises over its batch
_SIDES = (64, 48, 32, 24, 16, 8)  # pixels, of the longer side
_COLOURS = (0, 64)  # of a palette; 0: all
_GAP = 2  # pixels between pictures


def pictures(
    one: Cohort, flat: Tensor, buffers: Mapping[str, Tensor], rows: Rows, inputs: Inputs
) -> tuple[Picture, ...]:
    """Pictures of one member; none where its data are no images, or nothing of it makes images.

    Args:
        one: a cohort of one member.
        flat, buffers: its weights.
        rows: some of them are given back.
        inputs: what the rows are.
    """
    if not inputs.images or not inputs.scaling:
        return ()
    run = Pass(one.layout.views(flat), buffers, {}, one.numbers, training=False)
    with torch.no_grad():
        return (*_given_back(one, run, rows), *_samples(one, run))


def _given_back(one: Cohort, run: Pass, rows: Rows) -> Iterator[Picture]:
    """Rows above what a decoder of the last stage makes of them; others are out of date."""
    found = [o for turn in one.stages[-1].turns for o, _ in turn.objectives]
    objective = next((each for each in found if isinstance(each, Reconstruction)), None)
    if objective is None:
        return
    inputs = rows.spread(COUNT).everything(1).inputs
    features = encoder(one.model).encoded(run, inputs)
    code = objective.code(run, features)
    made = objective.decoded(run, code)[..., : objective.cells.numbers]
    if objective.binary:
        made = torch.sigmoid(made)
    images = inputs["array"]
    made = made.reshape(images.shape)
    if not objective.cells.unit:
        mean, deviation = (
            torch.tensor(each, device=made.device).view(-1, 1, 1)
            for each in zip(*objective.cells.inputs.scaling, strict=True)
        )
        made = made * deviation + mean
    yield picture("reconstructions", [_host(images), _host(made)])


def _samples(one: Cohort, run: Pass) -> Iterator[Picture]:
    """What the last generator makes out of random numbers."""
    found = [o for stage in one.stages for turn in stage.turns for o, _ in turn.objectives]
    makers = [each for each in found if isinstance(each, Generator) and each.of == "rows"]
    if not makers:
        return
    maker = makers[-1]
    site = f"{maker.path}/latent"
    wanted = {site: maker.noise(_DRAWN)[site]}
    noise = Draws(wanted, one.device)(keys(one.seeds, "samples", device=one.device))
    made = maker.made(Pass(run.parameters, run.buffers, noise, run.numbers, training=False))
    yield picture("samples", [_host(made["array"][:, :COUNT])])


def _host(images: Tensor) -> Array:
    """[1, K, C, H, W] → bytes [K, C, H, W]; numbers beyond 0 and 1 are cut off."""
    found = images[0].float().cpu().numpy()
    return np.asarray((np.nan_to_num(found).clip(0, 1) * 255).round().astype(np.uint8))


# --- files ------------------------------------------------------------------------------------


def picture(kind: Kind, lines: Sequence[Array]) -> Picture:
    """Lines of images, one below the other, as a PNG file of at most 16,000 characters.

    Where it would be larger, it has fewer colours, then fewer pixels.

    Args:
        kind: what they are.
        lines: bytes [K, C, H, W] each, all of one shape.
    """
    for side, colours in product(_SIDES, _COLOURS):
        drawn = _drawn(kind, lines, side, colours)
        if len(drawn.png) <= LARGEST:
            break
    return drawn


def _drawn(kind: Kind, lines: Sequence[Array], side: int, colours: int) -> Picture:
    from PIL import Image

    _, channels, height, width = lines[0].shape
    scale = min(1.0, side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    mode = "RGB" if channels >= 3 else "L"
    whole = (
        len(lines[0]) * (size[0] + _GAP) - _GAP,
        len(lines) * (size[1] + _GAP) - _GAP,
    )
    sheet = Image.new(mode, whole, "white")
    for y, line in enumerate(lines):
        for x, each in enumerate(line):
            pixels = each[:3].transpose(1, 2, 0) if mode == "RGB" else each[0]
            image = Image.fromarray(np.ascontiguousarray(pixels))
            if image.size != size:
                image = image.resize(size, Image.Resampling.BOX)
            sheet.paste(image, (x * (size[0] + _GAP), y * (size[1] + _GAP)))
    if colours:
        sheet = sheet.quantize(colours)
    stream = io.BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    text = base64.b64encode(stream.getvalue()).decode()
    return Picture(kind=kind, png=text, width=whole[0], height=whole[1])
