"""What a recipe is made of: nothing is forgotten, and switching one thing off changes no other."""

from __future__ import annotations

import inspect
from typing import Any, get_args

import pytest

from methodic.errors import InputError
from methodic.recipes import catalogue, types
from methodic.recipes.difference import difference
from methodic.recipes.ingredients import ingredients, without
from methodic.recipes.io import from_data
from methodic.recipes.kinds import (
    objectives,
    optimizers,
    own,
    regularizers,
    schedules,
    unlabelled,
)
from methodic.recipes.switches import SWITCHES
from methodic.recipes.types import Part, Recipe

# What has no "off", by part: sizes, rates, and what says how something else is done.
NO_INGREDIENT: dict[type[Part], set[str]] = {
    types.Auto: {"kind"},
    types.Linear: {"kind", "embedding", "initialization"},
    types.MLP: {
        "kind",
        "width",
        "depth",
        "activation",
        "initialization",
        "embedding",
        "groups",
    },
    types.SGD: {"kind", "lr", "decays"},
    types.RMSprop: {"kind", "lr", "alpha", "epsilon", "decays"},
    types.Adam: {"kind", "lr", "beta2", "epsilon", "decays"},
    types.AdamW: {"kind", "lr", "beta2", "epsilon", "decays"},
    optimizers.Adagrad: {"kind", "lr", "initial_accumulator", "epsilon", "decays"},
    optimizers.Adadelta: {"kind", "lr", "rho", "epsilon", "decays"},
    optimizers.Adamax: {"kind", "lr", "beta2", "epsilon", "decays"},
    optimizers.NAdam: {
        "kind",
        "lr",
        "beta2",
        "momentum_decay",
        "epsilon",
        "decoupled",
        "decays",
    },
    optimizers.RAdam: {"kind", "lr", "beta2", "epsilon", "decoupled", "decays"},
    optimizers.Lion: {"kind", "lr", "beta2", "decays"},
    optimizers.Adan: {"kind", "lr", "beta3", "epsilon", "decays"},
    optimizers.ScheduleFreeSGD: {"kind", "lr", "decays"},
    optimizers.ScheduleFreeAdamW: {"kind", "lr", "beta2", "epsilon", "decays"},
    optimizers.IVON: {"kind", "lr", "ess", "hess_init", "beta2", "decays"},
    optimizers.LAMB: {"kind", "lr", "beta2", "epsilon", "norm_limit", "decays"},
    optimizers.Adafactor: {
        "kind",
        "lr",
        "decay_power",
        "epsilon",
        "scale_floor",
        "threshold",
        "decays",
    },
    optimizers.LBFGS: {"kind", "lr", "history", "iterations", "decays"},
    optimizers.Muon: {
        "kind",
        "lr",
        "adjust",
        "iterations",
        "adamw_ratio",
        "adamw_beta1",
        "adamw_beta2",
        "adamw_epsilon",
        "decays",
    },
    optimizers.SOAP: {
        "kind",
        "lr",
        "beta2",
        "shampoo_beta",
        "epsilon",
        "frequency",
        "largest",
        "adamw_ratio",
        "decays",
    },
    optimizers.Prodigy: {"kind", "lr", "beta2", "epsilon", "d0", "d_coef", "decays"},
    **{kind: {"kind"} for kind in get_args(get_args(types.Schedule)[0])},
    own.OwnRule: {"kind", "name", "numbers", "lr", "decays"},
    own.OwnPenalty: set(),
    schedules.JoinedPart: {"share", "schedule"},  # the joined schedule goes as a whole
    types.Drive: set(),
    **{kind: {"kind", "weight"} for kind in get_args(get_args(types.Objective)[0])},
    # Of an objective without targets everything says how it is done, but for what damages its rows.
    **{
        kind: set(kind.model_fields) - ({"views"} if kind is unlabelled.Reconstruction else set())
        for kind in get_args(unlabelled.Unlabelled)
    },
    own.OwnObjective: {"kind", "name", "numbers", "weight"},
    objectives.Huber: {"kind", "weight", "delta"},
    objectives.Quantile: {"kind", "weight", "quantile"},
    **{kind: set() for kind in get_args(get_args(types.Regularizer)[0])},
    regularizers.Augment: {"kind", "level", "changes"},  # each of its changes is an ingredient
    types.Clip: set(),
    # Objectives and earlier stages are switched off as wholes; see `ingredients`.
    types.Rate: {"parameters", "factor"},  # frozen parts would train, which is another method
    types.Turn: {
        "objectives",
        "parameters",
        "rates",
        "repeat",
        "optimizer",
        "schedule",
        "clip",
        "drives",
    },
    types.Stage: {
        "name",
        "share",
        "rows",
        "batch",
        "unlabelled",
        "alternate",
        "turns",
        "regularizers",
    },
    # Steps and epochs are the budget. Which weights are kept is chosen on the validation rows that
    # would have to judge it.
    types.Stop: {"steps", "epochs", "keep"},
    types.Recipe: {
        "name",
        "about",
        "source",
        "use_when",
        "not_when",
        "model",
        "stages",
        "stop",
        "open",
    },
}

