"""A start from training rows, layer after layer."""

from __future__ import annotations

import torch

from methodic.models.inputs import Inputs
from methodic.models.mlp import MLP
from methodic.models.parts.initialization import initial_parameters
from tests.models.passes import MEMBERS, pass_of, same_rows, started, table

INPUTS = Inputs(numeric=4)


def net(initialization: str = "lsuv", **more: object) -> MLP:
    return MLP(
        INPUTS, 3, width=16, depth=4, activation="tanh", initialization=initialization, **more
    )  # type: ignore[arg-type]


def test_lsuv_gives_every_hidden_layer_unit_variance() -> None:
    """Mishkin and Matas: each layer sees what the scaled ones in front of it return."""
    for more in ({}, {"normalization": "batch"}, {"residual": True}):
        model, rows = net(**more), same_rows(table(300, 4))
        drawn = initial_parameters(model.parameters(), range(MEMBERS))
        parameters, buffers = model.adapted(drawn, started(model), rows)
        run = pass_of(model, parameters, training=False, collect=True, buffers=buffers)
        seen = []
        for linear in model.linears:
            weight = parameters[f"{linear.name}.weight"]
            assert not torch.equal(weight, drawn[f"{linear.name}.weight"])
        x = model.front(run, rows)
        stream = None
        for linear, norm in zip(model.linears, model.norms, strict=True):
            out = linear(run, x)
            seen.append(out.flatten(1).var(1, correction=0))
            stream = out if stream is None or not model.residual else stream + out
            x = torch.tanh(stream if norm is None else norm(run, stream))
        torch.testing.assert_close(torch.stack(seen), torch.ones(4, MEMBERS), rtol=1e-4, atol=0)
        # The literature's point: without it, the signal shrinks from layer to layer.
        plain = net("normal", **more)
        assert plain.adapted(drawn, {}, rows)[0].keys() == drawn.keys()


def test_what_depends_on_no_data_stays_as_it_was_drawn() -> None:
    model = net("kaiming_normal", normalization="batch")
    drawn = initial_parameters(model.parameters(), range(MEMBERS))
    parameters, buffers = model.adapted(drawn, started(model), same_rows(table(30, 4)))
    assert all(torch.equal(parameters[name], drawn[name]) for name in drawn)
    assert all(torch.equal(buffers[name], value) for name, value in started(model).items())


def test_a_start_is_a_members_own() -> None:
    """The same bits alone and in company, whoever the neighbours are."""
    model, rows = net(), same_rows(table(100, 4))
    drawn = initial_parameters(model.parameters(), [5, 6])
    both, _ = model.adapted(drawn, {}, rows)
    alone, _ = model.adapted(
        initial_parameters(model.parameters(), [6]), {}, {k: v[:1] for k, v in rows.items()}
    )
    assert all(torch.equal(both[name][1:], alone[name]) for name in alone)


def test_what_came_in_is_not_written_to() -> None:
    model, rows = net(), same_rows(table(100, 4))
    drawn = initial_parameters(model.parameters(), range(MEMBERS))
    before = {name: value.clone() for name, value in drawn.items()}
    model.adapted(drawn, {}, rows)
    assert all(torch.equal(drawn[name], value) for name, value in before.items())
