"""From recipes to parts: every kind has its part, and every number arrives where it belongs."""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np
import pytest
import torch

from methodic import build
from methodic.build.unlabelled import KINDS
from methodic.engine.parts import Cohort
from methodic.errors import InputError
from methodic.models.mlp import Inputs
from methodic.optimizers.descent import SGD
from methodic.optimizers.pieces import ByParameter
from methodic.plan import Task
from methodic.recipes import catalogue
from methodic.recipes import types as recipe
from methodic.recipes.kinds.schedules import Joined
from methodic.recipes.numbers import is_number
from methodic.recipes.types import Part, Recipe
from methodic.regularizers.averaging import EMA
from methodic.regularizers.penalties import L1, L2
from methodic.regularizers.proximal import ProximalL1
from methodic.types import Model

ROWS = 50


def kinds(union: Any) -> list[type[Part]]:
    """The classes of one of the recipes' unions."""
    return list(get_args(get_args(union)[0]))


def make(*stages: dict[str, Any], model: dict[str, Any] | None = None, **fields: Any) -> Recipe:
    whole = stages or ({},)
    share = 1 / len(whole)
    named = [{"name": f"s{i}", "share": share, **stage} for i, stage in enumerate(whole)]
    base = {"name": "a", "model": model or {"kind": "linear"}, "stages": named}
    return build.resolve(Recipe.model_validate({**base, **fields}), "multiclass", ROWS)


def built(*recipes: Recipe, classes: int = 3) -> Cohort:
    return build.cohort(
        recipes,
        range(len(recipes)),
        steps=[10] * len(recipes[0].stages),
        inputs=Inputs(numeric=4),
        outputs=classes,
        rows=ROWS,
        class_counts=torch.tensor([10, 15, 25]),
    )


# --- every kind ---------------------------------------------------------------------------------


def test_images_get_a_convolutional_network() -> None:
    def automatic(shape: tuple[int, ...], numeric: int = 0) -> Any:
        inputs = Inputs(array=math.prod(shape), shape=shape, numeric=numeric)
        return build.resolve(Recipe(name="a", stages=(recipe.Stage(),)), "binary", 99, inputs).model

    assert automatic((3, 32, 32)).channels == (32, 64, 128)
    assert automatic((1, 28, 28)).channels == (32, 64, 128)
    assert automatic((1, 8, 300)).channels == (32,)
    assert automatic((3, 224, 224)).channels == (32, 64, 128, 256, 256)
    for other in (automatic((3, 4, 4)), automatic((3, 32, 32), 2), automatic((9,))):
        assert other.kind == "mlp"
    for shape in ((3, 32, 32), (1, 8, 300), (3, 224, 224)):
        inputs = Inputs(array=math.prod(shape), shape=shape)
        assert build.network(
            Recipe(name="a", model=automatic(shape), stages=(recipe.Stage(),)), inputs, 2
        ).parameters()


def test_the_unions_can_be_walked() -> None:
    assert {recipe.SGD, recipe.AdamW} < set(kinds(recipe.Optimizer))
    assert {recipe.L1, recipe.EMA} < set(kinds(recipe.Regularizer))
    assert {recipe.Constant, recipe.Cosine} < set(kinds(recipe.Schedule))


NEEDED: dict[type[Part], dict[str, Any]] = {
    Joined: {"parts": [{"share": 0.5, "schedule": {"kind": "linear"}}] * 2},
}
"""What a kind can't do without."""


def given(union: Any) -> list[type[Part]]:
    """The kinds of a union that aren't the user's own; those: tests/build/test_own.py."""
    return [kind for kind in kinds(union) if not kind.__name__.startswith("Own")]


def dumped(kind: type[Part]) -> dict[str, Any]:
    return kind(**NEEDED.get(kind, {})).model_dump()


