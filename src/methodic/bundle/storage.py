"""Bundles on disk: written whole, and read only after everything in them was checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor, nn

from methodic import build
from methodic.bundle.card import Card, document_of, text_of
from methodic.bundle.inspection import FILES, MANIFEST, MOST_JSON, WEIGHTS, inspect, weights
from methodic.bundle.model import Bundle, Trained, inputs_of, outputs_of
from methodic.bundle.selection import unused
from methodic.data.encoding.encoders import Encoders
from methodic.errors import InputError
from methodic.files import file_hash, make_folder, read_json, write_json, write_text, write_with
from methodic.models.own.failures import copied
from methodic.models.own.module import put, state_of
from methodic.plan import FORMAT, NetworkFacts


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
    stored = {f"encoders/{k}": v for k, v in tensors.items()}
    for i, trained in enumerate(networks):
        place = _place(card, i)
        stored |= {f"{place}parameters/{k}": v for k, v in trained.parameters.items()}
        stored |= {f"{place}buffers/{k}": v for k, v in trained.buffers.items()}
    contiguous = {name: value.contiguous().clone() for name, value in stored.items()}
    write_with(folder / WEIGHTS, lambda path: save_file(contiguous, path))
    write_json(folder / "bundle.json", {"card": card.model_dump(mode="json"), "encoders": state})
    size = sum(x.numel() for trained in networks for x in trained.parameters.values())
    write_text(folder / "card.md", text_of(card, encoders.schema, size))
    write_json(folder / "card.json", document_of(card, encoders.schema, size))
    hashes = {name: file_hash(folder / name) for name in FILES}
    write_json(folder / MANIFEST, {"format": FORMAT, "files": hashes})


def load(path: Path | str, module: nn.Module | None = None) -> Bundle:
    """Read a bundle from its folder, or from a run's folder.

    Args:
        path: the folder.
        module: where the bundle holds the weights of a user's own network: that network, of which
            a copy gets the weights. A bundle holds no code.

    Raises:
        InputError: no bundle there, a damaged, newer or hostile one (see `inspection`), or files
            that the manifest belies; a network of the user's own that is missing or doesn't fit.
    """
    folder = Path(path)
    if not (folder / MANIFEST).exists() and (folder / "model").is_dir():
        folder = folder / "model"
    inspect(folder)
    document = read_json(folder / "bundle.json", "bundle", limit=MOST_JSON)
    tensors = weights(folder)
    try:
        card = Card.model_validate(document["card"])
        encoders = Encoders.from_state(document["encoders"], _under(tensors, "encoders/"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "card"
        raise _damaged(folder, f"{where}: {first['msg']}") from None
    except (KeyError, TypeError) as error:
        raise _damaged(folder, f"bundle.json: {error}") from None
    except InputError as error:
        raise InputError(
            f"{folder}: {error.problem}",
            found=error.found,
            accepted=error.accepted,
            advice=error.advice,
        ) from None
    places = [_place(card, i) for i in range(len(card.parts))]
    networks = tuple(
        Trained(_under(tensors, f"{place}parameters/"), _under(tensors, f"{place}buffers/"))
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


def _damaged(folder: Path, found: object) -> InputError:
    return InputError(
        f"{folder}: this bundle is damaged",
        found=found,
        advice="Copy the bundle again, or make it anew with methodic run.",
    )


def _check_shapes(folder: Path, bundle: Bundle) -> None:
    for part, trained in zip(bundle.card.parts, bundle.networks, strict=True):
        if part.recipe.model.kind == "auto":
            raise _damaged(folder, "a recipe that names no network")
        model = build.network(part.recipe, inputs_of(bundle.encoders), outputs_of(bundle.encoders))
        wanted = {k: (1, *spec.shape) for k, spec in model.parameters().items()}
        wanted |= {k: (1, *spec.shape) for k, spec in model.buffers().items()}
        found = {k: tuple(v.shape) for k, v in {**trained.parameters, **trained.buffers}.items()}
        if wanted != found:
            raise InputError(f"{folder}: the weights don't fit the network in bundle.json")
        for name, value in {**trained.parameters, **trained.buffers}.items():
            if value.dtype != torch.float32:
                raise _damaged(folder, f"'{name}' holds {value.dtype}, and weights are float32")


def _place(card: Card, at: int) -> str:
    """What the names of a network's tensors begin with."""
    return f"network-{at:03d}/" if card.ensemble else ""


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
