"""A training method as a value: complete, typed, frozen.

The kinds of parts stand in `recipes.kinds`, one family per file, with their defaults and limits.
Fields of type `Number` belong to a member: members that differ only in these are trained together.
A Number of 0 switches its part off. All other fields are structure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le
from pydantic import Field, field_validator, model_validator

from methodic.recipes.kinds.models import MLP, Auto, Linear, Model
from methodic.recipes.kinds.objectives import CrossEntropy, MeanSquaredError, Objective, Supervised
from methodic.recipes.kinds.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from methodic.recipes.kinds.regularizers import EMA, L1, L2, ProximalL1, Regularizer
from methodic.recipes.kinds.schedules import Constant, Cosine, Exponential, Schedule
from methodic.recipes.part import NotNegative, Part
from methodic.recipes.ranges import StructuralRange

__all__ = [
    "EMA",
    "L1",
    "L2",
    "MLP",
    "SGD",
    "Adam",
    "AdamW",
    "Auto",
    "Clip",
    "Constant",
    "Cosine",
    "CrossEntropy",
    "Drive",
    "Exponential",
    "Linear",
    "MeanSquaredError",
    "Model",
    "Objective",
    "Optimizer",
    "Part",
    "ProximalL1",
    "RMSprop",
    "Rate",
    "Recipe",
    "Regularizer",
    "Schedule",
    "Stage",
    "Stop",
    "Supervised",
    "Turn",
]


class Clip(Part):
    """Limit gradients: the norm over all parameters, each value, or a unit's norm.

    ``adaptive`` is the largest norm of a unit's gradient as a share of the norm of its weights.
    """

    norm: NotNegative = 0.0
    value: NotNegative = 0.0
    adaptive: NotNegative = 0.0


class Drive(Part):
    """A schedule for a Number other than the learning rate.

    ``number``: its path from the turn on, such as optimizer.weight_decay or objectives.0.weight; or
    from the stage or the recipe on, such as regularizers.0.weight or model.dropout.
    """

    number: str = Field(min_length=1)
    schedule: Schedule


class Rate(Part):
    """A factor on the updates of some parameters: 0 freezes them, statistics of batches as well.

    ``parameters``: the encoder, the head, or names as they begin.
    """

    parameters: tuple[str, ...] = Field(min_length=1)
    factor: Annotated[float, Ge(0), Le(1000)]


class Turn(Part):
    """Objectives, the parameters they train, and how.

    ``parameters``: the encoder, the head, or names as they begin; none: all that the objectives
    reach. ``layer_decay``: each layer's updates are so many times as large as those of the layer
    behind it; norms belong to their layer, and a block of layers counts as one. ``repeat``: steps
    (or epochs, see `Stage`) of this turn before the next one's. ``weights: learned``: each
    objective's weight is trained as well, as 1/σ² with a cost of log σ²;
    not for losses that may fall below zero, whose weights would grow without end.
    """

    objectives: tuple[Objective, ...] = Field(default=(Supervised(),), min_length=1)
    weights: Literal["fixed", "learned"] = "fixed"
    parameters: tuple[str, ...] = ()
    rates: tuple[Rate, ...] = ()
    layer_decay: Annotated[float, Gt(0), Le(1)] = 1.0
    repeat: Annotated[int, Ge(1), Le(10_000)] = 1
    optimizer: Optimizer = Field(default_factory=AdamW)
    schedule: Schedule = Field(default_factory=Constant)
    clip: Clip = Field(default_factory=Clip)
    drives: tuple[Drive, ...] = ()


_TURN_FIELDS = tuple(Turn.model_fields)
_OF_CLASSES = ("supervised_contrastive", "pairwise_ranking")
_COMPARING = (*_OF_CLASSES, "simclr", "scarf", "vicreg", "barlow_twins", "byol", "simsiam")
"""Objectives that set the rows of a batch beside each other; those of classes, labelled ones."""


class Stage(Part):
    """A stretch of a run. A stage of one turn may write the turn's fields directly.

    ``rows: all`` takes batches from all training rows, labelled or not, and shows no target;
    ``unlabelled``: so many rows from all of them come beside each labelled batch. Turns alternate
    by ``step`` or by ``epoch``. ``fresh``: the encoder, the head, or names of parameters as they
    begin, which are drawn anew at the start.
    """

    name: str = "train"
    share: Annotated[float, Gt(0), Le(1)] = 1.0
    rows: Literal["labelled", "all"] = "labelled"
    batch: Annotated[int, Ge(1)] | Literal["full"] = 128
    unlabelled: Annotated[int, Ge(0)] = 0
    alternate: Literal["step", "epoch"] = "step"
    fresh: tuple[str, ...] = ()
    turns: tuple[Turn, ...] = Field(default=(Turn(),), min_length=1)
    regularizers: tuple[Regularizer, ...] = ()

    @model_validator(mode="after")
    def _rows(self) -> Stage:
        if self.rows == "all" and self.unlabelled:
            raise ValueError(
                "'rows: all' takes batches from all rows already; 'unlabelled' is for rows beside "
                "labelled batches: leave one of the two out"
            )
        if all(each.weight == 0 for turn in self.turns for each in turn.objectives):
            raise ValueError(
                f"stage '{self.name}' has no objective of a weight above 0, so it would train "
                "nothing"
            )
        for i, turn in enumerate(self.turns, 1):
            if all(each.weight == 0 for each in turn.objectives):
                raise ValueError(
                    f"turn {i} of stage '{self.name}' has no objective of a weight above 0, so it "
                    "would train nothing"
                )
        return self

    @model_validator(mode="after")
    def _company(self) -> Stage:
        for each in (each for turn in self.turns for each in turn.objectives):
            beside = bool(self.unlabelled) and each.kind not in _OF_CLASSES
            rows = self.unlabelled if beside else self.batch
            if each.kind in _COMPARING and each.weight and rows == 1:
                raise ValueError(
                    f"{each.kind} compares the rows of a batch, and stage '{self.name}' takes "
                    f"batches of one row: set '{'unlabelled' if beside else 'batch'}' to 2 or more"
                )
        return self

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


BASELINES = ("constant", "linear", "gradient_boosting")
"""Names that no method may have."""


class Recipe(Part):
    """A complete training method; with a range in it, a search space.

    ``open``: ranges of structure, by path, such as "model.width" or, where it hangs on a choice,
    "stages.0.turns.0.optimizer[adam].amsgrad". In a file they stand in place. The field at the
    path holds the first option, or the middle.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=80)
    about: str = ""
    source: str = ""
    use_when: str = ""
    not_when: str = ""
    model: Model = Field(default_factory=Auto)
    stages: tuple[Stage, ...] = Field(min_length=1)
    stop: Stop = Field(default_factory=Stop)
    open: dict[str, StructuralRange] = Field(default_factory=dict)

    def __hash__(self) -> int:  # a dictionary has none; equal recipes have equal other fields
        return hash(tuple(value for name, value in self.__dict__.items() if name != "open"))

    @field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        if name in BASELINES:
            raise ValueError(
                f"'{name}' is the name of a baseline, which stands in the same ranking"
            )
        return name

    @model_validator(mode="after")
    def _whole(self) -> Recipe:
        total = sum(stage.share for stage in self.stages)
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of the stages must add up to 1, found {total:g}")
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f"stages need different names, found {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _open_fields(self) -> Recipe:
        for path in self.open:
            outer, bracket, _ = path.partition("[")
            if (outer not in self.open) if bracket else not _leads(self, path.split(".")):
                raise ValueError(f"there is no field for the range of {path}")
        return self


def _leads(value: Any, steps: Sequence[str]) -> bool:
    """Whether a path leads to a field."""
    for step in steps:
        if isinstance(value, Part) and step in type(value).model_fields:
            value = getattr(value, step)
        elif isinstance(value, tuple) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return False
    return True
