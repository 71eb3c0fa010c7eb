"""Tasks of a worker: what one cohort, one baseline and one measurement leave behind."""

from __future__ import annotations

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from methodic.engine.evaluation import outputs
from methodic.engine.monitor import Window
from methodic.evidence import predictions
from methodic.files import make_folder
from methodic.metrics import get_metric
from methodic.plan import BaselinePlan, BaselineRecord, Member, Plan, Unit, UnitRecord
from methodic.recipes.types import SGD
from methodic.runs import cohorts, paths, tasks
from methodic.runs.given import NOTHING
from methodic.runs.rows import preparation
from methodic.runs.rows.preparation import Prepared
from tests.runs.conftest import LR, MACHINE, PLAIN, MakePlan, recipe

EARLY = recipe("early", stop={"patience": 2})


@pytest.fixture
def folder(prepared: Prepared, tmp_path: Path) -> Path:
    for name in ("records", paths.WORK):
        make_folder(tmp_path / name)
    preparation.save(prepared, tmp_path / paths.WORK)
    return tmp_path


@pytest.fixture
def plan(make_plan: MakePlan) -> Plan:
    return make_plan(PLAIN, EARLY)


def unit(name: str = "plain", *, predict: bool = True, settings: tuple[int, ...] = (0, 4)) -> Unit:
    return Unit(
        id="confirm-000-x",
        phase="confirm",
        block=0,
        members=tuple(Member(recipe=name, setting=i, seed=7 + i) for i in settings),
        steps=(40,),
        evaluate=(10, 20, 30, 40),
        predict_test=predict,
    )


def train(folder: Path, plan: Plan, one: Unit) -> UnitRecord:
    assert tasks.train_unit(folder, plan.model_dump_json(), one.model_dump_json()) == one.id
    return UnitRecord.model_validate_json(paths.record_path(folder, one.id).read_text())


def test_a_record(folder: Path, plan: Plan) -> None:
    record = train(folder, plan, unit())
    assert record.unit == unit()
    assert [member.numbers[LR] for member in record.members] == pytest.approx([0.01, 1.0])
    assert record.members[0].seconds == pytest.approx(record.seconds / 2)
    assert record.threads == torch.get_num_threads()
    assert [len(curve) for curve in record.curves] == [4, 4]
    assert record.inference is not None
    assert record.inference.parameters == 4 * 8 + 8 + 8 * 3 + 3
    assert record.inference.bytes == 4 * record.inference.parameters


def test_predictions_and_weights_belong_together(
    folder: Path, plan: Plan, prepared: Prepared
) -> None:
    record = train(folder, plan, unit())
    stored = predictions.read(paths.predictions_path(folder, record.unit.id))
    assert stored.shape == (2, prepared.counts[2], 3)
    np.testing.assert_allclose(stored.sum(-1), 1.0, rtol=1e-5)
    weights = load_file(paths.weights_path(folder, record.unit.id))
    w = {name.removeprefix("parameters/"): value for name, value in weights.items()}
    x = prepared.rows["test"].inputs["numeric"]
    for m in range(2):
        hidden = torch.relu(x @ w["hidden.0.weight"][m] + w["hidden.0.bias"][m])
        out = torch.softmax(hidden @ w["head.weight"][m] + w["head.bias"][m], -1)
        np.testing.assert_allclose(stored[m], out.numpy(), atol=1e-5)


def in_bfloat16(plan: Plan) -> Plan:
    machine = plan.machine.model_copy(update={"precision": "bfloat16"})
    return plan.model_copy(update={"machine": machine})


def test_only_test_rows_are_predicted_in_float32_by_what_trained_in_bfloat16(
    folder: Path, plan: Plan, prepared: Prepared
) -> None:
    record = train(folder, in_bfloat16(plan), unit(settings=(4,)))
    net = cohorts.concrete(plan.contenders[0], 4)
    cohort = cohorts.cohort_of(prepared, [net], [0], [1], MACHINE)
    stored = load_file(paths.weights_path(folder, record.unit.id))
    weights = {name.removeprefix("parameters/"): value for name, value in stored.items()}
    flat = cohort.layout.flatten(weights)
    for part, path, exact in (
        ("test", paths.predictions_path, True),
        ("validation", paths.validation_path, False),
    ):
        out = outputs(cohort.model, cohort.layout, flat, {}, prepared.rows[part], cohort.numbers)
        expected = prepared.encoders.predictions(out).numpy()
        found = predictions.read(path(folder, record.unit.id))
        assert np.array_equal(found, expected) is exact
        np.testing.assert_allclose(found, expected, atol=0.03)


