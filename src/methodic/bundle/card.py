"""What a trained model is, and how good it was: the card that goes with its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from methodic.data.schemas.schema import Column, Schema
from methodic.metrics import get_metric
from methodic.plan import FORMAT, DataFacts, NetworkFacts, Value
from methodic.recipes.types import Recipe

_LISTED = 30  # inputs that the text names
_MOST = 256  # networks of an ensemble; far more than any search chooses


class Part(Value):
    """One of several networks whose predictions are averaged."""

    recipe: Recipe  # resolved, with the numbers that it was trained with
    seed: int
    weight: float = Field(gt=0, le=1)


class Card(Value):
    """What a trained model is, and how good it was."""

    format: int = FORMAT
    recipe: Recipe  # resolved, with the numbers that it was trained with; of the first network
    data: DataFacts
    metric: str
    seed: int
    validation: float | None
    test: float | None  # of these weights
    about: str  # one line: how these weights were chosen
    network: NetworkFacts | None = None  # the user's own, whose code is no part of the bundle
    ensemble: tuple[Part, ...] = Field(default=(), max_length=_MOST)  # if there are several
    unused: tuple[str, ...] = ()  # inputs without any weight, of a single network
    doubts: tuple[str, ...] = ()  # what is wrong with the data so that scores may mean less

    @property
    def parts(self) -> tuple[Part, ...]:
        """The networks, also where it is one."""
        return self.ensemble or (Part(recipe=self.recipe, seed=self.seed, weight=1.0),)

    @model_validator(mode="after")
    def _whole(self) -> Card:
        if abs(sum(part.weight for part in self.parts) - 1) > 1e-6:
            raise ValueError("the weights of an ensemble must add up to 1")
        return self


def _network(card: Card) -> list[str]:
    """What the model is, in lines."""
    if card.ensemble:
        return [
            f"- the mean of {len(card.ensemble)} networks, weighted:",
            *(
                f"  - {part.weight:.3f} of {part.recipe.name}, seed {part.seed}: "
                f"{part.recipe.model.model_dump_json()}"
                for part in card.ensemble
            ),
        ]
    seed = f"- seed: {card.seed}"
    if card.network is None:
        return [f"- network: {card.recipe.model.model_dump_json()}", seed]
    return [
        f"- network: your own {card.network.name}, {card.network.parameters} parameters. Its code "
        "isn't here; weights.safetensors has its parameters and buffers by name. In Python: "
        "`methodic.load_run(RUN, model=…).predict(rows)`",
        seed,
    ]


def _unused(card: Card) -> list[str]:
    """The inputs that the network leaves out, in a line."""
    if not card.unused:
        return []
    some = ", ".join(f"`{name}`" for name in card.unused[:_LISTED])
    more = len(card.unused) - _LISTED
    return [
        f"- inputs that it doesn't use, all their weights being 0 ({len(card.unused)}): {some}"
        + (f" and {more} more" if more > 0 else "")
    ]


def _doubts(card: Card) -> list[str]:
    """Why the scores may be worth less than they seem, in lines."""
    if not card.doubts:
        return []
    return ["", "## Careful", "", *(f"- {each}" for each in card.doubts)]


def _inputs(schema: Schema) -> list[str]:
    """What a table to predict has to have, in lines."""
    shown = [f"- `{each.name}`: {_kind(each)}" for each in schema.columns[:_LISTED]]
    more = len(schema.columns) - _LISTED
    return [
        "",
        "## Inputs",
        "",
        "A table to predict has these columns, in any order; further ones are ignored.",
        "",
        *shown,
        *([f"- and {more:,} more (card.json lists all)"] if more > 0 else []),
    ]


def _kind(column: Column) -> str:
    return column.kind + (f" of shape {column.shape}" if column.shape else "")


def text_of(card: Card, schema: Schema | None = None, parameters: int | None = None) -> str:
    """The card for people, as Markdown.

    Args:
        card: what the model is.
        schema: what its inputs are; None leaves them out.
        parameters: how many numbers were trained.
    """
    metric = get_metric(card.metric, card.data.task)

    def shown(score: float | None) -> str:
        return "–" if score is None else metric.format(score)

    train, validation, test = card.data.rows
    recipes = {part.recipe.name: part.recipe.about for part in card.parts}
    return "\n".join(
        [
            f"# {' + '.join(recipes)} on {card.data.name}",
            "",
            card.about,
            "",
            f"- task: {card.data.task}, {_targets(card)}",
            *([f"- {_word(card)}: {_classes(card)}"] if card.data.classes else []),
            *([f"- rows count by `{card.data.reading.weight}`"] * bool(card.data.reading.weight)),
            f"- rows: {train} for training, {validation} for validation, {test} for the test",
            f"- {card.metric} of these weights: {shown(card.test)} on test rows, "
            f"{shown(card.validation)} on validation rows (which chose the weights)",
            *(f"- method: {about}" for about in recipes.values()),
            *_network(card),
            *([] if parameters is None else [f"- trained numbers: {parameters:,}"]),
            *_unused(card),
            f"- data fingerprint: {card.data.fingerprint}",
            *_doubts(card),
            *([] if schema is None else _inputs(schema)),
            "",
            "## Use",
            "",
            _use(card),
            "",
            "Made for rows like those it was trained on; other data may fare worse.",
            "",
        ]
    )


def _use(card: Card) -> str:
    if card.network:
        return (
            "In Python `methodic.load_run(RUN, model=…).predict(rows)`, with the folder of the run "
            "and what made the network: its code isn't kept here."
        )
    return (
        "`methodic predict FOLDER rows.csv -o predictions.csv`, with this file's folder; in Python "
        "`methodic.load_bundle(FOLDER).predict_frame(rows)`. The training data aren't needed, and "
        "nothing in this folder is ever executed."
    )


def _targets(card: Card) -> str:
    named = [f"`{name}`" for name in (card.data.target, *card.data.others)]
    more = len(named) - _LISTED
    shown = ", ".join(named[:_LISTED]) + (f" and {more} more" if more > 0 else "")
    return f"target{'s' if len(named) > 1 else ''} {shown}"


def _word(card: Card) -> str:
    return "labels" if card.data.task == "multilabel" else "classes"


def _classes(card: Card) -> str:
    names = card.data.classes
    more = len(names) - _LISTED
    return ", ".join(f"`{name}`" for name in names[:_LISTED]) + (
        f" and {more:,} more" if more > 0 else ""
    )


def document_of(card: Card, schema: Schema, parameters: int) -> Mapping[str, Any]:
    """The card for programs, as JSON: `text_of`, and every column that it has no room for."""
    data = card.data
    return {
        "format": card.format,
        "title": f"{' + '.join({part.recipe.name: 0 for part in card.parts})} on {data.name}",
        "about": card.about,
        "task": data.task,
        "targets": list(schema.targets),
        "classes": list(data.classes),
        "weight": data.reading.weight,
        "rows": dict(zip(("train", "validation", "test"), data.rows, strict=True)),
        "metric": card.metric,
        "scores": {"validation": card.validation, "test": card.test},
        "networks": [
            {
                "method": part.recipe.name,
                "about": part.recipe.about,
                "seed": part.seed,
                "weight": part.weight,
                "network": None
                if card.network is not None
                else part.recipe.model.model_dump(mode="json"),
            }
            for part in card.parts
        ],
        "own_network": None if card.network is None else card.network.model_dump(mode="json"),
        "parameters": parameters,
        "inputs": [each.model_dump(mode="json") for each in schema.columns],
        "unused": list(card.unused),
        "doubts": list(card.doubts),
        "fingerprint": data.fingerprint,
    }
