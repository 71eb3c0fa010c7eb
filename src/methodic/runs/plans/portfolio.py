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
from methodic.data.splits import few
from methodic.errors import InputError
from methodic.models.inputs import Inputs
from methodic.recipes import catalogue
from methodic.recipes.types import Recipe

_SIZES: Final = ((0.0, 6), (120.0, 8), (300.0, 10), (600.0, 12))
"""Seconds → methods, for tables of up to `_MANY` rows."""
_MANY = 20_000  # rows; a table of ten times as many gets one size less for its budget
_FEW = 5_000
_LEAST = 24  # pixels of a side
_UNLABELLED = 100  # rows without a target, fewer of which are worth no method
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
        unlabelled: rows without a target, beside ``rows``.
        classes: the task is one of classes.
        taught: a trained network says what it thinks of each row.
    """

    rows: int
    columns: int
    categorical: int
    own: bool = False
    seconds: float = 60.0
    image: tuple[int, ...] = ()
    unlabelled: int = 0
    classes: bool = True
    taught: bool = False

    @property
    def many(self) -> bool:
        """Enough rows without a target for a method that reads them."""
        return not self.own and self.unlabelled >= max(_UNLABELLED, self.rows // 2)

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
    Rule("distillation", "you gave a teacher", lambda f: f.taught and not f.own),
    Rule("convnet", "made for images", lambda f: not f.table and not f.own),
    Rule("fixmatch", "rows without a class, by its own", lambda f: f.many and f.classes),
    Rule("joint_autoencoder", "rows without a target, given back", lambda f: f.many and f.table),
    Rule("joint_vicreg", "rows without a target, in the same step", lambda f: f.many),
    Rule("scarf", "rows without a target, before", lambda f: f.many and f.table),
    Rule("simclr", "rows without a target, before", lambda f: f.many and not f.table),
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


def facts_of(data: DataSet, budget: float, own: bool = False) -> Facts:
    """What the rules look at, of some data.

    Args:
        data: to be trained on.
        budget: seconds of the whole run.
        own: a network of the user's own takes the place of the recipes'.
    """
    columns, rows = data.schema.columns, data.heights[0]
    labelled = (
        rows if data.reading.labels is None else min(rows, few.wanted(data.reading.labels, rows))
    )
    without = 0 if data.unlabelled is None else data.unlabelled.height
    return Facts(
        rows=labelled,
        columns=len(columns),
        categorical=sum(column.kind == "categorical" for column in columns),
        own=own,
        seconds=budget,
        image=image_shape(data.schema),
        unlabelled=without + rows - labelled,
        classes=data.schema.task in ("binary", "multiclass"),
        taught=data.reading.teacher is not None,
    )


def image_shape(schema: Schema) -> tuple[int, ...]:
    """Channels, height and width, where the data are images and nothing else; () otherwise.

    Arrays of three axes that are too small for an automatic convolutional net are no images.
    """
    shapes = [column.shape for column in schema.columns]
    images = len(shapes) == 1 and len(shapes[0]) == 3 and min(shapes[0][1:]) >= build.LEAST_SIDE
    return tuple(shapes[0]) if images else ()


def possible(facts: Facts) -> tuple[str, ...]:
    """The methods of the library that such data can train, in alphabetical order.

    Methods that read rows without a target are among them where there are such rows.
    """
    found = []
    for name in catalogue.names():
        recipe = catalogue.get(name)
        reads, taught = catalogue.reads_unlabelled(recipe), catalogue.needs_teacher(recipe)
        if (taught and not facts.taught) or (reads and not taught and not facts.unlabelled):
            continue
        if _takes(recipe, facts.image) and _fits(recipe, facts):
            found.append(name)
    return tuple(found)


def _fits(recipe: Recipe, facts: Facts) -> bool:
    """Whether objectives without targets suit the data."""
    kinds = {o.kind for s in recipe.stages for t in s.turns for o in t.objectives}
    if kinds & {"pseudo_labels", "fixmatch", "supervised_contrastive"} and not facts.classes:
        return False
    if "scarf" in kinds and not facts.table:
        return False
    made = {o for s in recipe.stages for t in s.turns for o in t.objectives}
    generates = any(o.kind == "generator" and o.of == "rows" for o in made)
    return not (generates and facts.categorical)


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
    """The methods for these data and this budget."""
    most = size(facts.rows + facts.unlabelled, facts.seconds)
    if not facts.table:  # whose networks are slow; half of the methods get twice the time
        most //= 2
    taken = [rule for rule in RULES if rule.fits(facts)][:most]
    taken.sort(key=lambda rule: rule.recipe)
    left = len(possible(facts)) - len(taken)
    reasons = ", ".join(f"{rule.recipe} ({rule.why})" for rule in taken)
    return Portfolio(
        tuple(rule.recipe for rule in taken),
        (
            f"Methods for {facts.rows:,} rows{_beside(facts)} and this budget: {reasons}.",
            f"{left} others of the library are left out; a larger budget takes more of them, "
            "--recipes all takes all, and --recipes A,B takes those that you name.",
        ),
    )


def _beside(facts: Facts) -> str:
    return f", {facts.unlabelled:,} more without a target," if facts.unlabelled else ""


def size(rows: int, budget: float) -> int:
    """How many methods a budget pays for: more with more time, fewer with very many rows."""
    slower = max(0, math.ceil(math.log10(rows / _MANY))) if rows else 0
    sizes = [count for seconds, count in _SIZES if budget >= seconds]
    return sizes[max(0, len(sizes) - 1 - slower)]
