"""Rows without targets in training: which rows, whose statistics, whose teacher, whose weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from methodic import build
from methodic.data.batches import Order, Rows
from methodic.engine import checkpoint, loop, memory, step
from methodic.engine.evaluation import Judge
from methodic.engine.gradient import Gradient, plain
from methodic.engine.keeper import Keeper
from methodic.engine.parts import Cohort, State
from methodic.engine.stretch import _batches
from methodic.errors import InputError, Interrupted
from methodic.metrics import get_metric
from methodic.models.inputs import Inputs
from methodic.models.parts.initialization import initial_buffers, initial_parameters
from methodic.recipes.types import Recipe
from methodic.regularizers.proximal import soft_threshold
from methodic.types import Pass
from tests.engine.test_checkpoint import Polls, same

LABELLED, EVERY = 50, 90
INPUTS = Inputs(numeric=4)
MLP = {"kind": "mlp", "width": 6, "depth": 2}
NORMED = {**MLP, "depth": 1, "normalization": "batch"}
SGD = {"kind": "sgd", "lr": 0.1}
ENTROPY = {"kind": "cross_entropy"}
VICREG = {"kind": "vicreg", "projection": (5,)}


def stage(*objectives: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"batch": 16, "optimizer": SGD, "objectives": [*objectives], **more}


def make(
    *stages: dict[str, Any],
    model: dict[str, Any] = MLP,
    seeds: Sequence[int] = (3,),
    steps: Sequence[int] | None = None,
    **how: Any,
) -> Cohort:
    named = [{"name": f"s{i}", "share": 1 / len(stages), **s} for i, s in enumerate(stages)]
    raw = {"name": "a", "model": model, "stages": named, **how.pop("recipe", {})}
    resolved = build.resolve(Recipe.model_validate(raw), "binary", LABELLED, INPUTS)
    return build.cohort(
        [resolved] * len(seeds),
        seeds,
        steps=steps or [20] * len(stages),
        inputs=INPUTS,
        outputs=2,
        rows=LABELLED,
        every=EVERY,
        **how,
    )


def data(seed: int = 0) -> Rows:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(EVERY, 4, generator=generator)
    return Rows({"numeric": x}, (x[:LABELLED, 0] > 0).long())


def begun(made: Cohort, at: int = 0) -> State:
    return loop.begin(made.stages[at], loop.initial_state(made))


def advanced(made: Cohort, count: int, rows: Rows | None = None) -> State:
    rows = data() if rows is None else rows
    return loop.advance(made, made.stages[0], begun(made), rows, count, lambda _: None)


# --- which rows -------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [(3,), (3, 4), (3, 3)])
@pytest.mark.parametrize("batch", [16, "full"])
def test_batches_of_all_rows_show_no_target(seeds: tuple[int, ...], batch: Any) -> None:
    made = make(stage(VICREG, rows="all", batch=batch), stage(ENTROPY, batch=batch), seeds=seeds)
    first, rows = made.stages[0], data()
    size = EVERY if batch == "full" else 16
    assert (first.labelled, first.batch, first.beside) == (False, size, 0)
    assert made.stages[1].batch == (LABELLED if batch == "full" else 16)
    batches = _batches(made, first, rows, 0, 9)
    index = Order(seeds, EVERY, size, "order/s0").steps(0, 9)
    if batch == "full":  # in their own order, as labelled ones
        index = torch.arange(EVERY).repeat(9, len(seeds))
    elif len(set(seeds)) == 1:
        index = index.repeat(1, len(seeds))
    for i in range(9):
        found = batches(i)
        wanted = rows.inputs["numeric"][index[i].view(len(seeds), size)]
        assert torch.equal(found.inputs["numeric"], wanted)
        assert found.target.shape == (len(seeds), 0)
        assert found.weight is found.beside is None
    seen = index.view(9, len(seeds), size)[:, 0].flatten()[: EVERY if batch == 16 else None]
    assert set(seen.tolist()) == set(range(EVERY)), "every row once in an epoch"


@pytest.mark.parametrize("seeds", [(3,), (3, 4), (3, 3)])
def test_rows_beside_have_an_order_of_their_own(seeds: tuple[int, ...]) -> None:
    made = make(stage(ENTROPY, VICREG, unlabelled=30), seeds=seeds)
    alone = make(stage(ENTROPY), seeds=seeds)
    rows = data()
    batches = _batches(made, made.stages[0], rows, 4, 6)
    without = _batches(alone, alone.stages[0], rows, 4, 6)
    index = Order(seeds, EVERY, 30, "order beside/s0").steps(4, 6)
    if len(set(seeds)) == 1:
        index = index.repeat(1, len(seeds))
    for i in range(6):
        found, plain_one = batches(i), without(i)
        assert torch.equal(found.inputs["numeric"], plain_one.inputs["numeric"])
        assert torch.equal(found.target, plain_one.target)
        assert plain_one.beside is None
        assert found.beside is not None
        wanted = rows.inputs["numeric"][index[i].view(len(seeds), 30)]
        assert torch.equal(found.beside.inputs["numeric"], wanted)
        assert found.beside.target.shape == (len(seeds), 0)
    three = [batches(i).beside.inputs["numeric"][0] for i in range(2, 5)]  # type: ignore[union-attr]
    assert len(torch.cat(three).unique(dim=0)) == EVERY, "steps 6 to 8 are the third epoch"


def test_all_labelled_rows_with_others_beside() -> None:
    made = make(stage(ENTROPY, VICREG, batch="full", unlabelled=1000))
    assert made.stages[0].beside == EVERY, "there are no more"
    batch = _batches(made, made.stages[0], data(), 0, 1)(0)
    assert torch.equal(batch.inputs["numeric"][0], data().inputs["numeric"][:LABELLED])
    assert batch.beside is not None
    assert batch.beside.inputs["numeric"].shape == (1, EVERY, 4)


def test_what_a_teacher_says_goes_with_its_rows() -> None:
    rows = data()
    soft = torch.arange(EVERY * 2.0).view(EVERY, 2)
    rows = Rows(rows.inputs, rows.target, soft=soft)
    made = make(stage(ENTROPY, {"kind": "distillation"}, unlabelled=30))
    batch = _batches(made, made.stages[0], rows, 0, 1)(0)
    assert batch.beside is not None
    for part in (batch, batch.beside):
        assert part.soft is not None
        at = (part.soft[0, :, 0] / 2).long()
        assert torch.equal(part.inputs["numeric"][0], rows.inputs["numeric"][at])


def test_joint_losses_are_weighed_and_each_reads_its_rows() -> None:
    made = make(stage({**ENTROPY, "weight": 0.7}, {**VICREG, "weight": 0.2}, unlabelled=30))
    seen: list[step.Seen] = []
    rows = data()
    loop.advance(made, made.stages[0], begun(made), rows, 1, seen.append)
    terms = seen[0].terms
    assert set(terms) == {"cross_entropy", "vicreg"}
    torch.testing.assert_close(seen[0].loss, 0.7 * terms["cross_entropy"] + 0.2 * terms["vicreg"])
    moved = Rows({"numeric": rows.inputs["numeric"].clone()}, rows.target)
    moved.inputs["numeric"][LABELLED:] += 1.0
    again: list[step.Seen] = []
    loop.advance(made, made.stages[0], begun(made), moved, 1, again.append)
    assert torch.equal(terms["cross_entropy"], again[0].terms["cross_entropy"])
    assert not torch.equal(terms["vicreg"], again[0].terms["vicreg"])


def test_a_run_whose_rows_all_have_targets_does_what_it_did() -> None:
    rows = data().labelled
    made = make(stage(ENTROPY))
    few = advanced(made, 9, rows)
    assert torch.equal(few.flat, advanced(made, 9).flat), "rows that nobody reads change nothing"


# --- turns ------------------------------------------------------------------------------------


def test_turns_by_epoch() -> None:
    """An epoch of labelled rows each: so many steps, and each turn's schedule counts its own."""
    turns = [
        {"objectives": [VICREG], "optimizer": SGD, "schedule": {"kind": "linear"}},
        {"objectives": [ENTROPY], "optimizer": SGD, "repeat": 2},
    ]
    made = make({"batch": 16, "unlabelled": 16, "alternate": "epoch", "turns": turns})
    epoch = -(-LABELLED // 16)
    assert made.stages[0].lengths == (epoch, 2 * epoch)
    seen: list[step.Seen] = []
    loop.advance(made, made.stages[0], begun(made), data(), 20, seen.append)
    kinds = [next(iter(s.terms)) for s in seen]
    once = ["vicreg"] * epoch + ["cross_entropy"] * (2 * epoch)
    assert kinds == (once * 2)[:20]
    whole = make(
        {"batch": 16, "rows": "all", "alternate": "epoch", "turns": turns[:1]}, stage(ENTROPY)
    )
    assert whole.stages[0].lengths == ()


def test_members_may_come_when_a_round_begins() -> None:
    turns = [
        {"objectives": [VICREG], "optimizer": SGD, "repeat": 2},
        {"objectives": [ENTROPY], "optimizer": SGD},
    ]
    spec = {"batch": 16, "unlabelled": 8, "turns": turns}
    with pytest.raises(InputError, match="alternates between 2 turns") as caught:
        make(spec, seeds=(3, 4), born=[0, 4])
    assert (caught.value.found, caught.value.accepted) == (
        "step 4",
        "steps that are multiples of 3",
    )
    assert make(spec, seeds=(3, 4), born=[0, 6]).born == (0, 6)


# --- fresh ------------------------------------------------------------------------------------


def test_fresh_parameters_are_drawn_anew_and_others_stay() -> None:
    made = make(stage(VICREG, rows="all"), stage(ENTROPY, fresh=["head", "hidden.1"]), seeds=(3, 4))
    state = advanced(made, 5)
    again = loop.renewed(made, made.stages[1], state, data())
    before, after = made.layout.views(state.flat), made.layout.views(again.flat)
    drawn = initial_parameters(made.layout.specs, (3, 4), None, "fresh/s1")
    for name in made.layout.names:
        asked = name.startswith(("head", "hidden.1"))
        assert torch.equal(after[name], drawn[name] if asked else before[name]), name
    first = made.layout.views(loop.initial_state(made).flat)
    assert not torch.equal(after["head.weight"], first["head.weight"])
    assert not torch.equal(after["head.weight"][0], after["head.weight"][1])
    alone = make(stage(VICREG, rows="all"), stage(ENTROPY, fresh=["head"]), seeds=(4,))
    state = loop.renewed(alone, alone.stages[1], loop.initial_state(alone), data())
    assert torch.equal(alone.layout.views(state.flat)["head.weight"][0], after["head.weight"][1])
    assert loop.renewed(made, made.stages[0], state, data()) is state


def renewed_after(model: dict[str, Any], fresh: str) -> tuple[Cohort, State, State]:
    """Before and after a part is drawn anew, the weights being twice those of the start."""
    made = make(stage(ENTROPY), stage(ENTROPY, fresh=[fresh]), model=model, seeds=(3, 4))
    state = loop.adapted(made, loop.initial_state(made), data())
    state = loop.begin(made.stages[0], replace(state, flat=2 * state.flat))
    again = loop.renewed(made, made.stages[1], state, data())
    before, after = made.layout.views(state.flat), made.layout.views(again.flat)
    for name in made.layout.names:
        assert torch.equal(after[name], before[name]) != name.startswith(fresh), name
    assert not torch.equal(loop.adapted(made, state, data()).flat, state.flat), "all would change"
    return made, state, again


def test_fresh_weights_are_scaled_by_training_rows() -> None:
    made, _, again = renewed_after({**MLP, "initialization": "lsuv"}, "hidden.0.weight")
    weight = made.layout.views(again.flat)["hidden.0.weight"]
    out = data().some_inputs(EVERY, 2)["numeric"] @ weight
    torch.testing.assert_close(out.flatten(1).std(1), torch.ones(2), rtol=0.02, atol=0)


def test_fresh_heads_begin_by_what_trained_layers_make_of_training_rows() -> None:
    """They stay as they are, and the head has the scale that it has before the first step."""
    made, _, again = renewed_after({"kind": "realmlp", "width": 6, "depth": 2}, "head")
    views = made.layout.views(again.flat)
    run = Pass(views, again.buffers, {}, made.numbers, training=False)
    out = made.model(run, data().some_inputs(EVERY, 2))
    torch.testing.assert_close(out.std(1, correction=0), torch.ones(2, 2), rtol=0.02, atol=0)
    assert bool((views["head.bias"] != 0).any()), "minus a mean of some rows' outputs"


@pytest.mark.parametrize("fresh", ["head", "hidden.0.norm", "hidden.0"])
def test_statistics_of_a_fresh_layer_begin_anew(fresh: str) -> None:
    made = make(stage(ENTROPY), stage(ENTROPY, fresh=[fresh]), model=NORMED)
    state = advanced(made, 5)
    again = loop.renewed(made, made.stages[1], state, data())
    anew = initial_buffers(made.model.buffers(), 1, torch.device("cpu"))
    assert {"hidden.0.norm.mean", "hidden.0.norm.variance"} == anew.keys()
    for name, value in anew.items():
        assert not torch.equal(state.buffers[name], value)
        wanted = state.buffers[name] if fresh == "head" else value
        assert torch.equal(again.buffers[name], wanted)


def test_training_renews_at_the_start_of_the_stage(judge: Judge) -> None:
    still = {"kind": "sgd", "lr": 1e-30}
    made = make(stage(ENTROPY), stage(ENTROPY, fresh=["head"], optimizer=still), steps=[5, 1])
    trained = loop.train(made, data(), judge, [6])
    state = loop.advance(made, made.stages[0], begun(made), data(), 5, lambda _: None)
    wanted = loop.renewed(made, made.stages[1], state, data()).flat
    torch.testing.assert_close(trained.flat, wanted, rtol=0, atol=1e-25)


# --- weights and rates ------------------------------------------------------------------------


def gradient(made: Cohort, rows: Rows, teacher: Tensor | None = None) -> tuple[State, Gradient]:
    state = begun(made)
    first = made.stages[0]
    from methodic.engine.stretch import _keys, draws_of

    noise = draws_of(made, first)(_keys(made, first, 0, 1)[0])
    batch = _batches(made, first, rows, 0, 1)(0)
    turn = first.turns[0]
    more = made.precision, teacher
    return state, plain(
        turn, made.model, made.layout, state.flat, state.buffers, made.numbers, noise, batch, *more
    )


def test_learned_weights() -> None:
    """Σ exp(−s)·w·J + s (Kendall, Gal, Cipolla 2018, up to a factor): its value and slopes."""
    spec = stage({**ENTROPY, "weight": 0.7}, VICREG, unlabelled=8)
    made = make({**spec, "weights": "learned"}, seeds=(3, 4))
    fixed = make(spec, seeds=(3, 4))
    names = ("s0.weights.0.0", "s0.weights.0.1")
    assert made.stages[0].turns[0].learned == names
    assert set(made.layout.names) - set(fixed.layout.names) == set(names)
    assert not set(names) & set(made.layout.decaying())
    original = loop.initial_state
    spreads = torch.tensor([[0.3, -0.5], [1.1, 0.2]])

    def moved(cohort: Cohort) -> State:
        state = original(cohort)
        for i, name in enumerate(names):
            cohort.layout.views(state.flat)[name][:, 0] = spreads[:, i]
        return state

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loop, "initial_state", moved)
        _, found = gradient(made, data())
    views, weights = made.layout.views(found.flat), (0.7, 1.0)
    terms = found.terms["cross_entropy"], found.terms["vicreg"]
    total = torch.zeros(2)
    for i, (name, weight, term) in enumerate(zip(names, weights, terms, strict=True)):
        s = spreads[:, i]
        torch.testing.assert_close(views[name][:, 0], 1 - torch.exp(-s) * weight * term)
        total += torch.exp(-s) * weight * term + s
    torch.testing.assert_close(found.loss, total)
    _, plainly = gradient(fixed, data())
    at_zero = make({**spec, "weights": "learned"}, seeds=(3, 4))
    _, start = gradient(at_zero, data())
    for name in fixed.layout.names:
        torch.testing.assert_close(
            at_zero.layout.views(start.flat)[name], fixed.layout.views(plainly.flat)[name]
        )


