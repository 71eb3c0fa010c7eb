"""The command on the library of methods: recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from methodic import console
from methodic import options as o
from methodic.errors import InputError

if TYPE_CHECKING:
    from methodic.recipes.types import Recipe


def recipes_command(
    name: o.LibraryName = None, space: o.Space = False, json: o.Json = False
) -> None:
    """List the library of training methods, or print one of them as YAML."""
    from methodic.recipes import catalogue

    if space:
        if name is None:
            raise InputError(
                "--space shows what can be searched for in one method",
                accepted="methodic recipes NAME --space",
                advice="methodic recipes lists the names.",
            )
        _show_space(catalogue.get(name), json)
        return
    if name is not None:
        if json:
            console.show_json(catalogue.get(name).model_dump(mode="json"))
        else:
            console.hand_over(catalogue.text(name))
        return
    recipes = catalogue.all_recipes()
    if json:
        header = {"name", "about", "source", "use_when", "not_when"}
        console.show_json([each.model_dump(mode="json", include=header) for each in recipes])
        return
    from methodic.report.terminal import recipes_table

    console.show(recipes_table(recipes))


def _show_space(recipe: Recipe, json: bool) -> None:
    """A method with all the ranges that the library knows for it."""
    from methodic.recipes import io, spaces

    found = spaces.searched(recipe, ["all"])
    dimensions = spaces.dimensions(found)
    if json:
        listed = [
            {
                "path": each.path,
                "range": each.range.model_dump(mode="json"),
                "given": dict(each.given),
            }
            for each in dimensions
        ]
        words = list(spaces.searchable(recipe))
        recipe_data = found.model_dump(mode="json")
        console.show_json({"recipe": recipe_data, "fields": words, "dimensions": listed})
        return
    lines = [
        f"# All that can be searched for in {recipe.name}: {len(dimensions)} ranges. Save it as "
        f"{recipe.name}.yaml, delete",
        f"# what you know, then: methodic run DATA --recipe {recipe.name}.yaml --sampler random",
        f"# By name, without a file: --search {','.join(spaces.searchable(recipe))}",
    ]
    if recipe.model.kind == "auto":
        lines.append(
            "# The data choose the network. To search it, too, write one in its place, such as\n"
            "# model: {kind: mlp, width: {choice: [64, 128, 256]}, depth: {integer: [1, 4]}}"
        )
    console.hand_over("\n".join(lines) + "\n" + io.to_yaml(found, defaults=False))
