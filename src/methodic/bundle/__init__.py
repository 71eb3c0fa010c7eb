"""A trained model on disk: encoders, weights, recipe and card; load it and predict from raw rows.

A bundle is a folder: bundle.json (what the network is, its encoders, its scores),
weights.safetensors, card.md, and manifest.json with a hash of each. Nothing in it is ever executed.
The model is one network, or several whose predictions are averaged; they share their encoders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from methodic import build
from methodic.bundle.card import Card as Card
from methodic.bundle.card import Part as Part
from methodic.bundle.card import text_of
from methodic.bundle.selection import unused
from methodic.data.batches import Rows
from methodic.data.encoders import Encoders
from methodic.data.frames import as_frame
from methodic.engine.evaluation import CHUNK, outputs
from methodic.engine.parts import Layout
from methodic.errors import InputError
from methodic.evidence.ensemble import mean
from methodic.files import file_hash, make_folder, read_json, write_json, write_text, write_with
from methodic.metrics import get_metric
from methodic.models.failures import copied
from methodic.models.mlp import Inputs
from methodic.models.module import asks_for, feed, put, state_of
from methodic.plan import FORMAT, NetworkFacts
from methodic.recipes.types import Recipe

if TYPE_CHECKING:
    import polars as pl

_FILES = ("bundle.json", "weights.safetensors", "card.md")


@dataclass(frozen=True)
class Trained:
    """The tensors of one network: name → [1, …]."""

    parameters: Mapping[str, Tensor]
    buffers: Mapping[str, Tensor]


@dataclass(frozen=True)
class Bundle:
    """Trained networks, mostly one, with their encoders.

    Example:
        >>> bundle = load("runs/digits/model")          # doctest: +SKIP
        >>> bundle.predict_frame(frame)["prediction"]   # doctest: +SKIP
    """

    card: Card
    encoders: Encoders
    networks: tuple[Trained, ...]  # as in ``card.parts``
    module: nn.Module | None = None  # the user's own network with these weights, evaluating

    def predicted(self, frame: pl.DataFrame) -> Tensor:
        """Probabilities [N, C] or numbers [N, 1] for raw rows: the networks' weighted mean."""
        inputs = self.encoders.encode(self.encoders.prepare(frame))
        if self.module is not None:
            out = module_outputs(self.module, inputs, outputs_of(self.encoders))
            return self.encoders.predictions(out)
        each = [
            self.encoders.predictions(self._outputs(part.recipe, trained, inputs))
            for part, trained in zip(self.card.parts, self.networks, strict=True)
        ]
        if len(each) == 1:
            return each[0]
        weights = np.array([part.weight for part in self.card.parts])
        return torch.from_numpy(mean(np.stack([one.numpy() for one in each]), weights))

    def _outputs(self, recipe: Recipe, trained: Trained, inputs: Mapping[str, Tensor]) -> Tensor:
        """Outputs of one network for encoded rows: [N, C]."""
        some = next(iter(inputs.values()))
        # Only the inputs count; rows need a target of the right length to be rows.
        rows = Rows(dict(inputs), torch.zeros(some.shape[0], dtype=torch.int64))
        model = build.network(recipe, inputs_of(self.encoders), outputs_of(self.encoders))
        layout = Layout(model.parameters())
        if len(rows) == 0:
            return torch.empty(0, model.outputs)
        return outputs(
            model, layout, layout.flatten(trained.parameters), trained.buffers, rows, {}
        )[0]

    def predict_frame(self, source: Any) -> pl.DataFrame:
        """Predictions for raw rows (a frame or an array), columns in any order.

        Returns:
            "prediction", and for classification one column "p_<class>" for each class.
        """
        import polars as pl

        predicted = self.predicted(as_frame(source))
        classes = self.encoders.schema.classes
        if not classes:
            return pl.DataFrame({"prediction": predicted[:, 0].numpy()})
        columns: dict[str, Any] = {"prediction": self.encoders.labels(predicted)}
        for i, name in enumerate(classes):
            columns[f"p_{name}"] = predicted[:, i].numpy()
        return pl.DataFrame(columns)

    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Column → rows whose category wasn't in the training rows."""
        return self.encoders.unseen(self.encoders.prepare(frame))

    def evaluate(self, frame: pl.DataFrame, metrics: Sequence[str]) -> dict[str, float]:
        """Metric → score on raw rows that have their target.

        Raises:
            InputError: no target column, or a metric that doesn't fit the task.
        """
        schema = self.encoders.schema
        if schema.target not in frame.columns:
            raise InputError(
                f"the data have no column '{schema.target}', which holds the truth",
                found=", ".join(frame.columns),
            )
        chosen = [get_metric(name, schema.task) for name in metrics]
        truth = self.encoders.truth(frame)
        predicted = self.predicted(frame).numpy()
        return {metric.name: metric.score(truth, predicted) for metric in chosen}


