"""Objectives of recipes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from torch import Tensor

from methodic.build import own as owned
from methodic.build import unlabelled
from methodic.build.own import Own
from methodic.errors import InputError
from methodic.models.inputs import Inputs
from methodic.objectives import classes, numbers
from methodic.objectives.agreement import Answers
from methodic.objectives.ranking import PairwiseRanking
from methodic.plan import Task
from methodic.recipes.kinds import objectives as recipe
from methodic.recipes.kinds.own import OwnObjective
from methodic.types import Objective

_CLASSES: tuple[Task, ...] = ("binary", "multiclass")
_NUMBERS: tuple[Task, ...] = ("regression",)

TASKS: Final[Mapping[str, tuple[Task, ...]]] = MappingProxyType(
    {
        "supervised": (*_CLASSES, "multilabel", *_NUMBERS),
        "cross_entropy": _CLASSES,
        "focal": _CLASSES,
        "binary": ("binary",),
        "multilabel": (*_CLASSES, "multilabel"),
        "hinge": _CLASSES,
        "ordinal": _CLASSES,
        "pairwise_ranking": ("binary", "regression"),
        "mean_squared_error": _NUMBERS,
        "mean_absolute_error": _NUMBERS,
        "huber": _NUMBERS,
        "quantile": _NUMBERS,
        "gaussian_nll": _NUMBERS,
        "poisson": (),
        "supervised_contrastive": _CLASSES,
        "pseudo_labels": _CLASSES,
        "fixmatch": _CLASSES,
    }
)
"""Kind of an objective → the tasks that it fits; the others fit all."""


def fitting(spec: recipe.Objective, task: Task, inputs: Inputs | None = None) -> recipe.Objective:
    """The objective as the task needs it: "supervised" becomes the task's usual loss.

    ``inputs`` decide the views of an objective that names none.

    Raises:
        InputError: it doesn't fit the task.
    """
    if isinstance(spec, recipe.Supervised):
        if task == "regression":
            return recipe.MeanSquaredError(weight=spec.weight)
        if task == "multilabel":
            return recipe.Multilabel(weight=spec.weight, label_smoothing=spec.label_smoothing)
        return recipe.CrossEntropy(weight=spec.weight, label_smoothing=spec.label_smoothing)
    if task not in TASKS.get(spec.kind, (task,)):
        advice = None
        if isinstance(spec, recipe.Poisson):
            advice = (
                "It needs counts, and the target of a regression is standardised before training. "
                "Train on the logarithm of the counts by mean_squared_error; or, from Python, use "
                "methodic.objectives.numbers.Poisson on the counts themselves."
            )
        raise InputError(
            f"objective '{spec.kind}' doesn't fit a {task} task",
            accepted=", ".join(kind for kind, tasks in TASKS.items() if task in tasks),
            advice=advice,
        )
    if isinstance(spec, unlabelled.KINDS) and inputs is not None:
        return unlabelled.with_views(spec, inputs)
    return spec


def supervised(spec: recipe.Objective) -> bool:
    """Whether it is a loss of targets."""
    return not isinstance(spec, unlabelled.KINDS)


def answers(specs: Iterable[recipe.Objective], outputs: int) -> Answers:
    """What a network's outputs mean: what the losses of targets make of them.

    Classes are at least two ``outputs``, so a single one is a label or a number.
    """
    kinds = {spec.kind for spec in specs if spec.weight != 0}
    if "multilabel" in kinds:
        return "labels"
    numbers = any(TASKS.get(kind, ()) == _NUMBERS for kind in kinds) or "poisson" in kinds
    return "numbers" if numbers or outputs == 1 else "classes"


def outputs(specs: Iterable[recipe.Objective], targets: int) -> int:
    """Outputs of a network that serves all of these objectives.

    Args:
        specs: of a resolved recipe; those of weight 0 don't count.
        targets: classes, or predicted numbers.

    Raises:
        InputError: they need different networks.
    """
    needs = {
        spec.kind: 2 * targets if isinstance(spec, recipe.GaussianNLL) else targets
        for spec in specs
        if spec.weight != 0 and supervised(spec)
    }
    if len(set(needs.values())) > 1:
        raise InputError(
            "these objectives need networks with different outputs",
            found=", ".join(f"{kind} ({count})" for kind, count in needs.items()),
            advice="gaussian_nll gives a mean and a variance, so it stands alone.",
        )
    return next(iter(needs.values()), targets)


def objective(
    spec: recipe.Objective, path: str, class_counts: Tensor | None, own: Own
) -> Objective:
    """The objective at ``path`` of a resolved recipe.

    Raises:
        InputError: a loss of the user's own that wasn't given.
    """
    match spec:
        case OwnObjective():
            return owned.objective(spec, path, own)
        case recipe.CrossEntropy():
            smoothing, weights = bool(spec.label_smoothing), _weights(spec, class_counts)
            return classes.CrossEntropy(path, smoothing, weights)
        case recipe.Focal():
            return classes.Focal(path, bool(spec.gamma), _weights(spec, class_counts))
        case recipe.Binary():
            return classes.Binary(path, _weights(spec, class_counts))
        case recipe.Multilabel():
            smoothing, weights = bool(spec.label_smoothing), _yes_weights(spec, class_counts)
            return classes.Multilabel(path, weights, smoothing)
        case recipe.Hinge():
            return classes.Hinge(path)
        case recipe.Ordinal():
            return classes.Ordinal(path)
        case recipe.PairwiseRanking():
            return PairwiseRanking(path)
        case recipe.MeanSquaredError():
            return numbers.MeanSquaredError(path)
        case recipe.MeanAbsoluteError():
            return numbers.MeanAbsoluteError(path)
        case recipe.Huber():
            return numbers.Huber(path)
        case recipe.Quantile():
            return numbers.Quantile(path)
        case recipe.GaussianNLL():
            return numbers.GaussianNLL(path)
        case recipe.Poisson():
            return numbers.Poisson(path)
        case _:
            raise AssertionError("resolve the recipe first")


_Weighted = recipe.CrossEntropy | recipe.Focal | recipe.Binary


def _weights(spec: _Weighted, class_counts: Tensor | None) -> Tensor | None:
    """Weights with which all classes weigh alike in the training rows, [C]; 1 on average."""
    if spec.class_weights == "none" or class_counts is None:
        return None
    counts = class_counts.float().clamp(min=1)  # rare classes may miss in training
    return class_counts.sum() / (counts.numel() * counts)


def _yes_weights(spec: recipe.Multilabel, class_counts: Tensor | None) -> Tensor | None:
    """Noes per yes, [C]; of classes [C], the other rows are noes; of labels both are counted."""
    if spec.class_weights == "none" or class_counts is None:
        return None
    if class_counts.ndim == 2:
        both = class_counts.float().clamp(min=1)
        return both[0] / both[1]
    counts = class_counts.float().clamp(min=1)
    return ((class_counts.sum() - counts) / counts).clamp(min=1e-3)
