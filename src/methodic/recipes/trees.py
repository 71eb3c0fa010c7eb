"""A recipe as data, ranges in place, as its file has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter

from methodic.recipes.numbers import OPEN
from methodic.recipes.opening import entries
from methodic.recipes.ranges import Options
from methodic.recipes.types import Recipe, Stage


def tree(recipe: Recipe, *, defaults: bool = True) -> dict[str, Any]:
    """Mappings, lists and scalars that `io.from_data` reads back as an equal recipe.

    Args:
        recipe: what to write.
        defaults: write out fields that have their default value, too.
    """
    data: dict[str, Any] = _Writing(recipe, defaults).tree(recipe, Recipe, "")
    return data


class _Writing:
    def __init__(self, recipe: Recipe, defaults: bool) -> None:
        self.open = recipe.open
        self.defaults = defaults

    def tree(self, value: Any, expected: Any, path: str) -> Any:
        if path in self.open:
            return self._range(expected, path)
        if isinstance(value, BaseModel):
            return self._part(value, path)
        if isinstance(value, tuple):
            inner = entries(expected)
            return [self.tree(each, inner, f"{path}.{i}") for i, each in enumerate(value)]
        if isinstance(value, dict):
            return {name: self.tree(each, Any, f"{path}.{name}") for name, each in value.items()}
        return value

    def _part(self, value: BaseModel, path: str) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for name, field in type(value).model_fields.items():
            here = f"{path}.{name}" if path else name
            inner = getattr(value, name)
            if name == OPEN and isinstance(value, Recipe):
                continue
            if (
                self.defaults
                or name == "kind"
                or field.is_required()
                or inner != field.get_default(call_default_factory=True)
                or self._opened(here)
            ):
                data[name] = self.tree(inner, field.annotation, here)
        return _shorthand(data) if isinstance(value, Stage) else data

    def _opened(self, path: str) -> bool:
        """Whether a range stands there or below."""
        return any(each == path or each.startswith((f"{path}.", f"{path}[")) for each in self.open)

    def _range(self, expected: Any, path: str) -> dict[str, Any]:
        found = self.open[path]
        if not isinstance(found, Options):
            return found.model_dump(mode="json")
        return {
            "choice": [
                self.tree(
                    TypeAdapter(expected).validate_python(option), expected, f"{path}[{label}]"
                )
                if isinstance(option, dict | list)
                else option
                for option, label in zip(found.choice, found.labels, strict=True)
            ]
        }


def _shorthand(stage: dict[str, Any]) -> dict[str, Any]:
    """A stage of one turn names the turn's fields directly, where `turns` would stand."""
    turns: Sequence[dict[str, Any]] = stage.get("turns", ())
    if len(turns) != 1 or not turns[0]:
        return stage
    flat: dict[str, Any] = {}
    for name, value in stage.items():
        flat.update(turns[0] if name == "turns" else {name: value})
    return flat
