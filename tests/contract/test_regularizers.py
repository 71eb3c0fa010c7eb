"""What every penalty, proximal step and average must do. A new one adds a row."""

from __future__ import annotations

import pytest
import torch

from methodic.regularizers.averaging import EMA, SWA
from methodic.regularizers.corruption import Cutout, InputNoise, LabelNoise
from methodic.regularizers.gradient_noise import GradientNoise
from methodic.regularizers.mixing import CutMix, Mixup
from methodic.regularizers.penalties import L1, L2, ElasticNet
from methodic.regularizers.proximal import MaxNorm, ProximalElasticNet, ProximalL1
from methodic.regularizers.selection import Group, GroupLasso
from methodic.regularizers.sharpness import SAM
from methodic.rng import Draws, keys
from methodic.types import Batch, Pass

NAMES = ("first", "second")
PENALTIES = [L1("r", NAMES), L2("r", NAMES), ElasticNet("r", NAMES), ElasticNet("r", NAMES, False)]
PROXIMALS = [
    ProximalL1("r", NAMES),
    ProximalElasticNet("r", NAMES),
    ProximalElasticNet("r", NAMES, False),
    GroupLasso("r", NAMES, (Group(0, 1), Group(1, 1, 2))),
    MaxNorm("r", NAMES),
]
AVERAGES = [EMA("r"), SWA(1), SWA(2, every=2)]
NUMBERS = {
    "r.weight": (0.02, 0.9),
    "r.decay": (0.3, 0.99),
    "r.l1_ratio": (0.1, 0.8),
    "r.limit": (0.3, 2.0),
}

every_penalty = pytest.mark.parametrize("penalty", PENALTIES, ids=lambda p: type(p).__name__)
every_proximal = pytest.mark.parametrize("proximal", PROXIMALS, ids=lambda p: type(p).__name__)
every_shrinking = pytest.mark.parametrize(
    "proximal", PROXIMALS[:-1], ids=lambda p: type(p).__name__
)
every_average = pytest.mark.parametrize("average", AVERAGES, ids=lambda a: type(a).__name__)
every_size = pytest.mark.parametrize("size", [1, 7, 16, 33, 129, 1001])


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def example(members, size, dtype=torch.float32):
    generator = torch.Generator().manual_seed(size)
    parameters = {
        "first": torch.randn(members, 3, size, generator=generator, dtype=dtype),
        "bias": torch.randn(members, 3, generator=generator, dtype=dtype),
        "second": torch.randn(members, 3, 5, generator=generator, dtype=dtype),
    }
    numbers = {
        name: torch.linspace(low, high, members, dtype=dtype)
        for name, (low, high) in NUMBERS.items()
    }
    return parameters, numbers


def only(tensors, m):
    """One member of a dictionary of tensors, in memory of its own."""
    return {name: tensor[m : m + 1].clone() for name, tensor in tensors.items()}


def penalize(penalty, parameters, numbers):
    """The terms, and the gradient of their sum for each named parameter."""
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in parameters.items()}
    terms = penalty(Pass(leaves, {}, {}, numbers, training=True))
    slopes = torch.autograd.grad(sum(terms.values()).sum(), [leaves[name] for name in NAMES])
    return terms, slopes


@every_penalty
@every_size
def test_penalty_alone_and_in_company_is_equal_to_the_bit(penalty, size):
    parameters, numbers = example(8, size)
    together, slopes = penalize(penalty, parameters, numbers)
    for m in range(8):
        alone, own_slopes = penalize(penalty, only(parameters, m), only(numbers, m))
        for name, term in alone.items():
            assert together[name].shape == (8,)
            assert torch.equal(together[name][m : m + 1], term)
        for slope, own in zip(slopes, own_slopes, strict=True):
            assert torch.equal(slope[m : m + 1], own)


@every_penalty
def test_penalty_gradients_equal_finite_differences(penalty):
    parameters, numbers = example(2, 4, torch.float64)

    def total(*named):
        run = Pass(parameters | dict(zip(NAMES, named, strict=True)), {}, {}, numbers, True)
        return sum(penalty(run).values())

    named = tuple(parameters[name].clone().requires_grad_() for name in NAMES)
    assert torch.autograd.gradcheck(total, named, eps=1e-7, atol=1e-6)


@every_penalty
def test_penalty_leaves_other_parameters_out_and_falls_to_0(penalty):
    parameters, numbers = example(2, 4)
    terms, _ = penalize(penalty, parameters, numbers)
    others = parameters | {"bias": 100 * parameters["bias"]}
    zeros = parameters | {name: torch.zeros_like(parameters[name]) for name in NAMES}
    for name, term in terms.items():
        assert (term > 0).all()
        assert torch.equal(penalize(penalty, others, numbers)[0][name], term)
        assert not penalize(penalty, zeros, numbers)[0][name].any()


