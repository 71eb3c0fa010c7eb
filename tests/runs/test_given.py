"""Objects of the user's own reach every process of a run, and are asked for again afterwards."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

import methodic as mt
from methodic import runs
from methodic.build.own import Own
from methodic.errors import InputError
from methodic.recipes.types import Recipe
from methodic.runs.given import owned

PLAIN: dict[str, Any] = {"kind": "mlp", "width": 8, "depth": 1}


def made() -> dict[str, Any]:
    """Defined within a function, so that workers need not import this file."""

    def steep(output: torch.Tensor, target: torch.Tensor, numbers: Any) -> torch.Tensor:
        logs = torch.log_softmax(output.transpose(1, 2), dim=1)
        return torch.nn.functional.nll_loss(logs, target, reduction="none") * numbers["factor"]

    return {"steep": steep}


OWN = made()


def method(name: str, lr: float = 0.1) -> Recipe:
    loss = {"kind": "own", "name": "steep", "numbers": {"factor": 2.0}}
    return Recipe.model_validate(
        {
            "name": name,
            "model": PLAIN,
            "stages": [
                {
                    "batch": 16,
                    "objectives": [loss],
                    "optimizer": {"kind": "sgd", "lr": lr, "momentum": 0.5},
                }
            ],
        }
    )


def test_a_run_with_two_workers_trains_them(tmp_path: Path) -> None:
    data = mt.load("iris")
    plain = Recipe.model_validate(
        {"name": "plain", "model": PLAIN, "stages": [{"optimizer": {"kind": "sgd", "lr": 0.1}}]}
    )
    run = mt.run(
        data,
        recipes=[method("mine"), plain],
        own=OWN,
        budget="25s",
        seeds=2,
        splits="one",
        compile=False,
        workers=2,
        out=tmp_path / "run",
    )
    assert {row.name for row in run.leaderboard.rows} >= {"mine", "plain"}
    assert len(run.predict(data.frame.head(3))) == 3
    with pytest.raises(InputError, match="a loss of your own, 'steep'"):
        mt.ablate(run, recipe="mine", workers=0)


def test_one_method_trains_in_this_process(tmp_path: Path) -> None:
    run = runs.train_method(
        mt.load("iris"), method("mine"), own=OWN, steps=60, out=tmp_path / "run"
    )
    assert run.bundle.card.test is not None
    assert run.bundle.card.test > 0.5


def test_a_module_of_the_users_own_trains_by_them() -> None:
    module = torch.nn.Linear(4, 3)
    found = mt.train(module, mt.load("iris"), method("mine"), own=OWN, steps=60)
    assert found.test > 0.5


def test_objects_that_are_missing_or_superfluous_are_named() -> None:
    assert owned(None, [], 0) is None
    with pytest.raises(InputError, match="'steep'"):
        owned(None, [method("mine")], 0)
    with pytest.raises(InputError, match="no recipe names this object") as caught:
        owned({**OWN, "idle": OWN["steep"]}, [method("mine")], 0)
    assert "idle" in str(caught.value)
    assert "steep" in str(caught.value)


def test_what_a_worker_cannot_rebuild_is_said() -> None:
    broken = pickle.loads(pickle.dumps(Own({"steep": _Unloadable()})))
    with pytest.raises(InputError, match="can't be rebuilt in a worker"):
        broken.find("steep", "loss")


class _Unloadable:
    def __reduce__(self) -> Any:
        return int, ("no number",)
