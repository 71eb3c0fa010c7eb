"""What a search's settings make of a recipe: whether it can be built, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from methodic import build
from methodic.build.own import Own
from methodic.recipes import numbers, spaces
from methodic.recipes.types import Recipe
from methodic.runs.machine.compiling import eager
from methodic.runs.rows.preparation import Prepared
from methodic.search.methods import space
from methodic.search.samplers import Sampler
from methodic.tuning import Setting

DRAWN = 24  # settings, of which the mean cost is taken
_LARGE = 20_000_000  # parameters; the parts of larger networks would take seconds and gigabytes


def buildable(prepared: Prepared, own: Own | None) -> Callable[[Recipe], None]:
    """Refuses recipes that can't be built for these data; of each structure one is tried.

    Such as patches that are larger than the images, which no field by itself gives away.

    Args:
        prepared: the data.
        own: objects that recipes name as the user's own.

    Returns:
        A function of a recipe without ranges, which raises InputError.
    """
    rows = prepared.rows["train"]
    known: set[str] = set()

    def check(recipe: Recipe) -> None:
        structure, _ = numbers.split(recipe)
        if structure in known:
            return
        if recipe.model.kind == "auto" or parameters(recipe, prepared) <= _LARGE:
            build.cohort(
                [recipe],
                [0],
                steps=[1 for _ in recipe.stages],
                inputs=prepared.inputs,
                outputs=prepared.outputs,
                rows=len(rows),
                every=rows.every,
                class_counts=prepared.class_counts,
                own=own,
            )
        known.add(structure)

    return check


def dear(recipes: Sequence[Recipe], prepared: Prepared, fits: Callable[[Recipe], None]) -> float:
    """How many times as long a setting takes as the recipe without a search, on average.

    All settings see as many rows, so smaller batches take more steps, and larger networks longer
    ones. What a step takes is estimated from the number of parameters.

    Args:
        recipes: with ranges; their mean is taken.
        prepared: the data.
        fits: refuses recipes that can't be built.

    Raises:
        InputError: no setting of a recipe can be built.
    """
    return math.fsum(_dear(each, prepared, fits) for each in recipes) / len(recipes)


def _dear(recipe: Recipe, prepared: Prepared, fits: Callable[[Recipe], None]) -> float:
    if not recipe.open:  # numbers cost nothing
        return 1.0

    def accepts(setting: Setting) -> None:
        fits(spaces.concrete(recipe, setting))

    sampler = Sampler(
        "random",
        space([recipe]),
        seed=0,
        greater_is_better=True,
        settings=DRAWN,
        accepts=accepts,
    )
    drawn = sampler.ask(DRAWN)
    if not drawn:  # in a finite space each is tried, this one too, and says why it can't be
        accepts(spaces.untuned(recipe))
    costs = [price(spaces.concrete(recipe, each), prepared) for each in drawn]
    plain = price(spaces.concrete(recipe, spaces.untuned(recipe)), prepared)
    return math.fsum(costs) / len(costs) / plain


def price(recipe: Recipe, prepared: Prepared) -> float:
    """Seconds of training for each row, about: by its parameters and its batch, and by no clock.

    Args:
        recipe: without ranges.
        prepared: the data.
    """
    rows = prepared.rows["train"]
    batch = build.batch_rows(recipe.stages[-1], len(rows), rows.every)
    return eager(parameters(recipe, prepared), batch) / batch


def parameters(recipe: Recipe, prepared: Prepared) -> int:
    """Of a recipe's own network; 0 for a network of the user's.

    Args:
        recipe: without ranges.
        prepared: the data.
    """
    if recipe.model.kind == "auto":
        return 0
    model = build.network(recipe, prepared.inputs, prepared.outputs)
    return sum(math.prod(spec.shape) for spec in model.parameters().values())