def test_learned_weights_balance_what_they_weigh() -> None:
    """At the optimum, each weight is the inverse of its loss."""
    made = make(
        stage(ENTROPY, {**ENTROPY, "weight": 0.1}, weights="learned", batch="full",
              optimizer={"kind": "sgd", "lr": 0.05}),
        steps=[3000],
    )  # fmt: skip
    rows = data()
    rows = Rows(rows.inputs, torch.arange(LABELLED) % 2)
    state = advanced(made, 3000, rows)
    views = made.layout.views(state.flat)
    first, second = (float(views[f"s0.weights.0.{i}"]) for i in (0, 1))
    assert first - second == pytest.approx(np.log(10), abs=0.05)


def test_rates_and_layer_decay() -> None:
    plain_one = make(stage(ENTROPY))
    decayed = make(
        stage(ENTROPY, layer_decay=0.5, rates=[{"parameters": ["hidden.1", "head.bias"],
                                                "factor": 3}])
    )  # fmt: skip
    start = begun(plain_one).flat
    one, other = (m.layout.views(advanced(m, 1).flat - start) for m in (plain_one, decayed))
    factors = {"hidden.0": 0.25, "hidden.1": 1.5, "head": 1.0}
    for name in plain_one.layout.names:
        factor = factors[name.rpartition(".")[0]] * (3 if name == "head.bias" else 1)
        torch.testing.assert_close(other[name], factor * one[name], rtol=1e-3, atol=1e-7)