PARTS = [
    each
    for module in (types, objectives, optimizers, regularizers, schedules, unlabelled)
    for _, each in inspect.getmembers(module, inspect.isclass)
    if issubclass(each, Part) and each is not Part
]


@pytest.mark.parametrize("kind", PARTS, ids=lambda kind: kind.__name__)
def test_every_field_of_every_part_is_an_ingredient_or_is_known_to_be_none(
    kind: type[Part],
) -> None:
    switched = {field for switch in SWITCHES.get(kind, ()) for field in switch.fields}
    assert switched <= set(kind.model_fields)
    rest = set(kind.model_fields) - switched
    assert rest == NO_INGREDIENT[kind], f"{kind.__name__}: say what switches it off, or that none"


def recipe(model: dict[str, Any] | None = None, **stage: Any) -> Recipe:
    stop = stage.pop("stop", {})
    return Recipe.model_validate(
        {"name": "some", "model": model or {"kind": "linear"}, "stages": [stage], "stop": stop}
    )


SGD = {"kind": "sgd", "lr": 0.1}
LOSS = {"kind": "cross_entropy"}
NET = {"kind": "mlp", "width": 8}


# The whole, the same without the ingredient, its key and its words.
CASES: list[tuple[Recipe, Recipe, str, str]] = [
    (
        recipe(optimizer={**SGD, "momentum": 0.9, "nesterov": True}),
        recipe(optimizer=SGD),
        "momentum",
        "Nesterov momentum",
    ),
    (
        recipe(optimizer={**SGD, "weight_decay": 1e-4}),
        recipe(optimizer=SGD),
        "weight_decay",
        "weight decay",
    ),
    (
        recipe(optimizer={"kind": "rmsprop", "centered": True}),
        recipe(optimizer={"kind": "rmsprop"}),
        "centered",
        "centering",
    ),
    (
        recipe(optimizer={"kind": "adam"}),
        recipe(optimizer={"kind": "adam", "beta1": 0}),
        "beta1",
        "momentum (beta1)",
    ),
    (
        recipe(optimizer=SGD, schedule={"kind": "cosine", "final": 0.1, "warmup": 0.2}),
        recipe(optimizer=SGD, schedule={"kind": "constant", "warmup": 0.2}),
        "schedule",
        "cosine schedule",
    ),
    (
        recipe(optimizer=SGD, schedule={"kind": "exponential", "warmup": 0.2}),
        recipe(optimizer=SGD, schedule={"kind": "exponential"}),
        "warmup",
        "warm-up",
    ),
    (
        recipe(optimizer=SGD, clip={"norm": 1.0, "value": 2.0}),
        recipe(optimizer=SGD, clip={"value": 2.0}),
        "norm",
        "clipping of the gradient's norm",
    ),
    (
        recipe(optimizer=SGD, regularizers=[{"kind": "l1"}, {"kind": "ema", "decay": 0.9}]),
        recipe(optimizer=SGD, regularizers=[{"kind": "l1"}]),
        "ema",
        "averaging of weights",
    ),
    (
        recipe(optimizer=SGD, regularizers=[{"kind": "proximal_l1"}, {"kind": "l2"}]),
        recipe(optimizer=SGD, regularizers=[{"kind": "l2"}]),
        "proximal_l1",
        "proximal L1",
    ),
    (
        recipe({**NET, "dropout": 0.5}, optimizer=SGD),
        recipe(NET, optimizer=SGD),
        "dropout",
        "dropout",
    ),
    (
        recipe({**NET, "normalization": "batch"}, optimizer=SGD),
        recipe(NET, optimizer=SGD),
        "normalization",
        "batch normalization",
    ),
    (
        recipe(optimizer=SGD, objectives=[{**LOSS, "label_smoothing": 0.1}]),
        recipe(optimizer=SGD, objectives=[LOSS]),
        "label_smoothing",
        "label smoothing",
    ),
    (
        recipe(optimizer=SGD, objectives=[{**LOSS, "class_weights": "balanced"}]),
        recipe(optimizer=SGD, objectives=[LOSS]),
        "class_weights",
        "balanced class weights",
    ),
    (
        recipe(optimizer=SGD, stop={"patience": 3, "loss": 0.1}),
        recipe(optimizer=SGD, stop={"loss": 0.1}),
        "patience",
        "early stopping",
    ),
]


