"""A plan stands while nothing has changed that it was made from."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from methodic.optimizers import Adam
from methodic.optimizers.as_torch.plan import Plan


def begun() -> tuple[Adam, list[torch.nn.Parameter]]:
    parameters = [torch.nn.Parameter(torch.randn(3, 2)), torch.nn.Parameter(torch.randn(2))]
    optimizer = Adam(parameters, lr=0.1)
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    return optimizer, parameters


def plan_of(optimizer: Adam) -> Plan:
    return optimizer._planned(0, optimizer.param_groups[0])


def test_it_stands_while_gradients_come_and_go() -> None:
    optimizer, parameters = begun()
    plan = plan_of(optimizer)
    assert plan.stands(optimizer.param_groups[0])
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    assert plan_of(optimizer) is plan


def _rate(optimizer: Adam) -> None:
    optimizer.param_groups[0]["lr"] = 0.2


def _tensor(optimizer: Adam) -> None:
    optimizer.param_groups[0]["lr"] = torch.tensor(0.1)


def _gradient(optimizer: Adam) -> None:
    optimizer.param_groups[0]["params"][1].grad = None


def _sparse(optimizer: Adam) -> None:
    parameter = optimizer.param_groups[0]["params"][0]
    parameter.grad = torch.zeros_like(parameter).to_sparse()


def _parameter(optimizer: Adam) -> None:
    new = torch.nn.Parameter(torch.randn(2))
    new.grad = torch.randn(2)
    optimizer.param_groups[0]["params"][1] = new


def _more(optimizer: Adam) -> None:
    new = torch.nn.Parameter(torch.randn(2))
    new.grad = torch.randn(2)
    optimizer.param_groups[0]["params"].append(new)


def _moments(optimizer: Adam) -> None:
    state = optimizer.state[optimizer.param_groups[0]["params"][1]]
    state["mean"] = torch.ones(2)


def _step(optimizer: Adam) -> None:
    optimizer.state[optimizer.param_groups[0]["params"][1]]["step"] = 7


@pytest.mark.parametrize(
    "change", [_rate, _tensor, _gradient, _sparse, _parameter, _more, _moments, _step]
)
def test_it_falls_with_any_change(change: Callable[[Adam], None]) -> None:
    optimizer, _ = begun()
    plan = plan_of(optimizer)
    change(optimizer)
    assert not plan.stands(optimizer.param_groups[0])


def test_a_rate_that_is_written_again_needs_no_new_memory() -> None:
    optimizer, _ = begun()
    plan = plan_of(optimizer)
    optimizer.param_groups[0]["lr"] = float("0.1")
    assert plan_of(optimizer) is plan
    assert plan.stands(optimizer.param_groups[0])
