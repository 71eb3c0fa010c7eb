"""Grades of single comparisons: to the bit, to tolerance, different."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.evidence.sameness import (
    KEPT,
    TOLERANCE,
    Comparison,
    Grade,
    Reproduction,
    compare_baselines,
    compare_units,
    compare_weights,
)
from methodic.plan import BaselineRecord, CurvePoint, Inference


def grade(comparison: Comparison) -> Grade:
    return comparison.result("a", "b", ()).grade


def number(first: float | None, again: float | None) -> Grade:
    comparison = Comparison()
    comparison.number("kind", "what", first, again)
    return grade(comparison)


@pytest.mark.parametrize(
    ("first", "again", "expected"),
    [
        (0.1, 0.1, "bit"),
        (None, None, "bit"),
        (0.1, math.nextafter(0.1, 1), "tolerance"),
        (0.0, -0.0, "tolerance"),
        (1.0, 1.00009, "tolerance"),
        (1.0, 1.00011, "different"),
        (1e-30, 2e-30, "different"),
        (0.0, 1e-12, "different"),
        (None, 0.0, "different"),
        (0.5, None, "different"),
        (math.inf, math.inf, "bit"),
        (math.inf, 1.0, "different"),
    ],
)
def test_numbers(first: float | None, again: float | None, expected: Grade) -> None:
    assert number(first, again) == expected
    assert number(again, first) == expected


finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@settings(max_examples=60, deadline=None)
@given(finite, finite)
def test_tolerance_is_what_isclose_says(first: float, again: float) -> None:
    close = math.isclose(first, again, rel_tol=TOLERANCE)
    assert (number(first, again) != "different") == close


def array(first: list[float], again: list[float]) -> tuple[Grade, str]:
    comparison = Comparison()
    comparison.array("kind", "x", np.array(first, np.float32), np.array(again, np.float32))
    named = comparison.differences[0].what if comparison.differences else ""
    return grade(comparison), named


def test_arrays() -> None:
    nan, inf = math.nan, math.inf
    assert array([1, nan, inf], [1, nan, inf]) == ("bit", "")
    # A small entry may differ by the tolerance of the largest.
    assert array([100, 0.001], [100, 0.009]) == ("tolerance", "x, furthest apart at [1]")
    assert array([100, 0.001], [100, 0.02]) == ("different", "x, furthest apart at [1]")
    assert array([1, 2, 3], [1, nan, 3.5]) == ("different", "x, furthest apart at [1]")
    assert array([1, inf], [1, -inf]) == ("different", "x, furthest apart at [1]")
    assert array([1, 2], [1, 2, 3])[0] == "different"
    assert array([], []) == ("bit", "")
    assert array([-0.0], [0.0])[0] == "tolerance"


def test_an_array_of_another_kind_is_different() -> None:
    comparison = Comparison()
    comparison.array("kind", "x", np.zeros(2, np.float32), np.zeros(2, np.float64))
    (difference,) = comparison.differences
    assert (difference.first, difference.again) == ("float32 [2]", "float64 [2]")


def curve(*losses: float | None, first: int = 100) -> list[CurvePoint]:
    return [
        CurvePoint(step=first + 1000 * i, train_loss=loss, validation_loss=0.5, score=None)
        for i, loss in enumerate(losses)
    ]


def test_curves_are_compared_column_by_column() -> None:
    """Steps in the thousands must not lend their tolerance to the losses."""

    def compared(one: list[CurvePoint], two: list[CurvePoint]) -> tuple[Grade, str]:
        comparison = Comparison()
        comparison.curve("kind", "x", one, two)
        named = comparison.differences[0].what if comparison.differences else ""
        assert sum(t.bit + t.tolerance + t.different for t in comparison.tallies()) == 1
        return grade(comparison), named

    assert compared(curve(0.2, None), curve(0.2, None)) == ("bit", "")
    assert compared(curve(0.2, 0.1), curve(0.2, 0.11)) == (
        "different",
        "x: train loss at step 1100",
    )
    assert compared(curve(0.2, 0.1), curve(0.2, 0.1 + 1e-9))[0] == "tolerance"
    assert compared(curve(0.2, None), curve(0.2, 0.1))[0] == "different"
    assert compared(curve(0.2), curve(0.2, first=101)) == ("different", "x: evaluated steps")
    assert compared(curve(0.2), curve(0.2, 0.1))[0] == "different"
    assert compared([], []) == ("bit", "")


def test_choices_are_the_same_or_not() -> None:
    comparison = Comparison()
    comparison.exact("kind", "winner", "adam", "sgd")
    comparison.exact("kind", "best step", 100_000, 100_001)
    assert [each.grade for each in comparison.differences] == ["different"] * 2


def test_weights_that_only_one_has() -> None:
    comparison = Comparison()
    one, two = {"a": np.ones(2), "b": np.ones(2)}, {"a": np.ones(2), "c": np.ones(2)}
    compare_weights(comparison, one, two)
    found = {each.what: (each.first, each.again) for each in comparison.differences}
    assert found == {
        "model/weights.safetensors: b": ("there", "missing"),
        "model/weights.safetensors: c": ("missing", "there"),
    }


def many(bit: int, tolerance: int, different: int) -> Comparison:
    comparison = Comparison()
    for i in range(bit):
        comparison.number("losses", f"b{i}", 1.0, 1.0)
    for i in range(tolerance):
        comparison.number("losses", f"t{i}", 1.0, 1.0 + 1e-9)
    for i in range(different):
        comparison.number("scores", f"d{i}", 1.0, 2.0)
    return comparison


def test_all_are_counted_and_the_worst_are_kept() -> None:
    result = many(3, KEPT, 5).result("one", "two", ["torch 1 then, 2 now"])
    assert [result.count(g) for g in ("bit", "tolerance", "different")] == [3, KEPT, 5]
    assert len(result.differences) == KEPT
    assert [each.what for each in result.differences[:6]] == ["d0", "d1", "d2", "d3", "d4", "t0"]
    assert Reproduction.model_validate_json(result.model_dump_json()) == result


@pytest.mark.parametrize(
    ("counts", "reasons", "verdict"),
    [
        (
            (3, 0, 0),
            ["torch 1 then, 2 now"],
            "All 3 compared things came out the same, to the bit.",
        ),
        (
            (3, 1, 0),
            ["torch 1 then, 2 now"],
            "Everything came out the same to tolerance (a relative 0.0001); 3 of 4 things to the "
            "bit. A likely reason: torch 1 then, 2 now.",
        ),
        (
            (3, 1, 2),
            [],
            "2 of 6 things came out differently: scores. Software, processor and threads are the "
            "same, so a file of the first run was changed since, or Methodic itself was.",
        ),
    ],
)
def test_verdicts(counts: tuple[int, int, int], reasons: list[str], verdict: str) -> None:
    assert many(*counts).result("a", "b", reasons).verdict == verdict


def test_what_predictions_cost_is_a_clock(make_record) -> None:  # type: ignore[no-untyped-def]
    def cost(seconds: float) -> Inference:
        return Inference(
            parameters=1, bytes=4, row_microseconds=seconds, single_milliseconds=seconds
        )

    comparison = Comparison()
    first = make_record("confirm", "adam", [0.9, 0.8]).model_copy(update={"inference": cost(1.0)})
    for inference in (cost(2.0), None):
        again = first.model_copy(update={"inference": inference})
        compare_units(comparison, [first], [again])
    one, two = (
        BaselineRecord(
            kind="linear", about="", validation={"r2": 0.5}, seconds=1.0, inference=cost(seconds)
        )
        for seconds in (1.0, 2.0)
    )
    compare_baselines(comparison, [one], [two])
    assert grade(comparison) == "bit"
    assert sum(tally.bit for tally in comparison.tallies()) > 6
