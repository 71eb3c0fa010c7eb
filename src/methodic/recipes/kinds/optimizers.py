"""Update rules, as parts of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from methodic.recipes.part import Fraction, NotNegative, Part, Positive

Decays = Literal["weights", "all"]


class SGD(Part):
    """Gradient descent, with momentum where asked."""

    kind: Literal["sgd"] = "sgd"
    lr: Positive = 0.1
    momentum: Fraction = 0.0
    nesterov: bool = False
    weight_decay: NotNegative = 0.0
    decays: Decays = "weights"

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> SGD:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class RMSprop(Part):
    """Gradients divided by the root of their running mean square."""

    kind: Literal["rmsprop"] = "rmsprop"
    lr: Positive = 1e-3
    alpha: Fraction = 0.99
    epsilon: Positive = 1e-8
    momentum: Fraction = 0.0
    centered: bool = False
    weight_decay: NotNegative = 0.0
    decays: Decays = "weights"


class Adam(Part):
    """Adaptive moments; ``weight_decay`` is added to the gradient (L2)."""

    kind: Literal["adam"] = "adam"
    lr: Positive = 1e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8
    weight_decay: NotNegative = 0.0
    decays: Decays = "weights"


class AdamW(Part):
    """Adam with decoupled weight decay."""

    kind: Literal["adamw"] = "adamw"
    lr: Positive = 1e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8
    weight_decay: NotNegative = 0.01
    decays: Decays = "weights"


Optimizer = Annotated[SGD | RMSprop | Adam | AdamW, Field(discriminator="kind")]