def test_a_proximal_step_is_as_long_as_the_step_of_its_parameter() -> None:
    sgd = {"kind": "sgd", "lr": 0.1}
    rates = [{"parameters": ["hidden.1"], "factor": 0.5}, {"parameters": ["head"], "factor": 2}]
    shrinking = [{"kind": "proximal_l1", "weight": 0.2}]
    plain = make(stage(ENTROPY, optimizer=sgd, rates=rates))
    shrunk = make(stage(ENTROPY, optimizer=sgd, rates=rates, regularizers=shrinking))
    one, other = (m.layout.views(advanced(m, 1).flat) for m in (plain, shrunk))
    factors = {"hidden.0": 1, "hidden.1": 0.5, "head": 2}
    for name in plain.layout.decaying():
        bound = torch.tensor([0.1 * 0.2 * factors[name.rpartition(".")[0]]])
        torch.testing.assert_close(other[name], soft_threshold(one[name], bound))


SHRINKING = [{"kind": "proximal_l1", "weight": 0.1}, {"kind": "max_norm", "limit": 0.01}]
NOISY = [{"kind": "gradient_noise", "eta": 1.0}]


@pytest.mark.parametrize(
    ("optimizer", "regularizers"),
    [
        ("adamw", []),
        ("muon", []),
        ("schedule_free_sgd", []),
        ("lbfgs", []),
        ("ivon", []),
        ("adamw", SHRINKING),
        ("adamw", NOISY),
    ],
)
def test_what_is_frozen_stays_to_the_bit(
    optimizer: str, regularizers: list[dict[str, Any]]
) -> None:
    made = make(
        stage(
            ENTROPY,
            optimizer={"kind": optimizer, "lr": 0.1, "weight_decay": 0.1},
            rates=[{"parameters": ["encoder"], "factor": 0}],
            regularizers=regularizers,
        )
    )
    state = advanced(made, 5)
    flat, _ = loop.evaluated(made, made.stages[0], state, data())
    start = made.layout.views(begun(made).flat)
    for moved in (state.flat, flat):
        views = made.layout.views(moved)
        for name in made.layout.names:
            assert torch.equal(views[name], start[name]) == name.startswith("hidden")


