"""A recipe with ranges as a search space: its dimensions, and the recipe at one of its points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from methodic.errors import InputError, unknown
from methodic.recipes.numbers import HEADER, OPEN
from methodic.recipes.opening import is_range, middle
from methodic.recipes.places import conditions, mapped, plain, with_model
from methodic.recipes.problems import explain
from methodic.recipes.ranges import Integer, LogUniform, Options, Structural, Uniform, parsed
from methodic.recipes.searching import searchable, searched
from methodic.recipes.types import Recipe
from methodic.tuning import Scalar, Setting

__all__ = [
    "Dimension",
    "concrete",
    "dimensions",
    "mapped",
    "searchable",
    "searched",
    "untuned",
    "with_model",
]


@dataclass(frozen=True)
class Dimension:
    """One range of a space.

    Args:
        path: through the recipe; behind a choice of parts, with the part's label:
            "stages.0.turns.0.optimizer[adam].lr".
        range: what it can be; the options of a choice of parts are their labels.
        given: the choices it hangs on, as (path, label); it is there only when all of them hold.
    """

    path: str
    range: LogUniform | Uniform | Integer | Options
    given: tuple[tuple[str, Scalar], ...] = ()

    def holds(self, setting: Mapping[str, Scalar]) -> bool:
        """Whether the choices that this hangs on are made that way."""
        return all(setting.get(path) == label for path, label in self.given)


def dimensions(recipe: Recipe) -> tuple[Dimension, ...]:
    """All ranges of a recipe, in its own order; a condition stands before what hangs on it.

    Example:
        >>> recipe = Recipe.model_validate({"name": "a", "stages": [{"optimizer": {"kind": "adam",
        ...     "lr": {"log_uniform": [0.001, 0.1]}}}]})
        >>> [each.path for each in dimensions(recipe)]
        ['stages.0.turns.0.optimizer.lr']
    """
    return tuple(_dimensions(_data(recipe), "", recipe.open))


def concrete(recipe: Recipe, setting: Mapping[str, Scalar]) -> Recipe:
    """The recipe with the values of ``setting`` in place of all its ranges.

    A number may lie outside its range where the field takes it; a choice has to be one of the
    options.

    Args:
        recipe: may have no range at all.
        setting: path → value, for exactly those ranges that hold together.

    Raises:
        InputError: a range is left, a value is none of its field's, a path leads to no range, or
            the values don't go together.

    Example:
        >>> recipe = Recipe.model_validate({"name": "a", "stages": [{"optimizer": {"kind": "adam",
        ...     "lr": {"log_uniform": [0.001, 0.1]}}}]})
        >>> concrete(recipe, untuned(recipe)).stages[0].turns[0].optimizer.lr
        0.01
    """
    where = f"recipe {recipe.name}"
    left = dict(setting)
    data = _filled(_data(recipe), "", recipe.open, left, where)
    if left:
        path = next(iter(left))
        known = [each.path for each in dimensions(recipe)]
        if path not in known:
            raise unknown("range", path, known, where)
        listed = " and ".join(f"{outer}: {label}" for outer, label in conditions(path))
        raise InputError(
            f"{where}: {path} has a value and doesn't exist in this setting",
            found=left[path],
            accepted=f"a value only with {listed}",
        )
    header = {name: getattr(recipe, name) for name in HEADER}
    try:
        return Recipe.model_validate(data | header)
    except ValidationError as error:
        found = explain(error, where, data)
        said = ", ".join(f"{plain(path)}: {value}" for path, value in setting.items())
        raise InputError(
            found.problem + (f", found {found.found}" if found.found else ""),
            found=f"the setting {said}" if len(said) <= 300 else f"the setting {said[:299]}…",
            accepted=found.accepted,
            advice=found.advice or "Take values out of the ranges that don't go together.",
        ) from None


def untuned(recipe: Recipe) -> Setting:
    """Where a search begins: of each range the middle, of each choice the first.

    That is what the recipe has without a search; but see `recipes.defaults` on a weight decay of 0.

    Example:
        >>> recipe = Recipe.model_validate({"name": "a", "stages": [{"optimizer": {"kind": "adam",
        ...     "lr": {"log_uniform": [0.001, 0.1]}}}]})
        >>> untuned(recipe)
        {'stages.0.turns.0.optimizer.lr': 0.01}
    """
    setting: Setting = {}
    for each in dimensions(recipe):
        if each.holds(setting):
            setting[each.path] = middle(each.range)
    return setting


def _data(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json", exclude={OPEN, *HEADER})


def _dimensions(
    data: Any,
    path: str,
    opened: Mapping[str, Structural],
    given: tuple[tuple[str, Scalar], ...] = (),
) -> Iterator[Dimension]:
    if path in opened:
        found = opened[path]
        if not isinstance(found, Options):
            yield Dimension(path, found, given)
            return
        yield Dimension(path, Options(choice=found.labels), given)
        for option, label in zip(found.choice, found.labels, strict=True):
            more = (*given, (path, label))
            yield from _inside(option, f"{path}[{label}]", opened, more)
    elif is_range(data):
        yield Dimension(path, parsed(data), given)
    else:
        yield from _inside(data, path, opened, given)


def _inside(
    data: Any,
    path: str,
    opened: Mapping[str, Structural],
    given: tuple[tuple[str, Scalar], ...],
) -> Iterator[Dimension]:
    for name, value in _entries(data):
        here = f"{path}.{name}" if path else str(name)
        yield from _dimensions(value, here, opened, given)


def _entries(data: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(data, dict):
        yield from data.items()
    elif isinstance(data, list):
        yield from enumerate(data)


def _filled(
    data: Any, path: str, opened: Mapping[str, Structural], left: Setting, where: str
) -> Any:
    """The data with values in place of ranges; these are taken out of ``left``."""
    if path in opened or is_range(data):
        found = opened[path] if path in opened else parsed(data)
        if path not in left:
            raise InputError(
                f"{where}: {path} is a range, and the setting has no value for it",
                found=found.model_dump(mode="json"),
            )
        value = left.pop(path)
        if path not in opened:
            if isinstance(value, bool | str):
                raise InputError(
                    f"{where}: {path}: this can't be used", found=repr(value), accepted="a number"
                )
            return value
        data = _chosen(found, value, f"{where}: {path}")
        path = f"{path}[{value}]"
    if isinstance(data, dict):
        start = f"{path}." if path else ""
        return {n: _filled(v, f"{start}{n}", opened, left, where) for n, v in data.items()}
    if isinstance(data, list):
        return [_filled(v, f"{path}.{i}", opened, left, where) for i, v in enumerate(data)]
    return data


def _chosen(found: Structural, value: Scalar, where: str) -> Any:
    """What ``value`` stands for: the option of this label, or itself."""
    if isinstance(found, Options):
        for label, option in zip(found.labels, found.choice, strict=True):
            if label == value and isinstance(label, bool) == isinstance(value, bool):
                return option
        accepted = ", ".join(str(each) for each in found.labels)
        raise InputError(f"{where}: there is no option {value!r}", accepted=accepted)
    low, high = next(iter(found.model_dump().values()))
    whole = isinstance(found, Integer)
    if isinstance(value, bool | str) or not low <= value <= high or (whole and value % 1):
        raise InputError(
            f"{where}: this can't be used",
            found=repr(value),
            accepted=f"a {'whole ' if whole else ''}number from {low} to {high}",
        )
    return value
