"""What a recipe is made of: the parts of it that can be switched off, and the recipe without one.

An ingredient is something that a method could do without: a schedule, momentum, a regularizer. What
has no "off" (the learning rate, the size of a batch) is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from methodic.errors import unknown
from methodic.recipes import drives
from methodic.recipes import types as t
from methodic.recipes.kinds import schedules
from methodic.recipes.kinds.unlabelled import TAUGHT
from methodic.recipes.numbers import left_open
from methodic.recipes.switches import SWITCHES, Switch, whole

Path = tuple[str | int, ...]  # to a part inside a recipe, as ("stages", 0, "turns", 0)


@dataclass(frozen=True)
class Ingredient:
    """A part of a recipe that can be switched off.

    Args:
        key: its name, unique within the recipe.
        words: what people call it.
    """

    key: str
    words: str


def ingredients(recipe: t.Recipe, *, network: bool = True) -> tuple[Ingredient, ...]:
    """What the recipe could do without, in its own order.

    Besides `SWITCHES`: each stage before the last one, and each of several objectives of a turn.

    Args:
        recipe: resolved and without ranges.
        network: False leaves out what belongs to the recipe's own network.

    Example:
        >>> recipe = t.Recipe.model_validate(
        ...     {"name": "a", "stages": [{"schedule": {"kind": "cosine"}}]})
        >>> [each.words for each in ingredients(recipe)]
        ['momentum (beta1)', 'weight decay', 'cosine schedule']
    """
    found = _found(recipe)
    return tuple(
        Ingredient(key, words) for key, (path, _, words) in found.items() if network or _apart(path)
    )


def without(recipe: t.Recipe, key: str) -> t.Recipe:
    """The recipe with an ingredient switched off; everything else, its name too, stays.

    Where a stage goes, the others take over its share.

    Raises:
        InputError: the recipe has no such ingredient.

    Example:
        >>> recipe = t.Recipe.model_validate(
        ...     {"name": "a", "stages": [{"schedule": {"kind": "cosine"}}]})
        >>> without(recipe, "schedule").stages[0].turns[0].schedule.kind
        'constant'
    """
    found = _found(recipe)
    if key not in found:
        raise unknown("ingredient", key, found, f"recipe {recipe.name}")
    path, switch, _ = found[key]
    changed = _changed(recipe, path, switch.off)
    left = sum(stage.share for stage in changed.stages)
    if len(changed.stages) < len(recipe.stages):
        stages = [s.model_copy(update={"share": s.share / left}) for s in changed.stages]
        changed = changed.model_copy(update={"stages": tuple(stages)})
    changed = drives.kept(changed, path if switch.off(_at(recipe, path)) is None else ())
    return t.Recipe.model_validate(changed.model_dump())  # checked like one that was written


_STAGE = whole("stage", "", t.Stage)
_OBJECTIVE = whole("objective", "", t.Supervised)


def _found(recipe: t.Recipe) -> dict[str, tuple[Path, Switch, str]]:
    """Key → where an ingredient is, how it is switched off, and what people call it."""
    if left := left_open(recipe):
        raise ValueError(f"recipe {recipe.name} still has ranges: {', '.join(left)}")
    listed = list(_listed(recipe))
    names = [switch.name for _, switch, _ in listed]
    words = [each for *_, each in listed]
    found: dict[str, tuple[Path, Switch, str]] = {}
    for path, switch, said in listed:
        where = ".".join(str(part) for part in path)
        key = switch.name if names.count(switch.name) == 1 else f"{switch.name}@{where}"
        place = "" if words.count(said) == 1 else _place(recipe, path)
        found[key] = (path, switch, said + place)
    return found


def _listed(recipe: t.Recipe) -> Iterator[tuple[Path, Switch, str]]:
    for path, part in _parts(recipe, ()):
        if isinstance(part, t.Stage) and part is not recipe.stages[-1]:
            yield path, _STAGE, f"stage '{part.name}'"
        for switch in SWITCHES.get(type(part), ()):
            if switch.on(part) and not _needed(recipe, path, part):
                yield path, switch, switch.words(part)
        if isinstance(part, t.Turn):
            working = [i for i, each in enumerate(part.objectives) if each.weight != 0]
            for i in working if len(working) > 1 else ():
                kind = part.objectives[i].kind.replace("_", " ")
                yield (*path, "objectives", i), _OBJECTIVE, f"{kind} objective"


def _needed(recipe: t.Recipe, path: Path, part: t.Part) -> bool:
    """Whether an objective of the same stage learns from this average of weights."""
    if getattr(part, "kind", "") not in ("ema", "swa"):
        return False
    stage = recipe.stages[int(path[1])]
    return any(o.kind in TAUGHT for turn in stage.turns for o in turn.objectives)


def _parts(value: Any, path: Path) -> Iterator[tuple[Path, t.Part]]:
    """Every part of a recipe with its path, in the order of the types.

    A joined schedule, and the one that drives a number, is an ingredient as a whole.
    """
    if isinstance(value, t.Part):
        yield path, value
        if isinstance(value, schedules.Joined | t.Drive):
            return
        for field in type(value).model_fields:
            yield from _parts(getattr(value, field), (*path, field))
    elif isinstance(value, tuple):
        for i, each in enumerate(value):
            yield from _parts(each, (*path, i))


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[int(part)] if isinstance(value, tuple) else getattr(value, str(part))
    return value


def _changed(value: Any, path: Path, change: Callable[[Any], Any]) -> Any:
    """``value`` with the part at ``path`` changed; a part of a tuple that becomes None goes."""
    if not path:
        return change(value)
    inner = value[int(path[0])] if isinstance(value, tuple) else getattr(value, str(path[0]))
    new = _changed(inner, path[1:], change)
    if isinstance(value, tuple):
        at = int(path[0])
        return value[:at] + (() if new is None else (new,)) + value[at + 1 :]
    return value.model_copy(update={str(path[0]): new})


def _apart(path: Path) -> bool:
    """Whether a part isn't one of the network."""
    return path[0] != "model"


def _place(recipe: t.Recipe, path: Path) -> str:
    """Which of several alike: " in stage 'train', turn 2"."""
    index = {str(name): int(at) for name, at in zip(path[::2], path[1::2], strict=False)}
    stage = recipe.stages[index["stages"]]
    said = [f"stage '{stage.name}'"] if len(recipe.stages) > 1 else []
    said += [f"turn {index['turns'] + 1}"] if "turns" in index and len(stage.turns) > 1 else []
    for several in ("objectives", "drives", "regularizers"):
        said += [f"{several} {index[several] + 1}"] if several in index else []
    return f" in {', '.join(said)}"
