"""Looks at networks that learnt without targets: what is looked at, kept, gathered and found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from methodic.data.batches import Rows
from methodic.data.loading import load
from methodic.diagnosis import NAME as FINDINGS
from methodic.diagnosis import Finding, Findings
from methodic.engine import loop
from methodic.evidence.closer import representation
from methodic.evidence.closer.representation import Look, Quality, Representation, Representations
from methodic.files import make_folder
from methodic.models.around import inmost
from methodic.plan import Member, Plan, Unit, UnitRecord
from methodic.runs import cohorts, paths, tasks, train_method
from methodic.runs.outcome import representing
from methodic.runs.rows import preparation
from methodic.runs.rows.preparation import Prepared
from tests.runs.conftest import MOMENTUM, PLAIN, MakePlan, execute, recipe

VICREG = {
    "kind": "vicreg",
    "weight": 0.01,
    "views": [{"kind": "cutout", "share": 0.2}],
    "projection": [8],
}
BESIDE = recipe("beside", objectives=[{"kind": "supervised"}, VICREG], unlabelled=16)
NORMED = BESIDE.model_copy(
    update={
        "name": "normed",
        "model": BESIDE.model.model_copy(update={"normalization": "batch"}),
    }
)


@pytest.fixture(scope="module")
def more(prepared: Prepared) -> Prepared:
    """Iris with 60 rows that have no target: noisy copies of those that have one."""
    rows = prepared.rows["train"]
    torch.manual_seed(0)
    noisy = {k: x[:60] + 0.1 * torch.randn(60, x.shape[1]) for k, x in rows.inputs.items()}
    inputs = {k: torch.cat([x, noisy[k]]) for k, x in rows.inputs.items()}
    train = Rows(inputs, rows.target, rows.weight)
    return replace(prepared, rows={**prepared.rows, "train": train})


@pytest.fixture
def folder(more: Prepared, tmp_path: Path) -> Path:
    for name in ("records", paths.WORK):
        make_folder(tmp_path / name)
    preparation.save(more, tmp_path / paths.WORK)
    return tmp_path


@pytest.fixture
def plan(make_plan: MakePlan) -> Plan:
    return make_plan(PLAIN, BESIDE, NORMED)


def unit(name: str = "beside", *, predict: bool = True) -> Unit:
    return Unit(
        id=f"confirm-000-{name}",
        phase="confirm",
        block=0,
        members=tuple(Member(recipe=name, setting=2, seed=7 + i) for i in range(3)),
        steps=(60,),
        evaluate=(20, 40, 60),
        predict_test=predict,
    )


def train(folder: Path, plan: Plan, one: Unit) -> tuple[UnitRecord, Look | None]:
    tasks.train_unit(folder, plan.model_dump_json(), one.model_dump_json())
    record = UnitRecord.model_validate_json(paths.record_path(folder, one.id).read_text())
    path = representing.path(folder / paths.WORK, one.id)
    return record, Look.model_validate_json(path.read_text()) if path.exists() else None


def looked(folder: Path, plan: Plan, one: Unit) -> tuple[UnitRecord, Look]:
    record, look = train(folder, plan, one)
    assert look is not None
    return record, look


def test_a_method_that_reads_targets_alone_is_not_looked_at(folder: Path, plan: Plan) -> None:
    assert train(folder, plan, unit("plain"))[1] is None
    assert not list((folder / paths.WORK).glob("*.representation.json"))


def test_the_screening_looks_at_nothing(folder: Path, plan: Plan) -> None:
    assert train(folder, plan, unit(predict=False))[1] is None


def test_the_best_network_of_a_unit_with_literal_features(
    folder: Path, plan: Plan, more: Prepared
) -> None:
    record, look = looked(folder, plan, unit())
    scores = [(m.validation["accuracy"], -(m.validation["loss"] or 0)) for m in record.members]
    at = look.quality.member
    assert scores[at] == max(scores)
    assert (look.quality.method, look.quality.unit) == ("beside", record.unit.id)
    assert look.quality.seed == record.members[at].member.seed
    assert look.quality.features == 8
    assert look.quality.rows == more.counts[:2]
    assert look.quality.score == "accuracy"
    stored = load_file(paths.weights_path(folder, record.unit.id))
    w = {name.removeprefix("parameters/"): x[at] for name, x in stored.items()}
    whole = more.rows["train"]
    known, seen, every = (
        torch.relu(rows.inputs["numeric"] @ w["hidden.0.weight"] + w["hidden.0.bias"])
        for rows in (whole.labelled, more.rows["validation"], whole)
    )
    assert look.quality.every == len(every) > len(known)
    truth = more.truth
    pairs = known.numpy(), truth["train"], seen.numpy(), truth["validation"]
    expected = representation.quality("multiclass", *pairs, every.numpy())
    assert expected is not None
    for name, value in expected.model_dump().items():
        assert getattr(look.quality.trained, name) == pytest.approx(value, abs=1e-4), name
    drawn = representation.sketch(seen.numpy(), truth["validation"])
    np.testing.assert_allclose(look.sketch.points, drawn.points, atol=2e-3)
    assert look.sketch.values == drawn.values
    assert look.pictures == ()
    assert representing.path(folder / paths.WORK, record.unit.id).stat().st_size < 50_000


def test_beside_it_stands_the_network_before_its_first_step(
    folder: Path, plan: Plan, more: Prepared
) -> None:
    record, look = looked(folder, plan, unit())
    at = look.quality.member
    seeds = [cohorts.stream(m) for m in record.unit.members]
    chosen = cohorts.concrete(plan.contenders[1], 2)
    alone = cohorts.cohort_of(more, [chosen], [seeds[at]], [60], plan.machine)
    state = loop.initial_state(alone)
    inputs = more.rows["train"].some_inputs(2000, 1)
    found = representing.features(alone, state.flat, state.buffers, inputs)
    assert look.quality.untrained.rank == pytest.approx(representation.effective_rank(found))
    assert look.quality.untrained.rank != pytest.approx(look.quality.trained.rank)


def test_beside_it_stands_what_pretraining_learnt(
    folder: Path, make_plan: MakePlan, more: Prepared
) -> None:
    """The stage without targets alone leaves the weights that are looked at, dead or alive."""
    stages = (
        BESIDE.stages[0].model_copy(
            update={
                "name": "before",
                "share": 0.5,
                "rows": "all",
                "unlabelled": 0,
                "turns": tuple(
                    turn.model_copy(update={"objectives": turn.objectives[1:]})
                    for turn in BESIDE.stages[0].turns
                ),
            }
        ),
        PLAIN.stages[0].model_copy(update={"name": "after", "share": 0.5}),
    )
    first = NORMED.model_copy(update={"name": "first", "stages": stages})
    plan = make_plan(PLAIN, first)
    one = unit("first").model_copy(update={"steps": (30, 30), "evaluate": (30, 60)})
    record, look = looked(folder, plan, one)
    at = look.quality.member
    chosen = cohorts.concrete(plan.contenders[1], 2)
    seed = cohorts.stream(record.unit.members[at])
    alone = cohorts.cohort_of(more, [chosen], [seed], [30, 30], plan.machine)
    rows, stage = more.rows["train"], alone.stages[0]
    state = loop.begin(stage, loop.adapted(alone, loop.initial_state(alone), rows))
    state = loop.advance(alone, stage, state, rows, 30, lambda _: None)
    found = representing.features(alone, state.flat, state.buffers, rows.some_inputs(2000, 1))
    assert look.quality.learnt is not None
    assert look.quality.learnt.rank == pytest.approx(representation.effective_rank(found))
    others = look.quality.trained.rank, look.quality.untrained.rank
    assert look.quality.learnt.rank != pytest.approx(others[0])
    assert look.quality.learnt.rank != pytest.approx(others[1])


def test_each_member_has_its_own_statistics(folder: Path, plan: Plan, more: Prepared) -> None:
    members = tuple(Member(recipe="normed", setting=i, seed=7 + i) for i in (0, 2, 1))
    record, look = looked(folder, plan, unit("normed").model_copy(update={"members": members}))
    at = look.quality.member
    assert at > 0, "the first rate is the lowest by far"
    stored = load_file(paths.weights_path(folder, record.unit.id))
    chosen = cohorts.concrete(plan.contenders[2], members[at].setting)
    one = cohorts.cohort_of(more, [chosen], [1], [60], plan.machine)
    weights = {k: torch.zeros(1, *spec.shape) for k, spec in one.layout.specs.items()}
    weights |= {k: stored[f"parameters/{k}"][at : at + 1] for k in inmost(one.model).parameters()}
    buffers = {k: stored[f"buffers/{k}"][at : at + 1] for k in one.model.buffers()}
    flat = one.layout.flatten(weights)
    found = representing.features(one, flat, buffers, more.rows["train"].some_inputs(2000, 1))
    assert look.quality.trained.rank == pytest.approx(representation.effective_rank(found))


def test_statistics_of_an_untrained_network_are_measured(
    folder: Path, plan: Plan, more: Prepared
) -> None:
    _, look = looked(folder, plan, unit("normed"))
    assert look.quality.untrained.rank > 1
    chosen = cohorts.concrete(plan.contenders[2], 2)
    one = cohorts.cohort_of(more, [chosen], [5], [60], plan.machine)
    rows = more.rows["train"]
    flat, buffers = representing.start(one, rows, rows.labelled)
    drawn = loop.initial_state(one)
    assert torch.equal(flat, drawn.flat)
    x = rows.labelled.inputs["numeric"] @ one.layout.views(flat)["hidden.0.weight"][0]
    (mean,) = [value for name, value in buffers.items() if name.endswith("mean")]
    torch.testing.assert_close(mean[0], x.mean(0), atol=1e-5, rtol=1e-4)
    assert not torch.equal(mean, drawn.buffers[next(n for n in buffers if n.endswith("mean"))])


def test_looking_changes_nothing(folder: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    first, look = looked(folder, plan, unit())
    names = (paths.weights_path, paths.predictions_path, paths.validation_path)
    files = [path(folder, first.unit.id).read_bytes() for path in names]
    monkeypatch.setattr(representing, "look", lambda *_: None)
    again, _ = train(folder, plan, unit())
    assert [path(folder, again.unit.id).read_bytes() for path in names] == files
    assert again.curves == first.curves
    assert [m.validation for m in again.members] == [m.validation for m in first.members]
    assert look.quality.features == 8


def test_looks_are_the_same_each_time_and_at_any_width(folder: Path, plan: Plan) -> None:
    _, look = looked(folder, plan, unit())
    assert looked(folder, plan, unit())[1] == look
    machine = plan.machine.model_copy(update={"width": 1})
    narrow = plan.model_copy(update={"machine": machine})
    assert looked(folder, narrow, unit())[1] == look


def test_slow_networks_are_looked_at_on_fewer_rows(
    folder: Path, plan: Plan, more: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert looked(folder, plan, unit())[1].quality.rows == more.counts[:2]
    monkeypatch.setattr(representing, "_LEAST", 10)
    contenders = tuple(
        each.model_copy(update={"milliseconds": 20.3 * (32 + 16) * len(each.settings)})
        for each in plan.contenders
    )
    slow = plan.model_copy(update={"contenders": contenders})
    # A gradient of a row takes 20.3 ms, a forward pass a third of that, and there are ten of them.
    assert looked(folder, slow, unit())[1].quality.rows == (14, 14)
    machine = plan.machine.model_copy(update={"compiled": True})
    record, _ = train(folder, slow, unit())
    compiled = slow.model_copy(update={"machine": machine})
    assert representing._affordable(slow, record) == 14
    assert representing._affordable(compiled, record) == 10, "by the floor"


def test_the_best_member() -> None:
    record = {
        "member": {"recipe": "a", "setting": 0, "seed": 0},
        "numbers": {},
        "steps_taken": 1,
        "batches_seen": 1,
        "best_step": 1,
        "seconds": 1.0,
    }

    def best(metric: str, *found: tuple[float | None, float | None, str]) -> int | None:
        members = [
            representing.MemberRecord.model_validate(
                {**record, "status": status, "validation": {metric: score, "loss": loss}}
            )
            for score, loss, status in found
        ]
        task = "multiclass" if metric == "accuracy" else "regression"
        data = {"data": type("D", (), {"task": task})(), "metric": metric}
        return representing.best(members, type("P", (), data)())  # type: ignore[arg-type]

    fine, lost = "finished", "diverged"
    assert best("accuracy", (0.8, 1.0, fine), (0.9, 2.0, fine), (0.99, 0.1, lost)) == 1
    assert best("accuracy", (0.9, 1.0, fine), (0.9, 0.5, fine)) == 1
    assert best("rmse", (0.8, 1.0, fine), (0.9, 0.5, fine)) == 0
    assert best("accuracy", (None, None, fine), (0.1, None, fine)) == 1
    assert best("accuracy", (0.9, 1.0, lost)) is None


def test_rows_in_a_file_are_looked_at_too(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(20_000, 4))
    columns = {f"x{i}": x[:, i] for i in range(4)}
    frame = pl.DataFrame({**columns, "y": np.where(x[:, 0] > 0, "yes", "no")})
    frame.write_parquet(tmp_path / "t.parquet")
    data = load(tmp_path / "t.parquet", "y", memory=1_000_000)
    assert data.large is not None
    contrastive = recipe("contrastive", objectives=[{"kind": "supervised"}, {"kind": "simclr"}])
    train_method(data, contrastive, steps=20, out=tmp_path / "run")
    stored = (tmp_path / "run" / representation.NAME).read_text()
    found = Representations.model_validate_json(stored)
    assert found.shown is not None
    known, seen = found.shown.quality.rows
    assert 100 <= known == seen <= 2000, "as many as this machine looks at in a second"
    assert found.networks == (found.shown.quality,)


# --- at the verdict ---------------------------------------------------------------------------


def seen(method: str, unit: str, member: int = 0, rank: float = 6.0) -> Look:
    def quality(rank: float) -> Quality:
        return Quality(probe=0.9, neighbours=0.9, rank=rank, idle=0.0)

    return Look(
        quality=Representation(
            unit=unit,
            member=member,
            method=method,
            seed=1,
            features=8,
            rows=(90, 30),
            score="accuracy",
            trained=quality(rank),
            untrained=quality(5.0),
        ),
        sketch=representation.Sketch(points=((0.0, 1.0),), values=(1.0,), shares=(0.5, 0.3)),
    )


def records(*ids: str) -> list[UnitRecord]:
    units = [unit().model_copy(update={"id": each}) for each in ids]
    return [UnitRecord(unit=each, members=(), curves=(), seconds=1.0, threads=1) for each in units]


def keep(work: Path, *looks: Look) -> None:
    for each in looks:
        representing.path(work, each.quality.unit).write_text(each.model_dump_json())


def test_all_looks_and_the_pictures_of_what_is_shipped(tmp_path: Path, plan: Plan) -> None:
    keep(tmp_path, seen("a", "u1"), seen("a", "u2", 3), seen("b", "u3", 1))
    done = records("u3", "u1", "u2", "u4")
    found = representing.gather(tmp_path, tmp_path, plan, done, [("u4", 0), ("u2", 3), ("u1", 0)])
    assert found is not None
    assert [each.unit for each in found.networks] == ["u3", "u1", "u2"]
    assert found.shown == seen("a", "u2", 3)
    stored = (tmp_path / representation.NAME).read_text()
    assert Representations.model_validate_json(stored) == found
    other = representing.gather(tmp_path, tmp_path, plan, done, [("u2", 0)])
    assert other is not None
    assert other.shown is None, "another member of that unit is shipped"
    assert not (tmp_path / FINDINGS).exists(), "nothing was found"


def test_without_looks_nothing_is_written(tmp_path: Path, plan: Plan) -> None:
    assert representing.gather(tmp_path, tmp_path, plan, records("u1"), []) is None
    assert list(tmp_path.iterdir()) == []


def test_a_collapse_is_a_finding_beside_those_about_the_data(tmp_path: Path, plan: Plan) -> None:
    leak = Finding(name="one column", what="w", evidence=(), advice="", serious=True)
    known = Findings(findings=(leak,), looked_for=("a leak",), rows=9)
    (tmp_path / FINDINGS).write_text(known.model_dump_json())
    ten = plan.data.model_copy(update={"classes": tuple("0123456789")})
    many = plan.model_copy(update={"data": ten})
    keep(tmp_path, seen("a", "u1", rank=1.2), seen("b", "u2"))
    for _ in range(2):  # a verdict may be reached again
        representing.gather(tmp_path, tmp_path, many, records("u1", "u2"), [])
        found = Findings.model_validate_json((tmp_path / FINDINGS).read_text())
        assert [each.name for each in found.findings] == ["one column", "collapsed representation"]
        assert (found.looked_for, found.rows) == (("a leak",), 9)


def test_a_whole_run(make_plan: MakePlan, more: Prepared, tmp_path: Path) -> None:
    plan = make_plan(PLAIN, BESIDE, step=0.3, seeds=3)
    data = plan.data.model_copy(update={"unlabelled": 60})
    board = execute(plan.model_copy(update={"data": data}), tmp_path, more)
    found = json.loads((tmp_path / representation.NAME).read_text())
    assert {each["method"] for each in found["networks"]} == {"beside"}
    assert (found["shown"] is not None) == (board.shipped == "beside")
    assert board.worth is not None
    assert (board.worth.reads, board.worth.without, board.worth.rows) == ("beside", "plain", 60)
    assert board.worth.gain.n == 3
    assert "Rows without targets" in board.verdict
    assert not (tmp_path / paths.WORK).exists()


def test_a_method_that_reads_them_is_confirmed_even_if_it_is_the_last(
    make_plan: MakePlan, more: Prepared, tmp_path: Path
) -> None:
    rates = {"kind": "sgd", "lr": 1e-5}
    last = recipe(
        "last", objectives=[{"kind": "supervised"}, VICREG], unlabelled=8, optimizer=rates
    )
    plan = make_plan(PLAIN, MOMENTUM, last, seeds=2)
    assert plan.confirm is not None
    few = plan.confirm.model_copy(update={"finalists": 2, "simplest": "plain"})
    data = plan.data.model_copy(update={"unlabelled": 60})
    board = execute(plan.model_copy(update={"data": data, "confirm": few}), tmp_path, more)
    assert {row.name for row in board.rows if row.kind == "method" and row.test} == {
        *("plain", "momentum", "last")
    }
    assert board.worth is not None
    assert (board.worth.reads, board.worth.gain.n) == ("last", 2)
    assert board.worth.gain.mean < 0
    assert (tmp_path / representation.NAME).exists()


def test_a_run_of_supervised_methods_leaves_what_it_always_left(
    make_plan: MakePlan, prepared: Prepared, tmp_path: Path
) -> None:
    board = execute(make_plan(PLAIN, step=0.3, seeds=2), tmp_path, prepared)
    assert board.worth is None
    assert not (tmp_path / representation.NAME).exists()
