"""The MLP against nn.Sequential, and its gradients against finite differences in float64."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from methodic.models.mlp import MLP, Inputs
from methodic.models.parts.initialization import initial_buffers, initial_parameters
from methodic.models.parts.numeric import PBLD
from methodic.rng import Draws, keys
from methodic.types import Pass

MEMBERS, ROWS, NUMERIC, CATEGORICAL, CODES, CLASSES = 2, 7, 3, 2, 6, 4


def inputs(dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "numeric": torch.randn(MEMBERS, ROWS, NUMERIC, generator=generator, dtype=dtype),
        "categorical": torch.randint(0, CODES, (MEMBERS, ROWS, CATEGORICAL), generator=generator),
    }


def run_of(
    model: MLP, parameters: Mapping[str, Tensor], *, p: float = 0.0, training: bool = True
) -> Pass:
    dtype = next(iter(parameters.values())).dtype
    buffers = {k: v.to(dtype) for k, v in initial_buffers(model.buffers(), MEMBERS).items()}
    noise = Draws(model.noise(ROWS))(keys([1, 2])) if training else {}
    numbers = {"model.dropout": torch.full((MEMBERS,), p, dtype=dtype)}
    return Pass(parameters, buffers, noise, numbers, training)


def scattered(model: MLP, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Initial parameters, all of them moved: zeros and ones would hide mistakes."""
    generator = torch.Generator().manual_seed(3)
    return {
        k: v.to(dtype) + 0.2 * torch.randn(v.shape, generator=generator, dtype=dtype)
        for k, v in initial_parameters(model.parameters(), range(MEMBERS)).items()
    }


def torch_twin(parameters: Mapping[str, Tensor], m: int, norm: str, depth: int) -> nn.Module:
    """What `MLP` is meant to be for member ``m``, from torch's own layers."""
    width = 5
    sizes = [NUMERIC + 2 * CATEGORICAL, *[width] * depth]
    layers: list[nn.Module] = []
    for i, (inside, outside) in enumerate(pairwise(sizes)):
        dense = nn.Linear(inside, outside, bias=norm != "batch")
        dense.weight.data = parameters[f"hidden.{i}.weight"][m].T.clone()
        if norm != "batch":
            dense.bias.data = parameters[f"hidden.{i}.bias"][m].clone()
        layers.append(dense)
        if norm != "none":
            normalize = nn.BatchNorm1d(width) if norm == "batch" else nn.LayerNorm(width)
            normalize.weight.data = parameters[f"hidden.{i}.norm.scale"][m].clone()
            normalize.bias.data = parameters[f"hidden.{i}.norm.shift"][m].clone()
            layers.append(normalize)
        layers.append(nn.SiLU())
    head = nn.Linear(sizes[-1], CLASSES)
    head.weight.data = parameters["head.weight"][m].T.clone()
    head.bias.data = parameters["head.bias"][m].clone()
    return nn.Sequential(*layers, head)


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_forward_and_gradients_like_sequential(norm: str, depth: int) -> None:
    model = MLP(
        Inputs(NUMERIC, CATEGORICAL, CODES),
        CLASSES,
        width=5,
        depth=depth,
        activation="silu",
        normalization=norm,
        embedding=2,
    )
    parameters = {k: v.requires_grad_() for k, v in scattered(model).items()}
    x = inputs()
    got = model(run_of(model, parameters), x)
    target = torch.arange(ROWS) % CLASSES
    losses = [nn.functional.cross_entropy(got[m], target) for m in range(MEMBERS)]
    gradients = dict(
        zip(parameters, torch.autograd.grad(sum(losses), list(parameters.values())), strict=True)
    )
    for m in range(MEMBERS):
        twin = torch_twin(parameters, m, norm, depth)
        table = nn.Embedding(CODES, 2)
        table.weight.data = parameters["embedding.table"][m].detach().clone()
        joined = torch.cat([x["numeric"][m], table(x["categorical"][m]).flatten(1)], 1)
        out = twin(joined)
        torch.testing.assert_close(got[m], out)
        nn.functional.cross_entropy(out, target).backward()
        torch.testing.assert_close(gradients["embedding.table"][m], table.weight.grad)
        own = [v[m] for k, v in gradients.items() if k != "embedding.table"]
        # Both list a block's weight, bias, scale and shift in this order, block after block.
        for ours, theirs in zip(own, twin.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs.grad.T if ours.ndim == 2 else theirs.grad)