@pytest.mark.parametrize(("whole", "less", "key", "words"), CASES, ids=[c[2] for c in CASES])
def test_one_thing_goes_and_all_else_stays(
    whole: Recipe, less: Recipe, key: str, words: str
) -> None:
    assert words in [each.words for each in ingredients(whole) if each.key == key]
    assert without(whole, key) == less
    assert key not in [each.key for each in ingredients(less)]


@pytest.mark.parametrize("name", catalogue.names())
def test_the_library(name: str) -> None:
    """Each method of the library, in the middle of its ranges; what it is named for is found."""
    from methodic.recipes.spaces import concrete, untuned

    chosen = catalogue.get(name)
    chosen = concrete(chosen, untuned(chosen))
    found = ingredients(chosen)
    keys = [each.key for each in found]
    assert len(set(keys)) == len(keys)
    assert len({each.words for each in found}) == len(found)
    for each in found:
        less = without(chosen, each.key)
        assert less != chosen
        assert difference(chosen, less)
        # What rests on it goes with it: what drives a rate, what leaves out residual branches.
        assert len(ingredients(less)) < len(found)
    expected = {"momentum": "momentum", "adamw_cosine": "schedule", "adam": "beta1"}
    assert expected.get(name, "") in ["", *keys]
    assert keys == [] or name != "gradient_descent"


STAGES = Recipe.model_validate(
    {
        "name": "long",
        "model": {"kind": "linear"},
        "stages": [
            {"name": "one", "share": 0.2, "optimizer": SGD, "schedule": {"kind": "cosine"}},
            {"name": "two", "share": 0.2, "optimizer": SGD},
            {
                "name": "three",
                "share": 0.6,
                "turns": [
                    {"optimizer": SGD, "schedule": {"kind": "cosine"}},
                    {
                        "optimizer": SGD,
                        "objectives": [LOSS, {"kind": "supervised"}, {**LOSS, "weight": 0}],
                    },
                ],
                "regularizers": [{"kind": "l2"}, {"kind": "l1", "weight": 0}],
            },
        ],
    }
)


