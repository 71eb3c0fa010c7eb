"""Precision, memory format and width, on imaginary machines."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from methodic.asking import Asked
from methodic.errors import InputError
from methodic.plan import Machine
from methodic.recipes.kinds.models import CNN
from methodic.runs.given import Given
from methodic.runs.machine import choosing
from methodic.runs.machine.choosing import Choices, as_good, asked_for
from methodic.runs.machine.speed import WIDTH, Speed, Survey, Timed
from tests.runs.conftest import MACHINE, PLAIN

Times = dict[str, float]
HALF = "bfloat16"


class Imaginary(Survey):
    """A step takes ``step`` seconds, times a factor for each choice."""

    def __init__(self, step: float, together: bool | None, fails: str = "", **factors: float):
        network: Any = None
        if together is not None:
            network = SimpleNamespace(facts=SimpleNamespace(together=together))
        pool: Any = SimpleNamespace(workers=2)
        super().__init__(pool, Path(), 90, "accuracy", MACHINE, Given(network))
        self.step, self.factors, self.fails = step, factors, fails
        self.checked: list[int] = []
        self.harm = 1.0

    def seconds(self, machine: Machine) -> float:
        names = [machine.precision, machine.memory_format, f"w{machine.width}"]
        if self.fails in names:
            raise InputError("view size is not compatible")
        factor = 1.0
        for name in names:
            factor *= self.factors.get(name, 1.0)
        return self.step * factor

    def cohorts(self, recipes: Any, widths: Any) -> list[Timed]:
        assert list(widths) == [WIDTH] * len(recipes)
        return [Timed(r, (32,), Speed(self.seconds(self.machine), 0.0)) for r in recipes]

    def race(self, recipe: Any, other: Machine) -> tuple[float, float]:
        return self.seconds(self.machine), self.seconds(other)

    def losses(self, recipe: Any, seeds: int, machines: Any, steps: int) -> Any:
        self.checked.append(steps)
        return [
            ([0.5 * f, 0.52 * f], [0.6 * f, 0.62 * f])
            for f in (self.harm if m.precision == HALF else 1.0 for m in machines)
        ]


def choose(
    survey: Imaginary, budget: float = 600.0, *, images: bool = False, **asked: Any
) -> Choices:
    return choosing.choose(survey, [PLAIN], Asked(**asked), budget, images, compiled=False)


@pytest.fixture(autouse=True)
def _bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "has_bfloat16", lambda device: device == "cpu")


def test_each_choice_stands_on_those_before() -> None:
    survey = Imaginary(0.05, together=False, channels_last=0.5, bfloat16=0.5)
    made = choose(survey, images=True)
    assert survey.machine == MACHINE.model_copy(
        update={"memory_format": "channels_last", "precision": HALF}
    )
    assert [(each.what, each.milliseconds) for each in made.tried] == [
        ("without channels last", 50.0),
        ("channels last", 25.0),
        ("without bfloat16", 25.0),
        (HALF, 12.5),
    ]
    assert made.notes[1] == (
        "With bfloat16: a step of 5 members of plain takes 12.5 ms with it and 25 ms without."
    )


@pytest.mark.parametrize(("factor", "taken"), [(0.83, True), (0.84, False)])
def test_bfloat16_has_to_be_much_faster(factor: float, taken: bool) -> None:
    survey = Imaginary(0.01, together=True, bfloat16=factor)
    choose(survey)
    assert (survey.machine.precision == HALF) is taken
    assert len(survey.checked) == taken, "what isn't faster isn't checked"


def test_bfloat16_must_train_as_well() -> None:
    survey = Imaginary(0.01, together=True, bfloat16=0.5)
    survey.harm = 1.1
    (note,) = choose(survey).notes
    assert survey.machine.precision == "float32"
    assert note.startswith("Without bfloat16: ")
    assert "after 300 steps from the same seeds the training loss is 0.561 with it and 0.51" in note


def test_a_budget_too_small_for_the_check() -> None:
    survey = Imaginary(0.3, together=True, bfloat16=0.5)
    (note,) = choose(survey, 60.0).notes
    assert survey.machine.precision == "float32"
    assert not survey.checked
    assert "too small to check" in note


@pytest.mark.parametrize(
    ("step", "width", "tried"),
    [(0.001, 0, []), (0.004, 0, [HALF]), (0.02, 2, [HALF, *(f"parts of {n}" for n in (4, 2, 1))])],
)
def test_short_steps_try_less(step: float, width: int, tried: list[str]) -> None:
    survey = Imaginary(step, together=None, w4=0.9, w2=0.8, w1=0.75)
    made = choose(survey)
    assert survey.machine.width == width
    assert [each.what for each in made.tried[1::2]] == tried


@pytest.mark.parametrize(("together", "images"), [(True, True), (False, False), (None, True)])
def test_channels_last_is_for_one_member_on_images(together: bool | None, images: bool) -> None:
    survey = Imaginary(0.05, together, channels_last=0.5)
    choose(survey, images=images)
    assert survey.machine.memory_format == "contiguous"


def test_what_fails_is_not_taken() -> None:
    survey = Imaginary(0.05, together=False, fails="channels_last", bfloat16=0.5)
    made = choose(survey, images=True)
    assert survey.machine.memory_format == "contiguous"
    assert survey.machine.precision == HALF
    assert made.notes[0] == "Without channels last: view size is not compatible."


def test_what_was_asked_for_is_not_measured() -> None:
    survey = Imaginary(0.05, together=None, bfloat16=0.5, w4=0.5)
    assert not choose(survey, precision="float32", width=3).tried
    network = Imaginary(0.05, together=False, channels_last=0.5)
    asked = {"precision": "float32", "memory_format": "contiguous"}
    assert not choose(network, images=True, **asked).tried
    assert network.machine == MACHINE


def test_races_cost_a_share_of_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(choosing.time, "monotonic", lambda: now[0])

    class Slow(Imaginary):
        def race(self, recipe: Any, other: Machine) -> tuple[float, float]:
            now[0] += choosing.RACE
            return super().race(recipe, other)

    for races in range(4):
        survey = Slow(0.02, None, bfloat16=0.9, w4=0.9, w2=0.8)
        made = choose(survey, (races + 0.5) * choosing.RACE / choosing.SHARE)
        assert len(made.tried) == 2 * races


@pytest.mark.parametrize(
    ("rounded", "good"),
    [
        ([0.5, 0.6], True),
        ([0.53, 0.63], True),
        ([0.54, 0.64], False),
        ([0.2, 0.1], True),
        ([0.5, float("nan")], False),
        ([0.5, float("inf")], False),
    ],
)
def test_as_good_but_for_noise(rounded: list[float], good: bool) -> None:
    """Seeds differ by a standard deviation of 0.0707, of which half is noise."""
    assert as_good([0.5, 0.6], rounded) is good


def test_no_noise_at_all_leaves_a_hundredth() -> None:
    assert as_good([1.0, 1.0], [1.009, 1.009])
    assert not as_good([1.0, 1.0], [1.011, 1.011])
    assert as_good([float("nan"), 1.0], [1.0, 1.0])


def test_networks_for_images_need_no_check_of_bfloat16() -> None:
    """Its harm to them is known to be none; and no wider cohort is tried, since there is none."""
    pictures = PLAIN.model_copy(update={"model": CNN()})
    survey = Imaginary(0.3, together=None, bfloat16=0.5, w4=0.1)
    made = choosing.choose(survey, [pictures], Asked(), 60.0, images=True)
    assert survey.machine.precision == HALF
    assert not survey.checked
    assert [each.what for each in made.tried] == ["without bfloat16", HALF]
    slower = Imaginary(0.3, together=None, bfloat16=0.9)
    choosing.choose(slower, [pictures], Asked(), 60.0, images=True)
    assert slower.machine.precision == "float32"


def test_what_cannot_be_had_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    last = Asked(memory_format="channels_last")
    for own in (False, True):
        with pytest.raises(InputError, match=r"channels_last is for networks on arrays \[channels"):
            asked_for(last, MACHINE, own=own, images=False)
        assert asked_for(last, MACHINE, own=own, images=True).memory_format == "channels_last"
    half = Asked(precision=HALF, width=2)
    assert asked_for(half, MACHINE, own=False, images=False) == MACHINE.model_copy(
        update={"precision": HALF, "width": 2}
    )
    monkeypatch.setattr(choosing, "has_bfloat16", lambda device: False)
    with pytest.raises(InputError, match="bfloat16 isn't faster on this machine"):
        asked_for(half, MACHINE, own=False, images=False)
    assert asked_for(Asked(), MACHINE, own=False, images=False) == MACHINE
