"""Paths of a space: which condition they have, where they lead, and what may stand there.

"stages.0.turns.0.optimizer[adam].lr" leads to "stages.0.turns.0.optimizer.lr", on the condition
that "stages.0.turns.0.optimizer" is "adam".
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from methodic.errors import InputError
from methodic.recipes.numbers import OPEN
from methodic.recipes.ranges import Options, Structural
from methodic.recipes.types import Model, Recipe

_CONDITION = re.compile(r"\[([^\]]*)\]")


def plain(path: str) -> str:
    """The path without its conditions.

    Example:
        >>> plain("stages.0.turns.0.optimizer[adam].lr")
        'stages.0.turns.0.optimizer.lr'
    """
    return _CONDITION.sub("", path)


def conditions(path: str) -> tuple[tuple[str, str], ...]:
    """The choices on which a path hangs, as (path, label), outer ones first.

    Example:
        >>> conditions("model[mlp].width")
        (('model', 'mlp'),)
    """
    return tuple((path[: found.start()], found[1]) for found in _CONDITION.finditer(path))


def admitted(
    data: dict[str, Any],
    found: dict[str, Structural],
    where: str,
    valid: Callable[[Any, str], Recipe],
) -> dict[str, Structural]:
    """Try each option, and both ends of a range, alone on the recipe.

    Args:
        data: a valid recipe as its file has it, but without ranges of structure.
        found: these ranges by path, conditions before what hangs on them.
        where: the file or recipe, first in every message.
        valid: makes a recipe of data.

    Returns:
        the ranges with options as a recipe has them, all defaults written out.

    Raises:
        InputError: names the field, the option, and what is accepted.
    """
    result: dict[str, Structural] = {}
    for path, each in found.items():
        base = _on_condition(data, path, found)
        if not isinstance(each, Options):
            for end in next(iter(each.model_dump().values())):
                _tried(base, path, end, where, valid)
            result[path] = each
            continue
        choice = [_tried(base, path, option, where, valid) for option in each.choice]
        try:
            result[path] = Options(choice=tuple(choice))
        except ValidationError as error:
            problem = str(error.errors()[0]["ctx"]["error"]).partition(", found ")[0]
            shown = ".".join(map(str, _located(data, path)))
            raise InputError(f"{where}: {shown}: {problem}") from None
    return result


def mapped(recipe: Recipe, change: Callable[[Recipe], Recipe]) -> Recipe:
    """The recipe with ``change`` made to it, and to the options of its choices of parts.

    Args:
        recipe: may be a space.
        change: of a recipe without ranges of structure; it leaves fields where they are.

    Raises:
        InputError: two options become the same.

    Example:
        >>> recipe = Recipe.model_validate({"name": "a", "stages": [{}]})
        >>> mapped(recipe, lambda r: r.model_copy(update={"about": "changed"})).about
        'changed'
    """
    data = recipe.model_dump(mode="json", exclude={OPEN})
    opened: dict[str, Structural] = {}
    renamed: list[tuple[str, str]] = []  # beginnings of paths, since labels may change
    for path, each in recipe.open.items():
        starts = [pair for pair in renamed if path.startswith(pair[0])]
        old, new = starts[-1] if starts else ("", "")
        here = new + path[len(old) :]
        if isinstance(each, Options):
            base = _on_condition(data, path, recipe.open)
            choice = [
                _at(
                    change(Recipe.model_validate(_with(base, path, option))).model_dump(
                        mode="json"
                    ),
                    plain(path).split("."),
                )
                if isinstance(option, dict | list)
                else option
                for option in each.choice
            ]
            labels = each.labels
            try:
                each = Options(choice=tuple(choice))
            except ValidationError:
                raise InputError(
                    f"recipe {recipe.name}: {path}: two of the options come to the same here",
                    found=", ".join(map(str, labels)),
                    advice="Leave one of them out.",
                ) from None
            pairs = zip(labels, each.labels, strict=True)
            renamed += [(f"{path}[{was}]", f"{here}[{now}]") for was, now in pairs]
        opened[here] = each
    return change(recipe.model_copy(update={OPEN: {}})).model_copy(update={OPEN: opened})


def with_model(recipe: Recipe, model: Model) -> Recipe:
    """The recipe with another network, and without ranges of the one it had."""
    kept = {path: each for path, each in recipe.open.items() if re.match(r"model\b", path) is None}
    return recipe.model_copy(update={"model": model, OPEN: kept})


def _on_condition(
    data: dict[str, Any], path: str, found: Mapping[str, Structural]
) -> dict[str, Any]:
    """The data with those options in place on which a path hangs."""
    for outer, label in conditions(path):
        options = found[outer]
        assert isinstance(options, Options)
        data = _with(data, outer, options.choice[options.labels.index(label)])
    return data


def blamed(
    error: InputError, data: dict[str, Any], found: dict[str, Structural], where: str
) -> InputError:
    """The error with the range that was written, where it is about what stands in its place."""
    for path, each in found.items():
        if not isinstance(each, Options) and "[" not in path:
            shown = f"{where}: {'.'.join(map(str, _located(data, path)))}: "
            if error.problem.startswith(shown):
                return InputError(
                    error.problem,
                    found=each.model_dump(mode="json"),
                    accepted=error.accepted,
                    advice=error.advice,
                )
    return error


def _tried(
    data: dict[str, Any],
    path: str,
    option: Any,
    where: str,
    valid: Callable[[Any, str], Recipe],
) -> Any:
    """The option as the recipe has it."""
    try:
        recipe = valid(_with(data, path, option), where)
    except InputError as error:
        shown = f"{where}: {'.'.join(map(str, _located(data, path)))}"
        if error.problem.startswith(shown):
            raise
        raise InputError(
            f"{shown}: the option {_spelt(option)} doesn't fit the rest of the recipe",
            found=error.problem.removeprefix(f"{where}: ")
            + (f", found {error.found}" if error.found else ""),
            accepted=error.accepted,
            advice=error.advice or "Leave the option out, or change what it doesn't go with.",
        ) from None
    return _at(recipe.model_dump(mode="json"), plain(path).split("."))


def _spelt(option: Any) -> str:
    text = str(option)
    return text if len(text) <= 60 else text[:57] + "…"


def _located(data: dict[str, Any], path: str) -> list[str | int]:
    """Where a path leads in a file, which may leave out a stage's only turn."""
    steps: list[str | int] = [
        int(each) if each.isdigit() else each for each in plain(path).split(".")
    ]
    if steps[0] == "stages" and steps[2:4] == ["turns", 0]:
        stage = _at(data, steps[:2])
        if "turns" not in stage:
            del steps[2:4]
    return steps


def _at(data: Any, steps: Sequence[str | int]) -> Any:
    for step in steps:
        data = data[int(step)] if isinstance(data, list | tuple) else data[step]
    return data


def _with(data: dict[str, Any], path: str, option: Any) -> dict[str, Any]:
    changed = copy.deepcopy(data)
    *inside, last = _located(changed, path)
    _at(changed, inside)[last] = copy.deepcopy(option)
    return changed
