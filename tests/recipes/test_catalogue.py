from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from methodic.errors import InputError
from methodic.recipes import catalogue, io, numbers
from methodic.recipes.types import SGD, AdamW, Cosine

LR = "stages.{}.turns.0.optimizer.lr"
PRETRAINED = {  # whose second stage is tuned
    "adversarial_autoencoder",
    "autoencoder_first",
    "barlow_twins",
    "byol",
    "gan",
    "masked",
    "scarf",
    "simclr",
    "simsiam",
    "variational_autoencoder",
    "vicreg",
}


# Networks of their own; all others take the one that the data choose.
NETWORKS = {
    "cocktail": "mlp",
    "elastic_net": "linear",
    "lbfgs": "mlp",
    "realmlp": "realmlp",
    "tabm": "tabm",
    "convnet": "cnn",
    "quicknet": "quicknet",
    "resnet": "resnet",
    "vit": "vit",
}
# Name → the kinds that it is named for: rule, schedule, regularizers.
KINDS = {
    "adagrad": ("adagrad", "constant", []),
    "adam": ("adam", "constant", []),
    "adamw_cosine": ("adamw", "cosine", []),
    "adan": ("adan", "cosine", []),
    "cocktail": ("adamw", "cosine", ["mixup", "swa"]),
    "convnet": ("adamw", "one_cycle", ["crop"]),
    "cyclic_sgd": ("sgd", "cyclic", []),
    "elastic_net": ("sgd", "constant", ["proximal_elastic_net"]),
    "ema": ("adamw", "constant", ["ema"]),
    "gradient_descent": ("sgd", "constant", []),
    "ivon": ("ivon", "cosine", []),
    "lamb": ("lamb", "polynomial", []),
    "lbfgs": ("lbfgs", "constant", ["l2"]),
    "lion": ("lion", "cosine", []),
    "mixup": ("adamw", "cosine", ["mixup"]),
    "momentum": ("sgd", "constant", []),
    "muon": ("muon", "cosine", []),
    "nadam": ("nadam", "constant", []),
    "nesterov": ("sgd", "constant", []),
    "one_cycle": ("sgd", "one_cycle", []),
    "plateau": ("sgd", "plateau", []),
    "prodigy": ("prodigy", "cosine", []),
    "quicknet": ("sgd", "one_cycle", ["crop", "flip", "ema"]),
    "radam": ("radam", "constant", []),
    "realmlp": ("adamw", "log_cosine", []),
    "resnet": ("sgd", "cosine", ["crop"]),
    "rmsprop": ("rmsprop", "constant", []),
    "rmsprop_centered": ("rmsprop", "constant", []),
    "sam": ("sgd", "cosine", ["sam"]),
    "schedule_free_adamw": ("schedule_free_adamw", "constant", []),
    "schedule_free_sgd": ("schedule_free_sgd", "constant", []),
    "sgd": ("sgd", "constant", []),
    "sgdr": ("sgd", "cosine_restarts", []),
    "single_sample_sgd": ("sgd", "inverse_time", []),
    "soap": ("soap", "cosine", []),
    "swa": ("sgd", "constant", ["swa"]),
    "tabm": ("adamw", "cosine", []),
    "vit": ("adamw", "cosine", ["crop", "randaugment", "cutmix"]),
    "wsd": ("adamw", "wsd", []),
}


# Of methods that read rows without targets: the objectives of their stages' turns, in this order.
OBJECTIVES = {
    "adversarial_autoencoder": ["reconstruction", "discriminator", "generator", "supervised"],
    "alternating_autoencoder": ["supervised", "reconstruction"],
    "autoencoder_first": ["reconstruction", "supervised"],
    "autoencoder_last": ["supervised", "reconstruction", "supervised"],
    "barlow_twins": ["barlow_twins", "supervised"],
    "byol": ["byol", "supervised"],
    "consistency": ["supervised", "consistency"],
    "distillation": ["supervised", "distillation"],
    "fixmatch": ["supervised", "fixmatch"],
    "gan": ["discriminator", "generator", "supervised"],
    "joint_autoencoder": ["supervised", "reconstruction"],
    "joint_vicreg": ["supervised", "vicreg"],
    "learned_weights": ["supervised", "reconstruction"],
    "masked": ["masked", "supervised"],
    "mean_teacher": ["supervised", "mean_teacher"],
    "pseudo_labels": ["supervised", "pseudo_labels"],
    "scarf": ["scarf", "supervised"],
    "simclr": ["simclr", "supervised"],
    "simsiam": ["simsiam", "supervised"],
    "variational_autoencoder": ["reconstruction", "supervised"],
    "vicreg": ["vicreg", "supervised"],
}


