"""Layers against torch.nn, member by member."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from methodic.models.initialization import initial_buffers, initial_parameters
from methodic.models.layers import BatchNorm, Dropout, Embedding, Layer, LayerNorm, Linear, linear
from methodic.rng import Draws, keys
from methodic.types import Pass

MEMBERS = 3


def run_of(
    layer: Layer,
    *,
    training: bool = True,
    collect: bool = False,
    buffers: Mapping[str, Tensor] | None = None,
    noise: Mapping[str, Tensor] | None = None,
    numbers: Mapping[str, Tensor] | None = None,
) -> Pass:
    """A pass with random parameters: scales of 1 and shifts of 0 would hide mistakes."""
    parameters = initial_parameters(layer.parameters(), range(MEMBERS))
    generator = torch.Generator().manual_seed(1)
    parameters = {
        k: v + 0.3 * torch.randn(v.shape, generator=generator) for k, v in parameters.items()
    }
    if buffers is None:
        buffers = initial_buffers(layer.buffers(), MEMBERS)
    return Pass(parameters, buffers, noise or {}, numbers or {}, training, collect)


def signal(*shape: int) -> Tensor:
    return torch.randn(MEMBERS, *shape, generator=torch.Generator().manual_seed(2)) * 2 + 1


def test_the_base_layer_is_the_identity() -> None:
    x, layer = signal(4, 2), Layer()
    assert layer(run_of(layer), x) is x
    assert not layer.parameters()
    assert not layer.buffers()
    assert not layer.noise(3)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("inputs", "outputs"), [(5, 4), (1, 4), (5, 1), (1, 1)])
def test_linear(inputs: int, outputs: int, bias: bool) -> None:
    layer = Linear("a", inputs, outputs, bias=bias)
    run, x = run_of(layer), signal(6, inputs)
    got = layer(run, x)
    assert got.shape == (MEMBERS, 6, outputs)
    for m in range(MEMBERS):
        other = nn.Linear(inputs, outputs, bias=bias)
        with torch.no_grad():
            other.weight.copy_(run.parameters["a.weight"][m].T)
            if bias:
                other.bias.copy_(run.parameters["a.bias"][m])
        torch.testing.assert_close(got[m], other(x[m]))


def test_linear_has_the_specification_it_was_given() -> None:
    specs = Linear("a", 5, 4, initialization="xavier_normal", gain=3.0).parameters()
    weight = specs["a.weight"]
    assert (weight.initialization, weight.gain) == ("xavier_normal", 3.0)
    assert (weight.fan_in, weight.fan_out, weight.decays) == (5, 4, True)
    assert not specs["a.bias"].decays
    assert set(Linear("a", 5, 4, bias=False).parameters()) == {"a.weight"}


def test_padded_sizes_get_the_right_gradients() -> None:
    shapes = [(2, 3, 1), (2, 1, 1), (2, 1)]
    arguments = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes]
    assert torch.autograd.gradcheck(linear, arguments)


def test_embedding() -> None:
    layer = Embedding("e", codes=6, columns=2, dimension=3)
    run = run_of(layer)
    codes = torch.tensor([[[0, 5], [3, 3]], [[1, 4], [5, 0]], [[2, 2], [0, 1]]])
    got = layer(run, codes)
    assert got.shape == (MEMBERS, 2, 6)
    for m in range(MEMBERS):
        other = nn.Embedding.from_pretrained(run.parameters["e.table"][m])
        assert torch.equal(got[m], other(codes[m]).flatten(1))


def test_dropout_drops_its_share_and_scales_the_rest() -> None:
    layer = Dropout("d", 100, "p")
    p = torch.tensor([0.1, 0.5, 0.85])
    noise = Draws(layer.noise(400))(keys([5, 6, 7]))
    got = layer(run_of(layer, noise=noise, numbers={"p": p}), torch.ones(MEMBERS, 400, 100))
    for m in range(MEMBERS):
        kept = got[m] != 0
        # 40,000 draws: a share has a standard deviation of 0.0025 at most.
        assert float(kept.float().mean()) == pytest.approx(1 - float(p[m]), abs=0.01)
        assert torch.equal(got[m][kept], torch.full_like(got[m][kept], 1 / (1 - float(p[m]))))
        columns = kept.float().mean(0)
        assert float((columns - columns.mean()).abs().max()) < 0.12, "units drop independently"


@pytest.mark.parametrize("p", [0.99999, 0.999995])
def test_dropout_of_almost_everything(p: float) -> None:
    """Short noise has steps of 1/65536, so the threshold must not leave its 16 bits."""
    layer = Dropout("d", 100, "p")
    noise = Draws(layer.noise(10))(keys([5, 6, 7]))
    numbers = {"p": torch.full((MEMBERS,), p)}
    got = layer(run_of(layer, noise=noise, numbers=numbers), torch.ones(MEMBERS, 10, 100))
    assert float((got != 0).float().mean()) < 0.01


def test_dropout_of_nothing_and_evaluation() -> None:
    layer, x = Dropout("d", 4, "p"), signal(5, 4)
    noise = Draws(layer.noise(5))(keys([5, 6, 7]))
    none = run_of(layer, noise=noise, numbers={"p": torch.zeros(MEMBERS)})
    assert torch.equal(layer(none, x), x)
    still = run_of(layer, training=False, numbers={"p": torch.full((MEMBERS,), 0.5)})
    assert torch.equal(layer(still, x), x)


def norms(layer: BatchNorm, run: Pass) -> list[nn.BatchNorm1d]:
    made = [nn.BatchNorm1d(layer.features) for _ in range(MEMBERS)]
    with torch.no_grad():
        for m, other in enumerate(made):
            other.weight.copy_(run.parameters["n.scale"][m])
            other.bias.copy_(run.parameters["n.shift"][m])
    return made


def test_batch_norm_over_several_batches() -> None:
    layer = BatchNorm("n", 4)
    first = run_of(layer)
    others, buffers = norms(layer, first), dict(first.buffers)
    for batch in range(4):
        x = signal(5 + batch, 4) * (1 + batch)
        run = run_of(layer, buffers=buffers)
        got = layer(run, x)
        for m, other in enumerate(others):
            torch.testing.assert_close(got[m], other(x[m]))
        buffers = dict(run.new_buffers)
    for m, other in enumerate(others):
        torch.testing.assert_close(buffers["n.mean"][m], other.running_mean)
        torch.testing.assert_close(buffers["n.variance"][m], other.running_var)
    held_out = signal(3, 4)
    still = run_of(layer, training=False, buffers=buffers)
    got = layer(still, held_out)
    for m, other in enumerate(others):
        torch.testing.assert_close(got[m], other.eval()(held_out[m]))
    assert not still.new_buffers


def test_batch_norm_collects_the_statistics_of_one_batch() -> None:
    layer, x = BatchNorm("n", 4), signal(9, 4)
    run = run_of(layer, training=False, collect=True)
    layer(run, x)
    torch.testing.assert_close(run.new_buffers["n.mean"], x.mean(1))
    torch.testing.assert_close(run.new_buffers["n.variance"], x.var(1))


def test_statistics_carry_no_gradient() -> None:
    layer = BatchNorm("n", 4)
    run = run_of(layer)
    layer(run, signal(5, 4).requires_grad_())
    assert not any(value.requires_grad for value in run.new_buffers.values())


def test_layer_norm() -> None:
    layer, x = LayerNorm("n", 4), signal(5, 4)
    run = run_of(layer)
    got = layer(run, x)
    for m in range(MEMBERS):
        other = nn.LayerNorm(4)
        with torch.no_grad():
            other.weight.copy_(run.parameters["n.scale"][m])
            other.bias.copy_(run.parameters["n.shift"][m])
        torch.testing.assert_close(got[m], other(x[m]))


def test_scales_start_at_one_and_neither_scale_nor_shift_decays() -> None:
    for layer in (BatchNorm("n", 4), LayerNorm("n", 4)):
        specs = layer.parameters()
        assert not any(spec.decays for spec in specs.values())
        made = initial_parameters(specs, [0])
        assert torch.equal(made["n.scale"], torch.ones(1, 4))
        assert torch.equal(made["n.shift"], torch.zeros(1, 4))
