"""A recipe's numbers: finding them, taking them out, putting others in.

Members that differ only in numbers train in one cohort, so a recipe splits into a skeleton (what
is built) and its numbers (what is fed in). A number is addressed by its path through the recipe,
such as "stages.0.turns.0.optimizer.lr".
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from methodic.errors import InputError, unknown
from methodic.files import fingerprint
from methodic.recipes.problems import explain
from methodic.recipes.ranges import Choice, LogUniform, Number, Range, Uniform
from methodic.recipes.types import Part, Recipe

HEADER = ("about", "source", "use_when", "not_when")
"""The fields of a recipe that are for its reader and change nothing in the training."""

OPEN = "open"
"""The field of a recipe that holds the ranges of its structure."""

_MARK = "number"  # stands in a skeleton where a number was taken out
_DISCRIMINATOR = get_args(Number)[1]


def is_number(field: FieldInfo) -> bool:
    """Whether a field belongs to a member: it is annotated with `Number`."""
    return any(each == _DISCRIMINATOR for each in field.metadata)


def walk(part: Part) -> Iterator[tuple[str, float | Range]]:
    """The path and the value of every number or range of a recipe, or of a part of one.

    Paths begin at the part; the order is that of the types.
    """
    return _walk(part, "")


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            if name == OPEN and isinstance(value, Recipe):
                continue  # structure
            here = f"{path}.{name}" if path else name
            inner = getattr(value, name)
            if is_number(field):
                yield here, inner
            else:
                yield from _walk(inner, here)
    elif isinstance(value, tuple):
        for i, each in enumerate(value):
            yield from _walk(each, f"{path}.{i}")
    elif isinstance(value, dict):  # the numbers of a user's own part, by name
        for name, each in value.items():
            yield f"{path}.{name}", each


def ranges(recipe: Recipe) -> dict[str, Range]:
    """Path → range, for the numbers that are still to be searched for.

    Those of structure stand in `Recipe.open`; `left_open` names both.
    """
    return {
        path: value
        for path, value in walk(recipe)
        if isinstance(value, LogUniform | Uniform | Choice)
    }


def left_open(recipe: Recipe) -> tuple[str, ...]:
    """The paths of all that is still to be searched for; none for a concrete recipe."""
    return (*recipe.open, *ranges(recipe))


def split(recipe: Recipe) -> tuple[str, dict[str, float]]:
    """Take the numbers out of a concrete recipe.

    A number of 0 switches its part off, which is structure: it stays in the skeleton.

    Returns:
        the skeleton's key, equal for recipes that can train in one cohort; and path → number.

    Raises:
        InputError: a range is left in the recipe.

    Example:
        >>> from methodic.recipes.types import SGD, Recipe, Stage, Turn
        >>> def sgd(lr: float) -> Recipe:
        ...     return Recipe(name="a", stages=(Stage(turns=(Turn(optimizer=SGD(lr=lr)),)),))
        >>> split(sgd(0.1))[0] == split(sgd(0.2))[0]
        True
    """
    key, numbers = _split(recipe)
    return key, dict(numbers)


@functools.lru_cache(maxsize=1024)  # members that come and go bring their recipes each time
def _split(recipe: Recipe) -> tuple[str, dict[str, float]]:
    for path, found in recipe.open.items():
        raise InputError(
            f"recipe {recipe.name}: {path} is a range",
            found=found.model_dump(mode="json"),
            advice="Choose one of its values before training.",
        )
    skeleton = recipe.model_dump(mode="json", exclude={"name", OPEN, *HEADER})
    numbers: dict[str, float] = {}
    for path, value in walk(recipe):
        if not isinstance(value, float):
            raise InputError(
                f"recipe {recipe.name}: {path} is a range, not a number",
                found=value.model_dump(),
                advice="Choose a number from the range before training.",
            )
        if value != 0:
            numbers[path] = value
        _put(skeleton, path, _MARK if value != 0 else 0)
    return fingerprint(canonical(skeleton)), numbers


def replace(recipe: Recipe, values: Mapping[str, float]) -> Recipe:
    """The recipe with other numbers at the given paths; a range may stand there before.

    Raises:
        InputError: there is no number at a path, or it breaks its field's limits.
    """
    known = [path for path, _ in walk(recipe)]
    data = recipe.model_dump()
    for path, value in values.items():
        if path not in known:
            raise unknown("number", path, known, f"recipe {recipe.name}")
        _put(data, path, value)
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise explain(error, f"recipe {recipe.name}", data) from None


def canonical(value: Any) -> str:
    """One spelling of a JSON value, for hashing."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _put(data: Any, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for part in parents:
        data = data[int(part)] if isinstance(data, tuple | list) else data[part]
    data[last] = value
