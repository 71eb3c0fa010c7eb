"""Ranges of structure: out of a recipe's file into `Recipe.open`, and where they may stand.

In a file a range stands in place: ``width: {choice: [64, 128]}``. In the value the field holds the
first option or the middle, and ``open`` the range, by its path. An option's own ranges have the
option's label in their path: "stages.0.turns.0.optimizer[adam].amsgrad".
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from methodic.errors import InputError, nearest
from methodic.recipes.kinds.own import OwnObjective, OwnPenalty, OwnRule, OwnSchedule
from methodic.recipes.kinds.regularizers import Augment
from methodic.recipes.kinds.schedules import JoinedPart
from methodic.recipes.numbers import HEADER, OPEN, is_number
from methodic.recipes.ranges import (
    RANGES,
    Integer,
    LogUniform,
    Options,
    Structural,
    Uniform,
    parsed,
)
from methodic.recipes.types import Drive, Recipe, Stage, Stop, Turn

Opened = dict[str, Structural]

_FIXED: dict[type[BaseModel], tuple[str, ...]] = {
    Recipe: ("name", *HEADER, "stages", OPEN),
    Stage: ("name", "share", "turns"),
    Drive: ("number",),
    Stop: ("steps", "epochs"),  # all settings train equally long
    JoinedPart: ("share",),
    OwnRule: ("name",),
    OwnSchedule: ("name",),
    OwnObjective: ("name",),
    OwnPenalty: ("name",),
    Augment: ("level",),  # it stands for changes, which are written out before settings are
}
"""Fields that aren't searched for: words for people, and what gives a recipe its outline."""


def taken(data: Any, where: str) -> tuple[Any, Opened]:
    """What a file says, without ranges of structure; and these, by path.

    Args:
        data: as read from YAML or JSON; what is no valid recipe in other ways stays as it is.
        where: the file or recipe, first in every message.

    Raises:
        InputError: a range that is none, or where none can be.

    Example:
        >>> taken({"model": {"kind": "mlp", "width": {"choice": [8, 16]}}}, "a.yaml")
        ({'model': {'kind': 'mlp', 'width': 8}}, {'model.width': Options(choice=(8, 16))})
    """
    found: Opened = {}
    if not isinstance(data, dict):
        return data, found
    return _Taking(where, found).part(data, Recipe, "", ""), found


def middle(found: Structural) -> Any:
    """What stands in the field: the first option, or the middle, at most rounded to four digits."""
    match found:
        case Options():
            return found.choice[0]
        case Integer():
            return sum(found.integer) // 2
        case LogUniform():
            low, high = found.log_uniform
        case Uniform():
            low, high = found.uniform
    return min(max(found.grid(1)[0], low), high)


def is_range(data: Any) -> bool:
    """Whether data of a recipe are a range: one field, with its name, that holds a list."""
    return (
        isinstance(data, dict)
        and len(data) == 1
        and next(iter(data)) in RANGES
        and isinstance(next(iter(data.values())), list | tuple)
    )


