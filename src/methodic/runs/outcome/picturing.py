"""Small pictures of what a trained network makes: images given back, and images out of nothing.

What turns features into pixels belongs to the objectives, and no bundle ships it, so pictures are
made where a cohort has just been trained.

Shapes: K pictures in a line, C channels, H × W pixels.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from methodic.data.batches import Rows
from methodic.engine.parts import Cohort, Stage
from methodic.evidence.closer.representation import Picture
from methodic.models.around import encoder
from methodic.models.inputs import Inputs
from methodic.objectives.adversarial import Generator
from methodic.objectives.reconstruction import MaskedPatches, Reconstruction
from methodic.rng import Draws, Noise, keys
from methodic.types import Pass

Array = npt.NDArray[Any]
Kind = Literal["reconstructions", "hidden", "samples"]

COUNT = 8  # pictures in a line
LARGEST = 16_000  # characters of a picture's file
_DRAWN = 64  # samples that are made at once: a generator standardises over its batch
_SIDES = (64, 48, 32, 24, 16, 8)  # pixels, of the longer side
_COLOURS = (0, 64)  # of a palette; 0: all
_GAP = 2  # pixels between pictures


def pictures(
    one: Cohort,
    flat: Tensor,
    buffers: Mapping[str, Tensor],
    learnt: Mapping[str, Tensor],
    rows: Rows,
    inputs: Inputs,
) -> tuple[Picture, ...]:
    """Pictures of one member; none where its data are no images, or nothing of it makes images.

    Args:
        one: a cohort of one member.
        flat, buffers: its weights.
        learnt: those that the last stage without targets left, see `State.learnt`.
        rows: some of them are given back.
        inputs: what the rows are.
    """
    if not inputs.images or not inputs.scaling:
        return ()
    kept = Pass(one.layout.views(flat), buffers, {}, one.numbers, training=False)
    passes = {one.stages[-1].name: kept}
    if learnt:
        stage = next(each for each in one.stages[-2::-1] if not each.labelled)
        before = {name.removeprefix("buffers/"): x for name, x in learnt.items()}
        views = one.layout.views(before.pop("flat"))
        passes[stage.name] = Pass(views, before, {}, one.numbers, training=False)
    with torch.no_grad():
        # Decoders of other stages are out of date; generators read no features.
        back = (_given_back(one, one_stage(one, name), run, rows) for name, run in passes.items())
        made = (_samples(one, each, passes.get(each.name, kept)) for each in one.stages[::-1])
        found = [next((each for each in some if each), None) for some in (back, made)]
    return tuple(each for each in found if each is not None)


def one_stage(one: Cohort, name: str) -> Stage:
    """The stage of this name."""
    return next(each for each in one.stages if each.name == name)


def _given_back(one: Cohort, stage: Stage, run: Pass, rows: Rows) -> Picture | None:
    """Rows above what a decoder makes of them, or of what is left of them."""
    found = [o for turn in stage.turns for o, _ in turn.objectives]
    objective = next((o for o in found if isinstance(o, Reconstruction | MaskedPatches)), None)
    if objective is None:
        return None
    inputs = rows.spread(COUNT).everything(1).inputs
    images, where = inputs["array"], _where(one, stage)
    if isinstance(objective, MaskedPatches):
        drawing = _drawing(one, run, objective.noise(images.shape[1]))
        holed, hidden = objective.holed(drawing, inputs)
        code = encoder(one.model).encoded(run, holed)
        told = torch.where(hidden, _pixels(objective, run, code, images), images)
        lines = [_host(images), _host(holed["array"].reshape(images.shape)), _host(told)]
        return picture("hidden", lines, where)
    code = objective.code(run, encoder(one.model).encoded(run, inputs))
    lines = [_host(images), _host(_pixels(objective, run, code, images))]
    return picture("reconstructions", lines, where)


def _samples(one: Cohort, stage: Stage, run: Pass) -> Picture | None:
    """What a generator makes out of random numbers, or a decoder out of draws of its prior."""
    found = [o for turn in stage.turns for o, _ in turn.objectives]
    makers = [each for each in found if isinstance(each, Generator)]
    decoders = [each for each in found if isinstance(each, Reconstruction)]
    if makers and makers[-1].of == "rows":
        maker = makers[-1]
        made = maker.made(_drawing(one, run, maker.noise(_DRAWN)))["array"]
    elif decoders and (decoders[-1].latent or makers):
        decoder = decoders[-1]
        size = decoder.latent or encoder(one.model).features
        noise = _drawing(one, run, {"prior": Noise((_DRAWN, size), "normal")}).noise["prior"]
        code = noise if decoder.latent else makers[-1].prior(noise)
        shape = decoder.cells.inputs.shape
        made = _pixels(decoder, run, code, torch.empty(1, _DRAWN, *shape, device=one.device))
    else:
        return None
    return picture("samples", [_host(made[:, :COUNT])], _where(one, stage))


def _drawing(one: Cohort, run: Pass, wanted: Mapping[str, Noise]) -> Pass:
    """A pass with random numbers, the same ones for a seed."""
    noise = Draws(wanted, one.device)(keys(one.seeds, "samples", device=one.device))
    return Pass(run.parameters, run.buffers, noise, run.numbers, training=False)


def _pixels(
    objective: Reconstruction | MaskedPatches, run: Pass, code: Tensor, like: Tensor
) -> Tensor:
    """What a decoder makes of a code, as images from 0 to 1 in the shape of others."""
    made = objective.decoded(run, code)[..., : objective.cells.numbers]
    if isinstance(objective, Reconstruction) and objective.binary:
        made = torch.sigmoid(made)
    made = made.reshape(like.shape)
    if objective.cells.unit:
        return made
    mean, deviation = (
        torch.tensor(each, device=made.device).view(-1, 1, 1)
        for each in zip(*objective.cells.inputs.scaling, strict=True)
    )
    return made * deviation + mean


def _where(one: Cohort, stage: Stage) -> str:
    """The stage whose picture it is; "" of the last."""
    return "" if stage is one.stages[-1] else stage.name


def _host(images: Tensor) -> Array:
    """[1, K, C, H, W] → bytes [K, C, H, W]; numbers beyond 0 and 1 are cut off."""
    found = images[0].float().cpu().numpy()
    return np.asarray((np.nan_to_num(found).clip(0, 1) * 255).round().astype(np.uint8))


# --- files ------------------------------------------------------------------------------------


def picture(kind: Kind, lines: Sequence[Array], stage: str = "") -> Picture:
    """Lines of images, one below the other, as a PNG file of at most 16,000 characters.

    Where it would be larger, it has fewer colours, then fewer pixels.

    Args:
        kind: what they are.
        lines: bytes [K, C, H, W] each, all of one shape.
        stage: see `Picture`.
    """
    for side, colours in product(_SIDES, _COLOURS):
        drawn = _drawn(kind, lines, side, colours)
        if len(drawn.png) <= LARGEST:
            break
    return drawn.model_copy(update={"stage": stage})


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
