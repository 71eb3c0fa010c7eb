"""Looks at rows: their own random numbers, and statistics that go on from one to the next."""

from __future__ import annotations

import pytest
import torch
from objectives import looking

from methodic.objectives.sides import Side
from methodic.regularizers.corruption import Cutout, Swap
from methodic.rng import Draws, keys
from methodic.types import Pass

NORMED = looking.mlp(normalization="batch", dropout="model.dropout")


def run_of(*sides: Side, network=NORMED, rows: int = looking.ROWS) -> Pass:
    class All:
        path = "o"

        def noise(self, rows):
            return {k: x for side in sides for k, x in side.noise(rows).items()}

    return looking.given(All(), network, rows, model_dropout=0.3, share=0.5, cut=0.4)


def test_each_look_draws_for_itself() -> None:
    one, two = Side("one", NORMED), Side("two", NORMED, (Swap("o.a", 4, "o.share"),))
    assert set(one.noise(3)) == {"one|dropout/0"}
    assert set(two.noise(3)) == {"two|dropout/0", "two|o.a/whether", "two|o.a/which"}
    run, rows = run_of(one, two), looking.table()
    assert not torch.equal(one.features(NORMED, run, rows), two.features(NORMED, run, rows))
    twin = Side("three", NORMED)
    both = run_of(one, twin)
    assert not torch.equal(one.features(NORMED, both, rows), twin.features(NORMED, both, rows))


def test_changes_come_in_their_order() -> None:
    swap, cut = Swap("o.a", 4, "o.share"), Cutout("o.b", {"numeric": 4})
    side = Side("it", NORMED, (swap, cut))
    run, rows = run_of(side), looking.table()
    run.numbers["o.b.share"] = run.numbers["o.cut"]
    noise = {k.partition("|")[2]: x for k, x in run.noise.items()}
    wanted = cut(swap(looking.batch(rows), noise, run.numbers), noise, run.numbers)
    assert torch.equal(side.view(run, rows)["numeric"], wanted.inputs["numeric"])
    assert torch.equal(looking.table()["numeric"], rows["numeric"]), "rows aren't written to"


def test_statistics_go_through_all_looks_in_order() -> None:
    one, two = Side("one", NORMED), Side("two", NORMED, (Swap("o.a", 4, "o.share"),))
    run, rows = run_of(one, two), looking.table()
    one.features(NORMED, run, rows)
    first = dict(run.new_buffers)
    two.outputs(NORMED, run, rows)
    alone = run_of(one, two)
    alone.buffers = {**alone.buffers, **first}
    two.outputs(NORMED, alone, rows)
    name = "hidden.0.norm.mean"
    assert torch.equal(run.new_buffers[name], alone.new_buffers[name])
    fresh = run_of(one, two)
    two.outputs(NORMED, fresh, rows)
    assert not torch.equal(run.new_buffers[name], fresh.new_buffers[name])
    assert not run.buffers[name].any(), "what came in isn't written to"


def test_outputs_are_the_head_of_features() -> None:
    side = Side("it", NORMED)
    run, rows = run_of(side), looking.table()
    outputs, features = side.outputs(NORMED, run, rows), side.features(NORMED, run, rows)
    assert torch.equal(outputs, NORMED.answered(run, features))


def test_several_answers_of_a_network_are_averaged() -> None:
    from methodic.models.tabm import TabM

    network = TabM(looking.NUMBERS, 3, width=5, depth=1, submodels=4)
    side = Side("it", network)

    class Only:
        path = "o"
        noise = side.noise

    run, rows = looking.given(Only(), network), looking.table()
    plain = Pass(run.parameters, {}, side._noise(run), run.numbers, True)
    several = network(plain, rows)
    assert several.shape == (2, looking.ROWS, 4, 3)
    torch.testing.assert_close(side.outputs(network, run, rows), several.mean(2))


@pytest.mark.parametrize("what", ["features", "outputs"])
def test_a_teacher_is_the_same_network_with_averaged_weights(what: str) -> None:
    """No gradient, and none of its statistics; batches are standardised as in training."""
    side = Side("it", NORMED)
    run, rows = run_of(side), looking.table()
    run.teacher = {name: (x + 0.1).requires_grad_() for name, x in run.parameters.items()}
    found = getattr(side, f"taught_{what}")(NORMED, run, rows)
    assert not found.requires_grad
    assert not run.new_buffers
    student = run_of(side)
    student.parameters = {name: x.detach() for name, x in run.teacher.items()}
    assert torch.equal(found, getattr(side, what)(NORMED, student, rows))


def test_a_teacher_has_to_be_there() -> None:
    side = Side("it", NORMED)
    with pytest.raises(AssertionError, match="asks for an average"):
        side.taught_outputs(NORMED, run_of(side), looking.table())


def test_noise_is_a_function_of_its_names() -> None:
    """A further look changes no other one's numbers."""
    one, two = Side("one", NORMED), Side("two", NORMED)
    alone = Draws(one.noise(5))(keys([3]))
    both = Draws(one.noise(5) | two.noise(5))(keys([3]))
    assert torch.equal(alone["one|dropout/0"], both["one|dropout/0"])
