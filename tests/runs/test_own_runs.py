"""Comparing methods on a user's own network: from `run` to the predictions of the shipped one."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from methodic import bundle, runs
from methodic.data.dataset import DataSet
from methodic.data.loading import load
from methodic.engine.workers import Pool
from methodic.errors import InputError, Interrupted
from methodic.evidence import predictions
from methodic.files import make_folder, write_text
from methodic.models.own.module import state_of
from methodic.plan import BaselinePlan, Member, Plan, Unit, UnitRecord
from methodic.report.terminal import Quiet
from methodic.runs import networks, paths, tasks
from methodic.runs.execution import Execution
from methodic.runs.given import Given
from methodic.runs.machine import choosing
from methodic.runs.networks import Network
from methodic.runs.plans import planning
from methodic.runs.rows import preparation
from methodic.runs.rows.preparation import Prepared
from tests.runs.conftest import MOMENTUM, PLAIN, SetSpeeds

SPEEDS = {"plain": (0.1, 0.0), "momentum": (0.1, 0.0)}


@pytest.fixture(autouse=True)
def few_rivals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "plan_baselines", lambda *_: (BaselinePlan(kind="constant"),))


class Normed(nn.Module):
    """Batch norm, a frozen layer, one weight under two names."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.still, self.one, self.two = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.still.requires_grad_(False)
        self.two.weight = self.one.weight
        self.norm, self.drop, self.head = nn.BatchNorm1d(6), nn.Dropout(dropout), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.two(torch.relu(self.one(self.still(x)))))
        return self.head(self.drop(self.norm(hidden)))


def dropping() -> nn.Module:
    return Normed(0.2)


def quick(iris: DataSet, out: Path, model: Any, **changes: Any) -> runs.Run:
    wishes = {"budget": 60, "recipes": [PLAIN, MOMENTUM], "workers": 0, "seeds": 2}
    wishes |= {"splits": "one", **changes}
    return runs.run(iris, out=out, model=model, **wishes)


def test_a_run_of_a_factory(iris: DataSet, set_speeds: SetSpeeds, tmp_path: Path) -> None:
    set_speeds(SPEEDS)
    before = torch.get_rng_state()
    done = quick(iris, tmp_path / "a", Normed)
    assert torch.equal(before, torch.get_rng_state())
    assert done.state.status == "finished"
    facts = done.plan.network
    assert facts is not None
    assert (facts.name, facts.start) == ("Normed", "factory")
    assert facts.parameters == sum(p.numel() for p in Normed().parameters() if p.requires_grad)
    assert "ms at once" in facts.reason
    assert "agree with plain PyTorch" in facts.reason
    assert any("Normed" in note and "own seed" in note for note in done.plan.notes)
    assert all(c.recipe.model.kind == "auto" for c in done.plan.contenders)
    assert not any("model." in path for c in done.plan.contenders for path in c.settings[0])
    # What is shipped predicts, in a new process too, once the code is there.
    rows = iris.frame.drop(iris.schema.target)
    answers = done.predict(rows)
    hits = np.mean(answers["prediction"].to_numpy() == iris.frame[iris.schema.target].to_numpy())
    assert hits > 0.8
    module = done.module
    assert isinstance(module, Normed)
    assert not module.training
    assert module.two.weight is module.one.weight
    again = runs.load_run(tmp_path / "a", model=Normed)
    assert again == done
    assert again.predict(rows).equals(answers)
    assert done.report_path.exists()
    card = (tmp_path / "a" / "model" / "card.md").read_text()
    assert "your own Normed" in card
    assert "load_run" in card


def test_the_score_on_the_card_is_that_of_the_shipped_weights(
    iris: DataSet, set_speeds: SetSpeeds, tmp_path: Path, prepared: Prepared
) -> None:
    set_speeds(SPEEDS)
    done = quick(iris, tmp_path / "a", dropping)
    card = done.bundle.card
    out = done.module(prepared.rows["test"].inputs["numeric"])  # type: ignore[misc]
    assert card.test == np.mean(out.argmax(-1).numpy() == prepared.truth["test"])
    facts = done.plan.network
    assert facts is not None
    assert not facts.together
    assert facts.reason == "layer 'drop' (Dropout) draws from torch's generator"


