"""Ranges: what stands in a recipe where something is to be searched for.

A recipe with a range in it is a search space; `grid` turns a range into a few numbers. A `Number`
holds its range itself. Ranges of other fields, which are structure, stand in place in a file and in
`Recipe.open` in the value: `recipes.opening` leads from one to the other.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Discriminator, StrictInt, Tag, model_validator

from methodic.tuning import Scalar


class _Range(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LogUniform(_Range):
    """Positive numbers, spread evenly over their logarithms: ``{log_uniform: [low, high]}``."""

    log_uniform: tuple[float, float]

    @model_validator(mode="after")
    def _ordered(self) -> LogUniform:
        low, high = self.log_uniform
        if not 0 < low < high < math.inf:
            raise ValueError(f"log_uniform needs 0 < low < high, found [{low}, {high}]")
        return self

    def grid(self, points: int) -> list[float]:
        """``points`` numbers from low to high with equal ratios, ends included."""
        low, high = (math.log10(end) for end in self.log_uniform)
        if points == 1:
            return [_short(10 ** ((low + high) / 2))]
        return [_short(10 ** (low + (high - low) * i / (points - 1))) for i in range(points)]


class Uniform(_Range):
    """Numbers spread evenly between two ends: ``{uniform: [low, high]}``."""

    uniform: tuple[float, float]

    @model_validator(mode="after")
    def _ordered(self) -> Uniform:
        low, high = self.uniform
        if not -math.inf < low < high < math.inf:
            raise ValueError(f"uniform needs low < high, found [{low}, {high}]")
        return self

    def grid(self, points: int) -> list[float]:
        """``points`` numbers from low to high with equal distances, ends included."""
        low, high = self.uniform
        if points == 1:
            return [_short((low + high) / 2)]
        return [_short(low + (high - low) * i / (points - 1)) for i in range(points)]


class Choice(_Range):
    """One of the listed numbers: ``{choice: [0.9, 0.99]}``."""

    choice: tuple[float, ...]

    @model_validator(mode="after")
    def _some(self) -> Choice:
        _several(self.choice)
        return self

    def grid(self, points: int) -> list[float]:
        """At most ``points`` of the numbers, evenly picked."""
        n = len(self.choice)
        if points >= n:
            return list(self.choice)
        return [self.choice[round(i * (n - 1) / max(points - 1, 1))] for i in range(points)]


class Integer(_Range):
    """Whole numbers between two ends, both included: ``{integer: [1, 4]}``."""

    integer: tuple[StrictInt, StrictInt]

    @model_validator(mode="after")
    def _ordered(self) -> Integer:
        low, high = self.integer
        if low >= high:
            raise ValueError(f"integer needs low < high, found [{low}, {high}]")
        return self


class Options(_Range):
    """One of several values of a field that is structure: ``{choice: [relu, gelu]}``.

    An option is a scalar, or data as a recipe's file holds them: a part, a list, null. The first
    one is what the recipe has untuned.
    """

    choice: tuple[Any, ...]

    @model_validator(mode="after")
    def _some(self) -> Options:
        _several(self.choice)
        return self

    def __hash__(self) -> int:  # options that are parts have none
        return hash(_spelt(self.choice))

    @property
    def labels(self) -> tuple[Scalar, ...]:
        """What the options are called in a setting: scalars stand for themselves.

        A part goes by its kind, a list by its entries; the second of a name is "kind-2".

        Example:
            >>> Options(choice=({"kind": "adam"}, {"kind": "sgd"}, {"kind": "sgd", "lr": 1})).labels
            ('adam', 'sgd', 'sgd-2')
        """
        taken = {each for each in self.choice if isinstance(each, str)}
        found: list[Scalar] = []
        for i, each in enumerate(self.choice, 1):
            label = each
            if not isinstance(each, Scalar):
                name = _called(each, i)
                names = itertools.chain([name], (f"{name}-{n}" for n in itertools.count(2)))
                label = next(each for each in names if each not in taken)
                taken.add(label)
            found.append(label)
        return tuple(found)


def _several(options: Sequence[Any]) -> None:
    if len(options) < 2:
        raise ValueError(f"choice needs at least two options, found {_spelt(options)}")
    spelt = [_spelt(each) for each in options]
    for i, each in enumerate(spelt):
        if each in spelt[:i]:
            raise ValueError(f"choice has the option {each} twice, found {_spelt(options)}")


def _spelt(value: Any) -> str:
    return json.dumps(value)


def _called(option: Any, position: int) -> str:
    """The name of an option that is no scalar, alike before and after defaults are filled in."""
    if option is None:
        return "none"
    if isinstance(option, dict):
        return str(option.get("kind", f"option-{position}"))
    names = [each["kind"] if isinstance(each, dict) and "kind" in each else each for each in option]
    if not all(isinstance(each, Scalar) for each in names):
        return f"option-{position}"
    words = [each if isinstance(each, str) else f"{each:g}" for each in names]
    return "+".join(words).replace("[", "(").replace("]", ")") or "none"


def _short(x: float) -> float:
    """Four digits are enough for a grid, and read well."""
    return float(f"{x:.4g}")


def _which(value: Any) -> str:
    if isinstance(value, dict) and len(value) == 1:
        return str(next(iter(value)))
    return {"LogUniform": "log_uniform", "Uniform": "uniform", "Choice": "choice"}.get(
        type(value).__name__, "number"
    )


Range = LogUniform | Uniform | Choice

Structural = LogUniform | Uniform | Integer | Options
RANGES: Final = ("log_uniform", "uniform", "integer", "choice")
"""What ranges are called in a file."""


def parsed(data: dict[str, Any]) -> Structural:
    """The range that data describe, of a field that is structure.

    Raises:
        ValidationError: they describe none.
    """
    match next(iter(data)):
        case "log_uniform":
            return LogUniform.model_validate(data)
        case "uniform":
            return Uniform.model_validate(data)
        case "integer":
            return Integer.model_validate(data)
    return Options.model_validate(data)


def _spoken(value: Any) -> str:
    """The one field of a range, as data or as a value."""
    fields = type(value).model_fields if isinstance(value, BaseModel) else value
    return str(next(iter(fields), "")) if isinstance(fields, dict) else ""


StructuralRange = Annotated[
    Annotated[LogUniform, Tag("log_uniform")]
    | Annotated[Uniform, Tag("uniform")]
    | Annotated[Integer, Tag("integer")]
    | Annotated[Options, Tag("choice")],
    Discriminator(_spoken),
]
"""What a field that is structure may hold in place of a value."""

Number = Annotated[
    Annotated[float, Tag("number")]
    | Annotated[LogUniform, Tag("log_uniform")]
    | Annotated[Uniform, Tag("uniform")]
    | Annotated[Choice, Tag("choice")],
    Discriminator(_which),
]
"""A number of one member. Members that differ only in Numbers train in one cohort."""