def test_the_library() -> None:
    assert set(catalogue.names()) == {*KINDS, *OBJECTIVES, "supervised_contrastive"}
    assert [recipe.name for recipe in catalogue.all_recipes()] == list(catalogue.names())


@pytest.mark.parametrize("name", catalogue.names())
def test_each_method_is_complete(name: str) -> None:
    recipe = catalogue.get(name)
    assert recipe.name == name
    assert all((recipe.about, recipe.source, recipe.use_when, recipe.not_when))
    assert recipe.model.kind == NETWORKS.get(name, "auto")
    path = LR.format(1 if name in PRETRAINED else 0)
    assert list(numbers.ranges(recipe)) == [path]
    points = numbers.ranges(recipe)[path].grid(5)
    assert len(points) > 1
    for low, high in itertools.pairwise(points):
        assert high / low < 6, "five points leave gaps"
    command = f"# methodic train DATA --recipe {name}"
    first = catalogue.text(name).splitlines()[0]
    assert first == command + (" --teacher BUNDLE" if name == "distillation" else "")
    assert io.from_yaml(io.to_yaml(recipe), "text") == recipe


def test_the_methods_are_what_their_names_say() -> None:
    optimizers = {name: catalogue.get(name).stages[0].turns[0] for name in catalogue.names()}
    for name in KINDS:
        turn, stage = optimizers[name], catalogue.get(name).stages[0]
        regularizers = [each.kind for each in stage.regularizers]
        assert (turn.optimizer.kind, turn.schedule.kind, regularizers) == KINDS[name]
    batches = {name: catalogue.get(name).stages[0].batch for name in catalogue.names()}
    full = {"gradient_descent", "elastic_net", "lbfgs"}
    assert {name for name, batch in batches.items() if batch == "full"} == full
    assert batches["single_sample_sgd"] == 1
    assert batches["lamb"] == 1024
    heavy = optimizers["momentum"].optimizer
    assert isinstance(heavy, SGD)
    assert (heavy.momentum, heavy.nesterov) == (0.9, False)
    cosine = optimizers["adamw_cosine"]
    assert isinstance(cosine.optimizer, AdamW)
    assert cosine.optimizer.weight_decay != 0
    assert cosine.schedule == Cosine(warmup=0.1)


@pytest.mark.parametrize("name", catalogue.names())
def test_methods_that_read_rows_without_targets(name: str) -> None:
    recipe = catalogue.get(name)
    assert catalogue.reads_unlabelled(recipe) == (name in OBJECTIVES)
    assert catalogue.needs_teacher(recipe) == (name == "distillation")
    if name in OBJECTIVES:
        turns = [turn for stage in recipe.stages for turn in stage.turns]
        assert [each.kind for turn in turns for each in turn.objectives] == OBJECTIVES[name]
    for stage in recipe.stages:
        kinds = {each.kind for turn in stage.turns for each in turn.objectives}
        assert (stage.rows == "all") <= ("supervised" not in kinds)


def test_methods_differ_in_what_they_train() -> None:
    keys = set()
    for recipe in catalogue.all_recipes():
        concrete = numbers.replace(recipe, dict.fromkeys(numbers.ranges(recipe), 0.01))
        keys.add(numbers.split(concrete)[0])
    assert len(keys) == len(catalogue.names())


def test_a_path_is_read_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "adam.yaml"
    path.write_text("{name: mine, stages: [{}]}")
    assert catalogue.get(path).name == "mine"
    assert catalogue.get(str(path)).name == "mine"
    with pytest.raises(InputError, match="no such recipe file"):
        catalogue.get("nowhere.yml")


@pytest.mark.parametrize("name", ["admaw_cosine", "ADAM", "../../secret", "", "library/adam"])
def test_an_unknown_name_is_answered(name: str) -> None:
    with pytest.raises(InputError) as caught:
        catalogue.get(name)
    assert caught.value.problem == f"there is no recipe '{name}'"
    if name == "admaw_cosine":
        assert caught.value.advice == "Did you mean 'adamw_cosine'?"


def test_which_methods_are_for_images() -> None:
    images = {"convnet", "quicknet", "resnet", "vit"}
    assert {name for name in catalogue.names() if catalogue.takes_images(catalogue.get(name))} == (
        images
    )


def test_what_a_space_may_need() -> None:
    from methodic.recipes import io

    objectives = {"choice": [[{"kind": "supervised"}], [{"kind": "distillation"}]]}
    taught = io.from_data({"name": "a", "stages": [{"objectives": objectives}]}, "a")
    assert catalogue.needs_teacher(taught)
    assert not catalogue.reads_unlabelled(taught)
    rows = io.from_data({"name": "a", "stages": [{"unlabelled": {"choice": [0, 64]}}]}, "a")
    assert catalogue.reads_unlabelled(rows)
    assert not catalogue.needs_teacher(rows)