def test_looks_at_a_part_of_the_validation_rows(
    folder: Path, plan: Plan, prepared: Prepared
) -> None:
    """Curves are about that part; what is recorded of the kept weights, about all rows."""
    some = prepared.judge("accuracy", torch.device("cpu"), 7)
    whole = prepared.counts[1]
    assert len(some.rows) == 7 < whole
    picked = np.arange(7) * whole // 7
    assert np.array_equal(some.truth, prepared.truth["validation"][picked])
    assert torch.equal(some.rows.target, prepared.rows["validation"].target[picked])

    looked = unit().model_copy(update={"judged": 7})
    record, full = train(folder, plan, looked), train(folder, plan, unit())
    for curve, member, other in zip(record.curves, record.members, full.curves, strict=True):
        scores = {point.step: point.score for point in curve}
        assert all(score is not None and (7 * score) % 1 < 1e-9 for score in scores.values())
        at = {point.step: point for point in other}[member.best_step]
        assert member.validation == {"accuracy": at.score, "loss": at.validation_loss}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_predictions_of_validation_rows_are_those_that_were_scored(
    folder: Path, plan: Plan, prepared: Prepared, precision: str
) -> None:
    record = train(folder, in_bfloat16(plan) if precision == "bfloat16" else plan, unit())
    stored = predictions.read(paths.validation_path(folder, record.unit.id))
    assert stored.shape == (2, prepared.counts[1], 3)
    accuracy = get_metric("accuracy", "multiclass")
    for each, member in zip(stored, record.members, strict=True):
        found = accuracy.score(prepared.truth["validation"], each)
        assert found == member.validation["accuracy"]
        assert found != accuracy.score(prepared.truth["validation"], each[::-1])


def test_a_unit_without_an_ingredient(folder: Path, plan: Plan) -> None:
    """Other weights than with it; the same as a recipe that is written without it."""
    whole = train(folder, plan, unit())
    members = tuple(m.model_copy(update={"off": "dropout"}) for m in unit().members)
    changes = {"members": members, "phase": "ablate", "predict_test": False}
    off = unit().model_copy(update=changes)
    less = train(folder, plan, off)
    assert whole.members[0].numbers["model.dropout"] == 0.1
    assert less.members[0].numbers["model.dropout"] == 0
    assert less.curves != whole.curves
    contender = plan.contenders[0]
    bare = contender.recipe.model_copy(
        update={"model": contender.recipe.model.model_copy(update={"dropout": 0.0})}
    )
    written = plan.model_copy(
        update={"contenders": (contender.model_copy(update={"recipe": bare}),)}
    )
    again = train(folder, written, unit())
    assert again.curves == less.curves


def test_the_screening_leaves_test_rows_alone(folder: Path, plan: Plan) -> None:
    assert train(folder, plan, unit(predict=False)).inference is None
    assert not paths.predictions_path(folder, "confirm-000-x").exists()
    assert not paths.weights_path(folder, "confirm-000-x").exists()
    assert not paths.validation_path(folder, "confirm-000-x").exists()


class Request:
    """Ctrl-C in the middle of a training: after so many of its steps."""

    def __init__(self, patch: pytest.MonkeyPatch, after: int) -> None:
        add, self.steps = Window.add, 0

        def counting(window: Window, seen: Any) -> None:
            add(window, seen)
            self.steps += 1
            if self.steps == after:
                signal.raise_signal(signal.SIGINT)

        patch.setattr(Window, "add", counting)


def timeless(record: UnitRecord) -> UnitRecord:
    members = tuple(m.model_copy(update={"seconds": 0.0}) for m in record.members)
    clocks = {"members": members, "seconds": 0.0, "inference": None, "notes": ()}
    return record.model_copy(update=clocks)