@pytest.mark.parametrize("kind", given(recipe.Optimizer))
def test_every_optimizer_has_a_rule_that_reads_its_numbers(kind: type[Part]) -> None:
    made = built(make({"optimizer": dumped(kind), "batch": "full"}, model={"kind": "mlp"}))
    turn = made.stages[0].turns[0]
    inner = turn.rule.rule if isinstance(turn.rule, ByParameter) else turn.rule
    assert type(inner).__name__ == kind.__name__
    assert {*turn.rule_numbers, "lr"} == {k for k, f in kind.model_fields.items() if is_number(f)}
    flat = torch.ones(1, made.layout.total)
    step = np.array([[1.0]])
    table = turn.rule.coefficients(step, {**turn.rule_numbers, "lr": turn.lr[None]})
    c = {name: torch.tensor(value, dtype=torch.float32) for name, value in table.items()}
    state = turn.rule.initial(flat)
    if turn.rule.alone:
        change, _ = turn.rule.minimize(lambda x: ((x * x).sum(1), 2 * x), flat, state, c)
    else:
        point = {"point": flat + 1.0} if turn.rule.probes else {}
        change, _ = turn.rule.update(flat, flat, state, c | point)
    assert change.shape == flat.shape
    assert bool((change.mean(1) < 0).all())


@pytest.mark.parametrize("kind", given(recipe.Schedule))
def test_every_schedule_is_a_function_of_its_numbers(kind: type[Part]) -> None:
    turn = built(make({"schedule": dumped(kind)})).stages[0].turns[0]
    assert turn.schedule(np.array([[0.0]]), 10, turn.schedule_numbers).shape == (1, 1)
    assert (turn.plateau is not None) == (kind.__name__ == "Plateau")


@pytest.mark.parametrize("kind", kinds(recipe.Regularizer))
def test_every_regularizer_has_a_part(kind: type[Part]) -> None:
    if kind.__name__.startswith("Own"):
        pytest.skip("tests/build/test_own.py")
    if kind.__name__ == "Augment":
        pytest.skip("it stands for other parts: tests/build/test_views.py")
    made = make({"regularizers": [kind().model_dump()]})
    if kind.__name__ in ("Crop", "Flip", "Affine", "Colour", "RandAugment"):
        with pytest.raises(InputError, match="changes images, and these data have none"):
            built(made)
        inputs = Inputs(array=192, shape=(3, 8, 8), scaling=((0.5, 0.2),) * 3)
        stage = build.cohort([made], [0], steps=[2], inputs=inputs, outputs=3, rows=ROWS).stages[0]
    else:
        stage = built(made).stages[0]
    single = (stage.average, stage.sharpness, stage.gradient_noise)
    parts = [
        *stage.turns[0].penalties,
        *stage.turns[0].proximal,
        *stage.mixing,
        *(part for part in single if part),
    ]
    assert [type(part).__name__ for part in parts] == [kind.__name__]
    at = "stages.0.regularizers.0"
    assert getattr(parts[0], "path", at) == at


@pytest.mark.parametrize("kind", kinds(recipe.Objective))
def test_every_objective_has_a_part(kind: type[Part]) -> None:
    if kind.__name__.startswith("Own"):
        pytest.skip("tests/build/test_own.py")
    if kind in KINDS:
        pytest.skip("tests/build/test_unlabelled.py")
    for task in build.objectives.TASKS[kind().kind]:  # type: ignore[attr-defined]
        raw = {
            "name": "a",
            "model": {"kind": "linear"},
            "stages": [{"objectives": [kind().model_dump()]}],
        }
        resolved = build.resolve(Recipe.model_validate(raw), task, ROWS)
        classes = {"regression": 1, "binary": 2, "multiclass": 3, "multilabel": 3}[task]
        made = built(resolved, classes=classes)
        ((objective, _),) = made.stages[0].turns[0].objectives
        head = made.layout.specs["head.weight"]
        assert head.shape[-1] == objective.outputs(classes)  # type: ignore[attr-defined]
        assert made.model.outputs == classes
        name = type(objective).__name__
        assert name == kind.__name__ or kind is recipe.Supervised


