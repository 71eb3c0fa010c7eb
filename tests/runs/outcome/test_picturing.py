"""Pictures of what networks make: files that are small, and pixels that can be worked out."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from methodic import build
from methodic.data.batches import Rows
from methodic.engine import loop
from methodic.engine.parts import Cohort
from methodic.evidence.closer.representation import Picture
from methodic.models.inputs import Inputs
from methodic.recipes.types import Recipe
from methodic.runs.outcome.picturing import COUNT, LARGEST, picture, pictures

SHAPE = (1, 6, 5)
SCALING = ((0.4, 0.25),)
INPUTS = Inputs(array=30, shape=SHAPE, scaling=SCALING)
MLP = {"kind": "mlp", "width": 7, "depth": 1}
CODE = {"kind": "autoencoder", "encoder": [9, 4]}
SUPERVISED = {"kind": "supervised"}


def rows(count: int = 20, inputs: Inputs = INPUTS) -> Rows:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, *inputs.shape), dtype=np.uint8)
    return Rows({"array": torch.from_numpy(images)}, torch.arange(count) % 3)


def cohort(
    *objectives: dict[str, Any], model: dict[str, Any] = MLP, inputs: Inputs = INPUTS
) -> Cohort:
    return staged([{"batch": 8, "objectives": list(objectives)}], model, inputs)


def staged(
    stages: list[dict[str, Any]], model: dict[str, Any] = MLP, inputs: Inputs = INPUTS
) -> Cohort:
    made = Recipe.model_validate({"name": "x", "model": model, "stages": stages})
    resolved = build.resolve(made, "multiclass", 20, inputs)
    return build.cohort([resolved], [3], steps=[1] * len(stages), inputs=inputs, outputs=3, rows=20)


def made(
    one: Cohort, inputs: Inputs = INPUTS, learnt: dict[str, torch.Tensor] | None = None
) -> tuple[Picture, ...]:
    state = loop.initial_state(one)
    return pictures(one, state.flat, state.buffers, learnt or {}, rows(inputs=inputs), inputs)


def opened(each: Picture) -> np.ndarray:
    image = Image.open(io.BytesIO(base64.b64decode(each.png)))
    assert image.format == "PNG"
    assert image.size == (each.width, each.height)
    return np.asarray(image.convert("RGB" if image.mode == "P" else image.mode))


def tiles(each: Picture, height: int, width: int) -> np.ndarray:
    """[lines, K, H, W] of a picture in grey."""
    sheet = opened(each)
    lines, count = (each.height + 2) // (height + 2), (each.width + 2) // (width + 2)
    return np.stack(
        [
            [sheet[y * (height + 2) :, x * (width + 2) :][:height, :width] for x in range(count)]
            for y in range(lines)
        ]
    )


def perceptron(parameters: dict[str, torch.Tensor], name: str, x: torch.Tensor) -> torch.Tensor:
    """A literal decoder of one hidden layer."""
    p = {k.removeprefix(f"{name}."): v[0] for k, v in parameters.items() if k.startswith(name)}
    hidden = torch.relu(x @ p["0.weight"] + p["0.bias"])
    return hidden @ p["1.weight"] + p["1.bias"]


def encoded(one: Cohort, parameters: dict[str, torch.Tensor]) -> tuple[torch.Tensor, np.ndarray]:
    """Features of the first eight rows by a literal network, and these rows."""
    some = rows().spread(COUNT).inputs["array"]
    x = (some.float() / 255 - SCALING[0][0]) / SCALING[0][1]
    x = x.flatten(1) @ parameters["hidden.0.weight"][0] + parameters["hidden.0.bias"][0]
    return torch.relu(x), some.numpy()[:, 0]


def close(found: np.ndarray, wanted: torch.Tensor) -> None:
    pixels = (wanted.clamp(0, 1) * 255).round().numpy().reshape(COUNT, 6, 5)
    assert np.abs(found.astype(int) - pixels).max() <= 1


def test_rows_stand_above_what_the_decoder_gives_back() -> None:
    one = cohort({"kind": "reconstruction"}, SUPERVISED)
    (found,) = made(one)
    assert found.kind == "reconstructions"
    above, below = tiles(found, 6, 5)
    parameters = one.layout.views(loop.initial_state(one).flat)
    features, some = encoded(one, parameters)
    assert np.array_equal(above, some)
    decoder = next(n for n in parameters if ".decoder." in n).rpartition(".decoder.")[0]
    back = perceptron(parameters, f"{decoder}.decoder", features)
    close(below, back * SCALING[0][1] + SCALING[0][0])


def test_logits_become_pixels() -> None:
    one = cohort({"kind": "reconstruction", "loss": "binary"}, SUPERVISED)
    (found,) = made(one)
    parameters = one.layout.views(loop.initial_state(one).flat)
    features, _ = encoded(one, parameters)
    decoder = next(n for n in parameters if ".decoder." in n).rpartition(".decoder.")[0]
    back = perceptron(parameters, f"{decoder}.decoder", features)
    close(tiles(found, 6, 5)[1], torch.sigmoid(back))


def test_a_variational_one_gives_back_what_its_mean_means() -> None:
    one = cohort({"kind": "reconstruction", "latent": 4}, SUPERVISED)
    found, drawn = made(one)
    assert (found.kind, drawn.kind) == ("reconstructions", "samples")
    parameters = one.layout.views(loop.initial_state(one).flat)
    features, _ = encoded(one, parameters)
    owner = next(n for n in parameters if ".decoder." in n).rpartition(".decoder.")[0]
    mean = features @ parameters[f"{owner}.mean.weight"][0] + parameters[f"{owner}.mean.bias"][0]
    back = perceptron(parameters, f"{owner}.decoder", mean)
    close(tiles(found, 6, 5)[1], back * SCALING[0][1] + SCALING[0][0])


@pytest.mark.parametrize("output", ["none", "sigmoid"])
def test_an_autoencoder_has_a_decoder_of_its_own(output: str) -> None:
    model = {**CODE, "output_activation": output}
    (found,) = made(cohort({"kind": "reconstruction"}, SUPERVISED, model=model))
    above, below = tiles(found, 6, 5)
    assert above.shape == below.shape == (COUNT, 6, 5)
    assert below.std() < above.std(), "nothing is trained yet, so all look alike"


def test_a_decoder_of_an_earlier_stage_is_out_of_date() -> None:
    stages = [
        {"name": "a", "share": 0.5, "objectives": [{"kind": "reconstruction"}]},
        {"name": "b", "share": 0.5, "objectives": [SUPERVISED]},
    ]
    assert made(staged(stages)) == ()
    (found,) = made(staged([stages[1], stages[0]]))
    assert found.kind == "reconstructions"


def pretrained(*objectives: dict[str, Any], turns: list[dict[str, Any]] | None = None) -> Cohort:
    before = {"turns": turns} if turns else {"objectives": list(objectives)}
    return staged(
        [
            {"name": "a", "share": 0.5, "rows": "all", **before},
            {"name": "b", "share": 0.5, "objectives": [SUPERVISED]},
        ]
    )


def test_a_decoder_of_pretraining_gives_back_with_its_own_weights() -> None:
    one = pretrained({"kind": "reconstruction"})
    state = loop.initial_state(one)
    learnt = {"flat": state.flat * 1.5}
    (found,) = made(one, learnt=learnt)
    assert (found.kind, found.stage) == ("reconstructions", "a")
    parameters = one.layout.views(learnt["flat"])
    features, _ = encoded(one, parameters)
    back = perceptron(parameters, "a.reconstruction.decoder", features)
    close(tiles(found, 6, 5)[1], back * SCALING[0][1] + SCALING[0][0])
    now = encoded(one, one.layout.views(state.flat))[0]
    assert not torch.allclose(now, features), "the encoder as it was then"


def test_hidden_patches_and_what_is_told_of_them() -> None:
    one = pretrained({"kind": "masked", "patch": 3, "share": 0.5})
    (found,) = made(one, learnt={"flat": loop.initial_state(one).flat})
    assert (found.kind, found.stage) == ("hidden", "a")
    above, between, below = tiles(found, 6, 5)
    hidden = between != above
    assert 0 < hidden.mean() < 1
    assert (between[hidden] == round(SCALING[0][0] * 255)).all()
    assert np.array_equal(below[~hidden], above[~hidden])
    assert (below[hidden] != between[hidden]).any()


def test_fewer_rows_than_places() -> None:
    one = pretrained({"kind": "masked", "patch": 3, "share": 0.5})
    state = loop.initial_state(one)
    (found,) = pictures(one, state.flat, {}, {"flat": state.flat}, rows(3), INPUTS)
    assert tiles(found, 6, 5).shape[:2] == (3, 3)


def test_draws_of_a_prior_become_images() -> None:
    one = pretrained({"kind": "reconstruction", "latent": 4})
    learnt = {"flat": loop.initial_state(one).flat}
    back, found = made(one, learnt=learnt)
    assert (back.kind, found.kind, found.stage) == ("reconstructions", "samples", "a")
    parts = [
        {"objectives": [{"kind": kind, **more}]}
        for kind, more in (
            ("reconstruction", {}),
            ("discriminator", {"of": "features", "prior": "rectified"}),
            ("generator", {"of": "features", "prior": "rectified"}),
        )
    ]
    adversarial = pretrained(turns=parts)
    _, other = made(adversarial, learnt={"flat": loop.initial_state(adversarial).flat})
    for each in (found, other):
        (images,) = tiles(each, 6, 5)
        assert len({image.tobytes() for image in images}) == COUNT


def test_samples_of_a_generator_whose_stage_is_over() -> None:
    turns = [{"objectives": [{"kind": kind}]} for kind in ("discriminator", "generator")]
    stages = [
        {"name": "a", "share": 0.5, "rows": "all", "turns": turns},
        {"name": "b", "share": 0.5, "objectives": [SUPERVISED]},
    ]
    one = staged(stages)
    (found,) = made(one)
    assert found.kind == "samples"
    (images,) = tiles(found, 6, 5)
    assert images.shape == (COUNT, 6, 5)
    assert len({each.tobytes() for each in images}) == COUNT
    assert made(one) == (found,), "the same seed makes the same ones"


def test_what_makes_no_images() -> None:
    assert made(cohort({"kind": "simclr"}, SUPERVISED)) == ()
    plain = Inputs(array=30, shape=SHAPE)
    one = cohort({"kind": "reconstruction"}, SUPERVISED, inputs=plain)
    assert made(one, plain) == (), "arrays that are no images"


def test_colours() -> None:
    inputs = Inputs(array=90, shape=(3, 6, 5), scaling=((0.4, 0.25), (0.5, 0.2), (0.6, 0.3)))
    one = cohort({"kind": "reconstruction"}, SUPERVISED, inputs=inputs)
    (found,) = made(one, inputs)
    sheet = opened(found)
    some = rows(inputs=inputs).spread(COUNT).inputs["array"].numpy()
    assert np.array_equal(sheet[:6, :5], some[0].transpose(1, 2, 0))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (24, 24), (224, 160), (5, 300)])
def test_any_image_is_a_small_file(channels: int, size: tuple[int, int]) -> None:
    """Noise is what PNG likes least."""
    random = np.random.default_rng(0)
    lines = [random.integers(0, 256, (8, channels, *size), dtype=np.uint8) for _ in range(2)]
    found = picture("samples", lines)
    assert len(found.png) <= LARGEST
    sheet = opened(found)
    assert sheet.shape[:2] == (found.height, found.width)
    if size == (24, 24) and channels == 1:
        assert np.array_equal(sheet[:24, :24], lines[0][0, 0]), "no need to lose anything"


def test_numbers_that_are_none_are_no_trouble() -> None:
    one = cohort({"kind": "reconstruction"}, SUPERVISED)
    state = loop.initial_state(one)
    (found,) = pictures(one, state.flat * float("nan"), state.buffers, {}, rows(), INPUTS)
    assert tiles(found, 6, 5)[1].max() == 0
