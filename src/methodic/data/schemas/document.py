"""schema.yaml: what the columns of a table mean, as a file to read, edit and give back.

`overview.to_yaml` writes what was inferred, with a remark on each column. `read` takes the file
back: what it says is not inferred. Columns that it doesn't name are inferred as ever, so a file of
one line will do. Only plain YAML is read: no tags (which can name code), no aliases (which can
grow).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, get_args

import yaml

from methodic.data.columns.notations import FIRST, LAST, NUMBERS, SINCE
from methodic.data.encoding.words import LARGEST, SMALLEST
from methodic.data.schemas.schema import TRUTH, Column, Kind, Resize
from methodic.errors import InputError, unknown
from methodic.plan import Reading

DROP = "drop"
"""Stands in the place of a kind: the column is left out."""

LIMIT = 2**24
"""The longest file, in bytes."""

_KINDS = (*get_args(Kind), DROP)
_ROLES = ("weight", "group", "time", "split")
_FIELDS = ("target", "task", *_ROLES, "columns")
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "numeric": ("words", "notation"),
    "categorical": ("notation",),
    "date": ("words", "notation"),
    "text": ("numbers",),
    "image": ("shape", "resize"),
}
_SIDE = 4096
_DEPTH = 8
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ ().%-]*(?<! )")
_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


@dataclass(frozen=True)
class Document:
    """What a schema.yaml says.

    Args:
        where: the file, for messages.
        targets: columns to predict; () where it doesn't say.
        task: of the targets, or None.
        roles: "weight", "group", "time" or "split" → a column (or the share of test rows).
        columns: name → its kind; None: left out.
        lines: field or "columns.NAME" → the line where it stands, from 1.
    """

    where: str
    targets: tuple[str, ...] = ()
    task: str | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Column | None] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)

    def at(self, place: str) -> str:
        """The file and the line of a field, as messages begin."""
        return f"{self.where}, line {self.lines.get(place, 1)}"

    def texts(self) -> tuple[str, ...]:
        """Columns whose cells must stay as they are written."""
        return tuple(name for name, c in self.columns.items() if c is not None and c.as_text)

    def joined(self, reading: Reading) -> Reading:
        """What options say and what the file says, as one.

        Raises:
            InputError: they contradict each other.
        """
        update: dict[str, Any] = {}
        if self.targets:
            update["targets"] = self._one("target", self.targets, reading.targets, "--target")
        if self.task is not None:
            update["task"] = self._one("task", self.task, reading.task, "--task")
        for role, said in self.roles.items():
            update[role] = self._one(role, said, getattr(reading, role), f"--{role}")
        for name in reading.drop:
            if self.columns.get(name) is not None:
                raise InputError(
                    f"{self.at(f'columns.{name}')}: '{name}' is to be used, and --drop leaves it "
                    "out",
                    advice="Change one of the two.",
                )
        return reading.model_copy(update=update)

    def _one(self, place: str, said: Any, option: Any, name: str) -> Any:
        if option and option != said:
            raise InputError(
                f"{self.at(place)}: {place} isn't what {name} says",
                found=f"{_shown(said)} here, {_shown(option)} there",
                advice="Change one of the two, or leave it out.",
            )
        return said


def _shown(value: Any) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def read(path: Path) -> Document:
    """Read a schema.yaml.

    Raises:
        InputError: the file can't be read, isn't plain YAML, or says what can't be; with the line.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
        if len(content) > LIMIT:
            raise InputError(f"{path}: too long for a schema", accepted=f"at most {LIMIT:,} bytes")
        return parse(content.decode("utf-8-sig"), str(path))
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such schema file", advice="Write one: methodic schema DATA -o schema.yaml"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: the schema can't be read", found=error.strerror) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file", accepted="a schema in YAML, UTF-8") from None


