"""A recipe as a search space, with ranges of the library's own on the fields that a user names."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

from methodic.errors import InputError, unknown
from methodic.recipes.defaults import ALL, DEFAULTS, GROUPS
from methodic.recipes.io import from_data
from methodic.recipes.opening import entries, is_range, kind_of, members
from methodic.recipes.ranges import Options, parsed
from methodic.recipes.trees import tree
from methodic.recipes.types import Recipe, Stage, Turn

WORDS = tuple(dict.fromkeys(each.word for each in DEFAULTS))
"""What a user can search for by one word."""


def searched(recipe: Recipe, fields: Sequence[str]) -> Recipe:
    """The recipe with ranges on these fields, where it has none yet.

    A word that means nothing for the recipe changes nothing (a linear model has no width);
    `searchable` lists what does.

    Args:
        recipe: may have ranges, which stay.
        fields: words such as "lr", "width" or "activation"; "nuisance" (learning rate, weight
            decay, length of the schedule), "all", or a field's whole path.

    Raises:
        InputError: an unknown word or path, or a field that no range is known for.

    Example:
        >>> from methodic.recipes.numbers import ranges
        >>> adam = Recipe.model_validate({"name": "a", "stages": [{"optimizer": {"kind": "adam"}}]})
        >>> ranges(searched(adam, ["lr"]))
        {'stages.0.turns.0.optimizer.lr': LogUniform(log_uniform=(0.0001, 0.01))}
    """
    words = {each for field in fields for each in _words(field)}
    paths = [field for field in fields if field not in (*WORDS, *GROUPS, ALL)]
    opening = _Opening(words, paths)
    data = opening.opened(tree(recipe))
    for path in paths:
        if path not in opening.seen:
            known = [*WORDS, *GROUPS, ALL, *opening.seen]
            raise unknown("field", path, known, f"recipe {recipe.name}, searched")
        if path not in opening.done:
            raise InputError(
                f"recipe {recipe.name}: no range is known for {path}",
                accepted=f"{', '.join([*WORDS, *GROUPS, ALL])}; or a range in the recipe's file",
                advice=f"Write 'methodic recipes {recipe.name} --space' into a file, put a range "
                "there, such as {choice: [a, b]}, and use it by --recipe FILE.",
            )
    return from_data(data, f"recipe {recipe.name}, searched") if opening.done else recipe


def searchable(recipe: Recipe) -> tuple[str, ...]:
    """The words by which a recipe can be searched: those it has a field for, ranges included.

    Example:
        >>> adam = Recipe.model_validate({"name": "a", "stages": [{"optimizer": {"kind": "adam"}}]})
        >>> searchable(adam)[:3]
        ('lr', 'weight_decay', 'momentum')
    """
    opening = _Opening(set(WORDS), [])
    opening.opened(tree(recipe))
    return tuple(word for word in WORDS if word in opening.words_met)


def _words(field: str) -> Sequence[str]:
    if field == ALL:
        return WORDS
    return GROUPS.get(field, (field,) if field in WORDS else ())


class _Opening:
    """Goes through a recipe's data along the types, options of choices included."""

    def __init__(self, words: set[str], paths: Sequence[str]) -> None:
        self.words = words
        self.paths = paths
        self.seen: dict[str, None] = {}  # paths, in order
        self.done: set[str] = set()
        self.words_met: set[str] = set()

    def opened(self, data: dict[str, Any]) -> dict[str, Any]:
        data = copy.deepcopy(data)
        self._part(data, Recipe, "", "")
        return data

    def _part(self, data: dict[str, Any], kind: type[Any], role: str, path: str) -> None:
        for name in list(data):
            owner, here, own_role = kind, f"{path}.{name}" if path else name, role
            if kind is Stage and name in Turn.model_fields:
                owner, here, own_role = Turn, f"{path}.turns.0.{name}", "turns"
            field = owner.model_fields.get(name)
            if field is None or name == "kind":
                continue
            # A file may leave out a stage's only turn, and so may a path.
            names = {here, here.replace(".turns.0.", ".")}
            self.seen |= dict.fromkeys(names)
            if self._field(
                data, name, field.annotation, own_role, not names.isdisjoint(self.paths)
            ):
                self.done |= names
            self._inside(data[name], field.annotation, name, here)

    def _field(
        self, data: dict[str, Any], name: str, expected: Any, role: str, asked: bool
    ) -> bool:
        """Put a range there, if it is wanted and known; whether there is one now."""
        if is_range(data[name]):
            self.words_met |= {each.word for each in DEFAULTS if each[1:3] == (role, name)}
            return True
        for default in DEFAULTS:
            if (default.role, default.field) == (role, name):
                made = default.make(data[name], data, _accepted(expected))
                if made is not None:
                    self.words_met.add(default.word)
                    if asked or default.word in self.words:
                        data[name] = made
                        return True
        return False

    def _inside(self, value: Any, expected: Any, role: str, path: str) -> None:
        if is_range(value):
            if "choice" not in value:
                return
            labels = _labels(value["choice"])
            for label, option in zip(labels, value["choice"], strict=True):
                self._inside(option, expected, role, f"{path}[{label}]")
        elif isinstance(value, dict):
            if (kind := kind_of(value, expected)) is not None:
                self._part(value, kind, role, path)
        elif isinstance(value, list):
            inner = entries(expected)
            for i, each in enumerate(value):
                self._inside(each, inner, role, f"{path}.{i}")


def _labels(options: Sequence[Any]) -> Sequence[Any]:
    found = parsed({"choice": options})
    assert isinstance(found, Options)
    return found.labels


def _accepted(expected: Any) -> list[str]:
    """The words that a field knows."""
    literals = [each for each in members(expected) if get_origin(each) is Literal]
    return [word for each in literals for word in get_args(each)]
