"""The command on the library of methods: recipes."""

from __future__ import annotations

import sys

from methodic import console
from methodic import options as o


def recipes_command(name: o.LibraryName = None, json: o.Json = False) -> None:
    """List the library of training methods, or print one of them as YAML."""
    from methodic.recipes import catalogue

    if name is not None:
        if json:
            console.show_json(catalogue.get(name).model_dump(mode="json"))
        else:
            sys.stdout.write(catalogue.text(name))
        return
    recipes = catalogue.all_recipes()
    if json:
        header = {"name", "about", "source", "use_when", "not_when"}
        console.show_json([each.model_dump(mode="json", include=header) for each in recipes])
        return
    from methodic.report.terminal import recipes_table

    console.show(recipes_table(recipes))
