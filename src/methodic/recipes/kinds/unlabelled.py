"""Objectives that learn from rows without targets, as parts of a recipe.

In a stage of ``rows: all`` they read its batches; in one with ``unlabelled: U`` the U rows beside
each batch; elsewhere the labelled batch. ``views`` are the changes that make another view of a row;
left out, they are chosen by the data: moves, mirror images and colours of images, cells from other
rows in tables.
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from methodic.recipes.kinds.regularizers import View
from methodic.recipes.part import Fraction, NotNegative, Part, Positive, within
from methodic.recipes.ranges import Number

Views = tuple[View, ...] | None
Width = Annotated[int, Ge(1), Le(65_536)]
Widths = tuple[Width, ...]
Share = Annotated[Number, within(Gt(0), Le(1))]


class Reconstruction(Part):
    """Give the row back from the encoder's features; behind ``views``, out of a damaged one.

    ``decoder`` holds the units of hidden layers on the way back; a model with a decoder of its own
    (autoencoder) uses that. ``latent`` > 0 makes it variational: so many numbers, drawn around a
    mean, whose distance from a normal distribution costs ``beta``.
    """

    kind: Literal["reconstruction"] = "reconstruction"
    weight: NotNegative = 1.0
    views: tuple[View, ...] = ()
    decoder: Widths = (128,)
    loss: Literal["squared", "binary"] = "squared"
    latent: Annotated[int, Ge(0), Le(65_536)] = 0
    beta: NotNegative = 1.0


class Masked(Part):
    """Hide a ``share`` of each row, cells or patches, and tell it from the rest.

    Hidden cells hold what another row has there, and which ones they are is to be told as well, for
    ``mask_weight``; hidden patches of ``patch`` × ``patch`` pixels hold the mean.
    """

    kind: Literal["masked"] = "masked"
    weight: NotNegative = 1.0
    share: Share = 0.3
    patch: Annotated[int, Ge(1), Le(1024)] = 4
    mask_weight: NotNegative = 1.0
    decoder: Widths = (128,)


class SimCLR(Part):
    """Two views of a row are to be closer to each other than to all other rows of the batch."""

    kind: Literal["simclr"] = "simclr"
    weight: NotNegative = 1.0
    temperature: Positive = 0.5
    views: Views = None
    projection: Widths = (128, 64)


class Scarf(Part):
    """SimCLR for tables: a row, and the same with a share ``corruption`` of its cells exchanged."""

    kind: Literal["scarf"] = "scarf"
    weight: NotNegative = 1.0
    corruption: Share = 0.6
    temperature: Positive = 1.0
    projection: Widths = (128, 64)


class VICReg(Part):
    """Two views alike, each feature spread out over the batch, no two features alike."""

    kind: Literal["vicreg"] = "vicreg"
    weight: NotNegative = 1.0
    invariance: NotNegative = 25.0
    variance: NotNegative = 25.0
    covariance: NotNegative = 1.0
    views: Views = None
    projection: Widths = (256, 256)


class BarlowTwins(Part):
    """The correlations of two views' features are to be those of a feature with itself alone."""

    kind: Literal["barlow_twins"] = "barlow_twins"
    weight: NotNegative = 1.0
    redundancy: NotNegative = 0.005
    views: Views = None
    projection: Widths = (256, 256)


class BYOL(Part):
    """Foretell what the averaged network says about another view; its stage needs ema or swa."""

    kind: Literal["byol"] = "byol"
    weight: NotNegative = 1.0
    views: Views = None
    projection: Widths = (256, 64)
    predictor: Widths = (128,)


class SimSiam(Part):
    """Foretell what the network itself says about another view, which gets no gradient."""

    kind: Literal["simsiam"] = "simsiam"
    weight: NotNegative = 1.0
    views: Views = None
    projection: Widths = (256, 128)
    predictor: Widths = (64,)


class SupervisedContrastive(Part):
    """Rows of one class, in two views each, are to be closer to each other than to all others."""

    kind: Literal["supervised_contrastive"] = "supervised_contrastive"
    weight: NotNegative = 1.0
    temperature: Positive = 0.1
    views: Views = None
    projection: Widths = (128, 64)


class PseudoLabels(Part):
    """Where the network is sure of a row's class (``threshold``), that class is its target."""

    kind: Literal["pseudo_labels"] = "pseudo_labels"
    weight: NotNegative = 1.0
    threshold: Fraction = 0.95


class FixMatch(Part):
    """Where the network is sure of a ``weak`` view's class, the ``strong`` one has it as target.

    ``alignment`` > 0 corrects the weak view's probabilities so that over a batch the classes come
    as often as among labelled rows: 1 wholly, 0.5 half of the way.
    """

    kind: Literal["fixmatch"] = "fixmatch"
    weight: NotNegative = 1.0
    threshold: Fraction = 0.95
    alignment: Annotated[Number, within(Ge(0), Le(1))] = 0.0
    weak: Views = None
    strong: Views = None


class Consistency(Part):
    """Two views of a row are to get the same answer."""

    kind: Literal["consistency"] = "consistency"
    weight: NotNegative = 1.0
    views: Views = None


class MeanTeacher(Part):
    """Answer as the averaged network answers another view; its stage needs ema or swa."""

    kind: Literal["mean_teacher"] = "mean_teacher"
    weight: NotNegative = 1.0
    views: Views = None


class Distillation(Part):
    """Answer as a trained network does, which the run is given as its teacher.

    Logits of classes are divided by ``temperature`` on both sides.
    """

    kind: Literal["distillation"] = "distillation"
    weight: NotNegative = 1.0
    temperature: Positive = 2.0


class Discriminator(Part):
    """Tell real rows from those that a generator makes; the encoder is the discriminator's body.

    ``of: rows`` is a generative adversarial network; ``of: features`` tells features from draws of
    a ``prior``, as in an adversarial autoencoder: a normal distribution, or rectified, its positive
    part, which is what features behind a relu can look like. Stands in a turn of its own, beside
    one with `Generator`.
    """

    kind: Literal["discriminator"] = "discriminator"
    weight: NotNegative = 1.0
    of: Literal["rows", "features"] = "rows"
    latent: Annotated[int, Ge(1), Le(4096)] = 32
    generator: Widths = (128, 128)
    hidden: Widths = (64,)
    prior: Literal["normal", "rectified"] = "normal"


class Generator(Part):
    """Make what the discriminator of the same stage takes for real; the other turn of the two.

    ``of: rows`` makes rows from ``latent`` random numbers; ``of: features`` trains the encoder so
    that its features look like draws of ``prior``. ``latent``, ``generator``, ``hidden`` and
    ``prior`` are the discriminator's.
    """

    kind: Literal["generator"] = "generator"
    weight: NotNegative = 1.0
    of: Literal["rows", "features"] = "rows"
    latent: Annotated[int, Ge(1), Le(4096)] = 32
    generator: Widths = (128, 128)
    hidden: Widths = (64,)
    prior: Literal["normal", "rectified"] = "normal"


Unlabelled = (
    Reconstruction
    | Masked
    | SimCLR
    | Scarf
    | VICReg
    | BarlowTwins
    | BYOL
    | SimSiam
    | SupervisedContrastive
    | PseudoLabels
    | FixMatch
    | Consistency
    | MeanTeacher
    | Distillation
    | Discriminator
    | Generator
)

TAUGHT = ("byol", "mean_teacher")
"""Kinds that learn from the average of the weights."""
