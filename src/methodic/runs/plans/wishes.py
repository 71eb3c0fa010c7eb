"""What the user asked for, checked, before anything is read or measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from methodic.asking import Asked, check_design, check_machine, count_of_finalists
from methodic.data.columns.conform import class_codes
from methodic.data.dataset import DataSet
from methodic.data.splits import uncrossable
from methodic.data.weights import weights_of
from methodic.durations import parse_budget
from methodic.errors import InputError
from methodic.evidence.design import difference_of
from methodic.metrics import Metric, default_metric, get_metric
from methodic.plan import Equal, Splits
from methodic.recipes import catalogue
from methodic.recipes.types import Recipe
from methodic.runs import resuming
from methodic.runs.plans import hunting, portfolio
from methodic.runs.rows import streaming
from methodic.tuning import Search

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
    named: bool = False  # the user named the recipes one by one, so none may be left out
    compile: bool | None = None  # None: where it pays
    asked: Asked = field(default_factory=Asked)
    shared_batches: bool = False
    equal: Equal = "seconds"
    splits: Splits | None = None
    detect: float | None = None  # in units of the metric
    finalists: int | Literal["all"] | None = None
    search: Search | None = None  # None: a small grid
    notes: tuple[str, ...] = ()  # about the choice of the methods


def methods(recipes: Sequence[str | Path | Recipe] | Literal["all"]) -> tuple[Recipe, ...]:
    """The recipes to compare: the named ones, or the whole library.

    Raises:
        InputError: none at all, or two of one name.
    """
    named = catalogue.names() if recipes == "all" else recipes
    if isinstance(named, str):
        named = (named,)
    chosen = [each if isinstance(each, Recipe) else catalogue.get(str(each)) for each in named]
    names = [recipe.name for recipe in chosen]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not chosen:
        raise InputError("no recipe to compare", advice="Leave recipes out, or name some.")
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
    recipes: Sequence[str | Path | Recipe] | Literal["all"] | None,
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
    finalists: int | str | None = None,
    search: Search | None = None,
    module: bool = False,
) -> Wishes:
    """The arguments of `runs.run` as one checked value.

    ``module``: a network of the user's own takes the place of the recipes'.

    Raises:
        InputError: something about them, or they don't fit each other or the data.
    """
    task = data.schema.task
    check_seeds(seed, seeds)
    check_machine(threads, workers)
    resuming.check_device(device, "Leave --device out to use the processor.")
    same, splitting = check_design(equal, splits, detect, seeds)
    chosen = get_metric(metric, task) if metric is not None else _default(data)
    if splits == "cv" and (reason := uncrossable(data)) is not None:
        raise InputError(reason, advice="Ask for --splits one.")
    seconds = DEFAULT_BUDGET if budget is None else parse_budget(budget, endless=True)
    facts = portfolio.facts_of(data, seconds, module)
    fitting = portfolio.chosen(facts) if recipes is None else None
    named = recipes is not None and recipes != "all"
    chosen_methods = methods(_named(facts, recipes, fitting))
    if data.large is not None:
        chosen_methods = streaming.possible(chosen_methods, named)
    check_teacher(chosen_methods, data)
    if search is None and any(recipe.open for recipe in chosen_methods):
        search = Search()  # a grid has numbers only
    if search is not None:
        hunting.check(search, chosen_methods)
    return Wishes(
        recipes=chosen_methods,
        metric=chosen.name,
        budget=seconds,
        seed=seed,
        seeds=seeds,
        workers=workers,
        threads=threads,
        device=device,
        compile=compile,
        command=command,
        named=named,
        asked=asked or Asked(),
        shared_batches=shared_batches or data.large is not None,
        equal=same,
        splits=splitting,
        detect=None if detect is None else difference_of(detect, chosen),
        finalists=count_of_finalists(finalists),
        search=search,
        notes=fitting.notes if fitting is not None else (),
    )


def check_teacher(recipes: Sequence[Recipe], data: DataSet) -> None:
    """Refuse a method that learns from another network where there is none.

    Raises:
        InputError: it names the method.
    """
    taught = [recipe.name for recipe in recipes if catalogue.needs_teacher(recipe)]
    if taught and data.reading.teacher is None:
        raise InputError(
            f"recipe {taught[0]} learns from a trained network, and none was given",
            accepted="--teacher with a model's folder or file, such as --teacher runs/digits-001",
            advice="Train one first: methodic run DATA, or leave this recipe out.",
        )


def _named(
    facts: portfolio.Facts,
    recipes: Sequence[str | Path | Recipe] | Literal["all"] | None,
    fitting: portfolio.Portfolio | None,
) -> Sequence[str | Path | Recipe]:
    """The methods asked for; "all" are those that can train on the data."""
    if fitting is not None:
        return fitting.names
    if recipes == "all":
        return portfolio.possible(facts)
    return recipes or ()


def _default(data: DataSet) -> Metric:
    """The task's own metric, which depends on how unequal the classes are."""
    schema = data.schema
    if schema.task in ("regression", "multilabel"):
        return default_metric(schema.task, None, len(schema.targets))
    codes = class_codes(data.frame[schema.target], schema).drop_nulls().to_numpy()
    counts = np.bincount(codes, weights_of(data.frame, schema), minlength=len(schema.classes))
    return default_metric(schema.task, counts.tolist())
