"""A discriminator and a generator: what each costs, reads and trains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from objectives import looking
from objectives.given import rejected
from reference import unlabelled as literal

from methodic.models.inputs import Inputs
from methodic.objectives.adversarial import Discriminator, Generator, cost

NUMBERS = Inputs(numeric=4)
IMAGES = Inputs(numeric=2, array=12, shape=(3, 2, 2), scaling=((0.5, 0.2),) * 3)


def made(kind: Any, of: str, inputs: Inputs = NUMBERS):
    network = looking.mlp(inputs)
    objective = kind("o", "s.adversary", network, False, inputs, of, 3, (6,), (4,))
    return objective, looking.extended(network, objective)


def told(objective: Any, run: Any, features: torch.Tensor, m: int) -> list[float]:
    layers = looking.layers(objective._tells, run, m)
    return [row[0] for row in literal.perceptron(features[m].tolist(), layers, False)]


@pytest.mark.parametrize("of", ["rows", "features"])
def test_they_are_about_the_same_networks(of: str) -> None:
    one, other = made(Discriminator, of)[0], made(Generator, of)[0]
    assert one.parameters() == other.parameters()
    assert set(one.trained()) | set(other.trained()) == set(one.parameters())
    assert not set(one.trained()) & set(other.trained())
    assert all(name.startswith("s.adversary.discriminator") for name in one.trained())
    assert one.trains == (("encoder",) if of == "rows" else ())
    assert other.trains == (() if of == "rows" else ("encoder",))
    width = 3 if of == "rows" else 5
    assert one.noise(7)["o/latent"].shape == (7, width)
    assert ("o/latent" in other.noise(7)) == (of == "rows"), "features are made of rows"


def test_a_discriminator_of_rows() -> None:
    objective, model = made(Discriminator, "rows")
    run, rows = looking.given(objective, model), looking.table()
    for x in run.parameters.values():
        x.requires_grad_()
    latent = run.noise["o/latent"]
    fake = objective._makes(run, latent).detach()
    for m in range(2):
        by_hand = literal.perceptron(
            latent[m].tolist(), looking.layers(objective._makes, run, m), True
        )
        torch.testing.assert_close(fake[m], torch.tensor(by_hand, dtype=torch.float64))
    real, false = (
        model.encoded(run, {"numeric": x})
        for x in (rows["numeric"], fake)  # type: ignore[attr-defined]
    )
    wanted = [
        literal.discriminator(told(objective, run, real, m), told(objective, run, false, m))
        for m in range(2)
    ]
    found = looking.cost(objective, model, run, looking.batch(rows))
    assert looking.close(found, wanted)
    swapped = cost(objective._tells(run, real)) + cost(-objective._tells(run, false))
    rejected({"real and made exchanged": swapped, "half": 0.5 * found}, found)
    leaves = list(run.parameters.values())
    grads = torch.autograd.grad(found.sum(), leaves, allow_unused=True)
    moved = {n for n, g in zip(run.parameters, grads, strict=True) if g is not None and g.any()}
    assert moved == {"hidden.0.weight", "hidden.0.bias", *objective.trained()}


def test_a_generator_of_rows() -> None:
    objective, model = made(Generator, "rows")
    run = looking.given(objective, model)
    for x in run.parameters.values():
        x.requires_grad_()
    features = model.encoded(run, objective.made(run))  # type: ignore[attr-defined]
    wanted = [literal.generator(told(objective, run, features, m)) for m in range(2)]
    found = looking.cost(objective, model, run, looking.batch(looking.table()))
    assert looking.close(found, wanted)
    saturating = -cost(objective._tells(run, features))
    rejected({"the loss that saturates": saturating}, found)
    leaves = [run.parameters[name] for name in objective.trained()]
    assert all(g.any() for g in torch.autograd.grad(found.sum(), leaves))


def test_features_like_a_normal_distribution() -> None:
    (teller, model), (maker, _) = made(Discriminator, "features"), made(Generator, "features")
    run, rows = looking.given(teller, model), looking.table()
    for x in run.parameters.values():
        x.requires_grad_()
    features = model.encoded(run, rows)  # type: ignore[attr-defined]
    wanted = [
        literal.discriminator(
            told(teller, run, run.noise["o/latent"], m), told(teller, run, features, m)
        )
        for m in range(2)
    ]
    found = looking.cost(teller, model, run, looking.batch(rows))
    assert looking.close(found, wanted)
    leaves = [run.parameters["hidden.0.weight"]]
    (none,) = torch.autograd.grad(found.sum(), leaves, allow_unused=True)
    assert none is None, "the discriminator doesn't train the encoder"
    run.noise = {**run.noise, **looking.noise(maker)}
    wanted = [literal.generator(told(maker, run, features, m)) for m in range(2)]
    found = looking.cost(maker, model, run, looking.batch(rows))
    assert looking.close(found, wanted)
    (slope,) = torch.autograd.grad(found.sum(), leaves)
    assert slope.any()


def test_features_behind_a_relu_are_told_from_what_they_can_be() -> None:
    plain, model = made(Discriminator, "features")
    rectified = replace(plain, rectified=True)
    run, rows = looking.given(plain, model), looking.table()
    drawn = run.noise["o/latent"]
    found = looking.cost(rectified, model, run, looking.batch(rows))
    positive = looking.given(plain, model)
    positive.noise = {**run.noise, "o/latent": drawn.clamp(min=0)}
    assert torch.equal(found, looking.cost(plain, model, positive, looking.batch(rows)))
    assert not torch.equal(found, looking.cost(plain, model, run, looking.batch(rows)))


def test_what_is_made_looks_like_rows() -> None:
    objective, model = made(Generator, "rows", IMAGES)
    run = looking.given(objective, model)
    rows = objective.made(run)
    flat = objective._makes(run, run.noise["o/latent"])
    assert torch.equal(rows["numeric"], flat[..., :2])
    torch.testing.assert_close(rows["array"].flatten(2), torch.sigmoid(flat[..., 2:]))
    assert rows["array"].shape == (2, looking.ROWS, 3, 2, 2)
    plain = Inputs(array=12)
    objective, model = made(Generator, "rows", plain)
    run = looking.given(objective, model)
    assert torch.equal(objective.made(run)["array"], objective._makes(run, run.noise["o/latent"]))


def test_what_is_certain_has_a_finite_cost() -> None:
    sure = torch.tensor([[[500.0], [-500.0]]], requires_grad=True)
    found = cost(sure)
    assert found.tolist() == [250.0]
    assert torch.autograd.grad(found.sum(), sure)[0].isfinite().all()


@pytest.mark.parametrize("of", ["rows", "features"])
@pytest.mark.parametrize("kind", [Discriminator, Generator])
def test_running_statistics_are_those_of_rows_and_not_of_what_is_made(kind: Any, of: str) -> None:
    """A generator's turn shows the encoder nothing but made rows; one of features shows rows."""
    network = looking.mlp(normalization="batch")
    objective = kind("o", "s.adversary", network, False, NUMBERS, of, 3, (6,), (4,))
    model = looking.extended(network, objective)
    run, rows = looking.given(objective, model), looking.table()
    looking.cost(objective, model, run, looking.batch(rows))
    alone = looking.given(objective, model)
    if kind is Discriminator or of == "features":
        model.encoded(alone, rows)  # type: ignore[attr-defined]
        assert len(alone.new_buffers) == 2
    assert run.new_buffers.keys() == alone.new_buffers.keys()
    for name, value in alone.new_buffers.items():
        assert torch.equal(run.new_buffers[name], value)
