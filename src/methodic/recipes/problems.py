"""Pydantic's findings about a recipe, as one message in the words of the user's file."""

from __future__ import annotations

import types
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from methodic.errors import InputError, nearest, unknown
from methodic.recipes.types import Recipe, Stage, Turn

_FEW = 5
_RANGES = "a number, {log_uniform: [low, high]}, {uniform: [low, high]} or {choice: [a, b, …]}"
_WANTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text (in quotes, where it reads like a number)",
    "string_pattern_mismatch": "lower-case letters, digits, '_', '.' and '-', a letter or digit "
    "first",
    "tuple_type": "a list",
    "too_short": "at least one entry",
    "too_long": "fewer entries",
    "model_type": "a mapping of fields",
    "dict_type": "a mapping",
}
_LIMITS = {
    "greater_than": ("gt", ">"),
    "greater_than_equal": ("ge", "≥"),
    "less_than": ("lt", "<"),
    "less_than_equal": ("le", "≤"),
}


class _Place(NamedTuple):
    """Where in the file an error stands, and what is expected there."""

    path: tuple[str | int, ...]
    expected: Any  # the annotation at the path; None below unknown fields
    parent: type[BaseModel] | None  # the part that the last field of the path belongs to
    siblings: tuple[type[BaseModel], ...]  # the kinds that the parent was chosen from


def explain(error: ValidationError, where: str, data: Any) -> InputError:
    """Turn what pydantic found into one clear message.

    Args:
        error: what validating ``data`` as a `Recipe` raised.
        where: the file or recipe, first in the message.
        data: what was validated; shows which shorthands the user wrote.

    Example:
        >>> data = {"name": "a", "stages": [{"optimizer": {"kind": "sgd", "momentun": 0.9}}]}
        >>> try:
        ...     _ = Recipe.model_validate(data)
        ... except ValidationError as error:
        ...     print(explain(error, "a.yaml", data).advice)
        Did you mean 'momentum'?
    """
    details = error.errors(include_url=False)
    # A list whose entries fail is also reported as too short: noise.
    causes = [
        each
        for each in details
        if not (
            each["type"] == "too_short"
            and any(
                other["loc"][: len(each["loc"])] == each["loc"] != other["loc"] for other in details
            )
        )
    ]
    # A misspelt field is the likely reason for a missing one, so it goes first.
    first = min(causes, key=lambda each: _ORDER.get(each["type"], 1))
    place = _place(first["loc"], data)
    same = [each for each in causes if _place(each["loc"], data).path == place.path]
    return _message(same, place, where)


_ORDER = {"extra_forbidden": 0, "missing": 2}


def _message(errors: Sequence[ErrorDetails], place: _Place, where: str) -> InputError:
    error = errors[0]
    match error["type"]:
        case "extra_forbidden":
            return _unknown_field(place, where, error["input"])
        case "missing":
            return _missing(place, where, error["input"])
        case "union_tag_invalid" | "union_tag_not_found" | "model_attributes_type":
            return _unknown_kind(error, place, where)
        case "value_error":
            # A rule between fields shows its finding itself; a number's comes after the rule.
            problem, _, found = str(error["ctx"]["error"]).partition(", found ")
            return InputError(f"{_at(where, place.path)}: {problem}", found=found or None)
        case _:
            guess = None
            if error["type"] == "literal_error" and isinstance(error["input"], str):
                guess = nearest(error["input"], [str(each) for each in get_args(place.expected)])
            return InputError(
                f"{_at(where, place.path)}: this can't be used",
                found=_shown(error["input"]),
                accepted=" or ".join(_wanted(each) for each in errors),
                advice=f"Did you mean '{guess}'?" if guess else None,
            )


def _unknown_field(place: _Place, where: str, value: object) -> InputError:
    name = str(place.path[-1])
    own = _fields(place.parent)
    owners = [_kind(each) for each in place.siblings if name in _fields(each)]
    guess = nearest(name, own)
    advice: str | None
    if owners:
        advice = f"'{name}' is a field of {_some(owners)}, not of {_kind(place.parent)}."
    elif guess:
        advice = f"Did you mean '{guess}'?"
    else:
        homes = _homes(name)
        advice = f"'{name}' is a field of {', and of '.join(homes)}." if homes else None
    inside = place.path[:-1]
    return InputError(
        f"{_at(where, inside)}: unknown field '{name}' in {_label(inside, place.parent)}",
        found=_shown(value),
        accepted=", ".join(own),
        advice=advice,
    )


def _missing(place: _Place, where: str, value: object) -> InputError:
    name = place.path[-1]
    inside = _at(where, place.path[:-1])
    if isinstance(name, int):
        return InputError(
            f"{inside}: needs two numbers", found=_shown(value), accepted="[low, high]"
        )
    return InputError(
        f"{inside}: the field '{name}' is missing in {_label(place.path[:-1], place.parent)}"
    )


