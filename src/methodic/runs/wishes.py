"""What the user asked for, checked, before anything is read or measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from methodic.data.conform import class_codes
from methodic.data.dataset import DataSet
from methodic.durations import parse_budget
from methodic.errors import InputError
from methodic.evidence.design import difference_of
from methodic.metrics import Metric, default_metric, get_metric
from methodic.plan import Asked, Equal, Splits, check_design
from methodic.recipes import catalogue
from methodic.recipes.types import Recipe
from methodic.runs import resuming

DEFAULT_BUDGET = 60.0  # seconds


@dataclass(frozen=True)
class Wishes:
    """What the user asked for; None leaves a choice to the plan."""

    recipes: tuple[Recipe, ...]
    metric: str
    budget: float
    seed: int = 0
    seeds: int | None = None
    workers: int | None = None
    threads: int | None = None
    device: str = "cpu"
    command: str = ""
    named: bool = False  # the user named the recipes, so none may be left out
    compile: bool | None = None  # None: where it pays
    asked: Asked = field(default_factory=Asked)
    shared_batches: bool = False
    equal: Equal = "seconds"
    splits: Splits | None = None
    detect: float | None = None  # in units of the metric


def methods(recipes: Sequence[str | Path | Recipe] | None) -> tuple[Recipe, ...]:
    """The recipes to compare: the named ones, or the whole library.

    Raises:
        InputError: none at all, or two of one name.
    """
    named = catalogue.all_recipes() if recipes is None else recipes
    chosen = [each if isinstance(each, Recipe) else catalogue.get(str(each)) for each in named]
    names = [recipe.name for recipe in chosen]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not chosen:
        raise InputError("no recipe to compare", advice="Leave recipes out for the whole library.")
    if twice:
        raise InputError(f"two recipes have the same name: {', '.join(twice)}")
    return tuple(chosen)


def check_seeds(seed: int, seeds: int | None) -> None:
    """Refuse a seed or a number of seeds that is out of range."""
    if not 0 <= seed < 2**63:
        raise InputError("--seed must be a whole number from 0 to 2**63 - 1", found=seed)
    if seeds is not None and not 1 <= seeds <= 10_000:
        raise InputError("--seeds must be from 1 to 10,000", found=seeds)


def wish(
    data: DataSet,
    recipes: Sequence[str | Path | Recipe] | None,
    metric: str | None,
    budget: str | float | None,
    *,
    seed: int,
    device: str,
    threads: int | None,
    command: str,
    seeds: int | None = None,
    workers: int | None = None,
    compile: bool | None = None,
    asked: Asked | None = None,
    shared_batches: bool = False,
    equal: str = "seconds",
    splits: str = "auto",
    detect: str | float | None = None,
) -> Wishes:
    """The arguments of `runs.run` as one checked value.

    Raises:
        InputError: something about them, or they don't fit each other or the data.
    """
    task = data.schema.task
    check_seeds(seed, seeds)
    resuming.check_device(device, "Leave --device out to use the processor.")
    same, splitting = check_design(equal, splits, detect, seeds)
    chosen = get_metric(metric, task) if metric is not None else _default(data)
    if splits == "cv" and data.test is not None:
        raise InputError(
            "cross-validation makes test rows of all rows, but you gave your own",
            advice="Leave --split out, or ask for --splits one.",
        )
    return Wishes(
        recipes=methods(recipes),
        metric=chosen.name,
        budget=DEFAULT_BUDGET if budget is None else parse_budget(budget),
        seed=seed,
        seeds=seeds,
        workers=workers,
        threads=threads,
        device=device,
        compile=compile,
        command=command,
        named=recipes is not None,
        asked=asked or Asked(),
        shared_batches=shared_batches,
        equal=same,
        splits=splitting,
        detect=None if detect is None else difference_of(detect, chosen),
    )


def _default(data: DataSet) -> Metric:
    """The task's own metric, which depends on how unequal the classes are."""
    schema = data.schema
    if schema.task == "regression":
        return default_metric(schema.task)
    codes = class_codes(data.frame[schema.target], schema).drop_nulls().to_numpy()
    return default_metric(schema.task, np.bincount(codes, minlength=len(schema.classes)).tolist())
