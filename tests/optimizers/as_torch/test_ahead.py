from __future__ import annotations

import torch
from reference.trajectories import coefficients

from methodic.optimizers.adam import AdamW
from methodic.optimizers.as_torch.ahead import Ahead

NUMBERS = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8, "weight_decay": 0.1}


def due(step, numbers):
    return {n: x.reshape(()) for n, x in coefficients(AdamW(), step, numbers).items()}


def test_steps_in_order_and_out_of_order_give_the_rules_coefficients():
    ahead = Ahead(AdamW(), torch.zeros(1, dtype=torch.float64))
    for step in (*range(1, 40), 7, 8, 300, 2):
        found = ahead.at(step, NUMBERS)
        assert found.keys() == due(step, NUMBERS).keys()
        for name, value in due(step, NUMBERS).items():
            assert torch.equal(found[name], value), (step, name)


def test_other_numbers_count_at_once():
    ahead = Ahead(AdamW(), torch.zeros(1, dtype=torch.float64))
    for step in range(1, 10):
        ahead.at(step, NUMBERS)
    slower = NUMBERS | {"lr": 0.01}
    assert torch.equal(ahead.at(10, slower)["scale"], due(10, slower)["scale"])
    assert torch.equal(ahead.at(11, slower)["scale"], due(11, slower)["scale"])