def _unknown_kind(error: ErrorDetails, place: _Place, where: str) -> InputError:
    here = _at(where, place.path)
    value = error["input"]
    kinds = [_kind(each) for each in _members(place.expected)]
    if not kinds:  # a number
        tag = str(error["ctx"]["tag"])
        guess = nearest(tag, ["log_uniform", "uniform", "choice"])
        return InputError(
            f"{here}: there is no range '{tag}'",
            found=_shown(value),
            accepted=_RANGES,
            advice=f"Did you mean '{guess}'?" if guess else None,
        )
    what = _word(place.path)
    if error["type"] == "union_tag_invalid":
        return unknown(what, str(error["ctx"]["tag"]), kinds, here)
    guess = nearest(value, kinds) if isinstance(value, str) else None
    return InputError(
        f"{here}: the {what}'s 'kind' is missing",
        found=_shown(value),
        accepted=", ".join(kinds),
        advice=f"Write {{kind: {guess}}}." if guess else None,
    )


def _place(loc: Sequence[str | int], data: Any) -> _Place:
    """Follow pydantic's location through the types, leaving out what isn't in the user's file."""
    path: list[str | int] = []
    expected: Any = Recipe
    parent: type[BaseModel] | None = None
    siblings: tuple[type[BaseModel], ...] = ()
    choice: tuple[type[BaseModel], ...] = ()
    skip = False
    for part in loc:
        if skip:  # the index of the only turn
            skip = False
            expected = Turn
        elif isinstance(expected, type) and issubclass(expected, BaseModel):
            parent, siblings, choice = expected, choice, ()
            field = expected.model_fields.get(str(part))
            skip = expected is Stage and part == "turns" and "turns" not in _inside(data, path)
            # In the shorthand, a stage takes the fields of a turn.
            expected = field.annotation if field else None
            if not skip:
                path.append(part)
        elif get_origin(expected) is tuple:
            expected = _plain(get_args(expected)[0])
            path.append(part)
        elif get_origin(expected) in (Union, types.UnionType):
            choice = _members(expected)
            expected = _chosen(expected, part)
        else:
            path.append(part)
    return _Place(tuple(path), expected, parent, siblings)


def _inside(data: Any, path: Iterable[str | int]) -> Any:
    """What stands at ``path``, and {} where nothing does."""
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return {}
    return data if isinstance(data, dict) else {}


def _plain(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _members(annotation: Any) -> tuple[type[BaseModel], ...]:
    """The kinds of a part that comes in kinds; none for other annotations."""
    return tuple(
        each
        for each in get_args(annotation)
        if isinstance(each, type) and issubclass(each, BaseModel) and "kind" in each.model_fields
    )


def _chosen(union: Any, tag: str | int) -> Any:
    """The member of a union that pydantic's location names by its tag."""
    for each in get_args(union):
        tags = [mark.tag for mark in get_args(each)[1:] if isinstance(mark, Tag)]
        if tag in tags or (each in _members(union) and _kind(each) == tag):
            return _plain(each)
    return None


def _kind(part: type[BaseModel] | None) -> str:
    return str(part.model_fields["kind"].default) if part else ""


def _fields(part: type[BaseModel] | None) -> list[str]:
    """The fields that a part takes in a file."""
    if part is None:
        return []
    own = [name for name in part.model_fields if name not in ("kind", "open")]
    return own + list(Turn.model_fields) if part is Stage else own


def _homes(name: str) -> list[str]:
    """The parts that have a field of this name, for fields that stand in the wrong part."""
    homes: list[str] = []

    def visit(part: type[BaseModel], label: str) -> None:
        if name in part.model_fields:
            homes.append(label)
        for word, field in part.model_fields.items():
            annotation = field.annotation
            if get_origin(annotation) is tuple:
                annotation = _plain(get_args(annotation)[0])
            word = word.removesuffix("s")
            kinds = [_kind(kind) for kind in _members(annotation) if name in kind.model_fields]
            if kinds:
                homes.append(f"{word} ({_some(kinds)})")
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                visit(annotation, word)

    visit(Recipe, "the recipe")
    return homes


def _some(kinds: Sequence[str]) -> str:
    """The first few; who needs another one finds it by `methodic recipes` or in the docs."""
    return ", ".join(kinds[:_FEW]) + (", …" if len(kinds) > _FEW else "")


def _word(path: Sequence[str | int]) -> str:
    """What stands at a path: "optimizer", "objective", "stage"."""
    names = [part for part in path if isinstance(part, str)]
    last = names[-1]
    return last.removesuffix("s") if isinstance(path[-1], int) else last


def _label(path: Sequence[str | int], part: type[BaseModel] | None) -> str:
    if not path:
        return "the recipe"
    if part is not None and "kind" in part.model_fields:
        return f"{_word(path)} {_kind(part)}"
    return _word(path)


def _at(where: str, path: Iterable[str | int]) -> str:
    dotted = ".".join(str(part) for part in path)
    return f"{where}: {dotted}" if dotted else where


def _wanted(error: ErrorDetails) -> str:
    kind = error["type"]
    if kind in _LIMITS:
        name, sign = _LIMITS[kind]
        return f"a number {sign} {error['ctx'][name]:g}"
    if kind == "literal_error":
        return str(error["ctx"]["expected"])
    if kind == "string_too_long":
        return f"at most {error['ctx']['max_length']} characters"
    return _WANTED.get(kind, error["msg"])


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
