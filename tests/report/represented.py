"""Looks at networks that learnt without targets, made up."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from methodic.evidence.closer.representation import (
    Look,
    Picture,
    Quality,
    Representation,
    Representations,
    Sketch,
)


def quality(method: str, unit: str, probe: float | None = 0.9, rank: float = 7.0) -> Representation:
    return Representation(
        unit=unit,
        member=0,
        method=method,
        seed=1,
        features=64,
        rows=(1077, 360),
        score="accuracy",
        trained=Quality(probe=probe, neighbours=0.88, rank=rank, idle=0.125),
        untrained=Quality(probe=0.7, neighbours=0.6, rank=12.0, idle=0.0),
    )


def picture(kind: str) -> Picture:
    stream = io.BytesIO()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(stream, "PNG")
    png = base64.b64encode(stream.getvalue()).decode()
    return Picture(kind=kind, png=png, width=8, height=8)  # type: ignore[arg-type]


def sketch(classes: int = 10) -> Sketch:
    random = np.random.default_rng(0)
    values = random.integers(0, classes, 200)
    points = random.normal(size=(200, 2)) + values[:, None]
    return Sketch(
        points=tuple((float(x), float(y)) for x, y in points.round(3)),
        values=tuple(values.tolist()),
        shares=(0.52, 0.181),
    )


def representations() -> Representations:
    """Two networks of one method and one of another, of which the first is shown."""
    first = quality("adamw-cosine", "confirm-000-adamw-cosine")
    return Representations(
        networks=(
            first,
            quality("adamw-cosine", "confirm-001-adamw-cosine", probe=0.94, rank=9.0),
            quality("adam", "confirm-000-adam", probe=None),
        ),
        shown=Look(
            quality=first,
            sketch=sketch(),
            pictures=(picture("reconstructions"), picture("samples")),
        ),
    )
