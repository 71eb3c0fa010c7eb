"""Objectives, as parts of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from methodic.recipes.part import Fraction, NotNegative, Part


class Supervised(Part):
    """The task's usual loss: cross-entropy for classes, mean squared error for numbers."""

    kind: Literal["supervised"] = "supervised"
    weight: NotNegative = 1.0


class CrossEntropy(Part):
    """Cross-entropy between softmax(output) and the class."""

    kind: Literal["cross_entropy"] = "cross_entropy"
    weight: NotNegative = 1.0
    label_smoothing: Fraction = 0.0
    class_weights: Literal["none", "balanced"] = "none"


class MeanSquaredError(Part):
    """Mean of the squared differences."""

    kind: Literal["mean_squared_error"] = "mean_squared_error"
    weight: NotNegative = 1.0


Objective = Annotated[Supervised | CrossEntropy | MeanSquaredError, Field(discriminator="kind")]
