"""Networks of recipes."""

from __future__ import annotations

from methodic.models.autoencoder import Autoencoder
from methodic.models.convolution import CNN, ResNet
from methodic.models.inputs import Inputs
from methodic.models.mlp import MLP
from methodic.models.parts import numeric
from methodic.models.quicknet import QuickNet
from methodic.models.realmlp import RealMLP
from methodic.models.standardised import Standardised
from methodic.models.tabm import TabM
from methodic.models.transformer import FTTransformer
from methodic.models.vit import ViT
from methodic.plan import Task
from methodic.recipes.kinds import models as recipe
from methodic.types import Model


def fitting(spec: recipe.Model, task: Task) -> recipe.Model:
    """The recipe of a network with everything that the task decides written out."""
    numbers, whole = task == "regression", task in ("binary", "multiclass")
    if isinstance(spec, recipe.RealMLP):
        due = (
            {"activation": "mish", "rate": 3.5} if numbers else {"activation": "selu", "rate": 1.0}
        )
        left = {name: value for name, value in due.items() if getattr(spec, name) == "auto"}
        return spec.model_copy(update=left)
    if isinstance(spec, recipe.TabM) and spec.averages == "auto":
        return spec.model_copy(update={"averages": "probabilities" if whole else "outputs"})
    return spec


def network(spec: recipe.Model, inputs: Inputs, outputs: int) -> Model:
    """The network of a resolved recipe.

    Raises:
        InputError: it can't take such inputs.
    """
    # Where nothing resolved it:
    spec = fitting(spec, "regression" if outputs == 1 else "multiclass")
    made = _network(spec, inputs, outputs)
    return Standardised(made, inputs.scaling) if inputs.scaling else made


def _network(spec: recipe.Model, inputs: Inputs, outputs: int) -> Model:
    match spec:
        case recipe.Linear():
            return MLP(
                inputs,
                outputs,
                depth=0,
                initialization=spec.initialization,
                embedding=spec.embedding,
            )
        case recipe.MLP():
            return MLP(
                inputs,
                outputs,
                width=spec.width,
                depth=spec.depth,
                activation=spec.activation,
                normalization=spec.normalization,
                groups=spec.groups,
                dropout="model.dropout" if spec.dropout else None,
                initialization=spec.initialization,
                embedding=spec.embedding,
                numeric=_numeric(spec.numeric_embedding, inputs),
                residual=spec.residual,
                dropconnect="model.dropconnect" if spec.dropconnect else None,
                stochastic_depth="model.stochastic_depth" if spec.stochastic_depth else None,
            )
        case recipe.RealMLP():
            return RealMLP(
                inputs,
                outputs,
                width=spec.width,
                depth=spec.depth,
                activation=spec.activation,
                dropout="model.dropout" if spec.dropout else None,
                numeric=_numeric(spec.numeric_embedding, inputs),
                embedding=spec.embedding,
                one_hot=spec.one_hot,
                scale=spec.scale,
                parametric=spec.parametric,
                rate=1.0 if spec.rate == "auto" else spec.rate,
            )
        case recipe.TabM():
            return TabM(
                inputs,
                outputs,
                width=spec.width,
                depth=spec.depth,
                submodels=spec.submodels,
                activation=spec.activation,
                dropout="model.dropout" if spec.dropout else None,
                numeric=_numeric(spec.numeric_embedding, inputs),
                embedding=spec.embedding,
                one_hot=spec.one_hot,
                averages="outputs" if spec.averages == "outputs" else "probabilities",
            )
        case recipe.FTTransformer():
            return FTTransformer(
                inputs,
                outputs,
                width=spec.width,
                depth=spec.depth,
                heads=spec.heads,
                expansion=spec.expansion,
                dropout="model.dropout" if spec.dropout else None,
                attention_dropout="model.attention_dropout" if spec.attention_dropout else None,
                residual_dropout="model.residual_dropout" if spec.residual_dropout else None,
            )
        case _:
            return _of_arrays(spec, inputs, outputs)


def _of_arrays(spec: recipe.Model, inputs: Inputs, outputs: int) -> Model:
    match spec:
        case recipe.CNN():
            return CNN(
                inputs,
                outputs,
                channels=spec.channels,
                width=spec.width,
                kernel=spec.kernel,
                activation=spec.activation,
                normalization=spec.normalization,
                groups=spec.groups,
                dropout="model.dropout" if spec.dropout else None,
            )
        case recipe.ResNet():
            return ResNet(
                inputs,
                outputs,
                channels=spec.channels,
                blocks=spec.blocks,
                normalization=spec.normalization,
                groups=spec.groups,
            )
        case recipe.QuickNet():
            return QuickNet(
                inputs,
                outputs,
                channels=spec.channels,
                depth=spec.depth,
                activation=spec.activation,
                scale=spec.head_scale,
                mirrored=spec.mirrored,
            )
        case recipe.ViT():
            return ViT(
                inputs,
                outputs,
                patch=spec.patch,
                width=spec.width,
                depth=spec.depth,
                heads=spec.heads,
                expansion=spec.expansion,
                stochastic_depth="model.stochastic_depth" if spec.stochastic_depth else None,
            )
        case recipe.Autoencoder():
            return Autoencoder(
                inputs,
                outputs,
                encoder=spec.encoder,
                decoder=spec.decoder,
                tied=spec.tied,
                activation=spec.activation,
                output_activation=spec.output_activation,
                initialization=spec.initialization,
            )
    raise AssertionError("resolve the recipe first")


def _numeric(spec: recipe.NumericEmbedding, inputs: Inputs) -> numeric.NumericEmbedding | None:
    columns = inputs.numeric
    match spec:
        case recipe.PiecewiseLinear():
            return numeric.PiecewiseLinear("numeric", columns, spec.dimension, spec.bins)
        case recipe.Periodic():
            return numeric.Periodic(
                "numeric", columns, spec.dimension, spec.frequencies, spec.scale
            )
        case recipe.PBLD():
            return numeric.PBLD(
                "numeric", columns, spec.dimension, spec.frequencies, spec.scale, spec.rate
            )
    return None
