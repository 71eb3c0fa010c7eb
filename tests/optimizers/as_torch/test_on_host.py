from __future__ import annotations

import pytest
import torch
from torch import fx

from methodic.optimizers.as_torch.in_place import in_place
from methodic.optimizers.as_torch.on_host import on_host
from methodic.optimizers.schedule_free import ScheduleFreeSGD


def formula(a, b):
    largest = torch.maximum(a, b).clamp_min(0.5)
    return (a / largest - b * 2.0 + 1.0, (-largest).reshape(()))


def cosine(a):
    return (a.cos(),)


def test_numbers_are_what_tensors_would_be():
    found = on_host(fx.symbolic_trace(formula).graph)
    for pair in ((3.0, -1.0), (0.25, 0.125), (-2.0, 7.0)):
        expected = formula(*(torch.tensor(x, dtype=torch.float64) for x in pair))
        assert found(*pair) == pytest.approx([float(x) for x in expected], abs=1e-15)


def test_what_has_no_counterpart_stays_with_tensors():
    assert on_host(fx.symbolic_trace(cosine).graph) is None


def test_averaging_counts_on_the_host():
    first, *rest = in_place(ScheduleFreeSGD(), ["reached", "pull", "scale"]).phases
    assert first.host is not None
    assert all(phase.host is None for phase in rest)
