"""Stages, evaluations, early stopping, and what must not change a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from methodic import build
from methodic.data import batches
from methodic.data.batches import Rows
from methodic.engine import gradient, loop
from methodic.engine.evaluation import Judge, outputs
from methodic.engine.parts import Turn
from methodic.models.mlp import MLP, Inputs
from methodic.recipes.types import Recipe
from methodic.types import Batch, Model, Pass
from tests.engine.conftest import MakeCohort

FOUR = (10, 20, 30, 40)


def test_training_learns(make_cohort: MakeCohort, rows: Rows, judge: Judge) -> None:
    trained = loop.train(make_cohort([0.3], steps=[300]), rows, judge, [100, 200, 300])
    curve = trained.curves[0]
    assert [point.step for point in curve] == [100, 200, 300]
    assert curve[-1].score is not None
    assert curve[-1].score > 0.93
    assert curve[-1].train_loss < curve[0].train_loss  # type: ignore[operator]
    assert trained.fates[0].status == "finished"
    assert trained.steps_taken == trained.batches_seen == 300


def test_the_kept_weights_are_those_with_the_kept_score(
    make_cohort: MakeCohort, rows: Rows, judge: Judge
) -> None:
    cohort = make_cohort([0.5, 0.02], steps=[200])
    trained = loop.train(cohort, rows, judge, list(range(10, 201, 10)))
    out = outputs(
        cohort.model, cohort.layout, trained.flat, trained.buffers, judge.rows, cohort.numbers
    )
    again = judge(out)
    for m, fate in enumerate(trained.fates):
        scores = {point.step: point.score for point in trained.curves[m]}
        assert fate.best_score == max(scores.values())  # type: ignore[type-var]
        assert fate.best_score == scores[fate.best_step] == again.score[m]


def test_keep_last(make_cohort: MakeCohort, rows: Rows, judge: Judge) -> None:
    best = loop.train(make_cohort([2.0], steps=[60]), rows, judge, range(3, 61, 3))
    last = loop.train(make_cohort([2.0], steps=[60], stop={"keep": "last"}), rows, judge, [60])
    free = make_cohort([2.0], steps=[60])
    state = loop.begin(free.stages[0], loop.initial_state(free))
    state = loop.advance(free, free.stages[0], state, rows, 60, lambda _: None)
    assert torch.equal(last.flat, state.flat)
    assert best.fates[0].best_step < 60
    assert not torch.equal(best.flat, last.flat)


def test_looking_more_often_changes_no_weight(
    make_cohort: MakeCohort, rows: Rows, judge: Judge
) -> None:
    def last(evaluate: list[int]) -> torch.Tensor:
        cohort = make_cohort(
            [0.1, 0.2],
            stop={"keep": "last"},
            model={"kind": "mlp", "width": 8, "depth": 1, "dropout": 0.2, "normalization": "batch"},
            optimizer={"kind": "adam", "lr": 0.01},
            schedule={"kind": "cosine", "warmup": 0.1},
        )
        return loop.train(cohort, rows, judge, evaluate).flat

    assert torch.equal(last([40]), last(list(range(1, 41))))


def test_an_epoch_is_shuffled_once(
    make_cohort: MakeCohort, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many stretches it takes: sorting costs as much as a few steps."""
    shuffled = []

    def order(seeds: tuple[int, ...], epoch: int, *rest: object) -> torch.Tensor:
        shuffled.append(epoch)
        return original(seeds, epoch, *rest)  # type: ignore[arg-type]

    original = batches.order
    monkeypatch.setattr(batches, "order", order)
    cohort = make_cohort([0.1], steps=[40])
    stage = cohort.stages[0]
    state = loop.begin(stage, loop.initial_state(cohort))
    for _ in range(8):
        state = loop.advance(cohort, stage, state, rows, 5, lambda _: None)
    assert shuffled == sorted(set(shuffled))