@pytest.mark.parametrize("kind", kinds(recipe.Model))
def test_every_model_has_a_network(kind: type[Part]) -> None:
    resolved = make(model=dumped(kind))
    assert resolved.model.kind != "auto"
    inputs = Inputs(numeric=4)
    if kind.__name__ in ("CNN", "ResNet", "QuickNet", "ViT"):
        with pytest.raises(InputError, match=r"images|arrays"):
            build.network(resolved, inputs, 3)
        inputs = Inputs(array=3 * 12 * 12, shape=(3, 12, 12))
    made = build.network(resolved, inputs, 3)
    assert isinstance(made, Model)
    assert made.parameters()


@pytest.mark.parametrize("name", [each.name for each in catalogue.all_recipes()])
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_the_library_resolves_for_every_task(name: str, task: Task) -> None:
    chosen = catalogue.get(name)
    asked = [o.kind for s in chosen.stages for t in s.turns for o in t.objectives]
    if any(task not in build.objectives.TASKS.get(kind, (task,)) for kind in asked):
        with pytest.raises(InputError, match=f"doesn't fit a {task} task"):
            build.resolve(chosen, task, ROWS)
        return
    resolved = build.resolve(chosen, task, ROWS)
    own = {"regression": "mean_squared_error", "multilabel": "multilabel"}
    expected = own.get(task, "cross_entropy")
    objectives = [o for s in resolved.stages for t in s.turns for o in t.objectives]
    of_targets = {each.kind for each in objectives if build.objectives.supervised(each)}
    assert of_targets == {expected}
    assert resolved.model.kind != "auto"
    assert build.resolve(resolved, task, ROWS) == resolved


# --- resolving ----------------------------------------------------------------------------------


def test_supervised_keeps_its_weight() -> None:
    raw = Recipe.model_validate(
        {"name": "a", "stages": [{"objectives": [{"kind": "supervised", "weight": 0.25}]}]}
    )
    for task in ("binary", "regression"):
        resolved = build.resolve(raw, task, ROWS)  # type: ignore[arg-type]
        assert resolved.stages[0].turns[0].objectives[0].weight == 0.25


@pytest.mark.parametrize(
    ("kind", "task"),
    [
        ("mean_squared_error", "binary"),
        ("mean_squared_error", "multiclass"),
        ("cross_entropy", "regression"),
    ],
)
def test_an_objective_for_another_task(kind: str, task: Task) -> None:
    raw = Recipe.model_validate({"name": "a", "stages": [{"objectives": [{"kind": kind}]}]})
    with pytest.raises(InputError, match=f"'{kind}' doesn't fit a {task} task"):
        build.resolve(raw, task, ROWS)


def test_more_data_get_a_larger_and_less_damped_network() -> None:
    small, middle, large = (build.automatic(rows) for rows in (4_999, 5_000, 50_000))
    assert small.width < middle.width <= large.width
    assert small.dropout > middle.dropout >= large.dropout
    assert middle.depth < large.depth


def test_batches() -> None:
    assert build.batch_rows(recipe.Stage(batch="full"), 70) == 70
    assert build.batch_rows(recipe.Stage(batch=128), 70) == 70
    assert build.batch_rows(recipe.Stage(batch=32), 70) == 32


# --- numbers ------------------------------------------------------------------------------------


def two(**changes: tuple[Any, Any]) -> Cohort:
    """Two members that differ in the fields of one turn and stage."""
    recipes = []
    for i in (0, 1):
        value = {name: pair[i] for name, pair in changes.items()}
        recipes.append(make(value))
    return built(*recipes)


