"""From a recipe's network to the network: every field arrives."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from methodic.build.networks import fitting, network
from methodic.models.autoencoder import Autoencoder
from methodic.models.convolution import CNN, ResNet
from methodic.models.inputs import Inputs
from methodic.models.mlp import MLP
from methodic.models.parts.numeric import PBLD, Periodic, PiecewiseLinear
from methodic.models.quicknet import QuickNet
from methodic.models.realmlp import RealMLP
from methodic.models.tabm import TabM
from methodic.models.transformer import FTTransformer
from methodic.models.vit import ViT
from methodic.recipes.kinds import models as recipe

TABLE = Inputs(numeric=4, categorical=2, codes=16, sizes=(4, 12))
IMAGES = Inputs(array=192, shape=(3, 8, 8))
LARGER = Inputs(array=300, shape=(3, 10, 10))

CLASSES: dict[type[recipe.Part], tuple[type[Any], Inputs]] = {
    recipe.Linear: (MLP, TABLE),
    recipe.MLP: (MLP, TABLE),
    recipe.RealMLP: (RealMLP, TABLE),
    recipe.TabM: (TabM, TABLE),
    recipe.FTTransformer: (FTTransformer, TABLE),
    recipe.CNN: (CNN, IMAGES),
    recipe.ResNet: (ResNet, IMAGES),
    recipe.QuickNet: (QuickNet, LARGER),
    recipe.ViT: (ViT, IMAGES),
    recipe.Autoencoder: (Autoencoder, IMAGES),
}
# A value of each field which isn't its default.
OTHER: dict[str, Any] = {
    "width": 24,
    "depth": 4,
    "activation": "gelu",
    "dropout": 0.37,
    "normalization": "group",
    "initialization": "orthogonal",
    "embedding": 5,
    "numeric_embedding": {"kind": "periodic", "frequencies": 3},
    "residual": True,
    "dropconnect": 0.37,
    "stochastic_depth": 0.37,
    "groups": 4,
    "one_hot": 2,
    "scale": False,
    "parametric": False,
    "submodels": 5,
    "averages": "outputs",
    "heads": 4,
    "expansion": 3.0,
    "attention_dropout": 0.37,
    "residual_dropout": 0.37,
    "channels": (8, 16),
    "kernel": 5,
    "blocks": 2,
    "encoder": (16, 8),
    "decoder": (),
    "tied": True,
    "output_activation": "sigmoid",
    "head_scale": 0.5,
    "mirrored": True,
    "rate": 2.0,
    "patch": 2,
}


def shown(value: Any) -> str:
    """All that a network is made of, as text; addresses left out."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(shown(each) for each in value)}]"
    if hasattr(value, "__dict__") and type(value).__module__.startswith("methodic"):
        inside = ", ".join(f"{k}={shown(v)}" for k, v in vars(value).items())
        return f"{type(value).__name__}({inside})"
    return repr(value)


def test_every_kind_has_its_network() -> None:
    kinds = get_args(get_args(recipe.Model)[0])
    assert set(kinds) == {*CLASSES, recipe.Auto}
    for kind, (made, inputs) in CLASSES.items():
        built = network(kind(), inputs, 3)  # type: ignore[arg-type]
        assert isinstance(built, made)
        assert built.outputs == 3


FIELDS = [(kind, name) for kind in CLASSES for name in kind.model_fields if name != "kind"]


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_every_field_arrives(kind: type[recipe.Part], field: str) -> None:
    inputs = CLASSES[kind][1]
    base: dict[str, Any] = {}
    if field == "stochastic_depth" and "residual" in kind.model_fields:
        base = {"residual": True}
    if field == "groups":
        base = {"normalization": "group"}
    if field == "embedding" and "one_hot" in kind.model_fields:
        base = {"one_hot": 2}
    plain = network(kind(**base), inputs, 3)  # type: ignore[arg-type]
    other = "relu" if (kind, field) == (recipe.QuickNet, "activation") else OTHER[field]
    number = isinstance(other, float) and field not in ("expansion", "head_scale", "rate")
    changed = kind.model_validate({**base, field: other})
    assert getattr(changed, field) != getattr(kind(), field)
    built = network(changed, inputs, 3)  # type: ignore[arg-type]
    if number:  # on or off; its value reaches the network at run time
        plain = network(kind.model_validate({**base, field: 0.0}), inputs, 3)  # type: ignore[arg-type]
        assert f"model.{field}" in shown(built)
    assert shown(built) != shown(plain)


@pytest.mark.parametrize(
    ("spec", "made"),
    [
        (
            {"kind": "piecewise_linear", "dimension": 3, "bins": 5},
            PiecewiseLinear("numeric", 4, 3, 5),
        ),
        (
            {"kind": "periodic", "dimension": 3, "frequencies": 5, "scale": 0.2},
            Periodic("numeric", 4, 3, 5, 0.2),
        ),
        (
            {"kind": "pbld", "dimension": 3, "frequencies": 5, "scale": 0.2, "rate": 0.5},
            PBLD("numeric", 4, 3, 5, 0.2, 0.5),
        ),
    ],
)
def test_numeric_embeddings(spec: dict[str, Any], made: object) -> None:
    for kind in (recipe.MLP, recipe.RealMLP, recipe.TabM):
        built = network(kind.model_validate({"numeric_embedding": spec}), TABLE, 3)
        assert built.front.numeric == made  # type: ignore[attr-defined]


def test_the_task_decides_what_is_left_to_it() -> None:
    assert fitting(recipe.RealMLP(), "multiclass") == recipe.RealMLP(activation="selu", rate=1.0)
    assert fitting(recipe.RealMLP(), "regression") == recipe.RealMLP(activation="mish", rate=3.5)
    assert fitting(recipe.TabM(), "binary") == recipe.TabM(averages="probabilities")
    assert fitting(recipe.TabM(), "regression") == recipe.TabM(averages="outputs")
    chosen = recipe.TabM(averages="outputs")
    assert fitting(chosen, "binary") == chosen
    assert fitting(recipe.MLP(), "binary") == recipe.MLP()