def test_an_interrupted_unit_goes_on_in_bfloat16(
    folder: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, some = in_bfloat16(plan), unit().model_copy(update={"judged": 7})
    expected = train(folder, plan, some)
    whole = paths.predictions_path(folder, some.id).read_bytes()
    with monkeypatch.context() as patched:
        Request(patched, 17)
        with pytest.raises(KeyboardInterrupt):
            train(folder, plan, some)
    counted = Request(monkeypatch, -1)
    assert timeless(train(folder, plan, some)) == timeless(expected)
    assert counted.steps == 40 - 17
    assert paths.predictions_path(folder, some.id).read_bytes() == whole


def test_an_interrupted_unit_goes_on(
    folder: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice interrupted, its newest checkpoint damaged: the same record, and it says so."""
    expected = train(folder, plan, unit())
    whole = paths.predictions_path(folder, unit().id).read_bytes()
    place = paths.checkpoints_path(folder, unit().id)
    assert not place.exists(), "nothing is left of a finished unit"
    for path in (folder / "records").iterdir():
        path.unlink()
    for after in (17, 9):
        with monkeypatch.context() as patched:
            request = Request(patched, after)
            with pytest.raises(KeyboardInterrupt):
                train(folder, plan, unit())
        assert request.steps == after, "it finishes its step and no other"
        assert not list((folder / "records").iterdir())
    assert len(list(place.iterdir())) == 6
    (place / "000002.safetensors").write_bytes(b"")
    counted = Request(monkeypatch, -1)
    record = train(folder, plan, unit())
    assert counted.steps == 40 - 17
    assert timeless(record) == timeless(expected)
    assert paths.predictions_path(folder, unit().id).read_bytes() == whole
    (note,) = record.notes
    assert "checkpoint 2" in note
    assert record.seconds > 0
    assert not place.exists()


def test_checkpoints_of_another_plan_are_not_used(
    folder: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = train(folder, plan, unit())
    with monkeypatch.context() as patched:
        Request(patched, 17)
        with pytest.raises(KeyboardInterrupt):
            train(folder, plan.model_copy(update={"command": "another"}), unit())
    record = train(folder, plan, unit())
    assert timeless(record) == timeless(expected)
    assert "another plan" in record.notes[0]


def test_checkpoints_all_the_time_change_nothing(folder: Path, plan: Plan) -> None:
    expected = train(folder, plan, unit())
    tasks.train_unit(folder, plan.model_dump_json(), unit().model_dump_json(), 0.0)
    path = paths.record_path(folder, unit().id)
    assert timeless(UnitRecord.model_validate_json(path.read_text())) == timeless(expected)


def test_members_of_a_unit_are_those_of_a_unit_of_one(folder: Path, plan: Plan) -> None:
    both = train(folder, plan, unit())
    together = predictions.read(paths.predictions_path(folder, "confirm-000-x"))
    alone = train(folder, plan, unit(settings=(4,)))
    single = predictions.read(paths.predictions_path(folder, "confirm-000-x"))
    assert np.array_equal(together[1], single[0])
    assert both.curves[1] == alone.curves[0]
    assert both.members[1].validation == alone.members[0].validation


def test_an_early_end_is_recorded(folder: Path, plan: Plan) -> None:
    long = unit("early").model_copy(update={"steps": (400,), "evaluate": tuple(range(10, 401, 10))})
    record = train(folder, plan, long)
    stopped = [member for member in record.members if member.status == "stopped"]
    assert stopped
    for member in stopped:
        assert member.steps_taken == member.batches_seen < 400
        assert member.best_step == member.steps_taken - 20, "two evaluations without a better one"
        assert "2 evaluations" in member.why


@pytest.mark.parametrize("kind", ["constant", "linear"])
def test_a_baseline(folder: Path, plan: Plan, prepared: Prepared, kind: str) -> None:
    chosen = BaselinePlan(kind=kind)  # type: ignore[arg-type]
    name = tasks.fit_baseline(folder, plan.model_dump_json(), chosen.model_dump_json())
    assert name == f"baseline-{kind}"
    record = BaselineRecord.model_validate_json(paths.record_path(folder, name).read_text())
    assert record.kind == kind
    assert record.validation["accuracy"] is not None
    assert (record.validation["accuracy"] > 0.8) == (kind == "linear")
    assert record.inference is not None
    assert record.inference.parameters == (3 if kind == "constant" else 4 * 3 + 3)
    assert record.inference.bytes > 0
    stored = predictions.read(paths.predictions_path(folder, name))
    assert stored.shape == (1, prepared.counts[2], 3)


def test_a_contender_with_a_setting_put_in(plan: Plan) -> None:
    contender = plan.contenders[0]
    for i, setting in enumerate(contender.settings):
        optimizer = cohorts.concrete(contender, i).stages[0].turns[0].optimizer
        assert isinstance(optimizer, SGD)
        assert optimizer.lr == setting[LR]


@pytest.mark.parametrize("width", [1, 2])
def test_the_width_changes_no_bit(folder: Path, plan: Plan, width: int) -> None:
    """Three members at once, or in parts of two or of one."""

    def trained(plan: Plan) -> tuple[dict[str, torch.Tensor], list[object]]:
        record = train(folder, plan, unit(settings=(0, 2, 4)))
        scores = [(m.best_step, m.validation, m.numbers) for m in record.members]
        return load_file(paths.weights_path(folder, record.unit.id)), [*record.curves, *scores]

    machine = plan.machine.model_copy(update={"width": width})
    weights, curves = trained(plan)
    again, same = trained(plan.model_copy(update={"machine": machine}))
    assert same == curves
    assert all(torch.equal(again[name], weights[name]) for name in weights)


def test_how_many_train_at_once() -> None:
    def network(together: bool) -> Any:
        return SimpleNamespace(facts=SimpleNamespace(together=together))

    narrow = MACHINE.model_copy(update={"width": 2})
    wide = MACHINE.model_copy(update={"width": 4})
    assert cohorts.at_once(PLAIN, MACHINE, None, 5) == 5
    assert cohorts.at_once(PLAIN, narrow, None, 5) == 2
    assert cohorts.at_once(PLAIN, wide, None, 5) == 3, "three and two rather than four and one"
    assert cohorts.at_once(PLAIN, wide, None, 3) == 3
    assert cohorts.at_once(PLAIN, narrow, None, 1) == 1
    assert cohorts.at_once(PLAIN, narrow, network(together=True), 5) == 2
    assert cohorts.at_once(PLAIN, narrow, network(together=False), 5) == 1
    newton = recipe("newton", batch="full", optimizer={"kind": "lbfgs"})
    assert cohorts.at_once(newton, wide, None, 3) == 1, "it asks for gradients itself"


def test_shared_batches_are_one_order_of_rows_for_all_seeds(
    folder: Path, plan: Plan, prepared: Prepared
) -> None:
    """The plan decides; a member sees the same rows in any company."""
    parsed = [PLAIN, PLAIN]
    shared = plan.model_copy(update={"batches": "shared"})

    def orders(seeds: list[int], chosen: Plan) -> list[list[int]]:
        made = cohorts.cohort_of(
            prepared,
            [cohorts.concrete(chosen.contenders[0], 0)] * len(seeds),
            seeds,
            [40],
            chosen.machine,
            NOTHING,
            chosen.batches,
        )
        order = made.orders[made.stages[0].name]
        laid = order.steps(0, 3)
        laid = laid.repeat(1, len(seeds)) if order.shared else laid
        return laid.view(3, len(seeds), -1).transpose(0, 1).flatten(1).tolist()

    first, second = orders([7, 11], shared)
    assert first == second == orders([3], shared)[0]
    assert orders([7, 11], plan)[0] != orders([7, 11], plan)[1]
    assert first not in orders([7, 11, 0], plan)
    assert len(parsed) == 2

    def losses(chosen: Plan, settings: tuple[int, ...]) -> list[float | None]:
        for path in (folder / "records").iterdir():
            path.unlink()
        record = train(folder, chosen, unit(settings=settings))
        return [curve[0].train_loss for curve in record.curves]

    together = losses(shared, (0, 4))
    assert losses(shared, (4,)) == together[1:], "alone as in company"
    assert losses(plan, (0, 4)) != together