@every_proximal
@every_size
def test_proximal_alone_and_in_company_is_equal_to_the_bit(proximal, size):
    parameters, numbers = example(8, size)
    before = {name: tensor.clone() for name, tensor in parameters.items()}
    lr = torch.linspace(0.1, 0.7, 8)
    together = proximal(parameters, numbers, lr)
    assert set(together) == set(NAMES)
    for m in range(8):
        alone = proximal(only(parameters, m), only(numbers, m), lr[m : m + 1])
        for name, tensor in alone.items():
            assert torch.equal(together[name][m : m + 1], tensor)
    for name, tensor in parameters.items():
        assert torch.equal(tensor, before[name]), "an argument was written to"
        assert name not in together or together[name].dtype == tensor.dtype


@every_shrinking
def test_proximal_of_rate_0_changes_nothing_and_members_are_apart(proximal):
    parameters, numbers = example(3, 9)
    still = proximal(parameters, numbers, torch.zeros(3))
    assert all(torch.equal(still[name], parameters[name]) for name in NAMES)
    expected = proximal(parameters, numbers, torch.full((3,), 0.5))
    broken = {name: tensor.clone() for name, tensor in parameters.items()}
    broken["first"][1] = float("nan")
    result = proximal(broken, numbers, torch.full((3,), 0.5))
    for name in NAMES:
        assert torch.equal(result[name][[0, 2]], expected[name][[0, 2]])


@every_proximal
def test_proximal_never_brings_two_points_further_apart(proximal):
    (first, numbers), (second, _) = example(3, 9), example(3, 9)
    second = {name: tensor.flip(-1) + 0.3 for name, tensor in second.items()}
    lr = torch.full((3,), 0.5)
    ours, others = proximal(first, numbers, lr), proximal(second, numbers, lr)
    for name in NAMES:
        apart = (ours[name] - others[name]).flatten(1).norm(dim=1)
        assert (apart <= (first[name] - second[name]).flatten(1).norm(dim=1) + 1e-6).all()


@every_average
@every_size
def test_average_alone_and_in_company_is_equal_to_the_bit(average, size):
    parameters, numbers = example(8, size)
    path = [parameters["first"].flatten(1) * scale for scale in (1.0, -0.5, 2.0, 0.3)]

    def states(path, numbers):
        state = average.initial(path[0])
        for step, flat in enumerate(path[1:], start=1):
            before = {name: tensor.clone() for name, tensor in state.items()}
            following = average.update(flat, state, numbers, step)
            assert all(torch.equal(state[name], before[name]) for name in state)
            state = following
            yield state | {"evaluated": average.evaluation_weights(flat, state)}

    together = list(states(path, numbers))
    for m in range(8):
        alone = states([flat[m : m + 1].clone() for flat in path], only(numbers, m))
        for company, own in zip(together, alone, strict=True):
            assert company.keys() == own.keys()
            for name, tensor in own.items():
                assert torch.equal(company[name][m : m + 1], tensor)


@every_average
def test_average_of_constant_weights_is_these_weights(average):
    flat = torch.randn(2, 9, generator=torch.Generator().manual_seed(0))
    _, numbers = example(2, 1)
    state = average.initial(flat)
    for step in range(1, 20):
        state = average.update(flat, state, numbers, step)
    assert torch.equal(average.evaluation_weights(flat, state), flat)


@every_average
def test_average_has_memory_of_its_own(average):
    flat = torch.ones(1, 3)
    state = average.initial(flat)
    flat.zero_()
    assert all(tensor.all() for tensor in state.values())


@every_average
def test_average_stays_between_its_inputs_and_moves_toward_the_newest(average):
    _, numbers = example(2, 1)
    state = average.initial(torch.zeros(2, 1))
    last = torch.zeros(2, 1)
    for step in range(1, 50):
        flat = torch.ones(2, 1)
        state = average.update(flat, state, numbers, step)
        now = average.evaluation_weights(flat, state)
        assert ((now >= last) & (now <= 1)).all()
        last = now
    assert (last > 0).all()


@pytest.mark.parametrize("row", [SAM("r"), SAM("r", adaptive=True)], ids=["sam", "adaptive"])
@every_size
def test_point_alone_and_in_company_is_equal_to_the_bit(row, size):
    generator = torch.Generator().manual_seed(size)
    gradient, flat = torch.randn(2, 8, size, generator=generator)
    numbers = {"r.rho": torch.linspace(0.01, 0.7, 8)}
    norm = torch.linalg.vector_norm(gradient, dim=-1)
    before = gradient.clone(), flat.clone()
    together = row.point(gradient, norm, flat, numbers)
    assert torch.equal(before[0], gradient)
    assert torch.equal(before[1], flat)
    for m in range(8):
        at = slice(m, m + 1)
        alone = row.point(gradient[at].clone(), norm[at], flat[at].clone(), only(numbers, m))
        assert torch.equal(together[at], alone)


