from __future__ import annotations

import subprocess
import sys
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


def test_run_stays_the_function_when_its_module_is_imported() -> None:
    code = (
        "import methodic, sys\n"
        "import methodic.run\n"
        "from methodic.run import Run\n"
        "assert callable(methodic.run), methodic.run\n"
        "assert methodic.run is sys.modules['methodic.run'].run\n"
    )
    subprocess.run([sys.executable, "-W", "error::ImportWarning", "-c", code], check=True)


def test_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert methodic.__version__ == project["version"]


def test_the_wheel_carries_the_library() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = package["tool"]["setuptools"]["package-data"]["methodic"]
    inside = Path(str(files("methodic")))
    carried = {path for pattern in patterns for path in inside.glob(pattern)}
    assert set(inside.rglob("*.yaml")) <= carried
