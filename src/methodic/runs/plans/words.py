"""What a plan decided, in words for its reader."""

from __future__ import annotations

from methodic.data.dataset import DataSet
from methodic.data.splits import FOLDS, rule
from methodic.plan import Splits
from methodic.recipes import catalogue
from methodic.runs.machine.speed import EPOCHS, LEAST_CAP
from methodic.runs.plans import hunting
from methodic.runs.plans.hunting import Hunt
from methodic.runs.plans.sizing import CONFIRM_SEEDS, Fit
from methodic.runs.plans.units import SCREEN_SEEDS
from methodic.runs.plans.wishes import Wishes


def notes_of(
    fit: Fit, seeds: int, data: DataSet, wishes: Wishes, splits: Splits, hunt: Hunt | None
) -> tuple[str, ...]:
    """Sentences on budgets, settings, seeds and what limits the claim.

    Args:
        fit: what fits the time.
        seeds: of the confirmation, at most.
        data, wishes: what is compared, and what the user wants.
        splits: of the data.
        hunt: the search, where there is one.
    """
    notes = [
        *filter(None, [rule(data)]),
        _equality(fit, wishes),
        f"Screening: at most {fit.shape.points} settings × {SCREEN_SEEDS} seeds of each method, "
        "validation rows only."
        if hunt is None
        else hunting.words(hunt.of(fit.shape.points), len(fit.methods)),
        _confirmation(fit, seeds, wishes, splits),
    ]
    if fit.capped:
        notes.append(
            f"The budget allows more than {EPOCHS} epochs (or {LEAST_CAP} steps); training ends "
            "there."
        )
    if seeds < CONFIRM_SEEDS:
        notes.append(_few(seeds))
    return (*notes, *data.notes)


def _equality(fit: Fit, wishes: Wishes) -> str:
    """What every method gets the same of, in words."""
    if wishes.equal == "seconds":
        return (
            f"Equal budgets: every screening cohort gets {fit.share:.3g} s of one worker, every "
            f"confirmation cohort {fit.share * fit.scale:.3g} s, whatever its method."
        )
    what = {
        "steps": "optimizer steps",
        "samples": "rows seen (steps × rows of a batch)",
        "flops": "floating-point operations (counted for a step of each, × rows seen)",
    }[wishes.equal]
    return (
        f"Equal budgets: every method gets equally many {what}, as asked, and so not the same "
        f"time; a screening cohort gets {fit.share:.3g} s on average."
    )


def _confirmation(fit: Fit, seeds: int, wishes: Wishes, splits: Splits) -> str:
    who = f"Confirmation: {_finalists(fit)} on"
    if splits == "cv":
        return (
            f"{who} {seeds} splits of repeated {FOLDS}-fold cross-validation, with fresh seeds: "
            "split, initial weights and order vary together, so intervals are about training on "
            "other data of this kind. Settings were chosen on one split of the same rows."
        )
    if wishes.detect is not None:
        return (
            f"{who} as many fresh seeds as find a difference of {wishes.detect:g} with a power of "
            f"80%, judged by the first {CONFIRM_SEEDS}, at most {seeds}, and as far as the budget "
            "goes; intervals are about training again on this split."
        )
    return f"{who} {seeds} fresh seeds; intervals are about training again on this split."


def _finalists(fit: Fit) -> str:
    most = fit.shape.finalists
    if most >= len(fit.methods):
        return "all methods"
    both = {catalogue.reads_unlabelled(method.recipe) for method in fit.methods}
    each = (
        ", among them the best with and the best without unlabelled rows" if len(both) > 1 else ""
    )
    return f"the best {'method' if most == 1 else f'{most} methods'} and the simplest one{each}"


def _few(seeds: int) -> str:
    if seeds == 1:
        return (
            "Only one seed was asked for: there will be no interval and no test of a difference; "
            "a claim should rest on at least 10."
        )
    return f"Only {seeds} seeds were asked for; a claim should rest on at least 10."
