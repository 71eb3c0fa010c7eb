"""Hand-made plans and records."""

import math

import pytest

from methodic.evidence.leaderboard import Leaderboard, assemble
from methodic.plan import (
    BaselineRecord,
    ConfirmPlan,
    Contender,
    DataFacts,
    Machine,
    Member,
    MemberRecord,
    Plan,
    RunState,
    Unit,
    UnitRecord,
)
from methodic.recipes.types import Recipe

LR = "stages.0.turns.0.optimizer.lr"


def recipe(name: str, kind: str = "sgd", **turn) -> Recipe:
    lr = {"log_uniform": [0.01, 1.0]}
    stage = {"optimizer": {"kind": kind, "lr": lr}, **turn}
    return Recipe.model_validate({"name": name, "about": f"about {name}", "stages": [stage]})


def unit_record(phase, name, scores, setting=0, losses=None, first_seed=0, steps=100) -> UnitRecord:
    """One cohort; a score of None is a member that diverged."""
    members = tuple(
        Member(recipe=name, setting=setting, seed=first_seed + i) for i in range(len(scores))
    )
    losses = losses or [1.0] * len(scores)
    return UnitRecord(
        unit=Unit(
            id=f"{phase}-{name}-{setting}",
            phase=phase,
            block=0,
            members=members,
            steps=(steps,),
            evaluate=(steps,),
        ),
        members=tuple(
            MemberRecord(
                member=member,
                numbers={LR: 0.1},
                status="diverged" if score is None else "finished",
                steps_taken=steps,
                batches_seen=steps,
                best_step=steps,
                validation={"accuracy": score, "rmse": score, "loss": loss},
                seconds=2.0 if phase == "confirm" else 1.0,
            )
            for member, score, loss in zip(members, scores, losses, strict=True)
        ),
        curves=((),) * len(members),
        seconds=1.0,
        threads=1,
    )


class World:
    """A plan of methods "plain" (the simplest), "moving" and "fancy", and what was measured."""

    def __init__(self, metric="accuracy") -> None:
        self.recipes = [
            recipe("plain"),
            recipe("moving", schedule={"kind": "cosine"}),
            recipe("fancy", kind="adamw", schedule={"kind": "cosine", "warmup": 0.1}),
        ]
        self.metric = metric
        self.unlabelled = 0
        self.confirm = ConfirmPlan(finalists=2, simplest="plain", seeds=tuple(range(100)), block=5)
        self.state = RunState(status="finished")
        self.screened, self.confirmed, self.baselines, self.tests = [], [], [], {}

    def plan(self) -> Plan:
        return Plan(
            command="methodic run digits",
            data=DataFacts(
                name="digits",
                source=None,
                fingerprint="f",
                task="multiclass" if self.metric == "accuracy" else "regression",
                target="digit",
                classes=("0", "1", "2"),
                rows=(60, 20, 20),
                numeric=4,
                categorical=0,
                split_seed=0,
                unlabelled=self.unlabelled,
            ),
            metric=self.metric,
            budget=60.0,
            machine=Machine(device="cpu", capability="AVX2", torch="2", workers=1, threads=1),
            contenders=tuple(
                Contender(
                    recipe=each,
                    settings=({LR: 0.01}, {LR: 0.1}),
                    batch=(32,),
                    steps=(50,),
                    confirm_steps=(50,),
                    milliseconds=1.0,
                )
                for each in self.recipes
            ),
            baselines=(),
            screen=(),
            confirm=self.confirm,
        )

    def screen(self, name, scores, setting=0, **more):
        self.screened.append(unit_record("screen", name, scores, setting, **more))
        return self

    def test(self, name, scores, setting=0):
        """Confirm a method; a score of None is a member that diverged."""
        self.confirmed.append(
            unit_record("confirm", name, scores, setting, first_seed=1, steps=200)
        )
        self.tests[name] = [(1 + i, math.nan if x is None else x) for i, x in enumerate(scores)]
        return self

    def baseline(self, kind, validation, test=None, seconds=0.5):
        self.baselines.append(
            BaselineRecord(
                kind=kind,
                about=f"about {kind}",
                validation={self.metric: validation, "loss": 1.0},
                seconds=seconds,
            )
        )
        if test is not None:
            self.tests[kind] = [(-1, test)]
        return self

    def board(self) -> Leaderboard:
        board = assemble(
            self.plan(), self.state, self.screened, self.confirmed, self.baselines, self.tests
        )
        # Every ranking survives JSON, which has no NaN.
        assert Leaderboard.model_validate_json(board.model_dump_json()) == board
        return board


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def numbers_world() -> World:
    """A regression, scored by RMSE."""
    return World("rmse")


@pytest.fixture
def make_record():
    return unit_record


@pytest.fixture
def make_recipe():
    return recipe