def parse(text: str, where: str) -> Document:
    """The document that ``text`` is.

    Args:
        text: YAML.
        where: the file's name, first in every message.

    Raises:
        InputError: see `read`.

    Example:
        >>> parse("target: price\\ncolumns: {zip: categorical, id: drop}", "s.yaml").columns["id"]
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
        raise InputError(f"{where}: empty", accepted="a schema in YAML, with target or columns")
    found: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for name, value in _pairs(node, where, "the schema"):
        at = f"{where}, line {_line(value)}"
        lines[name] = _line(value)
        if name not in _FIELDS:
            raise unknown("field", name, _FIELDS, at)
        if name == "columns":
            found["columns"] = dict(_columns(value, where, lines))
        elif name == "target":
            found["targets"] = _names(value, at, name)
        elif name == "task":
            found["task"] = _text(value, at, name)
        else:
            found.setdefault("roles", {})[name] = _text(value, at, name)
    return Document(where, lines=lines, **found)


def _refuse(text: str, where: str) -> None:
    """Look at the stream of events, which can't run or grow, before building anything."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        problem = None
        if isinstance(event, yaml.AliasEvent):
            problem = f"the alias *{event.anchor}"
        elif isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None):
            problem = f"the tag {event.tag}"  # type: ignore[attr-defined]
        elif depth > _DEPTH or documents > 1:
            problem = "nesting too deep" if depth > _DEPTH else "a second document"
        if problem:
            raise InputError(
                f"{where}, line {line}: this isn't read",
                found=problem,
                accepted="one schema in plain YAML: mappings, lists, numbers and text",
            )


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _pairs(node: yaml.Node, where: str, what: str) -> Iterator[tuple[str, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        raise InputError(
            f"{where}, line {_line(node)}: {what} must be a mapping",
            accepted="lines such as  name: value",
        )
    seen: set[str] = set()
    for key, value in node.value:
        at = f"{where}, line {_line(key)}"
        if not isinstance(key, yaml.ScalarNode):
            raise InputError(f"{at}: a name must be a word")
        if key.value in seen:
            raise InputError(f"{at}: '{key.value}' stands here a second time")
        seen.add(key.value)
        yield key.value, value


def _text(node: yaml.Node, at: str, what: str) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value:
        raise InputError(f"{at}: {what} must be one word", accepted=f"{what}: NAME")
    return str(node.value)


def _names(node: yaml.Node, at: str, what: str) -> tuple[str, ...]:
    if isinstance(node, yaml.SequenceNode):
        return tuple(_text(each, at, f"each {what}") for each in node.value)
    return (_text(node, at, what),)


def _columns(
    node: yaml.Node, where: str, lines: dict[str, int]
) -> Iterator[tuple[str, Column | None]]:
    for name, value in _pairs(node, where, "columns"):
        lines[f"columns.{name}"] = _line(value)
        at = f"{where}, line {_line(value)}: column '{name}'"
        if isinstance(value, yaml.MappingNode):
            fields = dict(_pairs(value, where, f"column '{name}'"))
            if "kind" not in fields:
                raise InputError(f"{at}: no kind", accepted=f"kind: {', '.join(_KINDS)}")
            kind = _text(fields.pop("kind"), at, "kind")
        else:
            kind, fields = _text(value, at, "the kind"), {}
        if kind not in _KINDS:
            raise unknown("kind", kind, _KINDS, at)
        allowed = _OPTIONS.get(kind, ())
        for each in fields:
            if each not in allowed:
                raise unknown(f"field of a {kind} column", each, allowed, at)
        options = {each: _option(kind, each, part, at) for each, part in fields.items()}
        if kind == "text":
            options.setdefault("numbers", 256)
        yield name, None if kind == DROP else Column(name=name, kind=kind, **options)


def _option(kind: str, name: str, node: yaml.Node, at: str) -> Any:
    if name == "notation":
        return _notation(kind, _text(node, at, name), at)
    if name == "words":
        return _names(node, at, "word")
    if name == "resize":
        word = _text(node, at, name)
        if word not in get_args(Resize):
            raise unknown("way to resize", word, get_args(Resize), at)
        return word
    if name == "numbers":
        return _whole(node, at, name, SMALLEST, LARGEST)
    if not isinstance(node, yaml.SequenceNode) or len(node.value) != 3:
        _bad_shape(at)
    channels, *sides = node.value
    shape = (
        _whole(channels, at, "the number of channels", 1, 4),
        *(_whole(side, at, "a side", 4, _SIDE) for side in sides),
    )
    return shape if shape[0] != 2 else _bad_shape(at)


def _notation(kind: str, text: str, at: str) -> str:
    known = {"numeric": NUMBERS, "categorical": (TRUTH,)}.get(kind, ())
    form, _, since = text.partition(SINCE)
    dates = re.fullmatch(r"(%[YymdHMSpIbBa]|%\.f|[ ./:,T-])*%(.|\.f)", form)
    if since and not ("%y" in form and since in map(str, range(FIRST, LAST + 1))):
        dates = None
    if text not in known and (known or not dates):
        raise InputError(
            f"{at}: this isn't a way to write the values of a {kind} column",
            found=text,
            accepted=", ".join(known)
            or "a format such as '%d/%m/%Y', '%Y-%m-%d %H:%M' or '%d.%m.%y since 1925'",
        )
    return text


def _bad_shape(at: str) -> NoReturn:
    raise InputError(
        f"{at}: the shape of images is channels, height, width",
        accepted="shape: [3, 32, 32], with 1 (grey), 3 or 4 channels",
    )


def _whole(node: yaml.Node, at: str, what: str, low: int, high: int) -> int:
    text = node.value if isinstance(node, yaml.ScalarNode) else ""
    if not re.fullmatch(r"[0-9]{1,6}", text) or not low <= int(text) <= high:
        raise InputError(
            f"{at}: {what} doesn't fit",
            found=text or "no number",
            accepted=f"a whole number from {low} to {high}",
        )
    return int(text)


def quoted(text: str) -> str:
    """A name or word as YAML, in quotes only where it would be read as something else."""
    if _PLAIN.fullmatch(text) and text.casefold() not in _WORDS:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(letter: str) -> str:
    if letter in '"\\' or not letter.isprintable():
        return f"\\U{ord(letter):08x}"
    return letter
