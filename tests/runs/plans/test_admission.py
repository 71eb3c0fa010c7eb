"""Admitting a user's network: the preflight decides what may be, the clock what is better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch import nn

from methodic.asking import Asked
from methodic.data.dataset import DataSet
from methodic.engine.workers import Pool
from methodic.errors import InputError
from methodic.recipes.kinds.regularizers import Augment
from methodic.runs.given import Given
from methodic.runs.networks import Network
from methodic.runs.plans import admission
from methodic.runs.plans.sizing import BLOCK
from methodic.runs.plans.wishes import Wishes
from methodic.runs.rows import preparation
from methodic.runs.rows.preparation import Prepared
from tests.runs.conftest import PLAIN


@pytest.fixture
def admit(prepared: Prepared, iris: DataSet, tmp_path: Path) -> Any:
    preparation.save(prepared, tmp_path)

    def admit(source: Any, asked: Asked | None = None) -> Network | None:
        wishes = Wishes((PLAIN,), "accuracy", 60.0, asked=asked or Asked())
        with Pool(0, 1) as pool:
            return admission.admit(source, prepared, iris.schema.task, tmp_path, pool, wishes)

    return admit


@pytest.mark.parametrize(("at_once", "in_turn"), [(0.002, 0.003), (0.003, 0.002)])
def test_the_faster_way_is_taken(
    admit: Any, monkeypatch: pytest.MonkeyPatch, at_once: float, in_turn: float
) -> None:
    asked = []

    def measure(work: Path, recipes: list[str], metric: str, machine: Any, given: Given) -> Any:
        assert given.network is not None
        together = given.network.facts.together
        asked.append((len(recipes), together))
        return (at_once if together else in_turn), 0.0

    monkeypatch.setattr(admission, "measure", measure)
    facts = admit(lambda: nn.Linear(4, 3)).facts
    assert asked == [(BLOCK, True), (BLOCK, False)]
    assert facts.together == (at_once < in_turn)
    assert f"takes {at_once * 1000:.3g} ms at once and {in_turn * 1000:.3g} ms" in facts.reason


def test_what_may_not_train_at_once_is_not_timed(
    admit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "measure", None)
    facts = admit(lambda: nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5))).facts
    assert not facts.together
    assert facts.reason == "layer '1' (Dropout) draws from torch's generator"
    assert admit(None) is None


def test_real_clocks(admit: Any) -> None:
    assert "ms one after the other" in admit(nn.Linear(4, 3)).facts.reason


def test_what_fails_in_its_preflight_is_refused(admit: Any) -> None:
    with pytest.raises(InputError, match=r"layer '1' \(Linear\) fails in training"):
        admit(lambda: nn.Sequential(nn.Linear(4, 3), nn.Linear(4, 3)))


def test_what_was_asked_for_is_not_timed(admit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "measure", None)
    for asked, together in (
        (Asked(width=1), False),
        (Asked(width=3), True),
        (Asked(memory_format="channels_last"), False),
    ):
        facts = admit(lambda: nn.Linear(4, 3), asked).facts
        assert facts.together is together
        assert facts.reason.startswith("as asked; ")


def test_what_the_data_decide_is_written_out_before_steps_are_timed(
    prepared: Prepared, iris: DataSet, tmp_path: Path
) -> None:
    preparation.save(prepared, tmp_path)
    stage = PLAIN.stages[0].model_copy(update={"regularizers": (Augment(),)})
    wishes = Wishes((PLAIN.model_copy(update={"stages": (stage,)}),), "accuracy", 60.0)
    with Pool(0, 1) as pool:
        network = lambda: nn.Linear(4, 3)  # noqa: E731
        found = admission.admit(network, prepared, iris.schema.task, tmp_path, pool, wishes)
    assert found is not None


def test_what_may_not_train_at_once_cannot_be_asked_to(admit: Any) -> None:
    with pytest.raises(InputError, match="members of Sequential can't train at once") as caught:
        admit(lambda: nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5)), Asked(width=2))
    assert "draws from torch's generator" in (caught.value.advice or "")
    with pytest.raises(InputError, match="can't train at once"):
        admit(lambda: nn.Linear(4, 3), Asked(width=2, memory_format="channels_last"))
