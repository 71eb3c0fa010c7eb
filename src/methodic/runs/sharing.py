"""A run's part in a search that several processes share."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

from methodic.files import read_json, write_json
from methodic.plan import Plan
from methodic.recipes.io import fingerprint
from methodic.recipes.types import Recipe
from methodic.runs.paths import WORK
from methodic.search.methods import space
from methodic.search.shared import Shared
from methodic.search.storage import Storage


class Sharing:
    """The data base of a shared search, and who this run is in it.

    Args:
        folder: the run's; work/ keeps the name under which it claims candidates.
        plan: the run's; all who share have the same data, split, metric and lengths.
        url: of the data base, with a password where it needs one; None: the plan's.
        greater_is_better: of the scores.

    Raises:
        InputError: the data base can't be reached.
    """

    def __init__(
        self, folder: Path, plan: Plan, url: str | None, *, greater_is_better: bool
    ) -> None:
        assert plan.search is not None
        assert plan.search.shared is not None
        self._plan, self._search, self._greater = plan, plan.search, greater_is_better
        self._run = _name(folder / WORK / "study.json")
        self._storage = Storage(url or plan.search.shared)

    def study(self, name: str, recipes: Sequence[Recipe]) -> Shared:
        """A study as all processes see it.

        Raises:
            InputError: there is one of this name that was made for something else.
        """
        plan, search = self._plan, self._search
        steps = {each.recipe.name: sum(each.steps) for each in plan.contenders}
        reading = plan.data.reading
        about = {
            "data": plan.data.fingerprint,
            "split": f"seed {plan.data.split_seed}",
            "rows": "{:,} for training, {:,} for validation, {:,} for test".format(*plan.data.rows),
            **{
                f"{what} of the split": said
                for what, said in (
                    ("parts", reading.split),
                    ("group", reading.group),
                    ("time", reading.time),
                )
                if said is not None
            },
            "metric": plan.metric,
            "steps": ", ".join(f"{each.name} {steps[each.name]}" for each in recipes),
            "strategy": f"{search.strategy}, one in {search.reduction}, {search.rungs} rungs",
            **{f"recipe {each.name}": fingerprint(each) for each in recipes},
        }
        return Shared(
            self._storage,
            f"{plan.data.name}/{name}",
            space(recipes),
            about=about,
            run=self._run,
            settings=search.settings,
            greater_is_better=self._greater,
        )

    def close(self) -> None:
        """Let go of the data base."""
        self._storage.close()


def _name(path: Path) -> str:
    """Under which a run claims candidates, also when it goes on."""
    if not path.exists():
        write_json(path, {"run": uuid.uuid4().hex})
    return str(read_json(path, "name of a run in a study")["run"])
