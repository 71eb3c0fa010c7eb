"""Update rules, as parts of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge
from pydantic import Field, model_validator

from methodic.recipes.kinds.own import OwnRule
from methodic.recipes.part import Fraction, NotNegative, Part, Positive, within
from methodic.recipes.ranges import Number

Decays = Literal["weights", "all"]
AtLeastOne = Annotated[Number, within(Ge(1))]


class SGD(Part):
    """Gradient descent, with momentum where asked."""

    kind: Literal["sgd"] = "sgd"
    lr: Positive = 0.1
    momentum: Fraction = 0.0
    nesterov: bool = False
    dampening: Fraction = 0.0
    weight_decay: NotNegative = 0.0
    decays: Decays = "weights"

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> SGD:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0, found 0")
        return self

    @model_validator(mode="after")
    def _dampening_has_a_velocity(self) -> SGD:
        if self.dampening != 0 and self.nesterov:
            raise ValueError(f"nesterov needs a dampening of 0, found {self.dampening}")
        if self.dampening != 0 and self.momentum == 0:
            raise ValueError("dampening needs a momentum above 0, found 0")
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
    amsgrad: bool = False
    weight_decay: NotNegative = 0.0
    decays: Decays = "weights"


class AdamW(Part):
    """Adam with decoupled weight decay."""

    kind: Literal["adamw"] = "adamw"
    lr: Positive = 1e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8
    amsgrad: bool = False
    weight_decay: NotNegative = 0.01
    decays: Decays = "weights"


class Adagrad(Part):
    """Gradients divided by the root of the sum of all their squares so far."""

    kind: Literal["adagrad"] = "adagrad"
    lr: Positive = 0.01
    lr_decay: NotNegative = 0.0
    initial_accumulator: NotNegative = 0.0
    epsilon: Positive = 1e-10
    weight_decay: NotNegative = 0.0
    decays: Decays = "weights"


class Adadelta(Part):
    """Gradients scaled so that changes have the size of earlier changes."""

    kind: Literal["adadelta"] = "adadelta"
    lr: Positive = 1.0
    rho: Fraction = 0.9
    epsilon: Positive = 1e-6
    weight_decay: NotNegative = 0.0
    decays: Decays = "weights"


class Adamax(Part):
    """Adam with the largest gradient of late in place of the root mean square."""

    kind: Literal["adamax"] = "adamax"
    lr: Positive = 2e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8
    weight_decay: NotNegative = 0.0
    decays: Decays = "weights"


class NAdam(Part):
    """Adam that looks ahead; ``decoupled``: weights decay as in AdamW."""

    kind: Literal["nadam"] = "nadam"
    lr: Positive = 2e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    momentum_decay: NotNegative = 4e-3
    epsilon: Positive = 1e-8
    weight_decay: NotNegative = 0.0
    decoupled: bool = False
    decays: Decays = "weights"


class RAdam(Part):
    """Adam with a rectified start; ``decoupled``: weights decay as in AdamW."""

    kind: Literal["radam"] = "radam"
    lr: Positive = 1e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8
    weight_decay: NotNegative = 0.0
    decoupled: bool = False
    decays: Decays = "weights"


class Lion(Part):
    """The sign of a mean; rates are a third to a tenth of AdamW's, decays as much larger."""

    kind: Literal["lion"] = "lion"
    lr: Positive = 1e-4
    beta1: Fraction = 0.9
    beta2: Fraction = 0.99
    weight_decay: NotNegative = 0.0
    decays: Decays = "weights"


class Adan(Part):
    """Adaptive Nesterov momentum, with decoupled weight decay."""

    kind: Literal["adan"] = "adan"
    lr: Positive = 1e-3
    beta1: Fraction = 0.98
    beta2: Fraction = 0.92
    beta3: Fraction = 0.99
    epsilon: Positive = 1e-8
    weight_decay: NotNegative = 0.0
    decays: Decays = "weights"


class ScheduleFreeSGD(Part):
    """Gradient descent with an average in place of a schedule; ``momentum`` leans towards it."""

    kind: Literal["schedule_free_sgd"] = "schedule_free_sgd"
    lr: Positive = 1.0
    momentum: Fraction = 0.9
    weight_decay: NotNegative = 0.0
    decays: Decays = "weights"


class ScheduleFreeAdamW(Part):
    """AdamW with an average in place of a schedule and of momentum; ``beta1`` leans towards it."""

    kind: Literal["schedule_free_adamw"] = "schedule_free_adamw"
    lr: Positive = 2.5e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8
    weight_decay: NotNegative = 0.0
    decays: Decays = "weights"


