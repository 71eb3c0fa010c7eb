"""A user's module as a model of one member."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from methodic.errors import InputError
from methodic.models.own.module import ModuleModel
from methodic.types import Pass

ROWS = 6


def run_of(model: ModuleModel, training: bool) -> Pass:
    parameters, buffers = model.initial()
    return Pass(parameters, buffers, {}, {}, training)


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3))


def rows() -> Tensor:
    return torch.randn(1, ROWS, 4, generator=torch.Generator().manual_seed(1))


def test_output_and_statistics_like_the_module_itself() -> None:
    module, x = net(), rows()
    model = ModuleModel(module, 3)
    run = run_of(model, training=True)
    out = model(run, {"numeric": x})
    twin = net()
    torch.testing.assert_close(out[0], twin(x[0]))
    for name, buffer in twin.named_buffers():
        torch.testing.assert_close(run.new_buffers[name][0], buffer)
    still = Pass(run.parameters, run.new_buffers, {}, {}, training=False)
    torch.testing.assert_close(model(still, {"numeric": x})[0], twin.eval()(x[0]))
    assert not still.new_buffers


@pytest.mark.parametrize("members", [1, 3])
def test_a_fixed_layer_normalizes_by_its_running_statistics_which_stay(members: int) -> None:
    starts = [net() for _ in range(members)]
    for i, start in enumerate(starts):
        start[1].running_mean.fill_(0.3 * (i + 1))
    model = ModuleModel(starts[0], 3, starts)
    assert model.normalizers() == {"1": {"1.weight", "1.bias"}}
    parameters, buffers = model.initial()
    run = Pass(parameters, buffers, {}, {}, training=True, fixed=frozenset({"1"}))
    x = rows().expand(members, ROWS, 4)
    out = model(run, {"numeric": x})
    for name, buffer in buffers.items():
        assert torch.equal(run.new_buffers[name], buffer)
    for m, start in enumerate(starts):
        torch.testing.assert_close(out[m], start.eval()(x[m]))
    free = Pass(parameters, buffers, {}, {}, training=True)
    assert not torch.allclose(model(free, {"numeric": x}), out), "and only in this pass"
    assert not torch.equal(free.new_buffers["1.running_mean"], buffers["1.running_mean"])


def test_layers_that_normalize_by_batches_are_known() -> None:
    module = nn.Sequential(
        nn.BatchNorm1d(4, affine=False),
        nn.BatchNorm1d(4, track_running_stats=False),
        nn.Sequential(nn.LayerNorm(4), nn.BatchNorm1d(4)),
        nn.Linear(4, 3),
    )
    module[2][1].weight.requires_grad_(False)
    assert ModuleModel(module, 3).normalizers() == {"0": set(), "2.1": {"2.1.bias"}}
    alone = nn.BatchNorm1d(3)
    assert ModuleModel(alone, 3).normalizers() == {"": {"weight", "bias"}}


def test_the_module_stays_as_it_was() -> None:
    module = net().eval()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    model = ModuleModel(module, 3)
    run = run_of(model, training=True)
    out = model(run, {"numeric": rows()})
    next(iter(run.parameters.values())).add_(1.0)
    assert out.shape == (1, ROWS, 3)
    assert all(torch.equal(before[k], v) for k, v in module.state_dict().items())
    assert not module.training


def test_specifications() -> None:
    model = ModuleModel(net(), 3)
    specs = model.parameters()
    assert specs["0.weight"].shape == (5, 4)
    assert specs["0.weight"].decays
    assert not specs["0.bias"].decays
    assert not specs["1.weight"].decays, "a scale"
    assert set(model.buffers()) == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    assert not model.noise(3)
    assert not model.native


def test_channels_last_is_another_layout_and_nothing_else() -> None:
    """Only in training, only for arrays with three axes: the results are the same to rounding."""
    seen: list[bool] = []

    class Images(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(x.is_contiguous(memory_format=torch.channels_last))
            out: Tensor = super().forward(x)
            return out

    torch.manual_seed(0)
    layers = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    module = Images(*layers)
    x = {"array": torch.randn(1, ROWS, 3, 8, 8, generator=torch.Generator().manual_seed(1))}
    model, usual = ModuleModel(module, 2, channels_last=True), ModuleModel(module, 2)
    out = model(run_of(model, training=True), x)
    torch.testing.assert_close(out, usual(run_of(usual, training=True), x))
    model(run_of(model, training=False), x)
    assert seen == [True, False, False]
    flat = ModuleModel(net(), 3, channels_last=True)
    assert flat(run_of(flat, training=True), {"numeric": rows()}).shape == (1, ROWS, 3)


class Two(nn.Module):
    """Takes its inputs by name, in an order of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 2)
        self.dense = nn.Linear(4, 1)

    def forward(self, categorical: Tensor, numeric: Tensor) -> Tensor:
        return (self.dense(numeric) + self.table(categorical).flatten(1).sum(1, True)).squeeze(1)


def test_several_inputs_go_by_name_and_a_vector_is_one_number_per_row() -> None:
    torch.manual_seed(0)
    module, x = Two(), rows()
    codes = torch.randint(0, 5, (1, ROWS, 2))
    model = ModuleModel(module, 1)
    out = model(run_of(model, training=False), {"numeric": x, "categorical": codes})
    assert out.shape == (1, ROWS, 1)
    torch.testing.assert_close(out[0, :, 0], module(numeric=x[0], categorical=codes[0]))


class Named(nn.Module):
    """One input, asked for by its name."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(4, 2)

    def forward(self, scale: float = 1.0, *, numeric: Tensor) -> Tensor:
        return self.dense(numeric) * scale


def test_one_input_by_name() -> None:
    module, x = Named(), rows()
    model = ModuleModel(module, 2)
    out = model(run_of(model, training=False), {"numeric": x})
    torch.testing.assert_close(out[0], module(numeric=x[0]))


@pytest.mark.parametrize(("outputs", "found"), [(2, f"({ROWS}, 3)"), (1, f"({ROWS}, 3)")])
def test_a_wrong_number_of_outputs(outputs: int, found: str) -> None:
    model = ModuleModel(net(), outputs)
    with pytest.raises(InputError) as caught:
        model(run_of(model, training=False), {"numeric": rows()})
    assert caught.value.found == found
    assert caught.value.accepted == f"a tensor of shape ({ROWS}, {outputs})"


class Odd(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        return self.dense(x), 1


def test_an_output_that_is_no_tensor() -> None:
    model = ModuleModel(Odd(), 2)
    with pytest.raises(InputError, match=r"Odd\.forward"):
        model(run_of(model, training=False), {"numeric": rows()})


def test_modules_that_cannot_be_trained() -> None:
    with pytest.raises(InputError, match="no parameters"):
        ModuleModel(nn.ReLU(), 2)
    with pytest.raises(InputError, match=r"weight.*can't be trained") as caught:
        ModuleModel(nn.Linear(4, 2).double(), 2)
    assert caught.value.found == "torch.float64"


def test_embeddings_and_the_last_layer_have_roles_of_their_own() -> None:
    module = nn.Module()
    module.words = nn.Embedding(5, 4)
    module.inner = nn.Linear(4, 4)
    module.out = nn.Linear(4, 3)
    module.forward = lambda categorical: module.out(module.inner(module.words(categorical).sum(1)))
    specs = ModuleModel(module, 3).parameters()
    assert {name: spec.role for name, spec in specs.items() if name.endswith("weight")} == {
        "words.weight": "embedding",
        "inner.weight": "hidden",
        "out.weight": "head",
    }
