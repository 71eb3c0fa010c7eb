"""Networks, as parts of a recipe."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from annotated_types import Gt, Le
from pydantic import Field, model_validator

from methodic.recipes.part import Fraction, Part

Activation = Literal[
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "sigmoid",
    "tanh",
    "softplus",
    "identity",
    "maxout",
]
Elementwise = Literal[
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "sigmoid",
    "tanh",
    "softplus",
    "identity",
]
Normalization = Literal["none", "batch", "layer", "group", "rms"]
Initialization = Literal[
    "kaiming_normal",
    "kaiming_uniform",
    "xavier_normal",
    "xavier_uniform",
    "orthogonal",
    "lsuv",
    "normal",
    "uniform",
    "zeros",
]
Width = Annotated[int, Field(ge=1, le=65536)]
Depth = Annotated[int, Field(ge=1, le=1000)]


class NoEmbedding(Part):
    """Numeric columns enter as they are."""

    kind: Literal["none"] = "none"


class PiecewiseLinear(Part):
    """``dimension`` numbers for each numeric column, linear between quantiles of training rows.

    Source: arXiv 2203.05556, in the form of TabM (arXiv 2410.24210).
    """

    kind: Literal["piecewise_linear"] = "piecewise_linear"
    dimension: int = Field(default=16, ge=1, le=1024)
    bins: int = Field(default=48, ge=2, le=1024)


class Periodic(Part):
    """``dimension`` numbers for each numeric column, from sines and cosines of it ("PLR").

    ``scale`` is the standard deviation of the initial frequencies. Source: arXiv 2203.05556.
    """

    kind: Literal["periodic"] = "periodic"
    dimension: int = Field(default=24, ge=1, le=1024)
    frequencies: int = Field(default=48, ge=1, le=1024)
    scale: float = Field(default=0.01, gt=0, le=100)


class PBLD(Part):
    """``dimension`` − 1 numbers from cosines of each numeric column, and the column itself.

    ``scale`` is the standard deviation of the initial frequencies, ``rate`` a factor on the
    learning rate of the embedding. Source: RealMLP (arXiv 2407.04491).
    """

    kind: Literal["pbld"] = "pbld"
    dimension: int = Field(default=4, ge=2, le=1024)
    frequencies: int = Field(default=16, ge=1, le=1024)
    scale: float = Field(default=0.1, gt=0, le=100)
    rate: float = Field(default=0.1, gt=0, le=100)


NumericEmbedding = Annotated[
    NoEmbedding | PiecewiseLinear | Periodic | PBLD, Field(discriminator="kind")
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
    """A multilayer perceptron: ``depth`` hidden layers of ``width`` units.

    ``residual`` adds each hidden layer to the one before; ``stochastic_depth`` then leaves such
    additions out at random, the last one with this probability and earlier ones less often.
    ``dropconnect`` drops weights where ``dropout`` drops units. ``groups`` are those of group norm.
    """

    kind: Literal["mlp"] = "mlp"
    width: Width = 128
    depth: Depth = 2
    activation: Activation = "relu"
    dropout: Fraction = 0.0
    normalization: Normalization = "none"
    initialization: Initialization = "kaiming_normal"
    embedding: int = Field(default=8, ge=1, le=1024)
    numeric_embedding: NumericEmbedding = NoEmbedding()
    residual: bool = False
    dropconnect: Fraction = 0.0
    stochastic_depth: Fraction = 0.0
    groups: int = Field(default=8, ge=1, le=65536)

    @model_validator(mode="after")
    def _fits(self) -> MLP:
        if self.normalization == "group":
            _divides(self.groups, self.width, "width")
        if self.stochastic_depth != 0 and not self.residual:
            raise ValueError("stochastic_depth leaves out residual branches: set residual: true")
        return self


class RealMLP(Part):
    """RealMLP: scaled inputs, embedded numbers, parametric activations, a start from the data.

    ``activation: auto`` is SELU for classes and Mish for numbers. ``scale`` is a trained factor on
    each input, ``parametric`` a trained mix in each activation; ``one_hot`` the most categories of
    a column that isn't embedded. It wants Adam with beta2 0.95 and a high learning rate: 0.04 for
    classes, 0.14 for numbers. ``rate`` is a factor on all rates; "auto": 1 for classes, else 3.5.

    Source: arXiv 2407.04491, tuned defaults.
    """

    kind: Literal["realmlp"] = "realmlp"
    width: Width = 256
    depth: Depth = 3
    activation: Literal["auto"] | Elementwise = "auto"
    dropout: Fraction = 0.15
    numeric_embedding: NumericEmbedding = PBLD()
    embedding: int = Field(default=8, ge=1, le=1024)
    one_hot: int = Field(default=8, ge=0, le=10000)
    scale: bool = True
    parametric: bool = True
    rate: Literal["auto"] | Annotated[float, Gt(0), Le(100)] = "auto"


class TabM(Part):
    """TabM: ``submodels`` multilayer perceptrons that share their weights but for thin adapters.

    Each submodel learns for itself; predictions are averaged: ``averages`` "probabilities",
    "outputs" (logits or numbers), or "auto": probabilities for classes, outputs for numbers.
    ``one_hot`` is the most categories of a column that isn't embedded. With piecewise-linear
    numeric embeddings and depth 2 it is the paper's TabM†.

    Source: arXiv 2410.24210.
    """

    kind: Literal["tabm"] = "tabm"
    width: Width = 512
    depth: Depth = 3
    submodels: int = Field(default=32, ge=1, le=1024)
    activation: Elementwise = "relu"
    dropout: Fraction = 0.1
    numeric_embedding: NumericEmbedding = NoEmbedding()
    embedding: int = Field(default=8, ge=1, le=1024)
    one_hot: int = Field(default=100, ge=0, le=10000)
    averages: Literal["auto", "probabilities", "outputs"] = "auto"


class FTTransformer(Part):
    """FT-Transformer: columns are tokens of ``width`` numbers that attend to each other.

    ``expansion`` is the size of a block's gated layer as a multiple of the width.

    Source: arXiv 2106.11959, default configuration.
    """

    kind: Literal["ft_transformer"] = "ft_transformer"
    width: Width = 192
    depth: Depth = 3
    heads: int = Field(default=8, ge=1, le=1024)
    expansion: float = Field(default=4 / 3, gt=0, le=64)
    dropout: Fraction = 0.1
    attention_dropout: Fraction = 0.2
    residual_dropout: Fraction = 0.0

    @model_validator(mode="after")
    def _fits(self) -> FTTransformer:
        _divides(self.heads, self.width, "width", "heads")
        return self


Channels = Annotated[tuple[Width, ...], Field(min_length=1, max_length=32)]


class CNN(Part):
    """A small convolutional net: a convolution and a halving for each of ``channels``, then dense.

    Images only. Source: the pattern of LeCun et al. 1998.
    """

    kind: Literal["cnn"] = "cnn"
    channels: Channels = (32, 64)
    width: Width = 128
    kernel: Literal[1, 3, 5, 7] = 3
    activation: Elementwise = "relu"
    normalization: Literal["none", "batch", "group"] = "none"
    groups: int = Field(default=8, ge=1, le=65536)
    dropout: Fraction = 0.0

    @model_validator(mode="after")
    def _fits(self) -> CNN:
        if self.normalization == "group":
            for size in self.channels:
                _divides(self.groups, size, "channels")
        return self


class ResNet(Part):
    """A small residual net: ``blocks`` blocks of two convolutions for each of ``channels``.

    Images only. With 3 blocks it is ResNet-20. Source: arXiv 1512.03385.
    """

    kind: Literal["resnet"] = "resnet"
    channels: Channels = (16, 32, 64)
    blocks: int = Field(default=1, ge=1, le=200)
    normalization: Literal["batch", "group"] = "batch"
    groups: int = Field(default=8, ge=1, le=65536)

    @model_validator(mode="after")
    def _fits(self) -> ResNet:
        if self.normalization == "group":
            for size in self.channels:
                _divides(self.groups, size, "channels")
        return self


class QuickNet(Part):
    """A convolutional net that learns photographs in few epochs: a block for each of ``channels``.

    Images only. Whitened patches; blocks of ``depth`` convolutions that start by passing on what
    they get, the first of which halves the sides; batch norm whose shifts learn fast.
    ``head_scale`` is a factor on the logits. ``mirrored``: predictions are means over an image and
    its mirror image, for things that don't change their meaning in a mirror, which letters do.

    It wants high rates: SGD with momentum and large batches.

    Source: arXiv 2404.00498, and what it builds on.
    """

    kind: Literal["quicknet"] = "quicknet"
    channels: Channels = (64, 256, 256)
    depth: int = Field(default=2, ge=1, le=16)
    activation: Elementwise = "gelu"
    head_scale: float = Field(default=1 / 9, gt=0, le=100)
    mirrored: bool = False


class ViT(Part):
    """A small vision transformer on patches of ``patch`` × ``patch`` pixels.

    Images only. ``expansion`` is the size of a block's inner layer as a multiple of the width;
    ``stochastic_depth`` leaves the last block's branches out with this probability, and earlier
    ones less often.

    Source: arXiv 2010.11929 and 2205.01580.
    """

    kind: Literal["vit"] = "vit"
    patch: int = Field(default=4, ge=1, le=64)
    width: Width = 192
    depth: Depth = 6
    heads: int = Field(default=3, ge=1, le=1024)
    expansion: float = Field(default=2.0, gt=0, le=64)
    stochastic_depth: Fraction = 0.0

    @model_validator(mode="after")
    def _fits(self) -> ViT:
        _divides(self.heads, self.width, "width", "heads")
        return self


class Autoencoder(Part):
    """A network that gives numeric inputs back through a bottleneck.

    ``encoder`` holds the units of each layer down to the bottleneck, ``decoder`` those of the
    hidden layers on the way back (none given: the encoder's, mirrored). ``tied``: the decoder
    reuses the encoder's weights, turned.

    Source: Hinton and Salakhutdinov 2006; tied: Vincent et al. 2010.
    """

    kind: Literal["autoencoder"] = "autoencoder"
    encoder: Channels = (64, 32)
    decoder: tuple[Width, ...] | None = None
    tied: bool = False
    activation: Elementwise = "relu"
    output_activation: Literal["none", "sigmoid"] = "none"
    initialization: Initialization = "kaiming_normal"

    @model_validator(mode="after")
    def _fits(self) -> Autoencoder:
        mirrored = tuple(reversed(self.encoder[:-1]))
        if self.tied and self.decoder not in (None, mirrored):
            raise ValueError(
                f"tied layers of different shapes: the decoder's sizes {_listed(self.decoder)} "
                f"don't mirror the encoder's {_listed(self.encoder)}; accepted: "
                f"{_listed(mirrored)}, or tied: false"
            )
        return self


def _divides(part: int, whole: int, name: str, what: str = "groups") -> None:
    if whole % part:
        raise ValueError(f"{what} must divide {name}: {whole} is no multiple of {part}")


def _listed(sizes: tuple[int, ...] | None) -> str:
    return f"[{', '.join(map(str, sizes or ()))}]"


Model = Annotated[
    Auto
    | Linear
    | MLP
    | RealMLP
    | TabM
    | FTTransformer
    | CNN
    | ResNet
    | QuickNet
    | ViT
    | Autoencoder,
    Field(discriminator="kind"),
]

OF_IMAGES: Final = ("cnn", "resnet", "quicknet", "vit")
"""Kinds that take images, and nothing else."""