def test_rates_go_to_their_members() -> None:
    made = two(
        optimizer=(
            {"kind": "adamw", "lr": 0.1, "beta1": 0.7, "weight_decay": 0.2},
            {"kind": "adamw", "lr": 0.3, "beta1": 0.8, "weight_decay": 0.4},
        ),
        schedule=({"kind": "cosine", "final": 0.1}, {"kind": "cosine", "final": 0.2}),
    )
    turn = made.stages[0].turns[0]
    assert turn.lr.tolist() == [0.1, 0.3]
    assert turn.rule_numbers["beta1"].tolist() == [0.7, 0.8]
    assert turn.rule_numbers["weight_decay"].tolist() == [0.2, 0.4]
    assert turn.rule_numbers["epsilon"].tolist() == [1e-8, 1e-8]
    assert turn.schedule_numbers["final"].tolist() == [0.1, 0.2]
    assert turn.schedule_numbers["warmup"].tolist() == [0.0, 0.0]
    assert not any(".optimizer." in path or ".schedule." in path for path in made.numbers)


def test_limits_and_weights_go_to_their_members() -> None:
    made = two(
        clip=({"norm": 1.0}, {"norm": 2.0}),
        regularizers=([{"kind": "l2", "weight": 0.1}], [{"kind": "l2", "weight": 0.2}]),
        objectives=(
            [{"kind": "cross_entropy", "label_smoothing": 0.1, "weight": 0.5}],
            [{"kind": "cross_entropy", "label_smoothing": 0.2, "weight": 0.25}],
        ),
    )
    turn = made.stages[0].turns[0]
    assert turn.clip_norm is not None
    assert turn.clip_norm.tolist() == [1.0, 2.0]
    assert turn.clip_value is None
    wanted = {
        "stages.0.regularizers.0.weight": [0.1, 0.2],
        "stages.0.turns.0.objectives.0.label_smoothing": [0.1, 0.2],
        "stages.0.turns.0.objectives.0.weight": [0.5, 0.25],
    }
    for path, values in wanted.items():
        assert made.numbers[path].tolist() == pytest.approx(values)
    assert turn.objectives[0][1] == "stages.0.turns.0.objectives.0.weight"


def test_each_stage_and_turn_has_its_own_numbers() -> None:
    def sgd(lr: float) -> dict[str, Any]:
        return {"optimizer": {"kind": "sgd", "lr": lr}}

    made = built(make({"turns": [sgd(0.1), sgd(0.2)]}, {"turns": [sgd(0.3)]}))
    assert [[float(t.lr[0]) for t in stage.turns] for stage in made.stages] == [[0.1, 0.2], [0.3]]
    assert [stage.name for stage in made.stages] == ["s0", "s1"]


def test_an_objective_times_one_needs_no_number() -> None:
    assert not built(make({})).numbers


def test_what_is_zero_is_not_built() -> None:
    made = built(
        make(
            {
                "optimizer": {"kind": "sgd", "momentum": 0, "weight_decay": 0},
                "clip": {"norm": 0, "value": 0},
                "regularizers": [
                    {"kind": "l1", "weight": 0},
                    {"kind": "l2", "weight": 0},
                    {"kind": "proximal_l1", "weight": 0},
                ],
                "objectives": [
                    {"kind": "cross_entropy"},
                    {"kind": "cross_entropy", "weight": 0},
                ],
            },
            model={"kind": "mlp", "dropout": 0},
        )
    )
    stage, turn = made.stages[0], made.stages[0].turns[0]
    assert isinstance(turn.rule, SGD)
    assert not turn.rule.initial(torch.ones(1, 2))
    assert turn.decay_mask is turn.clip_norm is turn.clip_value is turn.rates is None
    assert not turn.penalties
    assert not stage.turns[0].proximal
    assert stage.average is None
    assert len(turn.objectives) == 1
    assert not made.model.noise(3)


def test_a_mixture_of_regularizers_keeps_their_paths() -> None:
    stage = built(
        make(
            {
                "regularizers": [
                    {"kind": "l1", "weight": 0},
                    {"kind": "ema"},
                    {"kind": "l2"},
                    {"kind": "proximal_l1"},
                    {"kind": "l1"},
                ]
            }
        )
    ).stages[0]
    weights = ("head.weight",)
    at = "stages.0.regularizers."
    assert stage.turns[0].penalties == (L2(at + "2", weights), L1(at + "4", weights))
    assert stage.turns[0].proximal == (ProximalL1(at + "3", weights),)
    assert stage.average == EMA(at + "1")


