"""Driven numbers of a recipe in which something has been switched off."""

from __future__ import annotations

import re

from methodic.recipes.numbers import walk
from methodic.recipes.types import Drive, Recipe


def kept(recipe: Recipe, gone: tuple[str | int, ...] = ()) -> Recipe:
    """The recipe without the drives of numbers that are 0 or aren't there any more.

    Args:
        recipe: something of it has just been switched off.
        gone: path to the part that left its list, so that those behind it moved up by one.
    """
    on = {path for path, value in walk(recipe) if value != 0}
    stages = []
    for i, stage in enumerate(recipe.stages):
        turns = []
        for j, turn in enumerate(stage.turns):
            at = f"stages.{i}.turns.{j}."
            starts = (at, f"stages.{i}.", "")
            named = [_renamed(each, starts, gone) for each in turn.drives]
            drives = tuple(
                each
                for each in named
                if each is not None and any(start + each.number in on for start in starts)
            )
            turns.append(turn.model_copy(update={"drives": drives}))
        stages.append(stage.model_copy(update={"turns": tuple(turns)}))
    return recipe.model_copy(update={"stages": tuple(stages)})


def _renamed(drive: Drive, starts: tuple[str, ...], gone: tuple[str | int, ...]) -> Drive | None:
    """The drive, its number's path as it is after the part at ``gone`` left; None: it left too."""
    if not gone or not isinstance(gone[-1], int):
        return drive
    folder = ".".join(str(part) for part in gone[:-1]) + "."
    for start in starts:
        rest = (start + drive.number).removeprefix(folder)
        found = re.match(r"(\d+)\.", rest)
        if rest == start + drive.number or found is None:
            continue
        at = int(found[1])
        if at == gone[-1]:
            return None
        if at > gone[-1]:
            number = f"{folder}{at - 1}{rest[found.end() - 1 :]}".removeprefix(start)
            return drive.model_copy(update={"number": number})
    return drive
