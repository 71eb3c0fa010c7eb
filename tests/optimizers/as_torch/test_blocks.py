from __future__ import annotations

import pytest
import torch
from reference.torch_rules import MAKERS, every_rule, network, train


@every_rule
def test_large_parameters_go_through_in_pieces(name, monkeypatch):
    """Some few elements at a time, or joined, or all at once: the same steps."""
    ends = []
    for size in (5, 11, 10_000):
        monkeypatch.setattr("methodic.optimizers.as_torch.blocks._PIECE", size)
        model = network()
        ends.append(train(model, MAKERS[name](model.parameters()), range(4)))
    torch.testing.assert_close(ends[0], ends[2], rtol=1e-4, atol=2e-6)
    torch.testing.assert_close(ends[1], ends[2], rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("name", ["adamw", "schedule-free adamw", "plain", "muon", "adafactor"])
def test_parameters_in_other_layouts(name):
    """Transposed and channels-last ones, and gradients that show one number many times."""
    ends = []
    for strange in (True, False):
        torch.manual_seed(0)
        matrix, filters = torch.randn(6, 4), torch.randn(3, 2, 3, 3)
        if strange:
            matrix = matrix.T.contiguous().T
            filters = filters.to(memory_format=torch.channels_last)
        both = [torch.nn.Parameter(matrix), torch.nn.Parameter(filters)]
        optimizer = MAKERS[name](both)
        for _ in range(3):
            both[0].grad = torch.ones(1, 1).expand(6, 4)
            both[1].grad = both[1].detach() * 0.5
            optimizer.step()
        ends.append(torch.cat([p.detach().flatten() for p in both]))
    torch.testing.assert_close(ends[0], ends[1], rtol=0, atol=1e-6)