def test_members_of_another_shape_are_refused() -> None:
    with pytest.raises(AssertionError, match="skeleton"):
        built(make(model={"kind": "mlp", "width": 8}), make(model={"kind": "mlp", "width": 9}))


# --- which parameters ---------------------------------------------------------------------------


def test_prefixes_choose_parameters() -> None:
    still = {"parameters": ["head"], "rates": [{"parameters": ["hidden"], "factor": 0}]}
    made = built(make(still, model={"kind": "mlp", "depth": 1, "width": 3}))
    turn = made.stages[0].turns[0]
    assert turn.trains == ("head.weight", "head.bias")
    assert turn.rates is not None
    chosen = made.layout.views(turn.rates[None])
    assert {name for name, value in chosen.items() if bool(value.all())} == set(turn.trains)
    assert not chosen["hidden.0.weight"].any()


def test_a_prefix_that_matches_nothing() -> None:
    with pytest.raises(InputError, match="'tail'") as caught:
        built(make({"parameters": ["head", "tail"]}))
    assert caught.value.accepted == "encoder, head, head.weight, head.bias"


def test_penalties_touch_what_is_trained_and_decays() -> None:
    made = built(
        make(
            {
                "parameters": ["head"],
                "rates": [{"parameters": ["encoder"], "factor": 0}],
                "regularizers": [{"kind": "l1"}],
            },
            model={"kind": "mlp", "depth": 1},
        )
    )
    assert made.stages[0].turns[0].penalties[0].names == ("head.weight",)  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="no parameter to penalize"):
        built(
            make(
                {
                    "parameters": ["head.bias"],
                    "rates": [{"parameters": ["head.weight"], "factor": 0}],
                    "regularizers": [{"kind": "l2"}],
                }
            )
        )


def test_two_averages() -> None:
    with pytest.raises(InputError, match="one average"):
        built(make({"regularizers": [{"kind": "ema"}, {"kind": "ema"}]}))


def test_what_decays() -> None:
    weights = built(make({"optimizer": {"kind": "adamw"}}))
    mask = weights.stages[0].turns[0].decay_mask
    assert mask is not None
    assert mask.tolist() == [1.0] * 12 + [0.0] * 3
    everything = built(make({"optimizer": {"kind": "adamw", "decays": "all"}}))
    assert everything.stages[0].turns[0].decay_mask is None


# --- the rest -----------------------------------------------------------------------------------


def test_balanced_class_weights() -> None:
    balanced = {"objectives": [{"kind": "cross_entropy", "class_weights": "balanced"}]}
    ((objective, _),) = built(make(balanced)).stages[0].turns[0].objectives
    weights = objective.class_weights  # type: ignore[attr-defined]
    torch.testing.assert_close(weights, torch.tensor([50 / 30, 50 / 45, 50 / 75]))


def test_code_knows_the_shares_that_classes_are_aligned_to() -> None:
    """Folds have other counts of classes, and must not take each other's code."""

    def program(counts: list[int], objective: str) -> str | None:
        kinds = [{"kind": "supervised"}, {"kind": objective}]
        made = Recipe.model_validate(
            {"name": "a", "stages": [{"unlabelled": 8, "objectives": kinds}]}
        )
        inputs = Inputs(numeric=4)
        return build.cohort(
            [build.resolve(made, "multiclass", 20, inputs)],
            [0],
            steps=[10],
            inputs=inputs,
            outputs=3,
            rows=20,
            class_counts=torch.tensor(counts),
            compiled=True,
        ).program

    assert program([10, 5, 5], "fixmatch") != program([5, 5, 10], "fixmatch")
    assert program([10, 5, 5], "fixmatch") == program([10, 5, 5], "fixmatch")
    assert program([10, 5, 5], "consistency") == program([5, 5, 10], "consistency")


