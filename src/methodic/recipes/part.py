"""What every part of a recipe is made of: the base class, and Numbers with limits."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, BaseModel, ConfigDict

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


def within(*limits: Ge | Gt | Le | Lt) -> AfterValidator:
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


Positive = Annotated[Number, within(Gt(0))]
NotNegative = Annotated[Number, within(Ge(0))]
Fraction = Annotated[Number, within(Ge(0), Lt(1))]  # [0, 1)
