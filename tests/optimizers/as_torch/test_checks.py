from __future__ import annotations

import pytest
import torch

from methodic.errors import InputError
from methodic.optimizers.as_torch import checks


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [("lr", 0.0, -1e-9), ("beta1", 0.0, 1.0), ("epsilon", 1e-9, 0.0), ("threshold", 1.0, 0.9)],
)
def test_ranges_of_numbers(name, good, bad):
    checks.check_number(name, good)
    with pytest.raises(InputError, match=name):
        checks.check_number(name, bad)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [("iterations", 1, True), ("adjust", "original", "none"), ("nesterov", False, 0)],
)
def test_switches_have_types(name, good, bad):
    checks.check_switch(name, good)
    with pytest.raises(InputError, match=name):
        checks.check_switch(name, bad)


def test_half_precision_is_refused():
    checks.check_tensors(torch.ones(2), torch.ones(2))
    with pytest.raises(InputError, match="type"):
        checks.check_tensors(torch.ones(2, dtype=torch.bfloat16), None)
