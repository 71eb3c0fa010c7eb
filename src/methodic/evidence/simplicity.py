"""Which of several methods has the fewest moving parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from methodic.plan import Plan
from methodic.recipes.kinds.regularizers import Augment
from methodic.recipes.types import Recipe, Turn

if TYPE_CHECKING:
    from methodic.evidence.leaderboard import Row

_RULES: Mapping[str, int] = MappingProxyType(
    {
        "sgd": 0,
        **dict.fromkeys(("adagrad", "rmsprop", "lion", "schedule_free_sgd"), 1),
        **dict.fromkeys(("adadelta", "adam", "adamax", "nadam", "radam"), 2),
        **dict.fromkeys(("adamw", "adan", "ivon", "adafactor"), 3),
        **dict.fromkeys(("schedule_free_adamw", "lamb", "muon"), 4),
        **dict.fromkeys(("prodigy", "soap", "lbfgs"), 5),
    }
)
"""Running averages that a rule keeps, decoupled decay, and what else it has to know about weights;
a rule not listed counts most."""
_PLAIN = ("auto", "linear", "mlp")


def simplest(rows: Sequence[Row], plan: Plan) -> Row:
    """The simplest of ``rows``; the first of equally simple ones.

    In this order: the constant prediction (where it is as good as anything, nothing was learnt);
    the method that the plan names as the simplest; the linear baseline; the other methods, by
    `parts`; gradient boosting.
    """
    recipes = {each.recipe.name: each.recipe for each in plan.contenders}

    def rank(row: Row) -> tuple[int, int]:
        if row.kind == "baseline":
            return ({"constant": 0, "linear": 2}.get(row.name, 4), 0)
        if plan.confirm and row.name == plan.confirm.simplest:
            return (1, 0)
        return (3, parts(recipes[row.name]))

    return min(rows, key=rank)


def parts(recipe: Recipe) -> int:
    """The number of moving parts: what has to be chosen beyond plain gradient descent.

    Every stage, turn, objective and driven number counts 1, so does every regularizer, clipping by
    norm, by value or adaptively, a network made for its method, momentum, a schedule that isn't
    constant, a warm-up, and a full batch; an optimizer as in `_RULES`.
    """
    count = len(recipe.stages) + (recipe.model.kind not in _PLAIN)
    for stage in recipe.stages:
        count += sum(map(_of_turn, stage.turns)) + sum(
            len(each.changes or ()) if isinstance(each, Augment) else 1
            for each in stage.regularizers
        )
        count += stage.batch == "full"  # rarely a method that anyone would use as it is
    return count


def _of_turn(turn: Turn) -> int:
    rule = turn.optimizer
    momentum: object = getattr(rule, "momentum", 0)
    switches = (
        momentum != 0,
        turn.schedule.kind != "constant",
        turn.schedule.warmup != 0,
        turn.clip.norm != 0,
        turn.clip.value != 0,
        turn.clip.adaptive != 0,
    )
    return (
        1
        + len(turn.objectives)
        + len(turn.drives)
        + _RULES.get(rule.kind, max(_RULES.values()) + 1)
        + sum(switches)
    )
