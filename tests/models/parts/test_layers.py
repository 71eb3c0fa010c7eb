"""Layers against torch.nn, member by member."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from methodic.errors import InputError
from methodic.models.parts.initialization import initial_buffers, initial_parameters
from methodic.models.parts.layers import (
    Dropout,
    Embedding,
    Layer,
    Linear,
    StochasticDepth,
    TiedLinear,
    linear,
    linear_each,
    tied_head,
)
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


def test_a_product_of_its_own_for_each() -> None:
    x, weight, bias = signal(5, 4, 3), signal(4, 3, 2), signal(4, 2)
    got = linear_each(x, weight, bias)
    due = torch.einsum("mbdi,mdio->mbdo", x, weight) + bias.unsqueeze(1)
    torch.testing.assert_close(got, due)
    torch.testing.assert_close(linear_each(x, weight, None), due - bias.unsqueeze(1))


def test_dropconnect_drops_weights_and_scales_the_rest() -> None:
    layer = Linear("a", 40, 30, dropconnect="p")
    numbers = {"p": torch.tensor([0.1, 0.5, 0.85])}
    noise = Draws(layer.noise(7))(keys([5, 6, 7]))
    run = run_of(layer, noise=noise, numbers=numbers)
    x = signal(7, 40)
    got = layer(run, x)
    for m in range(MEMBERS):
        p = float(numbers["p"][m])
        kept = (noise["a.weight"][m].float() + 32768) / 65536 >= p
        assert float(kept.float().mean()) == pytest.approx(1 - p, abs=0.04)
        weight = run.parameters["a.weight"][m] * kept / (1 - p)
        torch.testing.assert_close(got[m], x[m] @ weight + run.parameters["a.bias"][m])
    still = run_of(layer, training=False, numbers=numbers)
    plain = Linear("a", 40, 30)
    assert torch.equal(layer(still, x), plain(run_of(plain, training=False), x))


def test_stochastic_depth_leaves_out_whole_rows() -> None:
    layer, x = StochasticDepth("d", "p", share=0.5), signal(4000, 3)
    p = torch.tensor([0.2, 0.6, 0.9])
    run = run_of(layer, noise=Draws(layer.noise(4000))(keys([5, 6, 7])), numbers={"p": p})
    got = layer(run, x)
    for m in range(MEMBERS):
        out = (got[m] == 0).all(1)
        assert float(out.float().mean()) == pytest.approx(float(p[m]) / 2, abs=0.03)
        torch.testing.assert_close(got[m][~out], x[m][~out] / (1 - float(p[m]) / 2))
    assert layer(run_of(layer, training=False, numbers={"p": p}), x) is x


def test_lsuv_gives_each_layer_unit_variance() -> None:
    layer, x = Linear("a", 8, 5, initialization="lsuv"), signal(200, 8)
    specs = initial_parameters(layer.parameters(), range(MEMBERS))
    start = Pass(specs, {}, {}, {}, training=False)
    assert abs(float(layer(start, x).var()) - 1) > 0.5, "orthogonal weights alone don't do it"
    fitted = Pass({**specs, **layer.fitted(start, x)}, {}, {}, {}, training=False)
    for m in range(MEMBERS):
        assert float(layer(fitted, x)[m].var(correction=0)) == pytest.approx(1, rel=1e-5)
        ratio = fitted.parameters["a.weight"][m] / specs["a.weight"][m]
        torch.testing.assert_close(ratio, ratio[:1, :1].expand_as(ratio))
    dead = layer.fitted(start, torch.zeros_like(x))
    assert torch.equal(dead["a.weight"], specs["a.weight"])
    assert not Linear("a", 8, 5).fitted(start, x)


def test_tied_layers_share_their_weights() -> None:
    encoder, decoder = Linear("e", 5, 3), TiedLinear("d", "e.weight", (5, 3), 3, 5)
    run, x = run_of(encoder), signal(6, 5)
    run.parameters["d.bias"] = signal(5)  # type: ignore[index]
    hidden = encoder(run, x)
    weight = run.parameters["e.weight"]
    assert set(decoder.parameters()) == {"d.bias"}
    due = hidden @ weight.mT + run.parameters["d.bias"].unsqueeze(1)
    torch.testing.assert_close(decoder(run, hidden), due)
    leaf = weight.clone().requires_grad_()
    run.parameters["e.weight"] = leaf  # type: ignore[index]
    decoder(run, encoder(run, x)).square().sum().backward()
    twice = weight.clone().requires_grad_()
    out = (x @ twice + run.parameters["e.bias"].unsqueeze(1)) @ twice.mT
    (out + run.parameters["d.bias"].unsqueeze(1)).square().sum().backward()
    torch.testing.assert_close(leaf.grad, twice.grad)


def test_a_head_that_reads_the_table_of_an_embedding() -> None:
    embedding = Embedding("e", codes=6, columns=1, dimension=4)
    head = tied_head("head", embedding, 4)
    run, x = run_of(embedding), signal(5, 4)
    run.parameters["head.bias"] = signal(6)  # type: ignore[index]
    logits = head(run, x)
    for m in range(MEMBERS):
        for code in range(6):
            due = x[m] @ run.parameters["e.table"][m, code] + run.parameters["head.bias"][m, code]
            torch.testing.assert_close(logits[m, :, code], due)
    assert head.parameters()["head.bias"].role == "head"


def test_tied_layers_of_different_shapes() -> None:
    with pytest.raises(InputError, match="tied layers of different shapes") as caught:
        TiedLinear("decoder.0", "encoder.1.weight", (64, 32), 32, 60)
    assert "64 × 32" in str(caught.value.found)
    assert "60 × 32" in str(caught.value.accepted)
    with pytest.raises(InputError, match="tied layers of different shapes"):
        tied_head("head", Embedding("e", 6, 1, 4), 5)


def test_roles() -> None:
    assert Linear("a", 5, 4).parameters()["a.weight"].role == "hidden"
    assert Linear("a", 5, 4, role="head", first=True).parameters()["a.weight"].first
    assert Embedding("e", 6, 2, 3).parameters()["e.table"].role == "embedding"


@pytest.mark.parametrize("sizes", [(61, 13, 11), (13, 11, 11), (7, 61, 11), (128, 64, 10)])
def test_a_product_rounds_alike_wherever_it_lies(sizes: tuple[int, int, int]) -> None:
    """Some processors' kernels look at addresses; see `methodic.__init__`."""
    rows, inputs, outputs = sizes
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(5, rows, inputs, generator=draw)
    w = torch.randn(5, inputs, outputs, generator=draw)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        together = linear(x, w, None)
        alone = [linear(x[m : m + 1].clone(), w[m : m + 1].clone(), None) for m in range(5)]
    finally:
        torch.set_num_threads(before)
    assert torch.equal(together, torch.cat(alone))
