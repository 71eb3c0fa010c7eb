"""Regularizers, as parts of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import Field

from methodic.recipes.kinds.own import OwnPenalty
from methodic.recipes.part import Fraction, NotNegative, Part, Positive, within
from methodic.recipes.ranges import Number


class L1(Part):
    """``weight`` times the sum of absolute weights, as a loss term."""

    kind: Literal["l1"] = "l1"
    weight: NotNegative = 1e-5


class L2(Part):
    """``weight`` times the sum of squared weights, as a loss term."""

    kind: Literal["l2"] = "l2"
    weight: NotNegative = 1e-5


_Ratio = Annotated[Number, within(Ge(0), Le(1))]


class ElasticNet(Part):
    """L1 and half of L2, mixed by ``l1_ratio``, as a loss term."""

    kind: Literal["elastic_net"] = "elastic_net"
    weight: NotNegative = 1e-5
    l1_ratio: _Ratio = 0.5


class ProximalL1(Part):
    """L1 as a soft threshold after each update: weights become exactly zero."""

    kind: Literal["proximal_l1"] = "proximal_l1"
    weight: NotNegative = 1e-4


class ProximalElasticNet(Part):
    """Elastic net as a step after each update: weights become exactly zero."""

    kind: Literal["proximal_elastic_net"] = "proximal_elastic_net"
    weight: NotNegative = 1e-4
    l1_ratio: _Ratio = 0.5


class GroupLasso(Part):
    """Whole inputs are left out: all weights of an input become exactly zero together."""

    kind: Literal["group_lasso"] = "group_lasso"
    weight: NotNegative = 1e-2


class MaxNorm(Part):
    """The weights that enter a unit have at most this length."""

    kind: Literal["max_norm"] = "max_norm"
    limit: Positive = 3.0


class Mixup(Part):
    """Each row is mixed with another one, its target too, by a share from Beta(alpha, alpha)."""

    kind: Literal["mixup"] = "mixup"
    alpha: NotNegative = 0.2


class CutMix(Part):
    """A box of each image, or some columns of each row, come from another one; so does its target.

    The share that is kept is drawn from Beta(alpha, alpha).
    """

    kind: Literal["cutmix"] = "cutmix"
    alpha: NotNegative = 1.0


class Cutout(Part):
    """A square box of each image is set to the mean, or some numbers of each row to 0."""

    kind: Literal["cutout"] = "cutout"
    share: Fraction = 0.25


class InputNoise(Part):
    """Gaussian noise on numeric inputs, in their standard deviations."""

    kind: Literal["input_noise"] = "input_noise"
    deviation: NotNegative = 0.1


class Swap(Part):
    """Each cell of a row, with this probability, holds what another row of the batch has there."""

    kind: Literal["swap"] = "swap"
    share: Annotated[Number, within(Ge(0), Le(1))] = 0.1


class LabelNoise(Part):
    """Wrong targets on purpose: another class with this probability; or noise of this deviation."""

    kind: Literal["label_noise"] = "label_noise"
    amount: Fraction = 0.1


class Crop(Part):
    """Each image is moved by up to ``padding`` pixels; the margin mirrors the image, or is 0."""

    kind: Literal["crop"] = "crop"
    padding: Annotated[int, Ge(1), Le(1024)] = 4
    edge: Literal["reflect", "zeros"] = "reflect"


class Flip(Part):
    """Each image becomes its mirror image with this probability."""

    kind: Literal["flip"] = "flip"
    probability: Annotated[Number, within(Ge(0), Le(1))] = 0.5


class Affine(Part):
    """Each image is turned, moved, zoomed and sheared, by up to these amounts.

    ``degrees`` and ``shear`` are angles, ``shift`` is a share of the sides, ``zoom`` of the size.
    """

    kind: Literal["affine"] = "affine"
    degrees: Annotated[Number, within(Ge(0), Le(180))] = 10.0
    shift: Fraction = 0.1
    zoom: Fraction = 0.1
    shear: Annotated[Number, within(Ge(0), Le(60))] = 0.0


class Colour(Part):
    """Brightness, contrast and saturation of each image change by up to this share."""

    kind: Literal["colour"] = "colour"
    strength: Fraction = 0.3


class RandAugment(Part):
    """``count`` operations on each image, drawn from 14, all of one strength (1: the strongest)."""

    kind: Literal["randaugment"] = "randaugment"
    count: Annotated[int, Ge(1), Le(14)] = 2
    strength: Annotated[Number, within(Ge(0), Le(1))] = 0.3


class GradientNoise(Part):
    """Gaussian noise on the gradient, of variance eta / (1 + t)^gamma at step t."""

    kind: Literal["gradient_noise"] = "gradient_noise"
    eta: NotNegative = 0.01
    gamma: NotNegative = 0.55


class SAM(Part):
    """Sharpness-aware: two gradients a step, the second where the loss nearby is worst."""

    kind: Literal["sam"] = "sam"
    rho: NotNegative = 0.05
    adaptive: bool = False


class EMA(Part):
    """Evaluate and ship an exponential moving average of the weights."""

    kind: Literal["ema"] = "ema"
    decay: Annotated[Number, within(Gt(0), Lt(1))] = 0.999


class SWA(Part):
    """Evaluate and ship the plain mean of the weights of every ``every``-th step from ``start`` on.

    ``start`` is a share of the stage.
    """

    kind: Literal["swa"] = "swa"
    start: Annotated[float, Ge(0), Lt(1)] = 0.75
    every: Annotated[int, Ge(1)] = 1


View = Annotated[
    Cutout | InputNoise | Swap | Crop | Flip | Affine | Colour | RandAugment,
    Field(discriminator="kind"),
]
"""What changes rows and leaves their targets alone."""


class Augment(Part):
    """Changes of images that the data choose; rows of tables stay as they are.

    ``level`` weak moves images, those in colour are mirrored as well; middle also turns and colours
    them; strong draws from RandAugment and hides a box. ``changes`` written out are taken instead.
    """

    kind: Literal["augment"] = "augment"
    level: Literal["weak", "middle", "strong"] = "weak"
    changes: tuple[View, ...] | None = None


Regularizer = Annotated[
    L1
    | L2
    | ElasticNet
    | ProximalL1
    | ProximalElasticNet
    | GroupLasso
    | MaxNorm
    | Mixup
    | CutMix
    | Cutout
    | InputNoise
    | Swap
    | LabelNoise
    | Crop
    | Flip
    | Affine
    | Colour
    | RandAugment
    | Augment
    | GradientNoise
    | SAM
    | EMA
    | SWA
    | OwnPenalty,
    Field(discriminator="kind"),
]
