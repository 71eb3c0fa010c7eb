"""Ranges: what stands in a recipe where a number is to be searched for.

A recipe with a range in it is a search space; `grid` turns a range into a few numbers.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Tag, model_validator


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
        if not self.choice:
            raise ValueError("choice needs at least one number")
        return self

    def grid(self, points: int) -> list[float]:
        """At most ``points`` of the numbers, evenly picked."""
        n = len(self.choice)
        if points >= n:
            return list(self.choice)
        return [self.choice[round(i * (n - 1) / max(points - 1, 1))] for i in range(points)]


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

Number = Annotated[
    Annotated[float, Tag("number")]
    | Annotated[LogUniform, Tag("log_uniform")]
    | Annotated[Uniform, Tag("uniform")]
    | Annotated[Choice, Tag("choice")],
    Discriminator(_which),
]
"""A number of one member. Members that differ only in Numbers train in one cohort."""