def test_the_gradient_of_what_is_frozen_counts_nowhere() -> None:
    """Neither in its norm, which clips and stops, nor where a rule looks for it."""
    frozen = {"rates": [{"parameters": ["encoder"], "factor": 0}]}
    seen: list[step.Seen] = []
    for more in (frozen, {"parameters": ["head"]}, {}):
        whole = stage(ENTROPY, **more)
        made = make(whole) if more != {"parameters": ["head"]} else make(whole, stage(ENTROPY))
        loop.advance(made, made.stages[0], begun(made), data(), 1, seen.append)
    assert torch.equal(seen[0].gradient_norm, seen[1].gradient_norm)
    assert bool(seen[0].gradient_norm < seen[2].gradient_norm)


def test_a_turn_shrinks_what_it_trains() -> None:
    """The head gets no gradient in the turns of the other objective, and no threshold either."""
    turns = [{"objectives": [ENTROPY]}, {"objectives": [VICREG]}]
    rule = {"optimizer": {"kind": "sgd", "lr": 0.1}}
    made = make(
        {
            "batch": 16,
            "unlabelled": 16,
            "turns": [{**turn, **rule} for turn in turns],
            "regularizers": SHRINKING[:1],
        }
    )
    states = [advanced(made, n) for n in (1, 2, 3)]
    views = [made.layout.views(state.flat) for state in states]
    assert torch.equal(views[0]["head.weight"], views[1]["head.weight"])
    assert not torch.equal(views[1]["head.weight"], views[2]["head.weight"])
    assert not torch.equal(views[0]["hidden.0.weight"], views[1]["hidden.0.weight"])