def module_outputs(module: nn.Module, inputs: Mapping[str, Tensor], outputs: int) -> Tensor:
    """What a user's module returns for encoded rows, without gradients: [N, C]."""
    names, rows = asks_for(module), next(iter(inputs.values())).shape[0]
    parts = [torch.empty(0, outputs)]
    with torch.no_grad():
        for start in range(0, rows, CHUNK):
            part = {name: value[start : start + CHUNK] for name, value in inputs.items()}
            args, kwargs = feed(names, part)
            parts.append(module(*args, **kwargs).reshape(-1, outputs))
    return torch.cat(parts)


def inputs_of(encoders: Encoders) -> Inputs:
    """What enters a network behind these encoders."""
    array = 1
    for size in encoders.array_shape or ():
        array *= size
    return Inputs(
        numeric=encoders.width,
        categorical=encoders.columns,
        codes=encoders.cardinality,
        array=array if encoders.array_shape else 0,
        shape=tuple(encoders.array_shape),
        sizes=encoders.sizes,
    )


def outputs_of(encoders: Encoders) -> int:
    """C: classes, or 1 number."""
    return len(encoders.schema.classes) or 1


def save(folder: Path, card: Card, encoders: Encoders, networks: Sequence[Trained]) -> None:
    """Write a bundle; the manifest comes last, so that half a bundle is none.

    Args:
        folder: where to.
        card: says what the networks are.
        encoders: which they share.
        networks: as in ``card.parts``.
    """
    if not card.ensemble and card.network is None:
        network = build.network(card.recipe, inputs_of(encoders), outputs_of(encoders))
        idle = unused(encoders, network.parameters(), networks[0].parameters)
        card = card.model_copy(update={"unused": idle})
    make_folder(folder)
    state, tensors = encoders.state()
    weights = {f"encoders/{k}": v for k, v in tensors.items()}
    for i, trained in enumerate(networks):
        place = _place(card, i)
        weights |= {f"{place}parameters/{k}": v for k, v in trained.parameters.items()}
        weights |= {f"{place}buffers/{k}": v for k, v in trained.buffers.items()}
    contiguous = {name: value.contiguous().clone() for name, value in weights.items()}
    write_with(folder / "weights.safetensors", lambda path: save_file(contiguous, path))
    document = {"card": card.model_dump(mode="json"), "encoders": state}
    write_json(folder / "bundle.json", document)
    write_text(folder / "card.md", text_of(card))
    hashes = {name: file_hash(folder / name) for name in _FILES}
    write_json(folder / "manifest.json", {"format": FORMAT, "files": hashes})


