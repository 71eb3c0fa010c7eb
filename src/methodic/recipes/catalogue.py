"""The library of named training methods: one YAML file each, beside this module.

Names are listed without reading the files, so that a misspelt one is answered at once.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from methodic.errors import unknown

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from methodic.recipes.types import Recipe


def _folder() -> Traversable:
    return resources.files("methodic.recipes") / "library"


def names() -> tuple[str, ...]:
    """The methods of the library, in alphabetical order."""
    files = (file.name for file in _folder().iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml")))


def is_file(name_or_path: str | Path) -> bool:
    """Whether a recipe file is meant, not a name of the library: it ends in .yaml or .yml."""
    return isinstance(name_or_path, Path) or name_or_path.endswith((".yaml", ".yml"))


def get(name_or_path: str | Path) -> Recipe:
    """One training method.

    Args:
        name_or_path: a name of the library, or a YAML file.

    Raises:
        InputError: no such name, with the nearest one; or the file isn't a valid recipe.

    Example:
        >>> get("adam").stages[0].turns[0].optimizer.kind
        'adam'
    """
    from methodic.recipes import io

    if is_file(name_or_path):
        return io.read(Path(name_or_path))
    check(str(name_or_path))
    return io.from_yaml(text(str(name_or_path)), f"{name_or_path}.yaml")


def takes_images(recipe: Recipe) -> bool:
    """Whether a method's own network takes images, and nothing else."""
    from methodic.recipes.kinds.models import OF_IMAGES

    return recipe.model.kind in OF_IMAGES


def reads_unlabelled(recipe: Recipe) -> bool:
    """Whether a method reads rows without targets, where there are any."""
    searched = any(path.endswith((".rows", ".unlabelled")) for path in recipe.open)
    return searched or any(stage.rows == "all" or stage.unlabelled for stage in recipe.stages)


def needs_teacher(recipe: Recipe) -> bool:
    """Whether a method learns from what another trained network says."""
    return '"kind":"distillation"' in recipe.model_dump_json()  # options of choices included


def check(name: str) -> None:
    """Refuse a name that the library doesn't have."""
    if name not in names():
        raise unknown("recipe", name, names())


def text(name: str) -> str:
    """The file of a method, with its comments."""
    check(name)
    return (_folder() / f"{name}.yaml").read_text(encoding="utf-8")


def all_recipes() -> tuple[Recipe, ...]:
    """The whole library."""
    return tuple(get(name) for name in names())
