"""The axes of what was searched: where a value of a number or a choice stands."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from methodic.recipes.ranges import Choice, Integer, LogUniform, Options, Uniform
from methodic.tuning import Scalar

_FEW = 5  # numbers that come back again and again were options
_WIDE = 10.0  # numbers within one order of magnitude look alike on either kind of axis


@dataclass(frozen=True)
class Axis:
    """A searched number or choice.

    Args:
        path: through the recipe.
        scale: "log" or "linear" for numbers; "options" for words, and numbers of a choice.
        options: in their order, for "options".
        low, high: ends of the range, or of what was tried.
    """

    path: str
    scale: Literal["log", "linear", "options"]
    options: tuple[Scalar, ...] = ()
    low: float = 0.0
    high: float = 0.0

    def place(self, value: Scalar) -> float:
        """Where a value stands on an even axis: its logarithm, itself, or the option's number.

        Example:
            >>> Axis("lr", "log", low=0.001, high=0.1).place(0.01)
            -2.0
        """
        if self.scale == "options":
            return float(self.options.index(value))
        return math.log10(float(value)) if self.scale == "log" else float(value)

    @property
    def ends(self) -> tuple[float, float]:
        """Where its ends stand, in the units of `place`."""
        if self.scale == "options":
            return 0.0, float(len(self.options) - 1)
        return self.place(self.low), self.place(self.high)


def axes(settings: Iterable[Mapping[str, Scalar]], spaces: Mapping[str, object]) -> list[Axis]:
    """The axes of what was tried; a path that had one value only has none.

    Args:
        settings: of the candidates.
        spaces: path → range, as far as the recipe is known. Without one, a number's axis is
            logarithmic where its values are spread more evenly so.
    """
    values: dict[str, list[Scalar]] = {}
    for setting in settings:
        for path, value in setting.items():
            values.setdefault(path, []).append(value)
    return [
        _axis(path, tried, spaces.get(path))
        for path, tried in values.items()
        if len(set(tried)) > 1
    ]


def _axis(path: str, tried: Sequence[Scalar], known: object | None) -> Axis:
    numbers = [float(x) for x in tried if is_number(x)]
    listed: Sequence[Scalar] = ()
    ends: tuple[float, float] | None = None
    scale: Literal["log", "linear"] = "linear"
    match known:
        case LogUniform():
            ends, scale = known.log_uniform, "log"
        case Uniform():
            ends = known.uniform
        case Integer():
            ends = known.integer
        case Choice():
            listed = known.choice
        case Options():
            listed = known.labels
    if known is None and len(set(tried)) <= _FEW < len(tried) / 2:
        listed = sorted(set(numbers))
    if listed or len(numbers) < len(tried):
        return Axis(path, "options", options=_options(tried, listed))
    low, high = min(numbers), max(numbers)
    if ends is None:
        ends, scale = (low, high), "log" if _by_ratios(numbers) else "linear"
    return Axis(path, scale, low=min(low, ends[0]), high=max(high, ends[1]))


def is_number(value: Scalar) -> bool:
    """Whether it stands on a number's axis; true and false don't."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _options(tried: Sequence[Scalar], listed: Sequence[Scalar]) -> tuple[Scalar, ...]:
    """What was tried, in the order of the range's list, else numbers rising and words sorted."""
    found = set(tried)
    kept = [each for each in listed if each in found]
    rest = sorted(
        found - set(kept), key=lambda x: (not is_number(x), x if is_number(x) else str(x))
    )
    return (*kept, *rest)


def _by_ratios(numbers: Sequence[float]) -> bool:
    low, high = min(numbers), max(numbers)
    if low <= 0 or high / low < _WIDE:
        return False
    middle = median(numbers)
    even = (middle - low) / (high - low)
    by_ratio = math.log(middle / low) / math.log(high / low)
    return abs(by_ratio - 0.5) < abs(even - 0.5)
