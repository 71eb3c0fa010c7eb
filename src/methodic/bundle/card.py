"""What a trained model is, and how good it was: the card that goes with its weights."""

from __future__ import annotations

from pydantic import Field, model_validator

from methodic.metrics import get_metric
from methodic.plan import FORMAT, DataFacts, NetworkFacts, Value
from methodic.recipes.types import Recipe

_LISTED = 30  # inputs that the text names


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
    ensemble: tuple[Part, ...] = ()  # all networks, if there are several
    unused: tuple[str, ...] = ()  # inputs without any weight, of a single network

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


def text_of(card: Card) -> str:
    """The card for people, as Markdown."""
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
            f"- task: {card.data.task}, target `{card.data.target}`",
            f"- rows: {train} for training, {validation} for validation, {test} for the test",
            f"- {card.metric} of these weights: {shown(card.test)} on test rows, "
            f"{shown(card.validation)} on validation rows (which chose the weights)",
            *(f"- method: {about}" for about in recipes.values()),
            *_network(card),
            *_unused(card),
            f"- data fingerprint: {card.data.fingerprint}",
            "",
            "Made for rows like those it was trained on; other data may fare worse.",
            "",
        ]
    )
