"""What makes a training of one member fast, on imaginary machines."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from methodic.asking import Asked
from methodic.plan import Machine
from methodic.recipes.kinds.models import CNN
from methodic.recipes.types import Recipe
from methodic.runs import cohorts
from methodic.runs.given import NOTHING
from methodic.runs.machine import alone, placement
from methodic.runs.machine.compiling import Choice
from methodic.runs.machine.speed import Speed, Timed
from methodic.runs.plans.wishes import Wishes
from tests.runs.conftest import MACHINE, PLAIN

PICTURES = PLAIN.model_copy(update={"model": CNN()})


@pytest.fixture
def imaginary(monkeypatch: pytest.MonkeyPatch) -> list[Machine]:
    """bfloat16 takes 0.4 of a step's time, two threads 0.6, machine code 0.3 and in a wide network
    0.9 of it; what was tried."""
    tried: list[Machine] = []

    def step(work: Path, recipes: list[str], machine: Machine, given: Any) -> float:
        tried.append(machine)
        if machine.compiled:
            return 0.03 if "wide" not in recipes[0] else 0.09
        seconds = 0.04 if machine.precision == "bfloat16" else 0.09
        return seconds * (0.6 if machine.threads == 2 else 1.0)

    monkeypatch.setattr(placement, "step_seconds", step)
    monkeypatch.setattr(alone, "has_bfloat16", lambda device: True)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    compiled = SimpleNamespace(choose=lambda *args: Choice(args[2] > 50, "Because."))
    monkeypatch.setattr(alone, "compiling", compiled)
    return tried


def chosen(recipe: Recipe, seconds: float, step: float = 0.1, **asked: Any) -> alone.Chosen:
    wishes = Wishes((recipe,), "accuracy", 60.0, **asked)
    method = Timed(recipe, (32,), Speed(step, 0.0))
    return alone.choose(Path(), recipe, method, MACHINE, NOTHING, seconds, wishes)


def test_images_get_bfloat16_and_all_cores(imaginary: list[Machine]) -> None:
    made = chosen(PICTURES, 60.0)
    assert (made.machine.precision, made.machine.threads) == ("bfloat16", 2)
    assert (made.machine.workers, made.machine.compiled) == (0, False)
    assert [each.milliseconds for each in made.tried] == [100.0, 40.0, 40.0, 24.0]
    assert made.notes[0] == "With bfloat16: a step of plain takes 40 ms with it and 100 ms without."


def test_what_takes_too_long_to_try_is_not_tried(imaginary: list[Machine]) -> None:
    assert chosen(PICTURES, 4.0).machine == MACHINE
    assert not imaginary


def test_tables_stay_float32_and_may_be_compiled(imaginary: list[Machine]) -> None:
    made = chosen(PLAIN, 60.0, step=0.09)
    assert (made.machine.precision, made.machine.threads) == ("float32", 2)
    assert made.machine.compiled
    assert made.notes[-1].startswith("With machine code: a step of plain takes 30 ms with it")
    short = chosen(PLAIN, 40.0, step=0.001)
    assert short.machine == MACHINE
    assert not short.notes


def test_large_products_on_tables_are_tried_in_bfloat16(imaginary: list[Machine]) -> None:
    made = chosen(PLAIN, 60.0, step=alone.DENSE)
    assert (made.machine.precision, made.machine.threads) == ("bfloat16", 2)
    assert not any(each.compiled for each in imaginary)


def test_machine_code_has_one_thread_and_may_be_slower(imaginary: list[Machine]) -> None:
    made = chosen(PLAIN.model_copy(update={"name": "wide"}), 60.0, step=0.09)
    assert (made.machine.threads, made.machine.compiled) == (2, False)
    assert "Without machine code: a step of wide takes 90 ms with it and 54 ms" in made.notes[-1]


def test_threads_that_were_asked_for(imaginary: list[Machine]) -> None:
    assert chosen(PICTURES, 60.0, threads=1).machine.threads == 1
    assert all(machine.threads == 1 for machine in imaginary)


def test_a_precision_that_was_asked_for(imaginary: list[Machine]) -> None:
    asked = chosen(PICTURES, 60.0, asked=Asked(precision="float32"))
    assert (asked.machine.precision, asked.machine.threads) == ("float32", 2)
    assert all(machine.precision == "float32" for machine in imaginary)


def test_machine_code_that_was_asked_for_stays_float32(imaginary: list[Machine]) -> None:
    made = chosen(PLAIN, 60.0, step=0.2, compile=True)
    assert (made.machine.precision, made.machine.compiled) == ("float32", True)
    made = chosen(PICTURES, 60.0, compile=True)
    assert not made.machine.compiled
    assert made.notes[-1] == "Not compiled: networks for images run as they are."


def test_members_of_networks_for_images_train_one_by_one() -> None:
    assert cohorts.at_once(PICTURES, MACHINE, None, 5) == 1
    assert cohorts.at_once(PLAIN, MACHINE, None, 5) == 5