def test_advancing_in_pieces_is_advancing_at_once(make_cohort: MakeCohort, rows: Rows) -> None:
    cohort = make_cohort([0.1], model={"kind": "mlp", "width": 8, "depth": 1, "dropout": 0.2})
    stage = cohort.stages[0]
    start = loop.begin(stage, loop.initial_state(cohort))
    whole = loop.advance(cohort, stage, start, rows, 40, lambda _: None)
    state = start
    for count in (1, 2, 30, 7):
        state = loop.advance(cohort, stage, state, rows, count, lambda _: None)
    assert torch.equal(whole.flat, state.flat)
    assert state.steps_taken == 40


def test_a_step_does_not_write_into_the_state_before(make_cohort: MakeCohort, rows: Rows) -> None:
    cohort = make_cohort(
        [0.1],
        model={"kind": "mlp", "width": 8, "depth": 1, "normalization": "batch"},
        optimizer={"kind": "adam", "lr": 0.01},
        regularizers=[{"kind": "ema"}],
    )
    stage = cohort.stages[0]
    start = loop.begin(stage, loop.initial_state(cohort))
    copies = [start.flat.clone(), *(b.clone() for b in start.buffers.values())]
    copies += [v.clone() for v in (*start.rules[0].values(), *start.average.values())]
    loop.advance(cohort, stage, start, rows, 3, lambda _: None)
    now = [start.flat, *start.buffers.values(), *start.rules[0].values(), *start.average.values()]
    assert all(torch.equal(a, b) for a, b in zip(copies, now, strict=True))


