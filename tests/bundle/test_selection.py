"""Which inputs a network uses: named in the bundle's card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from methodic import build, bundle, runs
from methodic.bundle.model import inputs_of, outputs_of
from methodic.bundle.selection import numbers, unused
from methodic.data.batches import Rows
from methodic.data.dataset import DataSet
from methodic.data.encoding.encoders import Encoders
from methodic.data.loading import load
from methodic.engine.evaluation import outputs
from methodic.engine.parts import Layout
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


NETWORKS = ("linear", "mlp", "realmlp", "tabm", "ft_transformer")


@pytest.fixture(scope="module", params=["numbers", "categories", "both"])
def table(request: pytest.FixtureRequest) -> Encoders:
    random = np.random.default_rng(2)
    frame = pl.DataFrame(
        {
            "a": random.normal(size=ROWS),
            "b": [None if i % 7 == 0 else float(v) for i, v in enumerate(random.random(ROWS))],
            "six": [f"k{i % 6}" for i in range(ROWS)],
            "two": [f"t{i % 2}" for i in range(ROWS)],
            "y": random.choice(["p", "q"], ROWS),
        }
    )
    drop = {"numbers": ["six", "two"], "categories": ["a", "b"], "both": []}[request.param]
    known = load(frame.drop(drop), "y")
    return Encoders.fit(known.frame, known.schema)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("seed", range(4))
def test_what_is_called_unused_changes_nothing(table: Encoders, kind: str, seed: int) -> None:
    sizes = {"linear": {}, "ft_transformer": {"width": 8, "heads": 2, "depth": 1}}
    fields = sizes.get(kind, {"width": 8, "depth": 1})
    stage = {"optimizer": {"kind": "sgd", "lr": 0.1}}
    recipe = Recipe.model_validate(
        {"name": "r", "model": {"kind": kind, **fields}, "stages": [stage]}
    )
    network = build.network(recipe, inputs_of(table), outputs_of(table))
    specs, generator = network.parameters(), torch.Generator().manual_seed(seed)
    parameters = {
        name: torch.randn(1, *spec.shape, generator=generator) for name, spec in specs.items()
    }
    for name, spec in specs.items():
        if spec.first:  # a single row is left
            alive = (len(parameters[name][0]) - 1 - seed) % len(parameters[name][0])
            parameters[name] *= (torch.arange(spec.shape[0]) == alive).view(1, -1, 1)
    idle = unused(table, specs, parameters)
    assert idle or kind not in ("linear", "mlp")
    inputs = {
        name: torch.zeros(1, table_width, dtype=torch.int64 if codes else torch.float32)
        for name, table_width, codes in (
            ("numeric", table.width, False), ("categorical", table.columns, True)
        )
        if table_width
    }  # fmt: skip
    if table.columns:
        starts = torch.tensor([0, *table.sizes[:-1]]).cumsum(0)
        inputs["categorical"] = starts.unsqueeze(0) + 1

    def answer(inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        rows = Rows(inputs, torch.zeros(1, dtype=torch.int64))
        layout = Layout(specs)
        buffers = {
            name: torch.full((1, *spec.shape), 1.0) for name, spec in network.buffers().items()
        }
        return outputs(network, layout, layout.flatten(parameters), buffers, rows, {})[0]

    for name in idle:
        category = name in table.categories
        place = (list(table.categories) if category else numbers(table)).index(name)
        for more in range(1, table.sizes[place] - 1 if category else 2):
            changed = {key: value.clone() for key, value in inputs.items()}
            changed["categorical" if category else "numeric"][0, place] += more
            assert torch.equal(answer(changed), answer(inputs)), (name, more)