class _Taking:
    """Goes through data along the types.

    ``path`` is that in `Recipe.open`; ``shown`` is the user's, who may leave out the only turn.
    """

    def __init__(self, where: str, found: Opened) -> None:
        self.where = where
        self.found = found

    def part(self, data: dict[str, Any], kind: type[BaseModel], path: str, shown: str) -> Any:
        result: dict[str, Any] = {}
        for name, value in data.items():
            owner, inner = kind, path
            if kind is Stage and name in Turn.model_fields:
                owner, inner = Turn, _joined(path, "turns.0")
            field = owner.model_fields.get(name)
            if field is None or is_number(field) or (owner is Recipe and name == OPEN):
                result[name] = value
                continue
            said = _joined(shown, name)
            if _looks_like_range(value) and (name in _FIXED.get(owner, ()) or name == "kind"):
                raise self._not_searched(name, said, value)
            result[name] = self.value(value, field.annotation, _joined(inner, name), said)
        return result

    def value(self, data: Any, expected: Any, path: str, shown: str) -> Any:
        if get_origin(expected) is dict:  # the numbers of a user's own part
            return data
        if isinstance(data, BaseModel):
            data = data.model_dump(mode="json")
        if _looks_like_range(data):
            return self._opened(data, expected, path, shown)
        if isinstance(data, dict):
            if _looks_like_range(data.get("kind")):
                raise self._not_searched("kind", f"{shown}.kind", data["kind"])
            kind = kind_of(data, expected)
            return data if kind is None else self.part(data, kind, path, shown)
        inner = entries(expected)
        if isinstance(data, list | tuple) and inner is not None:
            if inner in (Stage, Turn):
                for i, each in enumerate(data):
                    if _looks_like_range(each):
                        raise self._not_searched(f"{inner.__name__.lower()}s", f"{shown}.{i}", each)
            return [
                self.value(each, inner, f"{path}.{i}", f"{shown}.{i}")
                for i, each in enumerate(data)
            ]
        return data

    def _opened(self, data: dict[str, Any], expected: Any, path: str, shown: str) -> Any:
        self._possible(data, expected, shown)
        if "choice" in data and isinstance(data["choice"], list | tuple):
            data = {"choice": self._options(data["choice"], expected, path, shown)}
        found = self._range(data, shown)
        # Conditions first: what hangs on an option follows it.
        below = {key: self.found.pop(key) for key in list(self.found) if key.startswith(f"{path}[")}
        self.found[path] = found
        if isinstance(found, Options):
            names = {f"{path}[{i}]": f"{path}[{label}]" for i, label in enumerate(found.labels)}
            for key, value in below.items():
                end = key.index("]", len(path)) + 1
                self.found[names[key[:end]] + key[end:]] = value
        return middle(found)

    def _options(self, options: Sequence[Any], expected: Any, path: str, shown: str) -> list[Any]:
        """The options without their own ranges, whose paths have the option's place at first."""
        closed = []
        for i, each in enumerate(options):
            if is_range(each):
                raise InputError(
                    f"{self.where}: {shown}: a range inside a choice",
                    found=each,
                    accepted="options that are values or whole parts, such as "
                    "{choice: [64, 128]} or {choice: [{kind: adam}, {kind: sgd}]}",
                )
            closed.append(self.value(each, expected, f"{path}[{i}]", f"{shown}[{i}]"))
        return closed

    def _range(self, data: dict[str, Any], shown: str) -> Structural:
        name = next(iter(data))
        try:
            return parsed(data)
        except ValidationError as error:
            first = error.errors()[0]
            if first["type"] == "value_error":
                problem, _, what = str(first["ctx"]["error"]).partition(", found ")
                raise InputError(f"{self.where}: {shown}: {problem}", found=what) from None
            raise InputError(
                f"{self.where}: {shown}: this is no range", found=data, accepted=_FORMS[name]
            ) from None

    def _possible(self, data: dict[str, Any], expected: Any, shown: str) -> None:
        """Refuse a range of a kind that the field can't have."""
        if len(data) > 1:
            raise InputError(
                f"{self.where}: {shown}: a range is one of these, alone",
                found=", ".join(data),
                accepted=", ".join(_FORMS.values()),
            )
        name, fitting = next(iter(data)), _fitting(expected)
        if name not in RANGES:
            guess = nearest(name, RANGES)
            raise InputError(
                f"{self.where}: {shown}: there is no range '{name}'",
                found=data,
                accepted=" or ".join(_FORMS[each] for each in fitting),
                advice=f"Did you mean '{guess}'?",
            )
        if name not in fitting:
            raise InputError(
                f"{self.where}: {shown}: no range of this kind can stand here",
                found=data,
                accepted=" or ".join(_FORMS[each] for each in fitting),
            )

    def _not_searched(self, name: str, shown: str, value: Any) -> InputError:
        advice = {
            "kind": "Write the choice in place of the whole part: "
            "{choice: [{kind: …}, {kind: …}]}.",
            "stages": "Put ranges inside the stages, or compare two recipes.",
            "turns": "Put ranges inside the turns, or compare two recipes.",
        }.get(name, "Write what it is; ranges stand where training is to be tuned.")
        return InputError(
            f"{self.where}: {shown}: '{name}' can't be searched for", found=value, advice=advice
        )


_FORMS = {
    "choice": "{choice: [a, b, …]}",
    "integer": "{integer: [low, high]}",
    "uniform": "{uniform: [low, high]}",
    "log_uniform": "{log_uniform: [low, high]}",
}


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _looks_like_range(data: Any) -> bool:
    """A mapping with a range's name in it, or with one that is nearly one and a list."""
    if isinstance(data, Structural):
        return True
    if not isinstance(data, dict):
        return False
    if any(name in RANGES for name in data):
        return True
    return len(data) == 1 and any(
        isinstance(value, list | tuple) and nearest(str(name), RANGES) is not None
        for name, value in data.items()
    )


def _plain(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def members(annotation: Any) -> Iterator[Any]:
    """What an annotation consists of, unions taken apart."""
    annotation = _plain(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        for each in get_args(annotation):
            yield from members(each)
    else:
        yield annotation


def kind_of(data: dict[str, Any], expected: Any) -> type[BaseModel] | None:
    """Which part a mapping describes; None where it isn't known."""
    parts = [m for m in members(expected) if isinstance(m, type) and issubclass(m, BaseModel)]
    if len(parts) == 1:
        return parts[0]
    kinds = {part.model_fields["kind"].default: part for part in parts}
    kind = data.get("kind")
    return kinds.get(kind) if isinstance(kind, str) else None


def entries(expected: Any) -> Any:
    """The annotation of a list's entries; None for what is no list."""
    for each in members(expected):
        if get_origin(each) is tuple:
            return _plain(get_args(each)[0])
    return None


def _fitting(expected: Any) -> tuple[str, ...]:
    """The ranges that a field can have, by its annotation."""
    found = set(members(expected))
    if float in found:
        return ("uniform", "log_uniform", "choice")
    return ("integer", "choice") if int in found else ("choice",)
