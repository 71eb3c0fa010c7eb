"""A study in a data base that is for one search: whoever shares it searches for the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from methodic.errors import InputError
from methodic.recipes.spaces import Dimension
from methodic.search.backend import silent
from methodic.search.storage import Storage

if TYPE_CHECKING:
    from optuna import Study

_ABOUT = "methodic"  # user attribute of the study: what it was made for
_OTHERS = "Search with the same data, recipe and budget, or name another data base."
_LENGTHS = (
    "A budget in seconds becomes steps by each machine's speed at the time. Begin and join such a "
    "search with --budget none, and write the length into the recipe: stop: {steps: 2000}."
)


def study(
    storage: Storage,
    name: str,
    space: Sequence[Dimension],
    about: Mapping[str, str],
    *,
    greater_is_better: bool,
) -> Study:
    """The study of this name, made if it isn't there.

    Args:
        storage: the data base.
        name: of the study.
        space: its dimensions.
        about: what else has to be the same.
        greater_is_better: of the scores.

    Raises:
        InputError: there is one that was made for something else.
    """
    import optuna

    here = {**about, "better": "more" if greater_is_better else "less"}
    here |= {f"range of {each.path}": _said(each) for each in space}
    rdb = storage.rdb
    if name not in [each.study_name for each in rdb.get_all_studies()]:
        with silent():
            made = optuna.create_study(
                storage=rdb,
                study_name=name,
                direction="maximize" if greater_is_better else "minimize",
            )
        made.set_user_attr(_ABOUT, json.dumps(here))
        return made
    found = optuna.load_study(storage=rdb, study_name=name)
    there = json.loads(found.user_attrs.get(_ABOUT, "{}"))
    changed = [key for key in {**there, **here} if there.get(key) != here.get(key)]
    if changed:
        said = [
            f"{key}: {there.get(key, 'none')} there, {here.get(key, 'none')} here"
            for key in changed[:5]
        ]
        more = f"; {len(changed) - 5} more" if len(changed) > 5 else ""
        raise InputError(
            f"--study: the study '{name}' in {storage.shown} was made for another search",
            found=("; ".join(said) + more) if there else "a study that Methodic didn't make",
            advice=_LENGTHS if changed == ["steps"] else _OTHERS,
        )
    return found


def _said(dimension: Dimension) -> str:
    """A range, as it stands in a recipe; and what it hangs on."""
    said = json.dumps(dimension.range.model_dump(mode="json"))
    given = " and ".join(f"{path} is {value}" for path, value in dimension.given)
    return f"{said} where {given}" if given else said
