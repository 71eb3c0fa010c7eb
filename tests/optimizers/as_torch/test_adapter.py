from __future__ import annotations

import contextlib
import copy
import io
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from contract.rule_table import ROWS
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR, StepLR

from methodic import optimizers
from methodic.errors import InputError
from methodic.optimizers import descent
from methodic.optimizers.as_torch.adapter import TorchOptimizer
from methodic.types import Rule

PAIRS = [
    (
        "sgd",
        lambda p: optimizers.SGD(p, lr=0.05),
        lambda p: torch.optim.SGD(p, lr=0.05),
    ),
    (
        "nesterov",
        lambda p: optimizers.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1),
    ),
    (
        "rmsprop",
        lambda p: optimizers.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
        lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    ),
    (
        "adam",
        lambda p: optimizers.Adam(p, lr=0.02, beta1=0.8, weight_decay=0.1),
        lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.8, 0.999), weight_decay=0.1),
    ),
    (
        "adamw",
        lambda p: optimizers.AdamW(p, lr=0.02, weight_decay=0.1),
        lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.1),
    ),
]
every_pair = pytest.mark.parametrize(("ours", "theirs"), [p[1:] for p in PAIRS], ids=lambda _: "")


def network(dtype=torch.float64):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3)).to(
        dtype
    )


def data(step, dtype=torch.float64):
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(16, 4, generator=generator, dtype=dtype)
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()


def probing(optimizer):
    rule = getattr(optimizer, "rule", None)
    return optimizer.sampled() if rule is not None and rule.probes else contextlib.nullcontext()