def test_frozen_statistics_are_those_that_averages_are_evaluated_with() -> None:
    rates = [{"parameters": ["encoder"], "factor": 0}]
    average = [{"kind": "ema", "decay": 0.5}]
    for frozen in (True, False):
        more = {"rates": rates} if frozen else {}
        made = make(stage(ENTROPY, regularizers=average, **more), model=NORMED)
        state = advanced(made, 5)
        _, buffers = loop.evaluated(made, made.stages[0], state, data())
        before = begun(made).buffers
        assert all(torch.equal(buffers[n], before[n]) == frozen for n in before)


def test_pretraining_is_not_stopped_by_what_its_head_scores() -> None:
    """Nobody has trained the head yet; and a loss without targets is another one."""
    stop = {"patience": 1, "loss": 100.0, "gradient_norm": 100.0}
    first = stage(VICREG, rows="all", optimizer={"kind": "sgd", "lr": 0.001})
    made, rows = make(first, stage(ENTROPY), recipe={"stop": stop}), data()
    judge = Judge(
        Rows({"numeric": rows.inputs["numeric"][:LABELLED]}, rows.target),
        get_metric("accuracy", "binary"),
        lambda out: out.softmax(-1),
        rows.target.numpy(),
    )
    found = loop.train(made, rows, judge, [5, 10, 15, 20, 25, 30])
    assert found.fates[0].ended == 25, "the first look of the stage with targets"
    still = {"rates": [{"parameters": ["head"], "factor": 0}]}
    alone = make({**first, **still}, recipe={"stop": stop})
    assert loop.train(alone, rows, judge, [5, 10]).fates[0].ended == 5


