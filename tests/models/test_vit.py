"""The vision transformer against torch's own layers, member by member."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from methodic.errors import InputError
from methodic.models.inputs import Inputs
from methodic.models.vit import ViT, patches
from tests.models.passes import MEMBERS, gradients_are_right, images, pass_of, scattered


def twin(w: dict[str, Tensor], x: Tensor) -> Tensor:
    """torch's encoder layers with a member's weights: [B, C, H, W] → [B, O]."""
    cut = nn.functional.unfold(x, 3, stride=3).transpose(1, 2)
    x = cut @ w["patches.weight"] + w["patches.bias"] + w["positions.table"]
    for i in range(2):
        layer = nn.TransformerEncoderLayer(8, 2, 12, 0.0, "gelu", batch_first=True, norm_first=True)
        state = {
            "self_attn.in_proj_weight": w[f"block.{i}.mixed.weight"].T,
            "self_attn.in_proj_bias": w[f"block.{i}.mixed.bias"],
        }
        for theirs, ours in (
            ("self_attn.out_proj", "joined"),
            ("linear1", "wide"),
            ("linear2", "narrow"),
        ):
            state[f"{theirs}.weight"] = w[f"block.{i}.{ours}.weight"].T
            state[f"{theirs}.bias"] = w[f"block.{i}.{ours}.bias"]
        for n in (0, 1):
            state[f"norm{n + 1}.weight"] = w[f"block.{i}.{n}.norm.scale"]
            state[f"norm{n + 1}.bias"] = w[f"block.{i}.{n}.norm.shift"]
        layer.load_state_dict(state)
        x = layer(x)
    norm = nn.functional.layer_norm(x, (8,), w["head.norm.scale"], w["head.norm.shift"])
    return norm.mean(1) @ w["head.weight"] + w["head.bias"]


def net(**fields: str | None) -> ViT:
    inputs = Inputs(array=3 * 6 * 9, shape=(3, 6, 9))
    return ViT(inputs, 4, patch=3, width=8, depth=2, heads=2, expansion=1.5, **fields)  # type: ignore[arg-type]


def test_forward() -> None:
    model, x = net(), images(5, 3, 6, 9)
    parameters = scattered(model)
    got = model(pass_of(model, parameters, 5), x)
    for m in range(MEMBERS):
        want = twin({name: value[m] for name, value in parameters.items()}, x["array"][m])
        torch.testing.assert_close(got[m], want, rtol=1e-4, atol=1e-5)
    wrong = twin({n: v[0] for n, v in parameters.items()}, x["array"][0].flip(-1))
    assert not torch.allclose(got[0], wrong, atol=1e-3)


def test_branches_are_left_out_in_training_only() -> None:
    model, x = net(stochastic_depth="model.stochastic_depth"), images(5, 3, 6, 9)
    parameters = scattered(model)
    numbers = {"model.stochastic_depth": torch.full((MEMBERS,), 0.5)}
    training = pass_of(model, parameters, 5)
    training.numbers = numbers  # type: ignore[misc]
    plain = net()(pass_of(model, parameters, training=False), x)
    torch.testing.assert_close(model(pass_of(model, parameters, training=False), x), plain)
    assert not torch.allclose(model(training, x), plain, atol=1e-3)


def test_gradients() -> None:
    x = images(2, 1, 4, 4, dtype=torch.float64)
    model = ViT(Inputs(array=16, shape=(1, 4, 4)), 2, patch=2, width=4, depth=1, heads=2)
    assert gradients_are_right(model, x)


def test_patches_are_cut_row_by_row() -> None:
    x = torch.randn(1, 2, 3, 6, 9)
    want = nn.functional.unfold(x[0], 3, stride=3).transpose(1, 2).unsqueeze(0)
    assert torch.equal(patches(x, 3), want)


def test_patches_have_to_fill_the_image() -> None:
    with pytest.raises(InputError, match="cuts images into patches of 4 × 4"):
        ViT(Inputs(array=3 * 30 * 30, shape=(3, 30, 30)), 10)


def test_its_size() -> None:
    specs = ViT(Inputs(array=3072, shape=(3, 32, 32)), 10).parameters()
    assert sum(math.prod(spec.shape) for spec in specs.values()) == 1_806_154