def test_several_stages_turns_and_objectives() -> None:
    assert [(each.key, each.words) for each in ingredients(STAGES)] == [
        ("stage@stages.0", "stage 'one'"),
        ("schedule@stages.0.turns.0.schedule", "cosine schedule in stage 'one'"),
        ("stage@stages.1", "stage 'two'"),
        ("schedule@stages.2.turns.0.schedule", "cosine schedule in stage 'three', turn 1"),
        ("objective@stages.2.turns.1.objectives.0", "cross entropy objective"),
        ("objective@stages.2.turns.1.objectives.1", "supervised objective"),
        ("l2", "L2 penalty"),
    ]


def test_what_is_switched_off_is_no_longer_driven() -> None:
    cosine, driven = {"kind": "cosine"}, ["optimizer.momentum", "regularizers.0.weight"]
    whole = recipe(
        {**NET, "dropout": 0.5},
        optimizer={**SGD, "momentum": 0.9},
        objectives=[LOSS, {"kind": "supervised", "weight": 0.5}],
        regularizers=[{"kind": "l1"}, {"kind": "l2"}],
        drives=[
            {"number": each, "schedule": cosine}
            for each in (*driven, "regularizers.1.weight", "model.dropout", "objectives.1.weight")
        ],
    )

    def left(key: str) -> list[str]:
        return [each.number for each in without(whole, key).stages[0].turns[0].drives]

    rest = ["model.dropout", "objectives.1.weight"]
    assert left("momentum") == ["regularizers.0.weight", "regularizers.1.weight", *rest]
    assert left("dropout") == [*driven, "regularizers.1.weight", "objectives.1.weight"]
    assert left("l1") == ["optimizer.momentum", "regularizers.0.weight", *rest]
    assert left("l2") == [*driven, *rest]
    first, second = (key for key in (e.key for e in ingredients(whole)) if "objective@" in key)
    expected = [*driven, "regularizers.1.weight", "model.dropout"]
    assert left(second) == expected
    assert left(first) == [*expected, "objectives.0.weight"]
    drive = next(e for e in ingredients(whole) if e.words == "schedule of dropout")
    assert left(drive.key) == [*driven, "regularizers.1.weight", "objectives.1.weight"]


def test_the_other_stages_take_over() -> None:
    less = without(STAGES, "stage@stages.1")
    assert [(stage.name, stage.share) for stage in less.stages] == [
        ("one", pytest.approx(0.25)),
        ("three", pytest.approx(0.75)),
    ]


def test_an_objective_goes() -> None:
    less = without(STAGES, "objective@stages.2.turns.1.objectives.0")
    kinds = [each.kind for each in less.stages[2].turns[1].objectives]
    assert kinds == ["supervised", "cross_entropy"]
    assert not any("objective" in each.key for each in ingredients(less)), "one has to stay"


def test_a_network_of_the_user_s_own_has_its_own_dropout() -> None:
    whole = recipe({**NET, "dropout": 0.5}, optimizer={**SGD, "momentum": 0.9})
    assert [each.key for each in ingredients(whole, network=False)] == ["momentum"]


def test_no_such_ingredient() -> None:
    whole = recipe(optimizer={**SGD, "momentum": 0.9})
    with pytest.raises(InputError, match="momentun") as caught:
        without(whole, "momentun")
    assert "momentum" in str(caught.value)
    assert "weight_decay" not in str(caught.value), "it has none"


def test_ranges_are_decided_before() -> None:
    open_range = recipe(optimizer={**SGD, "lr": {"uniform": [0.1, 0.2]}})
    with pytest.raises(ValueError, match="ranges"):
        ingredients(open_range)


def test_the_warm_up_of_a_shorter_schedule_stays_when_the_schedule_goes() -> None:
    whole = recipe(optimizer=SGD, schedule={"kind": "cosine", "warmup": 0.2, "length": 0.5})
    schedule = without(whole, "schedule").stages[0].turns[0].schedule
    assert schedule == types.Constant(warmup=0.1)


def test_a_space_has_no_ingredients() -> None:
    with pytest.raises(ValueError, match=r"still has ranges: stages\.0\.batch"):
        ingredients(from_data({"name": "a", "stages": [{"batch": {"choice": [1, 2]}}]}, "a"))
