"""Networks as parts of recipes: what is refused, and how it is said."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from methodic.errors import InputError
from methodic.recipes.io import from_yaml
from methodic.recipes.kinds import models

ADAPTER: TypeAdapter[Any] = TypeAdapter(models.Model)
KINDS = get_args(get_args(models.Model)[0])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_defaults_are_valid_and_go_through_plain_data(kind: type[models.MLP]) -> None:
    made = kind()
    assert ADAPTER.validate_python(made.model_dump(mode="json")) == made


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"kind": "mlp", "normalization": "group", "width": 100}, "groups must divide width"),
        ({"kind": "mlp", "stochastic_depth": 0.2}, "set residual: true"),
        ({"kind": "mlp", "dropconnect": 1.0}, "must be < 1"),
        ({"kind": "ft_transformer", "width": 100}, "heads must divide width"),
        (
            {"kind": "cnn", "normalization": "group", "channels": [12]},
            "groups must divide channels",
        ),
        ({"kind": "resnet", "normalization": "group", "channels": [12]}, "groups must divide"),
        (
            {"kind": "autoencoder", "encoder": [64, 32], "decoder": [60], "tied": True},
            "tied layers of different shapes",
        ),
        (
            {"kind": "autoencoder", "encoder": [64, 32], "decoder": [], "tied": True},
            "tied layers of different shapes",
        ),
        ({"kind": "mlp", "submodels": 4}, "submodels"),
        ({"kind": "realmlp", "activation": "maxout"}, "maxout"),
        ({"kind": "mlp", "numeric_embedding": {"kind": "pbld", "bins": 3}}, "bins"),
        ({"kind": "cnn", "channels": []}, "channels"),
    ],
)
def test_what_is_refused(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ADAPTER.validate_python(spec)
    assert said in str(caught.value)


def test_a_file_that_ties_what_does_not_fit() -> None:
    text = """
name: a
model: {kind: autoencoder, encoder: [64, 32], decoder: [60], tied: true}
stages: [{optimizer: {kind: adam}}]
"""
    with pytest.raises(InputError) as caught:
        from_yaml(text, "a.yaml")
    said = str(caught.value)
    assert "tied layers of different shapes" in said
    assert "[64]" in said