class IVON(Part):
    """Learns a normal distribution over weights, as wide as ``ess`` training rows let it be.

    0: as many rows as there are.
    """

    kind: Literal["ivon"] = "ivon"
    lr: Positive = 0.1
    ess: NotNegative = 0.0
    hess_init: Positive = 1.0
    beta1: Fraction = 0.9
    beta2: Fraction = 0.99999
    weight_decay: NotNegative = 1e-4
    decays: Decays = "weights"


class LAMB(Part):
    """Adam whose step in each parameter is as long as the parameter, times the rate."""

    kind: Literal["lamb"] = "lamb"
    lr: Positive = 2e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-6
    norm_limit: Positive = 10.0
    corrected: bool = True
    weight_decay: NotNegative = 0.01
    decays: Decays = "weights"


class Adafactor(Part):
    """Adaptive rates from rows' and columns' means; steps are a fraction lr of the weights."""

    kind: Literal["adafactor"] = "adafactor"
    lr: Positive = 0.01
    decay_power: NotNegative = 0.8
    epsilon: Positive = 1.2e-7
    scale_floor: Positive = 1e-3
    threshold: AtLeastOne = 1.0
    weight_decay: NotNegative = 0.0
    decays: Decays = "weights"


class Muon(Part):
    """Orthogonalized momentum for hidden matrices; AdamW for embeddings, head and vectors.

    ``adamw_ratio`` is AdamW's rate as a multiple of ``lr``, so that a schedule moves both. With
    ``adjust`` "match_rms_adamw" one rate fits both.
    """

    kind: Literal["muon"] = "muon"
    lr: Positive = 1e-3
    momentum: Fraction = 0.95
    nesterov: bool = True
    adjust: Literal["original", "match_rms_adamw"] = "match_rms_adamw"
    iterations: Annotated[int, Field(ge=1, le=20)] = 5
    adamw_ratio: Positive = 1.0
    adamw_beta1: Fraction = 0.9
    adamw_beta2: Fraction = 0.95
    adamw_epsilon: Positive = 1e-8
    weight_decay: NotNegative = 0.1
    decays: Decays = "weights"

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Muon:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class SOAP(Part):
    """Adam in the eigenbasis of the gradients' second moments; AdamW for vectors.

    The basis turns every ``frequency`` steps. A side with more rows than ``largest`` keeps its own
    coordinates. ``adamw_ratio`` is AdamW's rate as a multiple of ``lr``.
    """

    kind: Literal["soap"] = "soap"
    lr: Positive = 3e-3
    beta1: Fraction = 0.95
    beta2: Fraction = 0.95
    shampoo_beta: Fraction = 0.95
    epsilon: Positive = 1e-8
    frequency: Annotated[int, Field(ge=1)] = 10
    largest: Annotated[int, Field(ge=1)] = 2048
    adamw_ratio: Positive = 1.0
    weight_decay: NotNegative = 0.01
    decays: Decays = "weights"


class Prodigy(Part):
    """Adam that finds its rate: ``lr`` is a factor on it, usually 1."""

    kind: Literal["prodigy"] = "prodigy"
    lr: Positive = 1.0
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8
    d0: Positive = 1e-6
    d_coef: Positive = 1.0
    corrected: bool = False
    safeguarded: bool = False
    weight_decay: NotNegative = 0.0
    decays: Decays = "weights"


class LBFGS(Part):
    """Newton's method from a memory of steps, up to ``iterations`` on each batch; wants large ones.

    It trains one member at a time.
    """

    kind: Literal["lbfgs"] = "lbfgs"
    lr: Positive = 1.0
    history: Annotated[int, Field(ge=1)] = 10
    iterations: Annotated[int, Field(ge=1)] = 20
    line_search: Literal["strong_wolfe", "none"] = "strong_wolfe"
    weight_decay: NotNegative = 0.0
    decays: Decays = "weights"


Optimizer = Annotated[
    SGD
    | RMSprop
    | Adam
    | AdamW
    | Adagrad
    | Adadelta
    | Adamax
    | NAdam
    | RAdam
    | Lion
    | Adan
    | ScheduleFreeSGD
    | ScheduleFreeAdamW
    | IVON
    | LAMB
    | Adafactor
    | Muon
    | SOAP
    | Prodigy
    | LBFGS
    | OwnRule,
    Field(discriminator="kind"),
]
