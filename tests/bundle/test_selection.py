"""Which inputs a network uses: named in the bundle's card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from methodic import bundle, runs
from methodic.bundle.selection import numbers, unused
from methodic.data.dataset import DataSet
from methodic.data.encoding.encoders import Encoders
from methodic.data.loading import load
from methodic.models.mlp import MLP, Inputs
from methodic.recipes.types import Recipe

ROWS = 300


@pytest.fixture(scope="module")
def data() -> DataSet:
    x = np.random.default_rng(1).normal(size=(ROWS, 4))
    frame = pl.DataFrame(
        {
            "strong": x[:, 0],
            "noise": x[:, 1],
            "gaps": [None if i % 7 == 0 else float(v) for i, v in enumerate(x[:, 2])],
            "colour": [("red", "green")[i % 2] for i in range(ROWS)],
            "y": 3 * x[:, 0],
        }
    )
    return load(frame, "y", name="things")


def trained(data: DataSet, out: Path, *regularizers: dict[str, object]) -> bundle.Bundle:
    recipe = Recipe.model_validate(
        {
            "name": "sparse",
            "model": {"kind": "linear", "embedding": 2},
            "stages": [
                {
                    "batch": "full",
                    "optimizer": {"kind": "sgd", "lr": 0.1},
                    "regularizers": list(regularizers),
                }
            ],
            "stop": {"keep": "last"},
        }
    )
    return runs.train_method(data, recipe, steps=400, out=out / "run").bundle


def test_the_card_names_the_inputs_that_a_group_lasso_left_out(
    data: DataSet, tmp_path: Path
) -> None:
    made = trained(data, tmp_path, {"kind": "group_lasso", "weight": 0.1})
    assert set(made.card.unused) == {"noise", "gaps", "gaps (missing)", "colour"}
    text = (tmp_path / "run" / "model" / "card.md").read_text(encoding="utf-8")
    assert "inputs that it doesn't use, all their weights being 0 (4): `noise`" in text


def test_a_network_that_uses_everything_says_nothing(data: DataSet, tmp_path: Path) -> None:
    made = trained(data, tmp_path)
    assert made.card.unused == ()
    assert "doesn't use" not in (tmp_path / "run" / "model" / "card.md").read_text("utf-8")


def test_an_input_with_one_weight_left_is_used(data: DataSet) -> None:
    encoders = Encoders.fit(data.frame, data.schema)
    assert numbers(encoders) == ("strong", "noise", "gaps", "gaps (missing)")
    network = MLP(
        Inputs(numeric=4, categorical=1, codes=encoders.cardinality),
        1,
        width=3,
        depth=1,
        embedding=2,
    )
    specs = network.parameters()
    parameters = {name: torch.zeros(1, *spec.shape) for name, spec in specs.items()}
    assert unused(encoders, specs, parameters) == (*numbers(encoders), "colour")
    parameters["hidden.0.weight"][0, 5, 2] = 1e-30
    assert unused(encoders, specs, parameters) == numbers(encoders)
