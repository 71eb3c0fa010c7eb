"""The MLP against nn.Sequential, and its gradients against finite differences in float64."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from methodic.models.initialization import initial_buffers, initial_parameters
from methodic.models.mlp import MLP, Inputs
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