def test_gradients_against_finite_differences() -> None:
    """Every number of an MLP with embedding, dropout and batch norm, by central differences."""
    model = MLP(
        Inputs(NUMERIC, CATEGORICAL, CODES),
        CLASSES,
        width=5,
        depth=2,
        activation="tanh",
        normalization="batch",
        dropout="model.dropout",
        embedding=2,
    )
    parameters, x = scattered(model, torch.float64), inputs(torch.float64)
    target = torch.arange(ROWS) % CLASSES

    def losses(now: Mapping[str, Tensor]) -> Tensor:
        out = model(run_of(model, now, p=0.4), x)
        return torch.stack([nn.functional.cross_entropy(each, target) for each in out])

    leaves = {k: v.clone().requires_grad_() for k, v in parameters.items()}
    found = torch.autograd.grad(losses(leaves).sum(), list(leaves.values()))
    gradients = dict(zip(leaves, found, strict=True))
    step = 1e-5
    for name, value in parameters.items():
        flat = value.reshape(MEMBERS, -1)
        for i in range(flat.shape[1]):
            # Members don't touch each other, so one difference serves all of them.
            up, down = flat.clone(), flat.clone()
            up[:, i] += step
            down[:, i] -= step
            above = losses({**parameters, name: up.view_as(value)})
            below = losses({**parameters, name: down.view_as(value)})
            slope = (above - below) / (2 * step)
            torch.testing.assert_close(
                gradients[name].reshape(MEMBERS, -1)[:, i], slope, rtol=1e-6, atol=1e-9
            )
    assert all(bool((g != 0).any()) for g in found), "every parameter matters"


def test_evaluation_does_not_drop() -> None:
    plain = MLP(Inputs(NUMERIC, CATEGORICAL, CODES), CLASSES, width=5, depth=2)
    dropping = MLP(
        Inputs(NUMERIC, CATEGORICAL, CODES), CLASSES, width=5, depth=2, dropout="model.dropout"
    )
    parameters, x = scattered(plain), inputs()
    out = plain(run_of(plain, parameters, training=False), x)
    assert torch.equal(dropping(run_of(dropping, parameters, p=0.5, training=False), x), out)
    assert not torch.equal(dropping(run_of(dropping, parameters, p=0.5), x), out)


def test_dropout_comes_after_the_activation() -> None:
    """softplus(0) isn't 0, and none of its values is its double at the double."""
    model = MLP(
        Inputs(NUMERIC), 2, width=5, depth=1, activation="softplus", dropout="model.dropout"
    )
    parameters, x = scattered(model), inputs()["numeric"]
    run = run_of(model, parameters, p=0.5)
    kept = run.noise["dropout/0"] >= 0
    assert bool(kept.any())
    for m in range(MEMBERS):
        w = {name: value[m] for name, value in parameters.items()}
        hidden = nn.functional.softplus(x[m] @ w["hidden.0.weight"] + w["hidden.0.bias"])
        expected = (hidden * kept[m] * 2) @ w["head.weight"] + w["head.bias"]
        torch.testing.assert_close(model(run, {"numeric": x})[m], expected)


def test_linear_model_has_one_layer_with_the_initialization_asked_for() -> None:
    model = MLP(Inputs(numeric=3), 2, depth=0, initialization="zeros")
    assert set(model.parameters()) == {"head.weight", "head.bias"}
    assert model.parameters()["head.weight"].initialization == "zeros"
    deep = MLP(Inputs(numeric=3), 2, depth=1, initialization="zeros")
    assert deep.parameters()["hidden.0.weight"].initialization == "zeros"
    assert deep.parameters()["head.weight"].initialization != "zeros", "else nothing would learn"


def test_hidden_weights_get_the_gain_of_their_activation() -> None:
    specs = MLP(Inputs(numeric=3), 2, activation="relu").parameters()
    assert specs["hidden.0.weight"].gain == pytest.approx(2**0.5)
    assert specs["head.weight"].gain == 1.0


def test_arrays_are_flattened_in_order() -> None:
    model = MLP(Inputs(numeric=1, array=6), 1, depth=0)
    weight = torch.arange(7.0).view(1, 7, 1)
    run = Pass({"head.weight": weight, "head.bias": torch.zeros(1, 1)}, {}, {}, {}, False)
    x = {"numeric": torch.ones(1, 1, 1) * 100, "array": torch.arange(6.0).view(1, 1, 2, 3)}
    assert float(model(run, x)) == sum(i * (i + 1) for i in range(6))


def test_noise_is_as_large_as_the_batch() -> None:
    model = MLP(Inputs(numeric=3), 2, width=5, depth=2, dropout="model.dropout")
    assert {k: v.shape for k, v in model.noise(9).items()} == {
        "dropout/0": (9, 5),
        "dropout/1": (9, 5),
    }
    assert not MLP(Inputs(numeric=3), 2).noise(9)