@pytest.mark.parametrize("falls", [True, False])
@every_size
def test_gradient_noise_alone_and_in_company_is_equal_to_the_bit(falls, size):
    noisy = GradientNoise("r", falls)
    gradient = torch.randn(8, size, generator=torch.Generator().manual_seed(size))
    noise = Draws(noisy.noise(size))(keys(range(8), "noise"))
    numbers = {"r.eta": torch.linspace(0.01, 0.7, 8), "r.gamma": torch.linspace(0.1, 0.9, 8)}
    steps = torch.arange(8, dtype=torch.float64)
    together = noisy(gradient, noise, numbers, steps)
    for m in range(8):
        own = only(noise, m), only(numbers, m)
        for step in (m, steps[m : m + 1]):
            assert torch.equal(together[m : m + 1], noisy(gradient[m : m + 1].clone(), *own, step))


IMAGE = (2, 4, 6)
ROWS, NUMERIC, CATEGORICAL = 9, 5, 3
MIXING = {
    "mixup": Mixup("r", CATEGORICAL),
    "cutmix": CutMix("r", {"numeric": NUMERIC, "categorical": CATEGORICAL, "array": 48}),
    "cutmix of images": CutMix("r", {"numeric": NUMERIC, "categorical": CATEGORICAL}, IMAGE),
    "cutout": Cutout("r", {"numeric": NUMERIC, "array": 48}),
    "cutout of images": Cutout("r", {"numeric": NUMERIC}, IMAGE),
    "input noise": InputNoise("r", {"numeric": NUMERIC, "array": 48}),
    "label noise": LabelNoise("r", 4),
}
every_mixing = pytest.mark.parametrize("name", MIXING)


def rows_of(members, seed, numbers):
    """A batch of everything, and what a part of a recipe may read."""
    generator = torch.Generator().manual_seed(seed)
    batch = Batch(
        {
            "numeric": torch.randn(members, ROWS, NUMERIC, generator=generator),
            "categorical": torch.randint(0, 7, (members, ROWS, CATEGORICAL), generator=generator),
            "array": torch.randn(members, ROWS, 48, generator=generator),
        },
        torch.randn(members, ROWS, 4, generator=generator)
        if numbers
        else torch.randint(0, 4, (members, ROWS), generator=generator),
        weight=torch.rand(members, ROWS, generator=generator),
    )
    high = {"alpha": 3.0, "share": 0.6, "deviation": 0.5, "amount": 0.7}
    return batch, {f"r.{n}": torch.linspace(0.1, top, members) for n, top in high.items()}


def tensors(batch):
    found = {"target": batch.target, "weight": batch.weight, **batch.inputs}
    return found | ({} if batch.other is None else {"other": batch.other, "share": batch.share})


@every_mixing
@pytest.mark.parametrize("regression", [False, True])
def test_batches_alone_and_in_company_are_equal_to_the_bit(name, regression):
    mixing = MIXING[name]
    batch, numbers = rows_of(8, 0, regression)
    noise = Draws(mixing.noise(ROWS))(keys(range(8), "noise"))
    assert all(site.startswith("r") for site in noise)
    before = {n: x.clone() for n, x in tensors(batch).items()}
    together = tensors(mixing(batch, noise, numbers))
    assert all(torch.equal(x, before[n]) for n, x in tensors(batch).items()), "it was written to"
    assert any(not torch.equal(x, before[n]) for n, x in together.items() if n in before)
    for m in range(8):
        own = Batch(
            only(batch.inputs, m), *(x[m : m + 1].clone() for x in (batch.target, batch.weight))
        )
        alone = tensors(mixing(own, only(noise, m), only(numbers, m)))
        assert alone.keys() == together.keys()
        for n, x in alone.items():
            assert torch.equal(together[n][m : m + 1], x), n


@every_mixing
def test_images_may_come_in_their_shape_or_flat(name):
    mixing = MIXING[name]
    batch, numbers = rows_of(3, 1, False)
    noise = Draws(mixing.noise(ROWS))(keys(range(3), "noise"))
    flat = mixing(batch, noise, numbers)
    wide = batch.inputs["array"].view(3, ROWS, *IMAGE)
    shaped = mixing(
        Batch({**batch.inputs, "array": wide}, batch.target, batch.weight), noise, numbers
    )
    assert torch.equal(shaped.inputs["array"].flatten(2), flat.inputs["array"])
    assert shaped.inputs["array"].shape == wide.shape