def test_looks_are_in_the_precision_of_training(
    make_cohort: MakeCohort, rows: Rows, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statistics of averaged weights and the outputs on validation rows, as each gradient."""
    rounded: set[tuple[str, bool]] = set()
    original = MLP.__call__

    def noting(self: MLP, run: Pass, inputs: Any) -> Tensor:
        what = "gradient" if run.training else "statistics" if run.collect else "look"
        rounded.add((what, torch.is_autocast_enabled("cpu")))
        return original(self, run, inputs)

    monkeypatch.setattr(MLP, "__call__", noting)
    plain = make_cohort(
        model={"kind": "mlp", "width": 8, "depth": 1, "normalization": "batch"},
        regularizers=[{"kind": "ema"}],
    )
    for precision, half in (("float32", False), ("bfloat16", True)):
        rounded.clear()
        loop.train(replace(plain, precision=precision), rows, judge, [20, 40])
        assert rounded == {(what, half) for what in ("gradient", "statistics", "look")}


def test_patience(make_cohort: MakeCohort, rows: Rows, judge: Judge) -> None:
    cohort = make_cohort([1e-12, 0.1], steps=[200], stop={"patience": 3})
    trained = loop.train(cohort, rows, judge, range(10, 201, 10))
    still, _ = trained.fates
    assert still.status == "stopped"
    assert "3 evaluations" in still.why
    assert still.ended is not None
    assert still.ended < 200
    assert len(trained.curves[0]) < len(trained.curves[1]) <= 20


def test_loss_threshold_and_gradient_norm(
    make_cohort: MakeCohort, rows: Rows, judge: Judge
) -> None:
    by_loss = loop.train(
        make_cohort([0.5], steps=[400], stop={"loss": 0.3}), rows, judge, range(20, 401, 20)
    )
    assert by_loss.fates[0].status == "stopped"
    assert "loss below 0.3" in by_loss.fates[0].why
    assert by_loss.steps_taken < 400
    by_norm = loop.train(
        make_cohort([0.5], steps=[400], stop={"gradient_norm": 100.0}), rows, judge, [20, 40]
    )
    assert by_norm.fates[0].ended == 20
    assert "gradient norm" in by_norm.fates[0].why


def test_divergence_is_dated_and_keeps_finite_weights(
    make_cohort: MakeCohort, rows: Rows, judge: Judge
) -> None:
    cohort = make_cohort([1e30, 0.1], steps=[40])
    trained = loop.train(cohort, rows, judge, FOUR)
    wild, calm = trained.fates
    assert wild.status == "diverged"
    assert wild.ended is not None
    assert wild.ended <= 10
    assert f"step {wild.ended}" in wild.why
    assert calm.status == "finished"
    assert torch.isfinite(trained.flat).all()


def test_all_diverged_ends_the_run(make_cohort: MakeCohort, rows: Rows, judge: Judge) -> None:
    trained = loop.train(make_cohort([1e30], steps=[4000]), rows, judge, [10, 4000])
    assert trained.steps_taken < 1000
    assert trained.fates[0].status == "diverged"


def test_all_diverged_long_before_the_next_evaluation(
    make_cohort: MakeCohort, rows: Rows, judge: Judge
) -> None:
    """It is noticed there, as it would be in company; alone and in company end alike."""
    alone = loop.train(make_cohort([1e30], steps=[900]), rows, judge, [600, 900])
    company = loop.train(make_cohort([1e30, 0.1], steps=[900]), rows, judge, [600, 900])
    assert alone.fates[0].status == "diverged"
    assert alone.steps_taken == 600
    assert alone.fates[0] == company.fates[0]
    assert alone.curves[0] == company.curves[0]


def test_divergence_between_the_last_evaluation_of_a_stage_and_its_end(
    make_cohort: MakeCohort, rows: Rows, judge: Judge
) -> None:
    stages = [
        {
            "name": name,
            "share": 0.5,
            "batch": 16,
            "objectives": [{"kind": "cross_entropy"}],
            "optimizer": {"kind": "sgd", "lr": lr},
        }
        for name, lr in (("wild", 1e30), ("calm", 0.1))
    ]
    cohort = make_cohort([0.0], steps=[20, 20], stages=stages)
    trained = loop.train(cohort, rows, judge, [40])
    assert trained.fates[0].status == "diverged"


def test_pausing_ends_a_stretch_early(make_cohort: MakeCohort, rows: Rows) -> None:
    cohort = make_cohort([0.1])
    stage = cohort.stages[0]
    start = loop.begin(stage, loop.initial_state(cohort))
    polls = iter([False, False, True])
    state = loop.advance(cohort, stage, start, rows, 40, lambda _: None, lambda _: next(polls))
    assert state.steps_taken == 3
    whole = loop.advance(cohort, stage, start, rows, 3, lambda _: None)
    assert torch.equal(whole.flat, state.flat)


def test_stretches() -> None:
    lengths, at = [], 100
    while at < 700:
        lengths.append(loop._stretch(at, 700, [50, 100, 400, 900]))
        at += lengths[-1]
    assert lengths == [256, 44, 256, 44]


def test_two_stages(make_cohort: MakeCohort, rows: Rows, judge: Judge) -> None:
    entropy = [{"kind": "cross_entropy"}]
    stages = [
        {"name": "head", "share": 0.5, "batch": 16, "parameters": ["head"], "objectives": entropy},
        {"name": "all", "share": 0.5, "batch": 32, "objectives": entropy},
    ]
    cohort = make_cohort([0.0], steps=[20, 20], stages=stages)
    start = loop.initial_state(cohort)
    first = cohort.stages[0]
    halfway = loop.advance(cohort, first, loop.begin(first, start), rows, 20, lambda _: None)
    before, after = cohort.layout.views(start.flat), cohort.layout.views(halfway.flat)
    assert torch.equal(before["hidden.0.weight"], after["hidden.0.weight"])
    assert not torch.equal(before["head.weight"], after["head.weight"])
    trained = loop.train(cohort, rows, judge, [20, 40])
    assert trained.steps_taken == 40
    moved = cohort.layout.views(trained.flat)
    assert not torch.equal(before["hidden.0.weight"], moved["hidden.0.weight"])


def test_averaged_weights_are_evaluated_with_their_own_batch_norm_statistics(
    make_cohort: MakeCohort, rows: Rows, judge: Judge
) -> None:
    norm = {"kind": "mlp", "width": 8, "depth": 1, "normalization": "batch"}
    cohort = make_cohort([0.1], model=norm, regularizers=[{"kind": "ema", "decay": 0.9}])
    trained = loop.train(cohort, rows, judge, [40])
    hidden = rows.inputs["numeric"] @ cohort.layout.views(trained.flat)["hidden.0.weight"][0]
    torch.testing.assert_close(trained.buffers["hidden.0.norm.mean"][0], hidden.mean(0))
    torch.testing.assert_close(trained.buffers["hidden.0.norm.variance"][0], hidden.var(0))


def test_a_module_of_the_users_own_trains_and_repeats(rows: Rows, judge: Judge) -> None:
    recipe = Recipe.model_validate(
        {
            "name": "a",
            "model": {"kind": "linear"},
            "stages": [
                {
                    "batch": 16,
                    "objectives": [{"kind": "cross_entropy"}],
                    "optimizer": {"kind": "adam", "lr": 0.01},
                }
            ],
        }
    )
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2)
    )
    before = {name: value.clone() for name, value in module.state_dict().items()}

    def once() -> loop.Trained:
        cohort = build.cohort(
            [recipe], [5], steps=[100], inputs=Inputs(numeric=4), outputs=2, rows=90, module=module
        )
        return loop.train(cohort, rows, judge, [50, 100])

    first = once()
    torch.rand(3)  # torch's generator elsewhere has no say
    second = once()
    assert torch.equal(first.flat, second.flat)
    assert first.fates[0].best_score > 0.85
    assert first.buffers["1.num_batches_tracked"].item() > 0
    assert all(torch.equal(before[k], v) for k, v in module.state_dict().items())


def test_a_step_that_looks_twice_draws_the_same(rows: Rows, make_cohort: MakeCohort) -> None:
    drawn: list[float] = []

    class Drawing(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                drawn.append(float(torch.rand(())))
            return super().forward(x)

    sam = [{"kind": "sam", "rho": 0.05}]
    cohort = make_cohort([0.1], regularizers=sam, module=Drawing(4, 2))
    state = loop.begin(cohort.stages[0], loop.initial_state(cohort))
    drawn.clear()
    loop.advance(cohort, cohort.stages[0], state, rows, 3, lambda _: None)
    assert drawn[0::2] == drawn[1::2]
    assert len(set(drawn)) == 3


@pytest.mark.parametrize("taken", [0, 7])
def test_the_generator_of_torch_is_left_alone(
    taken: int, make_cohort: MakeCohort, rows: Rows
) -> None:
    torch.manual_seed(taken)
    before = torch.get_rng_state()
    cohort = make_cohort([0.1], model={"kind": "mlp", "width": 8, "depth": 1, "dropout": 0.5})
    state = loop.begin(cohort.stages[0], loop.initial_state(cohort))
    loop.advance(cohort, cohort.stages[0], state, rows, 3, lambda _: None)
    assert torch.equal(before, torch.get_rng_state())


def test_rows_that_members_share_are_gathered_once(
    make_cohort: MakeCohort, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a copy, and with the bits of copies."""
    layouts: set[tuple[int, ...]] = set()

    real = gradient.total_loss

    def noted(turn: Turn, model: Model, run: Pass, batch: Batch) -> Any:
        layouts.add((batch.target.stride(0), batch.inputs["numeric"].stride(0)))
        return real(turn, model, run, batch)

    monkeypatch.setattr(gradient, "total_loss", noted)

    def trained(rates: list[float], seeds: list[int]) -> Tensor:
        made = make_cohort(rates, seeds=seeds)
        state = loop.begin(made.stages[0], loop.initial_state(made))
        return loop.advance(made, made.stages[0], state, rows, 20, lambda _: None).flat

    together = trained([0.1, 0.2, 0.3], [5, 5, 5])
    copied = (16, 16 * 4)
    assert layouts == {(0, 0)}
    layouts.clear()
    others = trained([0.1, 0.2, 0.3], [5, 5, 6])
    assert layouts == {copied}
    assert torch.equal(others[:2], together[:2])
    assert torch.equal(trained([0.3], [5])[0], together[2])


def test_a_rule_that_averages_is_evaluated_by_its_average(
    make_cohort: MakeCohort, rows: Rows, judge: Judge
) -> None:
    """Schedule-free descent: x = y − ahead, written out; statistics are measured for x."""
    cohort = make_cohort(
        [0.1],
        model={"kind": "mlp", "width": 8, "depth": 1, "normalization": "batch"},
        optimizer={"kind": "schedule_free_sgd", "lr": 0.1},
        stop={"keep": "last"},
    )
    stage = cohort.stages[0]
    state = loop.begin(stage, loop.initial_state(cohort))
    state = loop.advance(cohort, stage, state, rows, stage.steps, lambda _: None)
    trained = loop.train(cohort, rows, judge, [stage.steps])
    averaged = state.flat - state.rules[0]["ahead"]
    assert torch.allclose(trained.flat, averaged, atol=1e-7)
    assert not torch.allclose(trained.flat, state.flat, atol=1e-3)
    for name, value in state.buffers.items():
        assert not torch.equal(value, trained.buffers[name])


@pytest.mark.parametrize(
    ("frozen", "kept"),
    [
        (["encoder"], {"hidden.0.norm", "hidden.1.norm"}),
        (["hidden.0"], {"hidden.0.norm"}),
        (["head"], set()),
    ],
)
def test_a_frozen_encoder_keeps_its_statistics(
    make_cohort: MakeCohort, rows: Rows, frozen: list[str], kept: set[str]
) -> None:
    """What the head learns from is what it will see afterwards."""
    norm = {"kind": "mlp", "width": 8, "depth": 2, "normalization": "batch"}
    rates = [{"parameters": frozen, "factor": 0}]
    cohort = make_cohort([0.1, 0.05], model=norm, rates=rates)
    stage = cohort.stages[0]
    start = loop.begin(stage, loop.initial_state(cohort))
    state = loop.advance(cohort, stage, start, rows, 10, lambda _: None)
    same = {n for n, value in state.buffers.items() if torch.equal(value, start.buffers[n])}
    assert same == {f"{layer}.{what}" for layer in kept for what in ("mean", "variance")}


def test_a_rule_that_averages_leaves_what_it_does_not_train(
    make_cohort: MakeCohort, rows: Rows
) -> None:
    cohort = make_cohort(
        [0.1],
        parameters=["head"],
        rates=[{"parameters": ["hidden"], "factor": 0}],
        optimizer={"kind": "schedule_free_sgd", "lr": 0.1},
    )
    stage = cohort.stages[0]
    start = loop.begin(stage, loop.initial_state(cohort))
    state = loop.advance(cohort, stage, start, rows, 10, lambda _: None)
    flat, _ = loop.evaluated(cohort, stage, state, rows)
    before, after = cohort.layout.views(start.flat), cohort.layout.views(flat)
    assert torch.equal(before["hidden.0.weight"], after["hidden.0.weight"])
    assert not torch.equal(before["head.weight"], after["head.weight"])
    assert not torch.equal(cohort.layout.views(state.flat)["head.weight"], after["head.weight"])


def test_a_stage_goes_on_from_the_average_of_the_one_before(
    make_cohort: MakeCohort, rows: Rows, judge: Judge
) -> None:
    free = {
        "batch": 16,
        "objectives": [{"kind": "cross_entropy"}],
        "optimizer": {"kind": "schedule_free_sgd", "lr": 0.1},
    }
    still = {**free, "optimizer": {"kind": "sgd", "lr": 1e-30}}
    stages = [{**free, "name": "a", "share": 0.5}, {**still, "name": "b", "share": 0.5}]
    cohort = make_cohort([0.1], stages=stages, steps=[10, 1])
    stage = cohort.stages[0]
    state = loop.begin(stage, loop.initial_state(cohort))
    state = loop.advance(cohort, stage, state, rows, 10, lambda _: None)
    flat, _ = loop.evaluated(cohort, stage, state, rows)
    assert torch.equal(loop.train(cohort, rows, judge, [11]).flat, flat)


def test_frozen_layers_of_your_own_module_keep_their_statistics(
    make_cohort: MakeCohort, rows: Rows, judge: Judge
) -> None:
    def module() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2))

    rates = [{"parameters": ["0", "1"], "factor": 0}]
    frozen = loop.train(make_cohort([0.1], module=module(), rates=rates), rows, judge, [40])
    free = loop.train(make_cohort([0.1], module=module()), rows, judge, [40])
    for name, before in module().named_buffers():
        assert torch.equal(frozen.buffers[name][0], before.to(frozen.buffers[name].dtype))
        assert not torch.equal(free.buffers[name][0], before.to(free.buffers[name].dtype))