def test_bfloat16_and_channels_last_train_and_are_not_shipped(
    set_speeds: SetSpeeds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training and looks on the way see them; the card holds what the module itself predicts."""
    seen: set[tuple[bool, torch.dtype, bool]] = set()

    class Images(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.filters, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            hidden = self.filters(x)
            last = hidden.is_contiguous(memory_format=torch.channels_last)
            seen.add((self.training, hidden.dtype, last))
            return self.head(torch.relu(hidden).mean((2, 3)))

    monkeypatch.setattr(choosing, "has_bfloat16", lambda device: True)
    set_speeds(SPEEDS)
    generator = np.random.default_rng(0)
    classes = generator.integers(0, 2, 120)
    pixels = generator.normal(size=(120, 3, 8, 8)) + 0.2 * classes[:, None, None, None]
    data = load(pixels.astype(np.float32), target=classes)
    choices = {"precision": "bfloat16", "memory_format": "channels_last"}
    done = quick(data, tmp_path / "a", Images, **choices)
    machine = done.plan.machine
    assert (machine.precision, machine.memory_format) == ("bfloat16", "channels_last")
    assert (True, torch.bfloat16, True) in seen
    assert {dtype for training, dtype, _ in seen if not training} == {torch.bfloat16, torch.float32}
    rows = preparation.prepare(data, 0)
    out = done.module(rows.rows["test"].inputs["array"])  # type: ignore[misc]
    assert done.bundle.card.test == np.mean(out.argmax(-1).numpy() == rows.truth["test"])


def test_without_its_code(iris: DataSet, set_speeds: SetSpeeds, tmp_path: Path) -> None:
    set_speeds(SPEEDS)
    quick(iris, tmp_path / "a", Normed)
    bare = runs.load_run(tmp_path / "a")
    with pytest.raises(InputError, match=r"a network of your own \(Normed\)") as caught:
        bare.predict(iris.frame)
    assert "load_run(RUN, model=" in (caught.value.advice or "")
    with pytest.raises(InputError, match="isn't the network"):
        runs.load_run(tmp_path / "a", model=lambda: nn.Linear(4, 3))
    with pytest.raises(InputError, match="weights don't fit this Linear"):
        bundle.load(tmp_path / "a", nn.Linear(4, 3))
    assert not [p for p in (tmp_path / "a").rglob("*") if p.suffix in (".pt", ".pkl", ".py")]


def test_a_module_gives_every_member_its_weights(
    iris: DataSet, set_speeds: SetSpeeds, tmp_path: Path
) -> None:
    set_speeds(SPEEDS)
    module = Normed()
    before = state_of(module)
    done = quick(iris, tmp_path / "a", module)
    assert all(torch.equal(x, before[name]) for name, x in state_of(module).items())
    assert any("the same weights" in note for note in done.plan.notes)
    shipped = done.module
    assert shipped is not None
    assert torch.equal(shipped.still.weight, module.still.weight)  # type: ignore[union-attr, arg-type]


def interrupted(iris: DataSet, out: Path, model: Any, after: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        train, seen = tasks.train_unit, []

        def stopped(*arguments: Any) -> str:
            if len(seen) == after:
                raise KeyboardInterrupt
            seen.append(1)
            return train(*arguments)

        patch.setattr(tasks, "train_unit", stopped)
        with pytest.raises(Interrupted):
            quick(iris, out, model)


def test_resume_needs_the_model_again(iris: DataSet, set_speeds: SetSpeeds, tmp_path: Path) -> None:
    set_speeds(SPEEDS)
    folder = tmp_path / "a"
    interrupted(iris, folder, dropping, 3)
    with pytest.raises(InputError, match="a network of your own") as caught:
        runs.resume(folder)
    assert "model=" in (caught.value.advice or "")
    with pytest.raises(InputError, match="isn't the network"):
        runs.resume(folder, model=lambda: nn.Linear(4, 3))
    done = runs.resume(folder, model=dropping)
    assert done.state.status == "finished"
    assert done.predict(iris.frame).height == iris.frame.height


def test_reproduce_needs_the_model_again(
    iris: DataSet, set_speeds: SetSpeeds, tmp_path: Path
) -> None:
    set_speeds({"plain": (0.5, 0.0)})
    quick(iris, tmp_path / "a", dropping, recipes=[PLAIN])
    with pytest.raises(InputError, match="a network of your own"):
        runs.reproduce(tmp_path / "a", iris, tmp_path / "b")
    found = runs.reproduce(tmp_path / "a", iris, tmp_path / "b", model=dropping)
    assert "came out the same, to the bit" in found.verdict


def test_a_run_of_recipes_takes_no_model(
    iris: DataSet, set_speeds: SetSpeeds, tmp_path: Path
) -> None:
    set_speeds(SPEEDS)
    interrupted(iris, tmp_path / "a", None, 1)
    with pytest.raises(InputError, match="recipes' own networks"):
        runs.resume(tmp_path / "a", model=Normed)


class Counting(nn.Module):
    """Depends on a Python number that no checkpoint holds."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.calls = nn.Linear(4, 3), 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.head(x) / self.calls


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: nn.Linear(5, 3), r"Linear fails in training"),
        (lambda: nn.Linear(4, 2), r"Linear\.forward returned something else"),
        (Counting, "has to be repeatable"),
        (nn.ReLU(), "no parameters"),
        ("adam", "must be a torch.nn.Module"),
    ],
)
def test_wrong_models_leave_no_folder(
    iris: DataSet, tmp_path: Path, model: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        quick(iris, tmp_path / "a", model)
    assert not (tmp_path / "a").exists()


# Units of work.


@pytest.fixture
def folder(prepared: Prepared, tmp_path: Path) -> Path:
    for name in ("records", paths.WORK):
        make_folder(tmp_path / name)
    preparation.save(prepared, tmp_path / paths.WORK)
    return tmp_path


def plan_for(iris: DataSet, set_speeds: SetSpeeds, model: Any) -> Plan:
    set_speeds(SPEEDS)
    return runs.make_plan(
        iris, budget=60, recipes=[PLAIN, MOMENTUM], workers=0, seeds=2, model=model
    )


def unit(*seeds: int) -> Unit:
    return Unit(
        id="confirm-000-momentum",
        phase="confirm",
        block=0,
        members=tuple(Member(recipe="momentum", setting=s % 2, seed=s) for s in seeds),
        steps=(40,),
        evaluate=(10, 20, 30, 40),
        predict_test=True,
    )


def train(folder: Path, plan: Plan, one: Unit, own: Network) -> tuple[UnitRecord, Any, bytes]:
    tasks.train_unit(folder, plan.model_dump_json(), one.model_dump_json(), 0.0, Given(own))
    record = UnitRecord.model_validate_json(paths.record_path(folder, one.id).read_text())
    return (
        record,
        predictions.read(paths.predictions_path(folder, one.id)),
        paths.weights_path(folder, one.id).read_bytes(),
    )


def test_members_that_train_alone_are_those_of_units_of_one(
    iris: DataSet, set_speeds: SetSpeeds, folder: Path
) -> None:
    own = networks.of(dropping, 0, False, "dropout", 0)
    plan = plan_for(iris, set_speeds, dropping)
    both, together, _ = train(folder, plan, unit(7, 8), own)
    for at, seed in enumerate((7, 8)):
        single, alone, _ = train(folder, plan, unit(seed), own)
        assert np.array_equal(together[at], alone[0])
        assert both.curves[at] == single.curves[0]
        assert both.members[at].validation == single.members[0].validation
    assert not np.array_equal(together[0], together[1])


def test_members_under_vmap_are_those_that_train_alone(
    iris: DataSet, set_speeds: SetSpeeds, folder: Path
) -> None:
    plan = plan_for(iris, set_speeds, Normed)
    results = [
        train(folder, plan, unit(7, 8), networks.of(Normed, 0, together, "", 0))
        for together in (True, False)
    ]
    np.testing.assert_allclose(results[0][1], results[1][1], atol=2e-3)


@pytest.mark.parametrize(
    ("calls", "precision"),
    [(30, "float32"), (70, "float32"), (130, "float32"), (70, "bfloat16")],
)
def test_members_that_train_alone_go_on_from_their_checkpoints(
    iris: DataSet,
    set_speeds: SetSpeeds,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    calls: int,
    precision: str,
) -> None:
    own = networks.of(dropping, 0, False, "dropout", 0)
    plan, one = plan_for(iris, set_speeds, dropping), unit(7, 8, 9)
    machine = plan.machine.model_copy(update={"precision": precision})
    plan = plan.model_copy(update={"machine": machine})
    record, answers, weights = train(folder, plan, one, own)
    paths.record_path(folder, one.id).unlink()
    left = [calls]

    @contextlib.contextmanager
    def asked_after() -> Iterator[Any]:
        def asked() -> bool:
            left[0] -= 1
            return left[0] < 0

        yield asked

    with monkeypatch.context() as patch:
        patch.setattr(tasks, "stoppable", asked_after)
        with pytest.raises(Interrupted):
            train(folder, plan, one, own)
    assert paths.checkpoints_path(folder, one.id).exists()
    again, same_answers, same_weights = train(folder, plan, one, own)
    assert weights == same_weights
    assert np.array_equal(answers, same_answers)
    assert again.curves == record.curves
    assert not paths.checkpoints_path(folder, one.id).exists()


def test_the_network_reaches_the_workers(
    iris: DataSet, set_speeds: SetSpeeds, prepared: Prepared, tmp_path: Path
) -> None:
    """The same bits in two worker processes as in this one, from a class that is local here."""

    class Local(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.drop = nn.Linear(4, 3), nn.Dropout(0.1)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.drop(x))

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    set_speeds({"plain": (0.5, 0.0)})
    plan = runs.make_plan(
        iris, budget=60, recipes=[PLAIN], workers=0, seeds=2, splits="one", model=Local
    )
    boards = []
    for workers in (0, 2):
        folder = tmp_path / str(workers)
        make_folder(folder / paths.WORK)
        preparation.save(prepared, folder / paths.WORK)
        write_text(folder / "plan.json", plan.model_dump_json())
        own = networks.again(Local, plan.network, folder, workers)
        with Pool(workers, 1) as pool:
            Execution(folder, plan, prepared, pool, Quiet(), time.monotonic(), Given(own)).run()
        done = runs.load_run(folder, model=Local)
        boards.append((json.dumps(done.leaderboard.model_dump()["winner"]), state_of(done.module)))  # type: ignore[union-attr, arg-type]
    torch.set_num_threads(threads)
    assert boards[0][0] == boards[1][0]
    assert all(torch.equal(x, boards[1][1][name]) for name, x in boards[0][1].items())
