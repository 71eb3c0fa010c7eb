from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import pytest

import methodic
from methodic.errors import InputError
from methodic.recipes import catalogue
from methodic.recipes.kinds import (
    models,
    objectives,
    optimizers,
    regularizers,
    schedules,
    unlabelled,
)
from methodic.recipes.types import Recipe

ROOT = Path(__file__).parents[1]


def test_names_arrive_when_they_are_used() -> None:
    assert methodic.Recipe is Recipe
    assert methodic.InputError is InputError
    assert isinstance(methodic.recipe("adam"), Recipe)
    assert set(dir(methodic)) == set(methodic.__all__)
    assert methodic.__all__ == sorted(methodic.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'rnu'"):
        methodic.rnu  # noqa: B018


def test_no_module_hides_a_function_of_the_same_name() -> None:
    # Importing a module puts it into its package under its name, where the function would be.
    functions = {name for name in methodic.__all__ if name != "optimizers"}
    assert not functions & {path.stem for path in (ROOT / "src" / "methodic").iterdir()}


def test_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert methodic.__version__ == project["version"]


def test_the_wheel_carries_the_library() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = package["tool"]["setuptools"]["package-data"]["methodic"]
    inside = Path(str(files("methodic")))
    carried = {path for pattern in patterns for path in inside.glob(pattern)}
    assert set(inside.rglob("*.yaml")) <= carried


def test_the_readme_counts_right() -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())

    def said(words: str) -> int:
        found = re.search(words.replace("N", r"(\d+)", 1), text)
        assert found is not None, words
        return int(found[1])

    def kinds(union: Any, *no_parts: str) -> int:
        """Kinds of a union, in which there may be others; what one writes oneself isn't counted."""
        members = [kind for each in get_args(get_args(union)[0]) for kind in _kinds(each)]
        return len(set(members) - {"own", *no_parts})

    def _kinds(member: Any) -> tuple[str, ...]:
        parts = get_args(member)
        inner = tuple(kind for part in parts for kind in _kinds(part))
        own = getattr(member, "model_fields", {}).get("kind")
        return inner if own is None else get_args(own.annotation)

    assert said("lists N of them") == len(catalogue.names())
    assert said("N update rules") == kinds(optimizers.Optimizer)
    assert said("N schedules") == kinds(schedules.Schedule)
    without = [each.model_fields["kind"].default for each in get_args(unlabelled.Unlabelled)]
    assert said("N losses") == kinds(objectives.Objective, "supervised", *without)
    assert said("N objectives beside them") == len(without)
    assert said("N regularizers") == kinds(regularizers.Regularizer)
    assert said("N networks") == kinds(models.Model, "auto")


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_tables_are_whole(name: str) -> None:
    """Rows behind an empty line are a paragraph full of bars."""
    blocks = re.split(r"\n\s*\n", (ROOT / name).read_text(encoding="utf-8"))
    for block in blocks:
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert not rows or re.fullmatch(r"[|\s:-]+", rows[1]), rows[0]
