"""Which methods of the library a run compares, when nobody names them, and why these.

A rule table, best known first: each rule says for what data it speaks, and the budget says how many
are taken. Nothing is drawn or measured: the same data and budget give the same methods.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from methodic import build
from methodic.data.dataset import DataSet
from methodic.data.schemas.schema import Schema
from methodic.errors import InputError
from methodic.models.inputs import Inputs
from methodic.recipes import catalogue
from methodic.recipes.types import Recipe

_SIZES: Final = ((0.0, 6), (120.0, 8), (300.0, 10), (600.0, 12))
"""Seconds → methods, for tables of up to `_MANY` rows."""
_MANY = 20_000  # rows; a table of ten times as many gets one size less for its budget
_FEW = 5_000
_LEAST = 24  # pixels of a side
_HOUR = 3600.0


@dataclass(frozen=True)
class Facts:
    """What the rules look at.

    Args:
        rows: of the table, before it is split.
        columns: all of them, and ``categorical`` among them.
        own: a network of the user's own takes the place of the recipes'.
        seconds: of the run.
        image: its channels, height and width, where the data are images; () otherwise.
    """

    rows: int
    columns: int
    categorical: int
    own: bool = False
    seconds: float = 60.0
    image: tuple[int, ...] = ()

    @property
    def table(self) -> bool:
        """Not images."""
        return not self.image

    @property
    def photographs(self) -> bool:
        """Images in colour, and not too small: likely to show the same in a mirror."""
        return bool(self.image) and self.image[0] == 3 and min(self.image[1:]) >= _LEAST

    @property
    def wide(self) -> bool:
        """Fewer than ten rows for each column."""
        return self.rows < 10 * self.columns


@dataclass(frozen=True)
class Rule:
    """A method, the data that it is taken for, and why."""

    recipe: str
    why: str
    fits: Callable[[Facts], bool] = lambda facts: True  # noqa: ARG005


@dataclass(frozen=True)
class Portfolio:
    """The chosen methods, in alphabetical order, and what the plan says about them."""

    names: tuple[str, ...]
    notes: tuple[str, ...]


RULES: Final = (
    Rule("convnet", "made for images", lambda f: not f.table and not f.own),
    Rule("quicknet", "made for photographs", lambda f: f.photographs and not f.own),
    Rule("sgd", "the plain reference"),
    Rule("adamw_cosine", "strong on most data"),
    Rule("adam", "works over a wide span of rates"),
    Rule("momentum", "often the best at the end, once tuned"),
    Rule("resnet", "deeper than convnet", lambda f: not f.table and not f.own),
    Rule("rmsprop", "an adaptive rule without momentum"),
    Rule(
        "gradient_descent",
        "exact gradients, cheap with few rows",
        lambda f: f.rows <= _FEW and f.table,
    ),
    Rule("elastic_net", "few rows for so many columns", lambda f: f.wide and f.table and not f.own),
    Rule("realmlp", "made for tables", lambda f: f.table and not f.own),
    Rule("one_cycle", "high rates, and quick"),
    Rule("tabm", "many networks in one", lambda f: f.table and not f.own and f.seconds >= _HOUR),
    Rule("muon", "orthogonal steps for matrices"),
    Rule("cocktail", "many regularizers at once", lambda f: f.table and not f.own),
    Rule("adagrad", "rare categories keep large steps", lambda f: f.categorical > 0),
    Rule("schedule_free_adamw", "an average in place of a schedule"),
    Rule("mixup", "few rows, mixed in pairs", lambda f: f.rows <= _FEW),
    Rule("swa", "the mean of many weights"),
    Rule("nesterov", "momentum that looks ahead"),
    Rule("soap", "a preconditioner for matrices"),
    Rule("sgdr", "a cosine with restarts"),
)


def choose(data: DataSet, budget: float, own: bool = False) -> Portfolio:
    """The methods for these data and this budget.

    Args:
        data: to be trained on.
        budget: seconds of the whole run.
        own: a network of the user's own takes the place of the recipes'.
    """
    columns = data.schema.columns
    categorical = sum(column.kind == "categorical" for column in columns)
    image = image_shape(data.schema)
    return chosen(Facts(data.heights[0], len(columns), categorical, own, budget, image))


def image_shape(schema: Schema) -> tuple[int, ...]:
    """Channels, height and width, where the data are images and nothing else; () otherwise.

    Arrays of three axes that are too small for an automatic convolutional net are no images.
    """
    shapes = [column.shape for column in schema.columns]
    images = len(shapes) == 1 and len(shapes[0]) == 3 and min(shapes[0][1:]) >= build.LEAST_SIDE
    return tuple(shapes[0]) if images else ()


def possible(image: tuple[int, ...]) -> tuple[str, ...]:
    """The methods of the library whose networks take such images, in alphabetical order.

    Args:
        image: channels, height and width; () where the data are no images.
    """
    return tuple(name for name in catalogue.names() if _takes(catalogue.get(name), image))


def _takes(recipe: Recipe, image: tuple[int, ...]) -> bool:
    if not catalogue.takes_images(recipe):
        return True
    if not image:
        return False
    try:
        build.network(recipe, Inputs(array=math.prod(image), shape=image), outputs=2)
    except InputError:  # too small, or of a size that its patches don't fill
        return False
    return True


def chosen(facts: Facts) -> Portfolio:
    """The methods by the rules alone; see `choose`."""
    most = size(facts.rows, facts.seconds)
    if not facts.table:  # whose networks are slow; half of the methods get twice the time
        most //= 2
    taken = [rule for rule in RULES if rule.fits(facts)][:most]
    taken.sort(key=lambda rule: rule.recipe)
    left = len(possible(facts.image)) - len(taken)
    reasons = ", ".join(f"{rule.recipe} ({rule.why})" for rule in taken)
    return Portfolio(
        tuple(rule.recipe for rule in taken),
        (
            f"Methods for {facts.rows:,} rows and this budget: {reasons}.",
            f"{left} others of the library are left out; a larger budget takes more of them, "
            "--recipes all takes all, and --recipes A,B takes those that you name.",
        ),
    )


def size(rows: int, budget: float) -> int:
    """How many methods a budget pays for: more with more time, fewer with very many rows."""
    slower = max(0, math.ceil(math.log10(rows / _MANY))) if rows else 0
    sizes = [count for seconds, count in _SIZES if budget >= seconds]
    return sizes[max(0, len(sizes) - 1 - slower)]
