from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

import methodic
from methodic.errors import InputError
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
