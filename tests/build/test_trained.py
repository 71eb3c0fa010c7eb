"""Which parameters each turn trains, and how fast; what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from methodic import build
from methodic.build.trained import lengths
from methodic.engine.parts import Cohort
from methodic.errors import InputError
from methodic.models.extended import Extended
from methodic.models.inputs import Inputs
from methodic.recipes.types import Recipe, Stage

NUMBERS = Inputs(numeric=4)
MLP: dict[str, Any] = {"kind": "mlp", "width": 6, "depth": 2}
ENTROPY = {"kind": "cross_entropy"}
SIMCLR = {"kind": "simclr", "projection": [5]}
EMA = [{"kind": "ema"}]
GAME = [{"kind": k, "generator": [6], "hidden": [4]} for k in ("discriminator", "generator")]


def turn(*objectives: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"objectives": list(objectives), **more}


def made(
    *stages: dict[str, Any],
    model: dict[str, Any] = MLP,
    inputs: Inputs = NUMBERS,
    module: nn.Module | None = None,
) -> Cohort:
    named = [{"name": f"s{i}", "share": 1 / len(stages), **s} for i, s in enumerate(stages)]
    raw = Recipe.model_validate({"name": "r", "model": model, "stages": named})
    return build.cohort(
        [build.resolve(raw, "multiclass", 50, inputs)],
        [0],
        steps=[4] * len(stages),
        inputs=inputs,
        outputs=3,
        rows=50,
        every=80,
        module=module,
    )


def trains(cohort: Cohort, stage: int = 0, which: int = 0) -> set[str]:
    return {n.rpartition(".")[0] for n in cohort.stages[stage].turns[which].trains}


# --- what a turn reaches ----------------------------------------------------------------------


def test_each_objective_trains_what_it_reaches() -> None:
    both = made({"unlabelled": 8, **turn(ENTROPY, SIMCLR)})
    assert trains(both) == {"hidden.0", "hidden.1", "head", "s0.simclr.projector.0"}
    assert isinstance(both.model, Extended)
    assert both.stages[0].turns[0].rates is None
    parted = made({"unlabelled": 8, "turns": [turn(SIMCLR), turn(ENTROPY)]})
    assert trains(parted) == {"hidden.0", "hidden.1", "s0.simclr.projector.0"}
    assert trains(parted, 0, 1) == {"hidden.0", "hidden.1", "head"}
    stages = made({"rows": "all", **turn(SIMCLR)}, turn(ENTROPY))
    assert trains(stages) == {"hidden.0", "hidden.1", "s0.simclr.projector.0"}
    assert trains(stages, 1) == {"hidden.0", "hidden.1", "head"}
    assert not isinstance(made(turn(ENTROPY)).model, Extended)


def test_a_game_parts_the_networks() -> None:
    rows = made({"turns": [turn(GAME[0]), turn(GAME[1]), turn(ENTROPY)]})
    body = {"hidden.0", "hidden.1"}
    tells = {f"s0.adversary.discriminator.{i}" for i in range(2)}
    makes = {f"s0.adversary.generator.{i}" for i in range(2)}
    assert trains(rows) == body | tells
    assert trains(rows, 0, 1) == makes
    game = [{**each, "of": "features"} for each in GAME]
    features = made({"turns": [turn(game[0]), turn(game[1]), turn(ENTROPY)]})
    assert trains(features) == tells
    assert trains(features, 0, 1) == body


def test_a_decoder_is_trained_by_who_uses_it() -> None:
    model = {"kind": "autoencoder", "encoder": [5, 3]}
    both = made({"unlabelled": 8, **turn(ENTROPY, {"kind": "reconstruction"})}, model=model)
    assert "decoder.0" in trains(both)
    plain = made(turn(ENTROPY), model=model)
    assert not any("decoder" in name for name in trains(plain)), "nothing asks for it"
    drawn = {"kind": "reconstruction", "latent": 2}
    other = made({"unlabelled": 8, **turn(ENTROPY, drawn)}, model=model)
    assert "s0.reconstruction.decoder.0" in trains(other)
    assert "decoder.0" not in trains(other)


@pytest.mark.parametrize("model", ["mlp", "tabm"])
def test_answers_train_the_whole_network(model: str) -> None:
    turns = [turn({"kind": "consistency"}), turn(ENTROPY)]
    cohort = made({"unlabelled": 8, "turns": turns}, model={"kind": model, "width": 6})
    assert cohort.stages[0].turns[0].trains == cohort.layout.names


def test_halves_and_names_choose() -> None:
    for chosen, wanted in (
        (["encoder"], {"hidden.0", "hidden.1"}),
        (["head"], {"head"}),
        (["hidden.1", "head.bias"], {"hidden.1", "head"}),
    ):
        rest = turn(ENTROPY)
        cohort = made({"turns": [turn(ENTROPY, parameters=chosen), rest]})
        assert trains(cohort) == wanted
    inside = [turn(ENTROPY, parameters=["hidden.1", "head.bias"]), turn(ENTROPY)]
    assert "head.weight" not in made({"turns": inside}).stages[0].turns[0].trains


def test_a_norm_in_front_of_the_head_is_the_encoders() -> None:
    transformer = {"kind": "ft_transformer", "width": 8, "heads": 2, "depth": 1}
    rest = turn(ENTROPY)
    cohort = made({"turns": [turn(ENTROPY, parameters=["head"]), rest]}, model=transformer)
    assert trains(cohort) == {"head"}


def test_learned_weights_are_trained_with_what_they_weigh() -> None:
    still = [{"parameters": ["encoder"], "factor": 0}]
    some = turn(ENTROPY, SIMCLR, weights="learned", parameters=["head", "s0.simclr"], rates=still)
    cohort = made({"unlabelled": 8, **some})
    assert set(cohort.stages[0].turns[0].learned) < set(cohort.stages[0].turns[0].trains)
    off = {**SIMCLR, "weight": 0}
    one = made({"unlabelled": 8, **turn(ENTROPY, off, weights="learned")})
    assert one.stages[0].turns[0].learned == ("s0.weights.0.0",)


@pytest.mark.parametrize("kind", ["gaussian_nll", "poisson"])
def test_no_weight_is_learned_for_a_loss_below_zero(kind: str) -> None:
    """L/σ² + log σ² falls for ever there."""
    recipe = Recipe.model_validate(
        {"name": "a", "stages": [turn({"kind": kind}, weights="learned")], "model": MLP}
    )
    with pytest.raises(InputError, match=f"{kind} may fall below zero"):
        build.cohort([recipe], [0], steps=[1], inputs=NUMBERS, outputs=2, rows=9)


# --- rates ------------------------------------------------------------------------------------


def factors(cohort: Cohort) -> dict[str, float]:
    rates = cohort.stages[0].turns[0].rates
    assert rates is not None
    return {n: float(x.flatten()[0]) for n, x in cohort.layout.views(rates[None]).items()}


def test_rates() -> None:
    chosen = [
        {"parameters": ["encoder"], "factor": 0.5},
        {"parameters": ["hidden.1", "head.bias"], "factor": 0.2},
    ]
    found = factors(made(turn(ENTROPY, rates=chosen)))
    assert found == {
        "hidden.0.weight": 0.5,
        "hidden.0.bias": 0.5,
        "hidden.1.weight": pytest.approx(0.1),
        "hidden.1.bias": pytest.approx(0.1),
        "head.weight": 1.0,
        "head.bias": pytest.approx(0.2),
    }


def test_layers_in_front_learn_more_slowly() -> None:
    found = factors(made({"unlabelled": 8, **turn(ENTROPY, SIMCLR, layer_decay=0.5)}))
    assert found["hidden.0.weight"] == found["hidden.0.bias"] == 0.25
    assert found["hidden.1.weight"] == 0.5
    assert found["head.weight"] == 1.0
    assert found["s0.simclr.projector.0.weight"] == 1.0, "it is none of the network's layers"


@pytest.mark.parametrize(
    ("model", "inputs", "wanted"),
    [
        (
            {**MLP, "normalization": "batch"},
            NUMBERS,
            {"hidden.0.norm.scale": 0.25, "hidden.1.weight": 0.5, "hidden.1.norm.shift": 0.5},
        ),
        (
            {"kind": "ft_transformer", "width": 8, "heads": 2, "depth": 2},
            NUMBERS,
            {
                "token.weight": 0.125,
                "block.0.attention.query.weight": 0.25,
                "block.0.gated.out.weight": 0.25,
                "block.1.attention.norm.scale": 0.5,
                "head.norm.scale": 1.0,
            },
        ),
        (
            {"kind": "cnn", "channels": [4, 4], "width": 6, "normalization": "batch"},
            Inputs(array=192, shape=(3, 8, 8)),
            {
                "convolution.0.weight": 0.125,
                "convolution.0.norm.scale": 0.125,
                "hidden.weight": 0.5,
                "hidden.norm.shift": 0.5,
            },
        ),
        (
            {"kind": "autoencoder", "encoder": [5, 3]},
            NUMBERS,
            {"encoder.0.weight": 0.25, "encoder.1.bias": 0.5, "head.bias": 1.0},
        ),
    ],
)
def test_a_layer_has_its_norm_and_a_block_all_of_its_parts(
    model: dict[str, Any], inputs: Inputs, wanted: dict[str, float]
) -> None:
    found = factors(made(turn(ENTROPY, layer_decay=0.5), model=model, inputs=inputs))
    assert {name: found[name] for name in wanted} == wanted


def test_lengths() -> None:
    def of(*repeats: int, alternate: str = "step") -> tuple[int, ...]:
        turns = [{"objectives": [ENTROPY], "repeat": n} for n in repeats]
        return lengths(Stage.model_validate({"turns": turns, "alternate": alternate}), 7)

    assert of(1) == of(5) == of(5, alternate="epoch") == of(1, 1) == ()
    assert of(1, 2) == (1, 2)
    assert of(2, 2) == (2, 2)
    assert of(1, 1, alternate="epoch") == (7, 7)
    assert of(3, 1, alternate="epoch") == (21, 7)


# --- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [ENTROPY, {"kind": "hinge"}, {"kind": "supervised_contrastive"}])
def test_no_targets_for_what_reads_them(loss: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="reads targets, and 'rows: all' shows none") as caught:
        made({"rows": "all", **turn(loss)}, turn(ENTROPY))
    assert f"stages.0.turns.0.objectives.0: {loss['kind']}" in str(caught.value)
    assert "simclr" in str(caught.value.accepted)
    assert "unlabelled: 256" in str(caught.value.advice)


@pytest.mark.parametrize("kind", ["byol", "mean_teacher"])
def test_no_average_to_learn_from(kind: str) -> None:
    with pytest.raises(InputError, match="learns from the average of the weights") as caught:
        made({"unlabelled": 8, **turn(ENTROPY, {"kind": kind})})
    assert f"objectives.1: {kind}" in str(caught.value)
    assert caught.value.accepted == "regularizers: [{kind: ema, decay: 0.99}] in the same stage"
    elsewhere = {"regularizers": EMA, **turn(ENTROPY)}
    with pytest.raises(InputError, match="this stage has none"):
        made({"unlabelled": 8, **turn(ENTROPY, {"kind": kind})}, elsewhere)
    for average in ("ema", "swa"):
        spec = {"unlabelled": 8, "regularizers": [{"kind": average}]}
        assert made({**spec, **turn(ENTROPY, {"kind": kind})})


def test_a_turn_that_trains_nothing() -> None:
    frozen = turn(ENTROPY, parameters=["head"], rates=[{"parameters": ["head"], "factor": 0}])
    with pytest.raises(InputError, match="this turn trains no parameter") as caught:
        made({"turns": [turn(ENTROPY), frozen]})
    assert str(caught.value).startswith("stages.0.turns.1: ")
    assert caught.value.found == "all of them are frozen"
    assert caught.value.accepted == "parameters with a rate above 0"


def test_a_head_that_no_turn_trains() -> None:
    with pytest.raises(InputError, match=r"no turn trains head\.bias, head\.weight") as caught:
        made({"rows": "all", **turn(SIMCLR)})
    assert "recipe r" in str(caught.value)
    assert "factor: 0" in str(caught.value.accepted)
    assert "kind: supervised" in str(caught.value.advice)
    rates = [{"parameters": ["head"], "factor": 0}]
    assert made({"rows": "all", **turn(SIMCLR, rates=rates)})


def test_parameters_that_no_turn_trains() -> None:
    with pytest.raises(InputError, match="and 1 more") as caught:
        made(turn(ENTROPY, parameters=["head.bias"]))
    assert "head.weight, hidden.0.bias, hidden.0.weight, hidden.1.bias and" in str(caught.value)
    assert caught.value.advice == ("Give them to a turn (parameters), or leave 'parameters' out.")
    with pytest.raises(InputError, match=r"no turn trains hidden\.0\.bias, hidden\.0\.weight"):
        made(turn(ENTROPY, parameters=["head", "hidden.1"]))


@pytest.mark.parametrize("of", ["rows", "features"])
def test_a_game_takes_two(of: str) -> None:
    first, second = ({**each, "of": of} for each in GAME)
    with pytest.raises(InputError, match=r"no turn trains s0\.adversary\.discriminator") as caught:
        made({"turns": [turn(second), turn(ENTROPY)]})
    assert caught.value.advice == (
        "A discriminator and a generator of one stage train in a turn each."
    )
    if of == "rows":
        with pytest.raises(InputError, match=r"no turn trains s0\.adversary\.generator"):
            made({"turns": [turn(first), turn(ENTROPY)]})


@pytest.mark.parametrize("other", [{"latent": 7}, {"hidden": [5]}, {"generator": []},
                                   {"of": "features"}])  # fmt: skip
def test_both_players_are_about_the_same_networks(other: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="the same two networks") as caught:
        made({"turns": [turn(GAME[0]), turn({**GAME[1], **other}), turn(ENTROPY)]})
    assert str(caught.value).startswith("stages.0: ")
    assert "discriminator: of rows, latent 32" in str(caught.value.found)
    assert "generator: of " in str(caught.value.found)


def test_a_module_of_the_users_takes_no_others_parameters() -> None:
    learned = turn(ENTROPY, {"kind": "consistency"}, weights="learned")
    with pytest.raises(InputError, match="need one of Methodic's networks") as caught:
        made({"unlabelled": 8, **learned}, module=nn.Linear(4, 3))
    assert caught.value.found == "a module of your own"
    assert made({"unlabelled": 8, **turn(ENTROPY, {"kind": "consistency"})},
                module=nn.Linear(4, 3))  # fmt: skip


def test_a_module_of_the_users_can_not_be_drawn_anew() -> None:
    for spec in (turn(ENTROPY), {"share": 1.0, **turn(ENTROPY)}):
        with pytest.raises(InputError, match="how the weights of your own module are drawn") as e:
            made({**spec, "fresh": ["weight"]}, module=nn.Linear(4, 3))
        assert str(e.value).startswith("stages.0.fresh: ")


@pytest.mark.parametrize(
    ("where", "spec"),
    [
        ("stages.0.turns.0.parameters", turn(ENTROPY, parameters=["tail"])),
        ("stages.0.turns.0.rates.0", turn(ENTROPY, rates=[{"parameters": ["tail"], "factor": 2}])),
        ("stages.0.fresh", {"fresh": ["tail"], **turn(ENTROPY)}),
        ("stages.0.turns.0.parameters", turn(ENTROPY, parameters=["decoder"])),
    ],
)
def test_names_of_no_parameter(where: str, spec: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="no parameter's name starts with") as caught:
        made(spec)
    assert str(caught.value).startswith(f"{where}: ")
    assert str(caught.value.accepted).startswith("encoder, head, hidden.0.weight")


def test_frozen_layers_of_your_own_module_are_known() -> None:
    """Those that normalize by batches keep their statistics only where all of them is frozen."""

    def fixed(*frozen: str) -> frozenset[str]:
        module = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))
        rates = [{"parameters": list(frozen), "factor": 0}] if frozen else []
        return made(turn(ENTROPY, rates=rates), module=module).stages[0].turns[0].fixed

    assert fixed("0", "1") == fixed("1") == {"1"}
    assert fixed("0") == fixed("1.weight") == fixed() == set()
