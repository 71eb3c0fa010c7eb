"""A training method as a value: complete, typed, frozen.

Each class here names a part of a recipe and lists its fields with their defaults and limits. The
fields of type `Number` belong to a member: members that differ only in these are trained together.
A Number of 0 switches its part off. All other fields are structure.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from methodic.recipes.ranges import Choice, LogUniform, Number, Range, Uniform


class Part(BaseModel):
    """Base of everything in a recipe: immutable, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _ends(value: float | Range) -> tuple[float, ...]:
    if isinstance(value, LogUniform):
        return value.log_uniform
    if isinstance(value, Uniform):
        return value.uniform
    if isinstance(value, Choice):
        return value.choice
    return (value,)


def _within(*limits: Ge | Gt | Le | Lt) -> AfterValidator:
    """A validator for Numbers: the number, or both ends of its range, keep the limits."""

    def check(value: float | Range) -> float | Range:
        for end in _ends(value):
            for limit in limits:
                bound, holds, sign = _compare(end, limit)
                if not holds:
                    raise ValueError(f"must be {sign} {bound}, found {end}")
        return value

    return AfterValidator(check)


def _compare(x: float, limit: Ge | Gt | Le | Lt) -> tuple[Any, bool, str]:
    match limit:
        case Ge():
            return limit.ge, x >= limit.ge, "≥"  # type: ignore[operator]
        case Gt():
            return limit.gt, x > limit.gt, ">"  # type: ignore[operator]
        case Le():
            return limit.le, x <= limit.le, "≤"  # type: ignore[operator]
        case Lt():
            return limit.lt, x < limit.lt, "<"  # type: ignore[operator]


Positive = Annotated[Number, _within(Gt(0))]
NotNegative = Annotated[Number, _within(Ge(0))]
Fraction = Annotated[Number, _within(Ge(0), Lt(1))]  # [0, 1)


# --- models -----------------------------------------------------------------------------------

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


# --- objectives -------------------------------------------------------------------------------


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


# --- optimizers -------------------------------------------------------------------------------

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


# --- schedules --------------------------------------------------------------------------------


class Constant(Part):
    """The base value, after an optional linear warm-up."""

    kind: Literal["constant"] = "constant"
    warmup: Fraction = 0.0


class Exponential(Part):
    """Falls by equal factors, from 1 to ``final`` times the base value."""

    kind: Literal["exponential"] = "exponential"
    final: Annotated[Number, _within(Gt(0), Le(1))] = 0.01
    warmup: Fraction = 0.0


class Cosine(Part):
    """Falls along half a cosine, from 1 to ``final`` times the base value."""

    kind: Literal["cosine"] = "cosine"
    final: Annotated[Number, _within(Ge(0), Le(1))] = 0.0
    warmup: Fraction = 0.0


Schedule = Annotated[Constant | Exponential | Cosine, Field(discriminator="kind")]


# --- regularizers -----------------------------------------------------------------------------


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
    decay: Annotated[Number, _within(Gt(0), Lt(1))] = 0.999


Regularizer = Annotated[L1 | L2 | ProximalL1 | EMA, Field(discriminator="kind")]


# --- the whole --------------------------------------------------------------------------------


class Clip(Part):
    """Limit gradients: the norm over all parameters, or each value."""

    norm: NotNegative = 0.0
    value: NotNegative = 0.0


class Turn(Part):
    """Objectives, the parameters they train, and how."""

    objectives: tuple[Objective, ...] = Field(default=(Supervised(),), min_length=1)
    parameters: tuple[str, ...] = ()  # prefixes of parameter names; none: all parameters
    optimizer: Optimizer = Field(default_factory=AdamW)
    schedule: Schedule = Field(default_factory=Constant)
    clip: Clip = Field(default_factory=Clip)


_TURN_FIELDS = tuple(Turn.model_fields)


class Stage(Part):
    """A stretch of a run. A stage of one turn may write the turn's fields directly."""

    name: str = "train"
    share: Annotated[float, Gt(0), Le(1)] = 1.0
    batch: Annotated[int, Ge(1)] | Literal["full"] = 128
    turns: tuple[Turn, ...] = Field(default=(Turn(),), min_length=1)
    regularizers: tuple[Regularizer, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _single_turn(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        direct = {field: data[field] for field in _TURN_FIELDS if field in data}
        if not direct:
            return data
        if "turns" in data:
            raise ValueError(
                f"write {', '.join(direct)} inside a turn, or leave 'turns' out; not both"
            )
        return {k: v for k, v in data.items() if k not in direct} | {"turns": [direct]}


class Stop(Part):
    """When training ends before the budget does, and which weights are kept.

    ``patience`` counts the plan's evaluations without a better validation score.
    """

    steps: Annotated[int, Ge(1)] | None = None
    epochs: Annotated[float, Gt(0)] | None = None
    loss: Annotated[float, Gt(0)] | None = None
    gradient_norm: Annotated[float, Gt(0)] | None = None
    patience: Annotated[int, Ge(1)] | None = None
    keep: Literal["best", "last"] = "best"


class Recipe(Part):
    """A complete training method."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=80)
    about: str = ""
    source: str = ""
    use_when: str = ""
    not_when: str = ""
    model: Model = Field(default_factory=Auto)
    stages: tuple[Stage, ...] = Field(min_length=1)
    stop: Stop = Field(default_factory=Stop)

    @model_validator(mode="after")
    def _whole(self) -> Recipe:
        total = sum(stage.share for stage in self.stages)
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of the stages must add up to 1, found {total:g}")
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f"stages need different names, found {', '.join(names)}")
        return self