def train(model, optimizer, steps, scheduler=None):
    """``steps`` is a range, so that a run can go on where another one ended."""
    for step in steps:
        x, y = data(step, next(model.parameters()).dtype)
        optimizer.zero_grad()
        with probing(optimizer):
            F.cross_entropy(model(x), y).backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def flat(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@every_pair
def test_a_module_trains_as_with_torch(ours, theirs):
    first, second = network(), network()
    ended = train(first, ours(first.parameters()), range(30))
    expected = train(second, theirs(second.parameters()), range(30))
    assert not torch.allclose(expected, flat(network()), atol=0.01)
    torch.testing.assert_close(ended, expected, rtol=0, atol=1e-10)


@every_pair
@pytest.mark.parametrize(
    "schedule",
    [lambda o: StepLR(o, 5, gamma=0.5), lambda o: CosineAnnealingLR(o, 20)],
    ids=["step", "cosine"],
)
def test_torch_schedulers_drive_the_rate(ours, theirs, schedule):
    ends = []
    for make in (ours, theirs):
        model = network()
        optimizer = make(model.parameters())
        ends.append(train(model, optimizer, range(20), schedule(optimizer)))
    torch.testing.assert_close(ends[0], ends[1], rtol=0, atol=1e-10)
    model = network()
    assert not torch.allclose(train(model, ours(model.parameters()), range(20)), ends[0], atol=1e-4)


def test_one_cycle_drives_rate_and_momentum():
    ends = []
    for make in (optimizers.SGD, torch.optim.SGD):
        model = network()
        optimizer = make(model.parameters(), lr=0.1, momentum=0.9)
        scheduler = OneCycleLR(optimizer, max_lr=0.3, total_steps=25)
        ends.append(train(model, optimizer, range(24), scheduler))
    torch.testing.assert_close(ends[0], ends[1], rtol=0, atol=1e-10)


def test_groups_have_their_own_numbers():
    ends = []
    for make in (optimizers.AdamW, torch.optim.AdamW):
        model = network()
        groups = [
            {"params": model[0].parameters(), "lr": 0.05},
            {"params": model[2].parameters(), "weight_decay": 0.0},
        ]
        ends.append(train(model, make(groups, lr=0.01, weight_decay=0.3), range(10)))
    torch.testing.assert_close(ends[0], ends[1], rtol=0, atol=1e-10)


def test_momentum_that_is_switched_on_later():
    model = network()
    optimizer = optimizers.SGD(model.parameters(), lr=0.1)
    train(model, optimizer, range(3))
    assert "velocity" not in optimizer.state[model[0].weight]
    optimizer.param_groups[0]["momentum"] = 0.9
    train(model, optimizer, range(3, 6))
    assert optimizer.state[model[0].weight]["velocity"].any()


@every_pair
def test_a_saved_state_goes_on_to_the_bit(ours, theirs):
    straight = network(torch.float32)
    expected = train(straight, ours(straight.parameters()), range(12))
    model = network(torch.float32)
    optimizer = ours(model.parameters())
    train(model, optimizer, range(7))
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    resumed = network(torch.float32)
    resumed.load_state_dict(saved["model"])
    fresh = ours(resumed.parameters())
    fresh.load_state_dict(saved["optimizer"])
    assert torch.equal(train(resumed, fresh, range(7, 12)), expected)
    assert all(state["step"] == 12 for state in fresh.state.values())


def test_the_step_count_matters_after_loading():
    """A mutant of the test above: Adam that forgets its step goes elsewhere."""
    model = network(torch.float32)
    optimizer = optimizers.Adam(model.parameters(), lr=0.02)
    train(model, optimizer, range(7))
    twin = copy.deepcopy(model)
    forgetful = optimizers.Adam(twin.parameters(), lr=0.02)
    saved = optimizer.state_dict()
    forgetful.load_state_dict(saved)
    for state in forgetful.state.values():
        state["step"] = 0
    ended = train(model, optimizer, range(7, 12))
    assert not torch.allclose(train(twin, forgetful, range(7, 12)), ended, atol=1e-3)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_rule_can_be_wrapped_and_copied(row):
    model = network()
    optimizer = optimizers.TorchOptimizer(model.parameters(), row.rule, row.numbers)
    before = flat(model)
    train(model, optimizer, range(2))
    assert not torch.equal(flat(model), before)
    for copied in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert copied.rule == row.rule
        assert copied.param_groups[0]["lr"] == row.numbers["lr"]
        with probing(copied):
            pass
        copied.step()


def test_a_closure_is_evaluated_with_gradients():
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = optimizers.SGD([weight], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (weight**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 4.0
    assert weight.tolist() == [1.0]
    assert optimizer.step() is None


def test_gradients_are_not_written_to_and_missing_ones_are_skipped():
    used, unused = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    scalar = torch.nn.Parameter(torch.tensor(1.0))
    optimizer = optimizers.AdamW([used, unused, scalar], lr=0.1)
    (used.sum() + scalar).backward()
    optimizer.step()
    assert used.grad.tolist() == [1.0] * 3
    assert unused.tolist() == [1.0] * 3
    assert unused not in optimizer.state
    assert scalar.shape == ()
    assert optimizer.state[scalar]["mean"].shape == ()
    unused.grad = torch.ones(3)
    optimizer.step()
    assert optimizer.state[unused]["step"] == 1
    assert optimizer.state[used]["step"] == 2


def test_sparse_gradients_are_refused():
    embedding = torch.nn.Embedding(5, 2, sparse=True)
    optimizer = optimizers.Adam(embedding.parameters())
    embedding(torch.tensor([1])).sum().backward()
    with pytest.raises(InputError, match="dense") as caught:
        optimizer.step()
    assert "sparse=False" in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.complex64])
def test_types_too_coarse_for_the_state_are_refused(dtype):
    weight = torch.nn.Parameter(torch.ones(2, dtype=dtype))
    weight.grad = torch.ones(2, dtype=dtype)
    with pytest.raises(InputError, match="type"):
        optimizers.SGD([weight]).step()


@pytest.mark.parametrize(
    ("kind", "options", "named"),
    [
        (optimizers.SGD, {"lr": -1.0}, "'lr'"),
        (optimizers.SGD, {"lr": float("nan")}, "'lr'"),
        (optimizers.SGD, {"lr": float("inf")}, "'lr'"),
        (optimizers.SGD, {"lr": "fast"}, "'lr'"),
        (optimizers.SGD, {"momentum": 1.0}, "'momentum'"),
        (optimizers.SGD, {"nesterov": True}, "'nesterov'"),
        (optimizers.RMSprop, {"alpha": 1.0}, "'alpha'"),
        (optimizers.RMSprop, {"epsilon": 0.0}, "'epsilon'"),
        (optimizers.Adam, {"beta1": 1.0}, "'beta1'"),
        (optimizers.Adam, {"beta2": -0.1}, "'beta2'"),
        (optimizers.AdamW, {"weight_decay": -0.1}, "'weight_decay'"),
    ],
)
def test_numbers_out_of_range_are_refused(kind, options, named):
    with pytest.raises(InputError) as caught:
        kind([torch.nn.Parameter(torch.ones(1))], **options)
    assert named in str(caught.value)


def test_options_of_a_group_are_checked():
    def group(**options):
        return [{"params": [torch.nn.Parameter(torch.ones(1))], **options}]

    with pytest.raises(InputError, match="betas") as caught:
        optimizers.Adam(group(betas=(0.9, 0.99)))
    assert "beta1" in str(caught.value)
    with pytest.raises(InputError, match="'lr'"):
        optimizers.Adam(group(lr=-1.0))
    with pytest.raises(InputError, match="'nesterov'"):
        optimizers.SGD(group(nesterov=True))
    optimizers.Adam(group(name="head"))


def test_a_rule_lacking_a_number_names_it():
    with pytest.raises(InputError, match="momentum"):
        optimizers.TorchOptimizer(
            [torch.nn.Parameter(torch.ones(1))], descent.SGD(momentum=True), {"lr": 0.1}
        )


def test_hooks_and_profilers_are_told_of_a_step():
    weight = torch.nn.Parameter(torch.ones(3))
    weight.grad = torch.ones(3)
    optimizer, seen = optimizers.SGD([weight], lr=0.25), []
    hooks = [
        optimizer.register_step_pre_hook(lambda *_: seen.append(weight[0].item())),
        optimizer.register_step_post_hook(lambda *_: seen.append(weight[0].item())),
    ]
    optimizer.step()
    for hook in hooks:
        hook.remove()
    optimizer.step()
    assert seen == [1.0, 0.75]
    with torch.autograd.profiler.profile() as profile:
        optimizer.step()
    assert "Optimizer.step#SGD.step" in [event.name for event in profile.function_events]
    assert weight[0].item() == 0.25


class Summing(Rule):
    """What it calls as others call their means' weights doesn't add up to 1."""

    def initial(self, parameter):
        return {"mean": torch.zeros_like(parameter)}

    def coefficients(self, step, numbers):
        ones = np.ones_like(step) * numbers["lr"]
        return {"scale": -ones, "beta1": 0.5 * ones / ones, "fresh1": ones / ones}

    def update(self, gradient, parameter, state, c):
        del parameter
        mean = (state["mean"] * c["beta1"]).addcmul_(gradient, c["fresh1"])
        return mean * c["scale"], {"mean": mean}


def test_weights_that_do_not_add_up_to_one_stay_apart():
    weight = torch.nn.Parameter(torch.zeros(2))
    optimizer = TorchOptimizer([weight], Summing(), {"lr": 1.0})
    for _ in range(2):
        weight.grad = torch.ones(2)
        optimizer.step()
    assert weight.tolist() == [-2.5, -2.5]
