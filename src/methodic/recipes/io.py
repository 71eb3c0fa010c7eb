"""Recipes as YAML text, both ways, and their fingerprints.

Only plain YAML is read: mappings, lists and scalars. Tags (which can name code), aliases (which can
make a small file enormous) and repeated fields are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from methodic.errors import InputError
from methodic.files import fingerprint as _fingerprint
from methodic.recipes.numbers import HEADER, OPEN, canonical
from methodic.recipes.opening import taken
from methodic.recipes.places import admitted, blamed
from methodic.recipes.problems import explain
from methodic.recipes.ranges import RANGES
from methodic.recipes.trees import tree
from methodic.recipes.types import Recipe

__all__ = ["explain", "fingerprint", "from_data", "from_yaml", "read", "to_yaml"]

LIMIT = 2**20
"""The longest recipe file, in bytes."""

_DEPTH = 40  # of nesting; a recipe needs 8
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_REAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,4})?|[-+]?\.inf|\.nan")

_ODD = re.compile("[\x85\u2028\u2029\ufeff]")  # line breaks to YAML; kept whole only by escapes


def read(path: Path) -> Recipe:
    """Read a recipe from a YAML file.

    Raises:
        InputError: the file is missing, unreadable, longer than 1 MB, or not a valid recipe.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
        if len(content) > LIMIT:
            raise InputError(f"{path}: too long for a recipe", accepted=f"at most {LIMIT} bytes")
        return from_yaml(content.decode(), str(path))
    except FileNotFoundError:
        raise InputError(f"{path}: no such recipe file") from None
    except OSError as error:
        raise InputError(f"{path}: the recipe can't be read", found=error.strerror) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file", accepted="a recipe in YAML, UTF-8") from None


def from_yaml(text: str, where: str) -> Recipe:
    """The recipe that ``text`` describes.

    Args:
        text: YAML, as `to_yaml` writes it.
        where: the file's name, first in every message.

    Raises:
        InputError: not plain YAML, or not a valid recipe; names the line or the field.

    Example:
        >>> from_yaml("{name: mine, stages: [{optimizer: {kind: adam}}]}", "mine.yaml").name
        'mine'
    """
    try:
        _refuse(text, where)
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None)
        raise InputError(f"{where}{line}: not YAML", found=problem) from None
    if node is None:
        raise InputError(f"{where}: empty", accepted="a recipe in YAML")
    return from_data(_value(node, where), where)


def from_data(data: Any, where: str) -> Recipe:
    """Validate what was read from YAML or JSON.

    Raises:
        InputError: not a valid recipe; names the field.
    """
    closed, found = taken(data, where)
    try:
        recipe = _valid(closed, where)
    except InputError as error:
        raise blamed(error, closed, found, where) from None
    if found:
        tried = admitted(closed, found, where, _valid)
        recipe = recipe.model_copy(update={OPEN: {**recipe.open, **tried}})
    elif recipe.open and (again := from_data(tree(recipe), where)) != recipe:
        odd = [path for path, each in recipe.open.items() if each != again.open.get(path)]
        raise InputError(
            f"{where}: {OPEN}: the ranges don't fit the recipe",
            found=", ".join(odd) or "a field that doesn't hold the first of its range",
            advice="Write ranges in place, such as width: {choice: [64, 128]}.",
        )
    return recipe


def _valid(data: Any, where: str) -> Recipe:
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        raise explain(error, where, data) from None
    dumped = recipe.model_dump(mode="json")
    if recipe.open:  # checked by its own types; what it opens was checked when it was made
        data = {name: value for name, value in data.items() if name != OPEN}
    for path, found, meant in _converted(data, dumped, ""):
        raise InputError(
            f"{where}: {path}: this can't be used",
            found=repr(found),
            accepted=_name(meant),
        )
    return recipe


def to_yaml(recipe: Recipe, *, defaults: bool = True) -> str:
    """The recipe as YAML that `from_yaml` reads back as an equal recipe.

    Args:
        recipe: what to write.
        defaults: write out fields that have their default value, too.
    """
    return yaml.dump(
        tree(recipe, defaults=defaults),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        default_flow_style=None,
    )


def fingerprint(recipe: Recipe) -> str:
    """A short hash of the name and everything that changes the training, not of the header."""
    left_out = {*HEADER} if recipe.open else {*HEADER, OPEN}
    return _fingerprint(canonical(recipe.model_dump(mode="json", exclude=left_out)))


# --- reading ----------------------------------------------------------------------------------


def _refuse(text: str, where: str) -> None:
    """Look at the stream of events, which can't run or grow, before building anything."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        tag = getattr(event, "tag", None)
        if isinstance(event, yaml.AliasEvent):
            problem, found = "aliases aren't read", f"*{event.anchor}"
        elif isinstance(event, yaml.NodeEvent) and tag:
            problem, found = "tags aren't read", str(tag)
        else:
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            documents += isinstance(event, yaml.DocumentStartEvent)
            if depth <= _DEPTH and documents <= 1:
                continue
            problem = "nested too deeply" if depth > _DEPTH else "a second document"
            found = None
        raise InputError(
            f"{where}, line {line}: {problem}",
            found=found,
            accepted="one recipe in plain YAML: mappings, lists, numbers and text",
        )


def _value(node: yaml.Node, where: str) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return [_value(each, where) for each in node.value]
    if isinstance(node, yaml.MappingNode):
        data: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise InputError(f"{where}, line {line}: a field's name must be one word")
            if key.value in data:
                raise InputError(
                    f"{where}, line {line}: the field '{key.value}' stands here a second time",
                    advice="Leave one of the two out.",
                )
            data[key.value] = _value(value, where)
        return data
    quoted = isinstance(node, yaml.ScalarNode) and node.style
    return node.value if quoted else _plain(node.value)


def _plain(text: str) -> Any:
    """A scalar without quotes. YAML 1.2's rules: `1e-3` is a number and `no` is a word."""
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _REAL.fullmatch(text):
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _converted(data: Any, recipe: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Scalars that pydantic took for another kind: `lr: true` isn't 1, `lr: "1"` isn't either."""
    if isinstance(data, dict) and isinstance(recipe, dict):
        inner = recipe if recipe.keys() >= data.keys() else {**recipe["turns"][0], **recipe}
        for name, value in data.items():
            yield from _converted(value, inner[name], f"{path}.{name}" if path else name)
    elif isinstance(data, list | tuple) and isinstance(recipe, list):
        for i, (value, each) in enumerate(zip(data, recipe, strict=True)):
            yield from _converted(value, each, f"{path}.{i}")
    elif isinstance(data, bool) != isinstance(recipe, bool) or (
        isinstance(data, str) != isinstance(recipe, str)
    ):
        yield path, data, recipe


def _name(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "text" if isinstance(value, str) else "a number, without quotes"


# --- writing ----------------------------------------------------------------------------------


class _Dumper(yaml.SafeDumper):
    """Ranges on one line; text in quotes where it would be read as something else without."""

    def represent_data(self, data: Any) -> yaml.Node:
        if isinstance(data, str) and (not isinstance(_plain(data), str) or _ODD.search(data)):
            return self.represent_scalar("tag:yaml.org,2002:str", data, style='"')
        return super().represent_data(data)

    def represent_mapping(self, tag: str, mapping: Any, flow_style: Any = None) -> yaml.MappingNode:
        in_line = mapping.keys() <= set(RANGES) and not any(
            isinstance(each, dict) for entries in mapping.values() for each in entries
        )
        return super().represent_mapping(tag, mapping, flow_style=in_line or flow_style)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True
