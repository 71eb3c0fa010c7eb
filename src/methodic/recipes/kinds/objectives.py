"""Objectives, as parts of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Gt, Lt
from pydantic import Field

from methodic.recipes.kinds.own import OwnObjective
from methodic.recipes.kinds.unlabelled import Unlabelled
from methodic.recipes.part import Fraction, NotNegative, Part, Positive, within
from methodic.recipes.ranges import Number

ClassWeights = Literal["none", "balanced"]


class Supervised(Part):
    """The task's usual loss: cross-entropy for classes and labels, mean squared error for numbers.

    Labels are smoothed where they are classes or yes and no; numbers have none.
    """

    kind: Literal["supervised"] = "supervised"
    weight: NotNegative = 1.0
    label_smoothing: Fraction = 0.0


class CrossEntropy(Part):
    """Cross-entropy between softmax(output) and the class."""

    kind: Literal["cross_entropy"] = "cross_entropy"
    weight: NotNegative = 1.0
    label_smoothing: Fraction = 0.0
    class_weights: ClassWeights = "none"


class Focal(Part):
    """Cross-entropy that counts what is already classified well for little."""

    kind: Literal["focal"] = "focal"
    weight: NotNegative = 1.0
    gamma: NotNegative = 2.0
    class_weights: ClassWeights = "none"


class Binary(Part):
    """Cross-entropy of two classes by one logit: the second output minus the first."""

    kind: Literal["binary"] = "binary"
    weight: NotNegative = 1.0
    class_weights: ClassWeights = "none"


class Multilabel(Part):
    """Each output a yes or no of its own; a class among several is one yes and many noes.

    ``class_weights="balanced"`` weighs each yes by the number of noes for it. Labels are smoothed
    towards ½.
    """

    kind: Literal["multilabel"] = "multilabel"
    weight: NotNegative = 1.0
    label_smoothing: Fraction = 0.0
    class_weights: ClassWeights = "none"


class Hinge(Part):
    """The class's output has to exceed every other by 1, as in a support vector machine."""

    kind: Literal["hinge"] = "hinge"
    weight: NotNegative = 1.0


class Ordinal(Part):
    """For ordered classes: a miss by two classes costs more than a miss by one."""

    kind: Literal["ordinal"] = "ordinal"
    weight: NotNegative = 1.0


class PairwiseRanking(Part):
    """Of each two rows of a batch, the one with the larger target should have the larger output."""

    kind: Literal["pairwise_ranking"] = "pairwise_ranking"
    weight: NotNegative = 1.0


class MeanSquaredError(Part):
    """Mean of the squared differences."""

    kind: Literal["mean_squared_error"] = "mean_squared_error"
    weight: NotNegative = 1.0


class MeanAbsoluteError(Part):
    """Mean of the absolute differences; its optimum is the median."""

    kind: Literal["mean_absolute_error"] = "mean_absolute_error"
    weight: NotNegative = 1.0


class Huber(Part):
    """Squared up to ``delta`` standard deviations of the target, absolute beyond."""

    kind: Literal["huber"] = "huber"
    weight: NotNegative = 1.0
    delta: Positive = 1.0


class Quantile(Part):
    """Its optimum is the ``quantile`` of the target; 0.5 is the median."""

    kind: Literal["quantile"] = "quantile"
    weight: NotNegative = 1.0
    quantile: Annotated[Number, within(Gt(0), Lt(1))] = 0.5


class GaussianNLL(Part):
    """A mean and a variance for each row: the negative log-likelihood of a normal distribution."""

    kind: Literal["gaussian_nll"] = "gaussian_nll"
    weight: NotNegative = 1.0


class Poisson(Part):
    """Counts: the output is the logarithm of the expected count.

    For targets that aren't standardised; the main job standardises those of a regression.
    """

    kind: Literal["poisson"] = "poisson"
    weight: NotNegative = 1.0


Objective = Annotated[
    Supervised
    | CrossEntropy
    | Focal
    | Binary
    | Multilabel
    | Hinge
    | Ordinal
    | PairwiseRanking
    | MeanSquaredError
    | MeanAbsoluteError
    | Huber
    | Quantile
    | GaussianNLL
    | Poisson
    | Unlabelled
    | OwnObjective,
    Field(discriminator="kind"),
]
