from __future__ import annotations

import pytest
import torch
from reference.torch_rules import network, train

from methodic import optimizers
from methodic.errors import InputError


def test_averages_go_in_and_out():
    model = network()
    optimizer = optimizers.ScheduleFreeSGD(model.parameters(), lr=0.3)
    train(model, optimizer, range(6))
    before = [p.detach().clone() for p in model.parameters()]
    with optimizer.averaged():
        for p, w in zip(model.parameters(), before, strict=True):
            torch.testing.assert_close(p.detach(), w - optimizer.state[p]["ahead"])
            assert not torch.equal(p, w)
        with pytest.raises(InputError, match="other weights"):
            optimizer.step()
    assert all(torch.equal(p, w) for p, w in zip(model.parameters(), before, strict=True))
    with (
        pytest.raises(InputError, match="no average"),
        optimizers.SGD(model.parameters()).averaged(),
    ):
        pass


def test_draws_go_in_and_out_and_are_needed():
    model = network()
    optimizer = optimizers.IVON(model.parameters(), ess=10.0)
    before = [p.detach().clone() for p in model.parameters()]
    with optimizer.sampled():
        drawn = [p.detach().clone() for p in model.parameters()]
        sum(p.sum() for p in model.parameters()).backward()
    assert all(torch.equal(p, w) for p, w in zip(model.parameters(), before, strict=True))
    spread = torch.cat([(a - b).flatten() for a, b in zip(drawn, before, strict=True)])
    assert 0.1 < float(spread.std()) < 1, "1 / √(ess · hess_init) is 0.3"
    optimizer.step()
    with pytest.raises(InputError, match="sampled"):
        optimizer.step()
    with (
        pytest.raises(InputError, match="themselves"),
        optimizers.SGD(model.parameters()).sampled(),
    ):
        pass
