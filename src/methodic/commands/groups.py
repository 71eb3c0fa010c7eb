"""Options that several commands take together, as one value: about the data, about a comparison."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from methodic import arguments
from methodic import options as o
from methodic.durations import parse_budget

if TYPE_CHECKING:
    from methodic.plan import Reading


def flat(command: Callable[..., None]) -> Callable[..., None]:
    """A command as its user sees it: with an option for each field of the groups that it takes.

    Args:
        command: its parameters are options, or dataclasses whose fields are options.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters, groups = [], {}
    for name, each in inspect.signature(command).parameters.items():
        group = hints[name]
        if not is_dataclass(group):
            parameters.append(each.replace(kind=each.KEYWORD_ONLY, annotation=group))
            continue
        assert isinstance(group, type)
        groups[name] = group
        inner = get_type_hints(group, include_extras=True)
        parameters += [
            inspect.Parameter(
                f.name, each.KEYWORD_ONLY, default=f.default, annotation=inner[f.name]
            )
            for f in fields(group)
        ]

    @functools.wraps(command)
    def called(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{f.name: given.pop(f.name) for f in fields(group)})
        command(**given)

    del called.__wrapped__  # or the signature that is looked at would be the command's own
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {each.name: each.annotation for each in parameters}
    return called


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What a command is told about the rows and columns of its data; see `Reading`."""

    task: o.Task = None
    drop: o.Drop = None
    split: o.Split = None
    weight: o.Weight = None
    group: o.Group = None
    time: o.Time = None
    schema: o.SchemaFile = None
    memory: o.Memory = None
    skip_broken: o.SkipBroken = False
    unlabelled: o.Unlabelled = None

    def reading(self, target: Sequence[str] | None) -> Reading:
        """All of it as the value that a plan keeps.

        Raises:
            InputError: a size, a share or a number that is none, or a file that isn't there.
        """
        from methodic.data.sizes import parse_size
        from methodic.plan import Reading

        arguments.check_file(self.schema)
        if self.unlabelled is not None:
            arguments.check_data(self.unlabelled)
        rows = self.split is not None and _is_file(self.split)
        return Reading(
            targets=arguments.columns(target or ()),
            task=self.task,
            drop=arguments.columns(self.drop or ()),
            test=self.split if rows else None,
            split=None if rows else self.split,
            weight=self.weight,
            group=self.group,
            time=self.time,
            schema_file=None if self.schema is None else str(self.schema),
            memory=None if self.memory is None else parse_size(self.memory),
            skip_broken=self.skip_broken,
            unlabelled=self.unlabelled,
        )


@dataclass(frozen=True, kw_only=True)
class Rows(Columns):
    """The same, and what targets rows have."""

    labels: o.Labels = None
    teacher: o.Teacher = None

    def reading(self, target: Sequence[str] | None) -> Reading:
        """All of it as the value that a plan keeps; raises as `Columns` does."""
        if self.labels is not None:
            from methodic.data.splits.few import wanted

            wanted(self.labels, 1)
        if self.teacher is not None:
            arguments.check_model(Path(self.teacher))
        more = {"labels": self.labels, "teacher": self.teacher}
        return super().reading(target).model_copy(update=more)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How methods are compared; the arguments of `methodic.run` but for the data's, and its folder:
    a plan has none, since a folder with a plan is a run."""

    budget: o.Budget = "60s"
    recipes: o.Recipes = None
    recipe: o.RecipeFiles = None
    metric: o.Metric = None
    seed: o.Seed = 0
    seeds: o.Seeds = None
    finalists: o.Finalists = None
    device: o.Device = "cpu"
    threads: o.Threads = None
    workers: o.Workers = None
    compile: o.Compile = None
    precision: o.Precision = "auto"
    memory_format: o.MemoryFormat = "auto"
    width: o.Width = None
    shared_batches: o.SharedBatches = False
    equal: o.Equal = "seconds"
    splits: o.Splits = "auto"
    detect: o.Detect = None
    search: o.SearchFields = None
    sampler: o.Sampler = None
    settings: o.Settings = None
    strategy: o.Strategy = None
    study: o.Study = None

    def checked(self) -> dict[str, Any]:
        """Keyword arguments for `methodic.run` and `make_plan`, without the recipes.

        Raises:
            InputError: an unknown word, wishes that don't fit each other.
        """
        seconds = parse_budget(self.budget, endless=True)
        speed = arguments.speed(self.compile, self.precision, self.memory_format, self.width)
        arguments.check_design(self.equal, self.splits, self.detect, self.seeds, self.finalists)
        hunt = arguments.search(self.search, self.sampler, self.settings, self.strategy, self.study)
        same = ("metric", "seed", "seeds", "finalists", "device", "threads", "workers")
        design = ("shared_batches", "equal", "splits", "detect")
        return {
            "budget": seconds,
            **{name: getattr(self, name) for name in (*same, *design)},
            **speed,
            "search": hunt,
            "command": arguments.typed(),
        }


def _is_file(split: str) -> bool:
    """Whether --split means a file, there or misspelt, several, or a folder of images."""
    from methodic.data.sources.places import PACKED, SUFFIXES

    if os.sep in split or Path(split).suffix.lower() in (*SUFFIXES, *PACKED):
        return True
    try:
        return Path(split).exists()
    except OSError:  # a column may have a longer name than files can
        return False
