"""Networks, as parts of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from methodic.recipes.part import Fraction, Part

Activation = Literal[
    "relu", "leaky_relu", "elu", "gelu", "silu", "mish", "sigmoid", "tanh", "softplus", "identity"
]
Normalization = Literal["none", "batch", "layer"]
Initialization = Literal[
    "kaiming_normal",
    "kaiming_uniform",
    "xavier_normal",
    "xavier_uniform",
    "orthogonal",
    "normal",
    "uniform",
    "zeros",
]


class Auto(Part):
    """Let the data choose the network."""

    kind: Literal["auto"] = "auto"


class Linear(Part):
    """Logistic, softmax or linear regression: one linear layer."""

    kind: Literal["linear"] = "linear"
    embedding: int = Field(default=8, ge=1, le=1024)
    initialization: Initialization = "zeros"


class MLP(Part):
    """A multilayer perceptron: ``depth`` hidden layers of ``width`` units."""

    kind: Literal["mlp"] = "mlp"
    width: int = Field(default=128, ge=1, le=65536)
    depth: int = Field(default=2, ge=1, le=1000)
    activation: Activation = "relu"
    dropout: Fraction = 0.0
    normalization: Normalization = "none"
    initialization: Initialization = "kaiming_normal"
    embedding: int = Field(default=8, ge=1, le=1024)


Model = Annotated[Auto | Linear | MLP, Field(discriminator="kind")]
