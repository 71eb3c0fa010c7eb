"""Regularizers, as parts of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Gt, Lt
from pydantic import Field

from methodic.recipes.part import NotNegative, Part, within
from methodic.recipes.ranges import Number


class L1(Part):
    """``weight`` times the sum of absolute weights, as a loss term."""

    kind: Literal["l1"] = "l1"
    weight: NotNegative = 1e-5


class L2(Part):
    """``weight`` times the sum of squared weights, as a loss term."""

    kind: Literal["l2"] = "l2"
    weight: NotNegative = 1e-5


class ProximalL1(Part):
    """L1 as a soft threshold after each update: weights become exactly zero."""

    kind: Literal["proximal_l1"] = "proximal_l1"
    weight: NotNegative = 1e-4


class EMA(Part):
    """Evaluate and ship an exponential moving average of the weights."""

    kind: Literal["ema"] = "ema"
    decay: Annotated[Number, within(Gt(0), Lt(1))] = 0.999


Regularizer = Annotated[L1 | L2 | ProximalL1 | EMA, Field(discriminator="kind")]
