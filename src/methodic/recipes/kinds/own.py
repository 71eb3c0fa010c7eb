"""Parts of the user's own, as parts of a recipe: named here, given in Python beside the recipe.

A recipe never names code to import. It says that a part is called so and has these numbers; whoever
runs it gives the object under that name.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from methodic.recipes.part import Fraction, NotNegative, Part, Positive
from methodic.recipes.ranges import Number

_NAME = r"^[a-z][a-z0-9_]*$"
Name = Annotated[str, Field(pattern=_NAME, max_length=80)]
Numbers = dict[Annotated[str, Field(pattern=_NAME)], Number]


class _Own(Part):
    """A part by the user's own name, with numbers of its own."""

    kind: Literal["own"] = "own"
    name: Name
    numbers: Numbers = Field(default_factory=dict)

    def __hash__(self) -> int:  # a dictionary has none
        return hash(self.model_dump_json())


class OwnRule(_Own):
    """An update rule of your own: a `methodic.optimizers.Rule`."""

    lr: Positive = 1e-3
    weight_decay: NotNegative = 0.0
    decays: Literal["weights", "all"] = "weights"

    __hash__ = _Own.__hash__


class OwnSchedule(_Own):
    """A schedule of your own: a function (progress, numbers) → factor, both float64 [T, M]."""

    warmup: Fraction = 0.0

    __hash__ = _Own.__hash__


class OwnObjective(_Own):
    """A loss of your own: a function (output, target, numbers) → each row's loss, [M, B]."""

    weight: NotNegative = 1.0

    __hash__ = _Own.__hash__


class OwnPenalty(_Own):
    """A penalty of your own: a function (parameters, numbers) → its value for each member, [M]."""

    __hash__ = _Own.__hash__