def load(path: Path | str, module: nn.Module | None = None) -> Bundle:
    """Read a bundle from its folder, or from a run's folder.

    Args:
        path: the folder.
        module: where the bundle holds the weights of a user's own network: that network, of which
            a copy gets the weights. A bundle holds no code.

    Raises:
        InputError: no bundle there, a damaged or newer one, or files that the manifest belies; a
            network of the user's own that is missing or doesn't fit.
    """
    folder = Path(path)
    if not (folder / "manifest.json").exists() and (folder / "model").is_dir():
        folder = folder / "model"
    if not (folder / "manifest.json").exists():
        raise InputError(
            f"{path}: no trained model here",
            accepted="a run's folder, or its folder model/",
            advice="A run that was interrupted before its verdict has none: methodic resume RUN.",
        )
    manifest = read_json(folder / "manifest.json", "manifest")
    _check(folder, manifest)
    document = read_json(folder / "bundle.json", "bundle")
    try:
        card = Card.model_validate(document["card"])
        weights = load_file(folder / "weights.safetensors")
        encoders = Encoders.from_state(document["encoders"], _under(weights, "encoders/"))
    except (ValidationError, KeyError, TypeError, SafetensorError) as error:
        raise InputError(f"{folder}: this bundle is damaged", found=error) from None
    places = [_place(card, i) for i in range(len(card.parts))]
    networks = tuple(
        Trained(_under(weights, f"{place}parameters/"), _under(weights, f"{place}buffers/"))
        for place in places
    )
    bundle = Bundle(card, encoders, networks)
    if card.network is not None:
        return replace(bundle, module=_filled(folder, bundle, card.network, module))
    if module is not None:
        raise InputError(f"{folder}: this is no network of your own", advice="Leave model out.")
    _check_shapes(folder, bundle)
    return bundle


def _filled(
    folder: Path, bundle: Bundle, network: NetworkFacts, module: nn.Module | None
) -> nn.Module:
    """A copy of the user's own network with the bundle's weights, in evaluation mode."""
    if module is None:
        raise InputError(
            f"{folder}: these are the weights of a network of your own ({network.name}), whose "
            "code isn't kept",
            advice="Load them in Python, with the model that they belong to: "
            "methodic.load_run(RUN, model=…).",
        )
    (trained,) = bundle.networks
    values = {k: x[0] for k, x in {**trained.parameters, **trained.buffers}.items()}
    wanted = {name: tuple(x.shape) for name, x in state_of(module).items()}
    for name in sorted({*values, *wanted}):
        shape = tuple(values[name].shape) if name in values else None
        if shape != wanted.get(name):
            raise InputError(
                f"{folder}: the weights don't fit this {type(module).__name__}: '{name}'",
                found=wanted.get(name, "none"),
                accepted=shape or "none",
            )
    return put(copied(module).cpu().eval(), values)


def _check(folder: Path, manifest: Any) -> None:
    if (
        not isinstance(manifest, dict)
        or not isinstance(manifest.get("files"), dict)
        or not isinstance(manifest.get("format"), int)
    ):
        raise InputError(f"{folder / 'manifest.json'}: not a bundle's manifest")
    if manifest["format"] > FORMAT:
        raise InputError(
            f"{folder}: written by a newer version of Methodic",
            found=f"format {manifest['format']}",
            accepted=f"format {FORMAT} or older",
        )
    for name in _FILES:
        file = folder / name
        if not file.is_file() or file_hash(file) != manifest["files"].get(name):
            raise InputError(
                f"{file}: missing or not as it was written",
                advice="Copy the bundle again, or make it anew with methodic run.",
            )


def _check_shapes(folder: Path, bundle: Bundle) -> None:
    for part, trained in zip(bundle.card.parts, bundle.networks, strict=True):
        model = build.network(part.recipe, inputs_of(bundle.encoders), outputs_of(bundle.encoders))
        wanted = {k: (1, *spec.shape) for k, spec in model.parameters().items()}
        wanted |= {k: (1, *spec.shape) for k, spec in model.buffers().items()}
        found = {k: tuple(v.shape) for k, v in {**trained.parameters, **trained.buffers}.items()}
        if wanted != found:
            raise InputError(f"{folder}: the weights don't fit the network in bundle.json")


def _place(card: Card, at: int) -> str:
    """What the names of a network's tensors begin with."""
    return f"network-{at:03d}/" if card.ensemble else ""


def _under(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