@pytest.mark.parametrize("stage", [{"rows": "all", "batch": "full"}, {"unlabelled": 64}])
def test_code_knows_how_many_rows_a_step_reads(stage: dict[str, Any]) -> None:
    """Equally many labelled rows may have more or fewer beside them."""

    def program(every: int) -> str | None:
        vicreg = {"objectives": [{"kind": "vicreg"}], **stage}
        supervised = {"name": "after", "share": 0.5}
        made = Recipe.model_validate(
            {"name": "a", "stages": [{"share": 0.5, **vicreg}, supervised]}
        )
        inputs = Inputs(numeric=4)
        return build.cohort(
            [build.resolve(made, "binary", 20, inputs)],
            [0],
            steps=[10, 10],
            inputs=inputs,
            outputs=2,
            rows=20,
            every=every,
            compiled=True,
        ).program

    assert program(40) != program(50)
    assert program(50) == program(50)


def test_a_class_without_training_rows_weighs_something_finite() -> None:
    balanced = {"objectives": [{"kind": "cross_entropy", "class_weights": "balanced"}]}
    made = build.cohort(
        [make(balanced)],
        [0],
        steps=[10],
        inputs=Inputs(numeric=4),
        outputs=3,
        rows=ROWS,
        class_counts=torch.tensor([30, 20, 0]),
    )
    weights = made.stages[0].turns[0].objectives[0][0].class_weights  # type: ignore[attr-defined]
    torch.testing.assert_close(weights, torch.tensor([50 / 90, 50 / 60, 50 / 3]))


def test_stopping() -> None:
    stop = {"loss": 0.1, "gradient_norm": 0.2, "patience": 3, "keep": "last"}
    rule = built(make(stop=stop)).stop
    assert (rule.loss, rule.gradient_norm, rule.patience, rule.keep_best) == (0.1, 0.2, 3, False)
    assert built(make()).stop.keep_best


def test_structure_of_the_network() -> None:
    model = {
        "kind": "mlp",
        "width": 7,
        "depth": 3,
        "activation": "tanh",
        "normalization": "layer",
        "dropout": 0.1,
        "initialization": "orthogonal",
    }
    made = built(make(model=model))
    specs = made.model.parameters()
    assert specs["hidden.2.weight"].shape == (7, 7)
    assert "hidden.3.weight" not in specs
    assert specs["hidden.0.weight"].initialization == "orthogonal"
    assert "hidden.0.norm.scale" in specs
    assert not made.model.buffers()
    assert len(made.model.noise(5)) == 3
    assert made.numbers["model.dropout"].tolist() == pytest.approx([0.1])


def test_members_may_start_later() -> None:
    one, two = make({"batch": 16}), make({"turns": [{}, {}]})

    def started(chosen: Recipe, born: list[int], **how: Any) -> Cohort:
        return build.cohort(
            [build.resolve(chosen, "multiclass", 50)] * 2,
            [1, 1],
            steps=[9] * len(chosen.stages),
            inputs=Inputs(numeric=4),
            outputs=3,
            rows=50,
            born=born,
            **how,
        )

    assert started(one, [0, 5]).born == (0, 5)
    assert started(two, [2, 4]).born == (2, 4)
    with pytest.raises(InputError, match="alternates between 2 turns") as caught:
        started(two, [2, 5])
    assert caught.value.found == "step 5"
    several = make({"share": 0.5, "name": "a"}, {"share": 0.5, "name": "b"})
    assert started(several, [0, 0]).born == (0, 0)
    with pytest.raises(InputError, match="several stages"):
        started(several, [0, 2])
    assert [order.shared for order in started(one, [0, 0]).orders.values()] == [True]
    assert [order.shared for order in started(one, [0, 5]).orders.values()] == [False]
    path = "stages.0.turns.0.objectives.0.weight"
    assert path not in started(one, [0, 0]).numbers
    assert path in started(one, [0, 0], changing=True).numbers
