"""The space of one method, or of several together; and which plans suit it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from methodic.errors import InputError
from methodic.recipes.ranges import Options
from methodic.recipes.spaces import Dimension, dimensions
from methodic.recipes.types import Recipe
from methodic.search.populations import check
from methodic.tuning import METHOD, SearchPlan, Setting


def space(recipes: Sequence[Recipe]) -> tuple[Dimension, ...]:
    """The dimensions of one method's space; or of several together, where the method comes first.

    Paths have the method's name before them then: "adamw_cosine/stages.0.batch".
    """
    if len(recipes) == 1:
        return dimensions(recipes[0])
    found = [Dimension(METHOD, Options(choice=tuple(each.name for each in recipes)))]
    for recipe in recipes:
        mine = (METHOD, recipe.name)
        for each in dimensions(recipe):
            given = tuple((f"{recipe.name}/{path}", value) for path, value in each.given)
            path = f"{recipe.name}/{each.path}"
            found.append(Dimension(path, each.range, (mine, *given)))
    return tuple(found)


def joined(name: str, setting: Setting, methods: int) -> Setting:
    """A method's own setting as one of the space of so many methods."""
    if methods == 1:
        return setting
    return {METHOD: name, **{f"{name}/{path}": value for path, value in setting.items()}}


def parted(setting: Setting, names: Collection[str]) -> tuple[str, Setting]:
    """Which of the methods a setting is of, and the method's own setting."""
    if len(names) == 1:
        return next(iter(names)), setting
    own = {path.partition("/")[2]: v for path, v in setting.items() if path != METHOD}
    return str(setting[METHOD]), own


def suits(name: str, recipes: Sequence[Recipe], plan: SearchPlan, *, shared: bool) -> None:
    """Whether a plan can search for these methods.

    Args:
        name: of the study.
        recipes: the methods.
        plan: how to search.
        shared: whether other processes search along.

    Raises:
        InputError: it can't, and why.
    """
    if plan.settings < 1:
        raise InputError(
            "a search needs settings", found=plan.settings, accepted="at least 1, such as 64"
        )
    if plan.reduction < 2 or plan.rungs < 1:
        raise InputError(
            "a search drops candidates from rung to rung",
            found=f"one in {plan.reduction} goes on, {plan.rungs} rungs",
            accepted="one in 2 or more, and at least 1 rung",
        )
    if plan.strategy != "population":
        return
    if shared:
        raise InputError(
            "population-based training can't be shared: its members take over each other's weights",
            advice="Leave --study out, or take --strategy halving.",
        )
    if len(recipes) > 1:
        raise InputError(
            "population-based training can't choose among methods: one has no use for another's "
            "weights",
            found=", ".join(each.name for each in recipes),
            advice="Leave 'method' out of the search, so that each has a population of its own; or "
            "take --strategy halving.",
        )
    check(dimensions(recipes[0]), tuple(recipes[0].open), f"recipe {name}")
