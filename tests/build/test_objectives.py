from __future__ import annotations

from typing import get_args

import pytest
import torch

from methodic import build
from methodic.build import objectives
from methodic.errors import InputError
from methodic.models.mlp import Inputs
from methodic.plan import Task
from methodic.recipes.types import Recipe


def recipe(*kinds: object) -> Recipe:
    listed = [kind if isinstance(kind, dict) else {"kind": kind} for kind in kinds]
    model = {"kind": "linear"}
    return Recipe.model_validate({"name": "a", "model": model, "stages": [{"objectives": listed}]})


def built(*kinds: object, outputs: int = 3, counts: list[int] | None = None) -> build.Cohort:
    return build.cohort(
        [recipe(*kinds)],
        [0],
        steps=[10],
        inputs=Inputs(numeric=4),
        outputs=outputs,
        rows=50,
        class_counts=torch.tensor(counts or [10, 15, 25]),
    )


def only(cohort: build.Cohort) -> object:
    ((objective, _),) = cohort.stages[0].turns[0].objectives
    return objective


@pytest.mark.parametrize("task", get_args(Task))
def test_each_objective_says_what_it_fits(task: Task) -> None:
    for kind, tasks in objectives.TASKS.items():
        if task in tasks:
            build.resolve(recipe(kind), task, 50)
            continue
        with pytest.raises(InputError, match=f"'{kind}' doesn't fit a {task} task") as found:
            build.resolve(recipe(kind), task, 50)
        for other, fits in objectives.TASKS.items():
            assert (other in str(found.value.accepted).split(", ")) == (task in fits)


def test_poisson_says_why_no_task_fits() -> None:
    with pytest.raises(InputError) as found:
        build.resolve(recipe("poisson"), "regression", 50)
    assert "standardised" in str(found.value)
    assert "logarithm of the counts" in str(found.value)


def test_balanced_weights_make_classes_weigh_alike() -> None:
    for kind in ("cross_entropy", "focal"):
        made = only(built({"kind": kind, "class_weights": "balanced"}))
        weights = made.class_weights  # type: ignore[attr-defined]
        torch.testing.assert_close(weights * torch.tensor([10, 15, 25]), torch.full((3,), 50 / 3))
    made = only(built({"kind": "binary", "class_weights": "balanced"}, outputs=2, counts=[40, 10]))
    torch.testing.assert_close(made.class_weights, torch.tensor([0.625, 2.5]))  # type: ignore[attr-defined]


def test_balanced_yeses_weigh_as_much_as_noes() -> None:
    made = only(built({"kind": "multilabel", "class_weights": "balanced"}))
    torch.testing.assert_close(made.yes_weights, torch.tensor([4.0, 35 / 15, 1.0]))  # type: ignore[attr-defined]


def test_balanced_yeses_of_labels() -> None:
    """Of labels, rows without one are counted, not concluded."""
    counts = torch.tensor([[40, 25, 50], [10, 25, 0]])
    made = build.cohort(
        [recipe({"kind": "multilabel", "class_weights": "balanced"})],
        [0],
        steps=[10],
        inputs=Inputs(numeric=4),
        outputs=3,
        rows=50,
        class_counts=counts,
    )
    torch.testing.assert_close(only(made).yes_weights, torch.tensor([4.0, 1.0, 50.0]))  # type: ignore[attr-defined]


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_labels_are_smoothed_as_classes_are(smoothing: float) -> None:
    chosen = recipe({"kind": "supervised", "weight": 0.5, "label_smoothing": smoothing})
    resolved = build.resolve(chosen, "multilabel", 50)
    (spec,) = resolved.stages[0].turns[0].objectives
    assert spec.model_dump() == {
        "kind": "multilabel",
        "weight": 0.5,
        "label_smoothing": smoothing,
        "class_weights": "none",
    }
    assert only(built(spec.model_dump())).smoothing == (smoothing > 0)  # type: ignore[attr-defined]


def test_tabm_averages_the_logits_of_labels() -> None:
    """Probabilities of labels don't add up to 1, so softmax would be the wrong mean."""
    raw = {"name": "a", "model": {"kind": "tabm"}, "stages": [{}]}
    for task, averages in (
        ("multilabel", "outputs"),
        ("regression", "outputs"),
        ("binary", "probabilities"),
    ):
        resolved = build.resolve(Recipe.model_validate(raw), task, 50)  # type: ignore[arg-type]
        assert resolved.model.averages == averages  # type: ignore[union-attr]


def test_a_gamma_of_0_builds_cross_entropy() -> None:
    made = only(built({"kind": "focal", "gamma": 0}))
    assert not made.focused  # type: ignore[attr-defined]


def test_a_network_has_the_outputs_that_its_objectives_need() -> None:
    assert built("gaussian_nll", outputs=1).model.parameters()["head.weight"].shape == (4, 2)
    assert built("huber", outputs=1).model.parameters()["head.weight"].shape == (4, 1)
    off = {"kind": "gaussian_nll", "weight": 0}
    assert built(off, "huber", outputs=1).model.parameters()["head.weight"].shape == (4, 1)
    with pytest.raises(InputError, match="different outputs") as found:
        built("gaussian_nll", "huber", outputs=1)
    assert "gaussian_nll (2), huber (1)" in str(found.value)