@pytest.mark.parametrize("normalization", ["none", "batch", "rms"])
@pytest.mark.parametrize("activation", ["tanh", "maxout"])
def test_residual_blocks_add_before_they_normalize(normalization: str, activation: str) -> None:
    model = MLP(
        Inputs(NUMERIC),
        CLASSES,
        width=5,
        depth=3,
        activation=activation,
        normalization=normalization,
        residual=True,
    )
    wide = 10 if activation == "maxout" else 5
    parameters, x = scattered(model), inputs()["numeric"]
    got = model(run_of(model, parameters), {"numeric": x})
    for m in range(MEMBERS):
        w = {name: value[m] for name, value in parameters.items()}
        z, h = torch.zeros(ROWS, wide), x[m]
        for i in range(3):
            z = z + h @ w[f"hidden.{i}.weight"] + w.get(f"hidden.{i}.bias", torch.zeros(wide))
            y = z
            if normalization == "batch":
                y = (z - z.mean(0)) / torch.sqrt(z.var(0, correction=0) + 1e-5)
                y = y * w[f"hidden.{i}.norm.scale"] + w[f"hidden.{i}.norm.shift"]
            elif normalization == "rms":
                y = nn.functional.rms_norm(z, (wide,), w[f"hidden.{i}.norm.scale"], 1e-6)
            h = torch.maximum(y[:, :5], y[:, 5:]) if activation == "maxout" else torch.tanh(y)
        torch.testing.assert_close(got[m], h @ w["head.weight"] + w["head.bias"])
    plain = MLP(Inputs(NUMERIC), CLASSES, width=5, depth=3, normalization=normalization)
    assert plain.residual is False


def test_maxout_of_one_layer_is_the_larger_of_two() -> None:
    model = MLP(Inputs(NUMERIC), CLASSES, width=5, depth=1, activation="maxout")
    assert model.parameters()["hidden.0.weight"].shape == (NUMERIC, 10)
    assert model.parameters()["head.weight"].shape == (5, CLASSES)
    parameters, x = scattered(model), inputs()["numeric"]
    got = model(run_of(model, parameters), {"numeric": x})
    w = {name: value[0] for name, value in parameters.items()}
    z = x[0] @ w["hidden.0.weight"] + w["hidden.0.bias"]
    largest = z.view(ROWS, 2, 5).amax(1)
    torch.testing.assert_close(got[0], largest @ w["head.weight"] + w["head.bias"])


@pytest.mark.parametrize(
    "more",
    [
        {"residual": True, "stochastic_depth": "model.rate", "normalization": "rms"},
        {"dropconnect": "model.rate", "normalization": "group", "groups": 2},
        {"activation": "maxout", "normalization": "layer"},
        {"numeric": PBLD("numeric", NUMERIC, 3, 2, 0.5)},
    ],
    ids=["stochastic depth", "dropconnect", "maxout", "embedded numbers"],
)
def test_gradients_of_what_can_be_added(more: dict[str, object]) -> None:
    settings = {"activation": "tanh", **more}
    model = MLP(Inputs(NUMERIC), CLASSES, width=4, depth=3, **settings)  # type: ignore[arg-type]
    parameters = scattered(model, torch.float64)
    x = inputs(torch.float64)["numeric"]

    def out(*values: Tensor) -> Tensor:
        run = run_of(model, dict(zip(parameters, values, strict=True)))
        run.numbers = {"model.rate": torch.full((MEMBERS,), 0.3, dtype=torch.float64)}
        return model(run, {"numeric": x})

    assert torch.autograd.gradcheck(out, [v.requires_grad_() for v in parameters.values()])


def test_later_branches_are_left_out_more_often() -> None:
    model = MLP(
        Inputs(NUMERIC), CLASSES, width=4, depth=3, residual=True, stochastic_depth="model.rate"
    )
    assert [getattr(each, "share", None) for each in model.depths] == [None, 0.5, 1.0]
    assert set(model.noise(9)) == {"depth/1", "depth/2"}


def test_zeros_break_what_has_hidden_units() -> None:
    """Units that start alike get the same gradients for ever, so a wide net is as good as a unit.

    A linear model doesn't mind.
    """
    x = torch.randn(1, 60, NUMERIC, generator=torch.Generator().manual_seed(5))
    target = (x[0, :, 0] * x[0, :, 1] > 0).long()

    def trained(initialization: str, depth: int) -> tuple[dict[str, Tensor], float]:
        model = MLP(
            Inputs(NUMERIC),
            2,
            width=6,
            depth=depth,
            activation="tanh",
            initialization=initialization,
        )
        now = initial_parameters(model.parameters(), [0])
        if depth and initialization == "zeros":
            now["head.weight"] = torch.zeros(1, 6, 2)  # all weights, as a beginner might
        loss = torch.tensor(0.0)
        for _ in range(300):
            leaves = {name: value.detach().requires_grad_() for name, value in now.items()}
            out = model(Pass(leaves, {}, {}, {}, True), {"numeric": x})
            loss = nn.functional.cross_entropy(out[0], target)
            slopes = torch.autograd.grad(loss, list(leaves.values()))
            now = {n: v - 0.5 * g for (n, v), g in zip(leaves.items(), slopes, strict=True)}
        return now, float(loss.detach())

    alike, stuck = trained("zeros", 2)
    for i in range(2):
        weight = alike[f"hidden.{i}.weight"][0]
        assert torch.equal(weight, weight[:, :1].expand_as(weight)), "all units are one"
    _, learned = trained("xavier_normal", 2)
    assert stuck > 0.6, "about the entropy of the classes"
    assert learned < 0.3
    linear, _ = trained("zeros", 0)
    assert bool((linear["head.weight"] != 0).all())
