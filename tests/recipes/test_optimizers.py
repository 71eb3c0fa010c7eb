"""Wrong optimizers in a recipe: the message names the field, what was found, what is accepted."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from methodic.recipes.problems import explain
from methodic.recipes.types import Recipe

MESSAGES: list[tuple[dict[str, Any], list[str]]] = [
    ({"kind": "sgd", "momentum": 1.5}, ["optimizer.momentum", "1.5", "< 1"]),
    ({"kind": "sgd", "momentum": {"uniform": [0.5, 1.5]}}, ["optimizer.momentum", "1.5", "< 1"]),
    ({"kind": "sgd", "nesterov": True}, ["nesterov needs a momentum above 0", "found: 0"]),
    (
        {"kind": "sgd", "momentum": 0.9, "nesterov": True, "dampening": 0.1},
        ["nesterov needs a dampening of 0", "found: 0.1"],
    ),
    ({"kind": "sgd", "dampening": 0.1}, ["dampening needs a momentum above 0", "found: 0"]),
    ({"kind": "sgd", "beta1": 0.9}, ["'beta1'", "accepted: lr, momentum", "a field of adam"]),
    ({"kind": "lion", "epsilon": 1e-8}, ["'epsilon'", "accepted: lr, beta1, beta2", "not of lion"]),
    ({"kind": "adagrad", "momentum": 0.9}, ["'momentum'", "lr_decay", "not of adagrad"]),
    ({"kind": "adam", "betas": [0.9, 0.99]}, ["'betas'", "beta1, beta2"]),
    ({"kind": "adan", "beta3": 1}, ["optimizer.beta3", "found: 1", "< 1"]),
    ({"kind": "ivon", "ess": -1}, ["optimizer.ess", "found: -1", "≥ 0"]),
    ({"kind": "adadelta", "rho": -0.1}, ["optimizer.rho", "found: -0.1", "≥ 0"]),
    ({"kind": "nadam", "decoupled": 3}, ["optimizer.decoupled", "found: 3", "true or false"]),
    ({"kind": "schedule_free"}, ["'schedule_free'", "Did you mean 'schedule_free_sgd'?"]),
]


@pytest.mark.parametrize(("optimizer", "parts"), MESSAGES)
def test_messages(optimizer: dict[str, Any], parts: list[str]) -> None:
    data = {"name": "a", "stages": [{"optimizer": optimizer}]}
    with pytest.raises(ValidationError) as caught:
        Recipe.model_validate(data)
    said = str(explain(caught.value, "a.yaml", data))
    assert said.startswith("a.yaml: stages.0.optimizer")
    for part in parts:
        assert part in said
