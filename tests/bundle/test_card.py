"""What a card says about one network, several, and one of the user's own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from methodic.bundle.card import Card, Part, document_of, text_of
from methodic.data.schemas.schema import Column, Schema
from methodic.plan import DataFacts, NetworkFacts
from methodic.recipes.types import Recipe

DATA = DataFacts(
    name="things",
    source=None,
    fingerprint="abc123",
    task="binary",
    target="kind",
    classes=("bad", "good"),
    rows=(70, 15, 14),
    numeric=2,
    categorical=0,
    split_seed=0,
)


def recipe(name: str) -> Recipe:
    model = {"kind": "mlp", "width": 8}
    return Recipe.model_validate(
        {"name": name, "about": f"about {name}.", "model": model, "stages": [{}]}
    )


def card(**changes: Any) -> Card:
    return Card(
        **{
            "recipe": recipe("adam"),
            "data": DATA,
            "metric": "accuracy",
            "seed": 4,
            "validation": 0.912,
            "test": 0.9,
            "about": "The best of 10.",
            **changes,
        }
    )


def parts(*weights: float) -> tuple[Part, ...]:
    names = ("adam", "sgd", "adam")
    return tuple(
        Part(recipe=recipe(name), seed=seed, weight=weight)
        for seed, (name, weight) in enumerate(zip(names, weights, strict=False))
    )


def test_one_network() -> None:
    one = card()
    assert [(part.recipe.name, part.seed, part.weight) for part in one.parts] == [("adam", 4, 1.0)]
    text = text_of(one)
    for line in (
        "# adam on things",
        "The best of 10.",
        "- task: binary, target `kind`",
        "- rows: 70 for training, 15 for validation, 14 for the test",
        "- method: about adam.",
        "- seed: 4",
        "- data fingerprint: abc123",
    ):
        assert line in text.splitlines()
    assert "90.0% on test rows, 91.2% on validation rows" in text
    assert '"width":8' in text


def test_what_to_doubt() -> None:
    assert "Careful" not in text_of(card())
    doubted = card(doubts=("'id' alone tells the target.",))
    text = text_of(doubted)
    assert "\n## Careful\n\n- 'id' alone tells the target.\n" in text
    assert document_of(doubted, SCHEMA, 3)["doubts"] == ["'id' alone tells the target."]


def test_several_networks() -> None:
    text = text_of(card(ensemble=parts(0.5, 0.3, 0.2)))
    lines = text.splitlines()
    assert lines[0] == "# adam + sgd on things"
    assert "- the mean of 3 networks, weighted:" in lines
    assert [line[:32] for line in lines if line.startswith("  - ")] == [
        '  - 0.500 of adam, seed 0: {"kin',
        '  - 0.300 of sgd, seed 1: {"kind',
        '  - 0.200 of adam, seed 2: {"kin',
    ]
    assert lines.count("- method: about adam.") == 1
    assert "- seed: 4" not in lines


def test_a_network_of_the_user_s_own() -> None:
    facts = NetworkFacts(
        name="Net", start="module", parameters=12, fingerprint="", together=True, reason=""
    )
    text = text_of(card(network=facts, test=None))
    assert "your own Net, 12 parameters" in text
    assert "– on test rows" in text
    assert "load_run(RUN, model=…)" in text
    assert "load_bundle" not in text, "its code isn't kept"
    assert "load_bundle" in text_of(card())


@pytest.mark.parametrize("weights", [(0.5, 0.4), (0.9, 0.9), (1.2, -0.2), (1.0, 0.0)])
def test_weights_share_one(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        card(ensemble=parts(*weights))
    assert card(ensemble=parts(0.5, 0.5)).parts[1].weight == 0.5


SCHEMA = Schema(
    columns=(
        Column(name="a", kind="numeric"),
        Column(name="scan", kind="array", shape=(3, 4)),
        *(Column(name=f"c{i}", kind="categorical") for i in range(40)),
    ),
    target="kind",
    task="binary",
    classes=("bad", "good"),
)


def test_inputs_in_the_text() -> None:
    lines = text_of(card(), SCHEMA, 1234).splitlines()
    for line in (
        "- `a`: numeric",
        "- `scan`: array of shape (3, 4)",
        "- and 12 more (card.json lists all)",
        "- trained numbers: 1,234",
        "- classes: `bad`, `good`",
    ):
        assert line in lines


def test_the_document_for_programs() -> None:
    document = document_of(card(ensemble=parts(0.5, 0.3, 0.2)), SCHEMA, 1234)
    assert json.loads(json.dumps(document)) == document
    assert document["title"] == "adam + sgd on things"
    assert document["scores"] == {"validation": 0.912, "test": 0.9}
    assert document["rows"] == {"train": 70, "validation": 15, "test": 14}
    assert [each["weight"] for each in document["networks"]] == [0.5, 0.3, 0.2]
    assert len(document["inputs"]) == 42
    assert {"name": "scan", "kind": "array", "shape": [3, 4]}.items() <= document["inputs"][
        1
    ].items()
    assert document["targets"] == ["kind"]
    assert document["weight"] is None
    one = card()
    reading = one.data.reading.model_copy(update={"weight": "times"})
    data = one.data.model_copy(update={"reading": reading})
    assert document_of(card(data=data), SCHEMA, 1)["weight"] == "times"


def test_a_crowd_is_no_ensemble() -> None:
    one = parts(1.0)[0]
    with pytest.raises(ValidationError, match="256"):
        card(ensemble=tuple(one.model_copy(update={"weight": 1 / 300}) for _ in range(300)))
