"""Schedules, as parts of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le
from pydantic import Field

from methodic.recipes.part import Fraction, Part, within
from methodic.recipes.ranges import Number


class Constant(Part):
    """The base value, after an optional linear warm-up."""

    kind: Literal["constant"] = "constant"
    warmup: Fraction = 0.0


class Exponential(Part):
    """Falls by equal factors, from 1 to ``final`` times the base value."""

    kind: Literal["exponential"] = "exponential"
    final: Annotated[Number, within(Gt(0), Le(1))] = 0.01
    warmup: Fraction = 0.0


class Cosine(Part):
    """Falls along half a cosine, from 1 to ``final`` times the base value."""

    kind: Literal["cosine"] = "cosine"
    final: Annotated[Number, within(Ge(0), Le(1))] = 0.0
    warmup: Fraction = 0.0


Schedule = Annotated[Constant | Exponential | Cosine, Field(discriminator="kind")]