# --- teachers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("average", [{"kind": "ema", "decay": 0.7}, {"kind": "swa", "start": 0.5}])
@pytest.mark.parametrize("kind", ["byol", "mean_teacher"])
def test_the_teacher_is_the_average_before_the_step(
    kind: str, average: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(stage(ENTROPY, {"kind": kind}, unlabelled=8, regularizers=[average]))
    assert made.stages[0].taught
    taught: list[Tensor] = []

    def noting(*parts: Any) -> Gradient:
        taught.append(parts[-1])
        return plain(*parts)

    monkeypatch.setattr(step, "plain", noting)
    state, rows, first = begun(made), data(), made.stages[0]
    for t in range(12):
        assert first.average is not None
        wanted = first.average.evaluation_weights(state.flat, state.average)
        state = loop.advance(made, first, state, rows, 1, lambda _: None)
        assert torch.equal(taught[t], wanted)
    assert not torch.equal(wanted, state.flat)
    untaught = make(stage(ENTROPY, regularizers=[average]))
    taught.clear()
    advanced(untaught, 1)
    assert taught == [None], "nobody asks for it"


def test_the_teachers_answers_reach_the_loss() -> None:
    made = make(
        stage({"kind": "mean_teacher", "views": []}, ENTROPY, unlabelled=8,
              regularizers=[{"kind": "ema", "decay": 0.7}])
    )  # fmt: skip
    state, rows = begun(made), data()
    _, found = gradient(made, rows, state.flat)
    assert found.terms["mean_teacher"].tolist() == [0.0], "the teacher is the network itself"
    _, found = gradient(made, rows, 0.5 * state.flat)
    batch = _batches(made, made.stages[0], rows, 0, 1)(0).beside
    assert batch is not None

    def answers(flat: Tensor) -> Tensor:
        w, x = made.layout.views(flat), batch.inputs["numeric"]  # type: ignore[union-attr]
        for i in range(2):
            x = torch.relu(x @ w[f"hidden.{i}.weight"] + w[f"hidden.{i}.bias"].unsqueeze(1))
        return torch.softmax(x @ w["head.weight"] + w["head.bias"].unsqueeze(1), -1)

    wanted = ((answers(state.flat) - answers(0.5 * state.flat)) ** 2).sum(2).mean(1)
    torch.testing.assert_close(found.terms["mean_teacher"], wanted)


# --- statistics -------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["targets", "views"])
def test_statistics_go_through_all_looks_in_order(first: str) -> None:
    """The loss of targets and both views, or the other way: r ← 0.9·r + 0.1·s, three times."""
    objectives = [ENTROPY, {"kind": "consistency", "views": []}]
    turned = objectives if first == "targets" else objectives[::-1]
    made = make(stage(*turned, unlabelled=30), model=NORMED)
    rows = data()
    state = advanced(made, 1, rows)
    batch = _batches(made, made.stages[0], rows, 0, 1)(0)
    assert batch.beside is not None
    weight = made.layout.views(begun(made).flat)["hidden.0.weight"]
    mean, variance = torch.zeros(6), torch.ones(6)
    looks = [batch, batch.beside, batch.beside]
    for part in looks if first == "targets" else looks[::-1]:
        hidden = (part.inputs["numeric"] @ weight)[0]
        mean = 0.9 * mean + 0.1 * hidden.mean(0)
        variance = 0.9 * variance + 0.1 * hidden.var(0)
    torch.testing.assert_close(state.buffers["hidden.0.norm.mean"][0], mean)
    torch.testing.assert_close(state.buffers["hidden.0.norm.variance"][0], variance)


def test_the_other_order_gives_others() -> None:
    one, two = (
        advanced(make(stage(*objectives, unlabelled=30), model=NORMED), 1).buffers
        for objectives in ((ENTROPY, VICREG), (VICREG, ENTROPY))
    )
    assert not torch.equal(one["hidden.0.norm.mean"], two["hidden.0.norm.mean"])


def test_a_teacher_leaves_no_statistics() -> None:
    """BYOL looks four times, twice as its own teacher, which counts for nothing."""
    byol = {"kind": "byol", "views": []}
    ema = [{"kind": "ema", "decay": 0.5}]
    made = make(stage(ENTROPY, byol, unlabelled=30, regularizers=ema), model=NORMED)
    twice = {"kind": "consistency", "views": []}
    other = make(stage(ENTROPY, twice, unlabelled=30), model=NORMED)
    for name, value in advanced(made, 1).buffers.items():
        torch.testing.assert_close(value, advanced(other, 1).buffers[name])


def test_averaged_weights_are_measured_on_all_rows() -> None:
    made = make(stage(ENTROPY, VICREG, unlabelled=8, regularizers=[{"kind": "ema"}]), model=NORMED)
    rows = data()
    state = advanced(made, 3, rows)
    flat, buffers = loop.evaluated(made, made.stages[0], state, rows)
    hidden = rows.inputs["numeric"] @ made.layout.views(flat)["hidden.0.weight"][0]
    torch.testing.assert_close(buffers["hidden.0.norm.mean"][0], hidden.mean(0))
    torch.testing.assert_close(buffers["hidden.0.norm.variance"][0], hidden.var(0))


# --- going on ---------------------------------------------------------------------------------


@pytest.fixture
def judge() -> Judge:
    held_out = data(1).labelled
    return Judge(
        held_out,
        get_metric("accuracy", "binary"),
        lambda out: torch.softmax(out, -1),
        np.asarray(held_out.target.numpy()),
    )


STEPS = (8, 9)


def two_stages() -> Cohort:
    """All that has a state: averages that teach, alternation by epoch, rows beside, statistics."""
    byol = {"kind": "byol", "projection": (4,), "predictor": (3,)}
    ema = [{"kind": "ema", "decay": 0.7}]
    adam = {"kind": "adam", "lr": 0.01}
    turns = [
        {"objectives": [{"kind": "mean_teacher"}, VICREG], "weights": "learned", "optimizer": adam},
        {"objectives": [ENTROPY], "optimizer": {**SGD, "momentum": 0.9}, "repeat": 2},
    ]
    return make(
        stage(byol, rows="all", optimizer=adam, regularizers=ema),
        {"batch": 32, "unlabelled": 8, "alternate": "epoch", "turns": turns,
         "regularizers": ema, "fresh": ["head"]},
        model={**NORMED, "dropout": 0.2}, seeds=(3, 4), steps=STEPS,
    )  # fmt: skip


def test_going_on_from_every_possible_stop(judge: Judge, tmp_path: Path) -> None:
    rows, looks = data(), [4, 8, 12, 17]

    def train(folder: Path, polls: Polls) -> loop.Trained | None:
        try:
            with Keeper(folder, "it", polls, 10.0**9) as keeper:
                return loop.train(two_stages(), rows, judge, looks, keeper)
        except Interrupted:
            return None

    whole = loop.train(two_stages(), rows, judge, looks)
    assert whole.steps_taken == sum(STEPS)
    polls = Polls()
    assert same(train(tmp_path / "never", polls), whole)
    stood = set()
    for at in range(1, polls.count + 1):
        folder = tmp_path / str(at)
        assert train(folder, Polls(at)) is None
        (number,) = checkpoint.complete(folder)
        standing, _ = checkpoint.read(folder, number, "it", torch.device("cpu"))
        stood.add(standing.steps + standing.state.steps_taken)
        assert same(train(folder, Polls()), whole), f"stopped at look {at}"
    assert stood == set(range(1, sum(STEPS) + 1))
    rest = Rows({"numeric": rows.inputs["numeric"].flip(0)}, rows.target)
    assert not same(loop.train(two_stages(), rest, judge, looks), whole)


# --- against each other ------------------------------------------------------------------------


def test_a_small_gan_learns_what_rows_look_like() -> None:
    """Two members: from around 0, the means of what they make come near to the rows' own."""
    draw = torch.Generator().manual_seed(0)
    middle = torch.tensor([2.0, -1.0, 0.0, 1.0])
    x = 0.5 * torch.randn(EVERY, 4, generator=draw) + middle
    rows = Rows({"numeric": x}, (x[:LABELLED, 0] > 2).long())
    sizes = {"latent": 4, "generator": [32], "hidden": [16]}
    adam = {"kind": "adam", "lr": 0.005, "beta1": 0.5}
    turns = [
        {"objectives": [{"kind": kind, **sizes}], "optimizer": adam}
        for kind in ("discriminator", "generator")
    ]
    turns.append({"objectives": [ENTROPY], "optimizer": {"kind": "sgd", "lr": 0.001}})
    made = make(
        {"batch": 32, "unlabelled": 64, "turns": turns},
        model={"kind": "mlp", "width": 32, "depth": 1, "activation": "leaky_relu"},
        seeds=(1, 2),
        steps=[300],
    )
    maker = made.stages[0].turns[1].objectives[0][0]
    latent = torch.randn(2, 500, 4, generator=draw)

    def away(state: State) -> Tensor:
        noise = {f"{maker.path}/latent": latent}  # type: ignore[attr-defined]
        run = Pass(made.layout.views(state.flat), {}, noise, {}, training=True)
        return (maker.made(run)["numeric"].mean(1) - middle).abs().mean(1)  # type: ignore[attr-defined]

    before, after = away(begun(made)), away(advanced(made, 300, rows))
    assert (after < 0.7 * before).all()


# --- memory -----------------------------------------------------------------------------------


def need(*stages: dict[str, Any], model: dict[str, Any] = MLP) -> float:
    return memory.need(make(*stages, model=model), data(), 10).member


def test_memory_counts_rows_beside() -> None:
    wide = {"kind": "mlp", "width": 64, "depth": 3, "activation": "tanh"}
    alone = need(stage(ENTROPY), model=wide)
    few, many = (need(stage(ENTROPY, VICREG, unlabelled=n), model=wide) for n in (8, 80))
    assert alone < few < many
    by_order = make(stage(ENTROPY, VICREG, unlabelled=80), model=wide)
    assert by_order.beside["s0"].held == EVERY


def test_memory_of_the_rows_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their inputs in each batch, their order, and the row numbers of the steps ahead."""
    monkeypatch.setattr(memory, "_measured", lambda *_: memory._Measured(0, 0, 0, 0))
    alone, beside = need(stage(ENTROPY)), need(stage(ENTROPY, unlabelled=80))
    row = 4 * 4 + 8  # four numbers and a class
    wanted = 80 * row + EVERY * 44 + 256 * 80 * 16
    assert beside - alone == pytest.approx(1.1 * wanted)
    still = [{"parameters": ["head"], "factor": 0}]
    whole = need(stage(VICREG, rows="all", batch="full", rates=still))
    some = need(stage(VICREG, rows="all", batch=EVERY - 1, rates=still))
    assert some > whole, "all rows at once need no order"


def test_memory_counts_what_compares_all_rows_with_each_other() -> None:
    """A contrast of U rows holds matrices of 2U × 2U; statistics of features don't."""
    simclr = {"kind": "simclr", "projection": (5,), "views": []}
    grown = {}
    for name, objective in (("simclr", simclr), ("vicreg", {**VICREG, "views": []})):
        few, many = (need(stage(ENTROPY, objective, unlabelled=n)) for n in (40, 80))
        grown[name] = many - few
    matrices = 4 * (160**2 - 80**2)
    assert grown["simclr"] - grown["vicreg"] > 2 * matrices
    assert grown["simclr"] - grown["vicreg"] < 12 * matrices


def test_memory_of_all_kinds_is_estimated_without_a_trace() -> None:
    before = torch.get_rng_state()
    for objective in (
        {"kind": "byol"},
        {"kind": "masked"},
        {"kind": "reconstruction", "latent": 2},
    ):
        ema = [{"kind": "ema"}]
        assert need(stage(ENTROPY, objective, regularizers=ema, unlabelled=9), model=NORMED) > 0
    assert need(stage(VICREG, rows="all", batch="full"), stage(ENTROPY), model=NORMED) > 0
    assert torch.equal(before, torch.get_rng_state())


def test_cross_entropy_stays_what_it_was() -> None:
    """The gradient of a joint loss is the sum of its parts' gradients, each at its rows."""
    rows, both = data(), make(stage(ENTROPY, {**VICREG, "weight": 0.5}, unlabelled=30))
    state, found = gradient(both, rows)
    batch = _batches(both, both.stages[0], rows, 0, 1)(0)
    flat = state.flat.clone().requires_grad_()
    w, x = both.layout.views(flat), batch.inputs["numeric"]
    for i in range(2):
        x = torch.relu(x @ w[f"hidden.{i}.weight"] + w[f"hidden.{i}.bias"].unsqueeze(1))
    out = (x @ w["head.weight"] + w["head.bias"].unsqueeze(1))[0]
    (slope,) = torch.autograd.grad(F.cross_entropy(out, batch.target[0]), flat)
    head = both.layout.mask(["head.weight", "head.bias"]).bool()
    torch.testing.assert_close(found.flat[0, head], slope[0, head])
    assert not torch.allclose(found.flat[0, ~head], slope[0, ~head])
