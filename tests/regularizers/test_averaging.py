from __future__ import annotations

import numpy as np
import pytest
import torch
from reference import rules as literal
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from methodic.regularizers.averaging import EMA, SWA

DECAYS = (0.5, 0.9, 0.999)


def numbers(decays=DECAYS):
    return {"r.decay": torch.tensor(decays, dtype=torch.float64)}


def walk(steps, members=3, size=5):
    generator = torch.Generator().manual_seed(0)
    moves = torch.randn(steps + 1, members, size, generator=generator, dtype=torch.float64)
    return moves.cumsum(0)


def averages(weights, decays=DECAYS, first=1):
    ema, out = EMA("r"), []
    state = ema.initial(weights[0])
    for step, flat in enumerate(weights[1:], start=first):
        state = ema.update(flat, state, numbers(decays), step)
        out.append(ema.evaluation_weights(flat, state))
    return out


def test_every_step_equals_the_literal_version():
    weights = walk(40)
    for m, decay in enumerate(DECAYS):
        average = weights[0, m].tolist()
        for step, ours in enumerate(averages(weights), start=1):
            average = literal.ema(average, weights[step, m].tolist(), decay, step)
            np.testing.assert_allclose(ours[m].numpy(), average, rtol=1e-12, atol=1e-12)


def torch_average(weights, decay):
    model = torch.nn.Linear(weights.shape[-1], 1, bias=False, dtype=torch.float64)
    model.weight.data.copy_(weights[0])
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
    averaged.update_parameters(model)  # torch takes over the first weights as they are
    for each in weights[1:]:
        model.weight.data.copy_(each)
        averaged.update_parameters(model)
    return averaged.module.weight.detach()[0]


def test_after_its_warm_up_it_equals_torch_and_rejects_mutants():
    weights = walk(30, members=1)
    theirs = torch_average(weights[:, 0], 0.9)

    def close(ours):
        return torch.allclose(ours, theirs, rtol=0, atol=1e-10)

    assert close(averages(weights, (0.9,), first=10**6)[-1][0])
    assert not close(averages(weights, (0.9,))[-1][0]), "the warm-up"
    assert not close(averages(weights, (0.1,), first=10**6)[-1][0]), "decay and 1 − decay"
    assert not close(averages(weights, (0.89,), first=10**6)[-1][0]), "another decay"
    assert not close(weights[-1, 0]), "no average"


def test_the_warm_up_ends_as_documented():
    """A decay of 0.9 rules from about step 9/(1 − 0.9) − 10 = 80 on."""
    one, zero = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)

    def share(step):
        return float(EMA("r").update(one, {"ema": zero}, numbers((0.9,)), step)["ema"])

    assert share(1) == pytest.approx(9 / 11)
    assert share(79) > 0.1 + 1e-6
    assert share(80) == pytest.approx(0.1, abs=1e-12)
    assert share(5000) == pytest.approx(0.1, abs=1e-12)


def test_each_member_has_its_own_clock():
    """A member that came at step 7 is averaged as one that is there from its step 0, to the bit."""
    weights, born = walk(20, members=3).float(), (0, 7, 3)
    given = {"r.decay": torch.tensor([0.9, 0.7, 0.999])}
    ema = EMA("r")

    def clocks(step: int) -> torch.Tensor:
        return torch.tensor([step - start for start in born], dtype=torch.float64)

    state = {"ema": weights[7]}
    for step in range(8, 20):
        state = ema.update(weights[step], state, given, clocks(step))
    for m, start in enumerate(born):
        alone = {"ema": weights[7][m : m + 1]}
        for step in range(8, 20):
            own = {"r.decay": given["r.decay"][m : m + 1]}
            alone = EMA("r").update(weights[step][m : m + 1], alone, own, step - start)
        assert torch.equal(state["ema"][m : m + 1], alone["ema"])
    one_clock = EMA("r").update(weights[8], {"ema": weights[7]}, given, 8)["ema"]
    own_clocks = ema.update(weights[8], {"ema": weights[7]}, given, clocks(8))["ema"]
    assert torch.equal(one_clock[0], own_clocks[0])
    assert not torch.equal(one_clock[1], own_clocks[1])


@pytest.mark.parametrize(("start", "every"), [(0, 1), (5, 1), (5, 3), (19, 1), (7, 5)])
def test_swa_is_the_plain_mean_of_the_weights_that_count(start, every):
    weights = walk(20)
    swa = SWA(start, every)
    state = swa.initial(weights[0])
    for step in range(1, 21):
        state = swa.update(weights[step], state, {}, step)
        due = weights[start + 1 : step + 1 : every]
        expected = due.mean(0) if len(due) else weights[step]
        torch.testing.assert_close(swa.evaluation_weights(weights[step], state), expected)
    if every == 1 and start < 19:
        torch.testing.assert_close(state["swa"], torchs_swa(weights[start + 1 :]))
        for mutant in (weights.mean(0), weights[start + 2 :].mean(0), weights[start:].mean(0)):
            assert not torch.allclose(state["swa"], mutant, rtol=1e-4)


def torchs_swa(weights):
    net = torch.nn.Linear(weights[0].numel(), 1, bias=False).double()
    averaged = AveragedModel(net)
    for each in weights:
        with torch.no_grad():
            net.weight.copy_(each.reshape(1, -1))
        averaged.update_parameters(net)
    return averaged.module.weight.detach().reshape(weights[0].shape)


def test_swa_on_each_members_own_clock():
    """A member that came 4 steps later counts from its own first step."""
    weights = walk(12)
    swa = SWA(3, 2)
    together, alone = swa.initial(weights[0]), swa.initial(weights[4][1:2])
    for step in range(1, 13):
        own = torch.tensor([step, step - 4, step], dtype=torch.float64)
        together = swa.update(weights[step], together, {}, own)
        if step > 4:
            alone = swa.update(weights[step][1:2], alone, {}, step - 4)
    assert torch.equal(together["swa"][1:2], alone["swa"])
