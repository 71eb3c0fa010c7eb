from __future__ import annotations

import pytest

from methodic.evidence.axes import Axis, axes, is_number
from methodic.recipes.ranges import Choice, Integer, LogUniform, Options, Uniform


def one(values: list, known: object = None) -> Axis:
    (found,) = axes([{"a.x": value} for value in values], {} if known is None else {"a.x": known})
    return found


def test_ranges_say_what_an_axis_is() -> None:
    log = one([0.01, 0.1], LogUniform(log_uniform=(0.001, 1.0)))
    assert (log.scale, log.low, log.high) == ("log", 0.001, 1.0)
    assert log.ends == pytest.approx((-3, 0))
    even = one([0.01, 0.1], Uniform(uniform=(0.0, 0.5)))
    assert (even.scale, even.ends) == ("linear", (0.0, 0.5))
    assert one([1, 4], Integer(integer=(1, 6))).ends == (1, 6)
    assert one([0.9, 0.8], Choice(choice=(0.8, 0.85, 0.9))).options == (0.8, 0.9)
    words = one(["relu", "gelu"], Options(choice=("relu", "tanh", "gelu")))
    assert words.options == ("relu", "gelu")
    assert words.place("gelu") == 1
    parts = one(["sgd", "adam"], Options(choice=({"kind": "adam"}, {"kind": "sgd"})))
    assert parts.options == ("adam", "sgd")


def test_perturbed_numbers_may_leave_their_range() -> None:
    assert one([0.01, 2.0], LogUniform(log_uniform=(0.001, 1.0))).high == 2.0


def test_without_a_range_the_numbers_tell() -> None:
    assert one([10.0**-k for k in range(5)]).scale == "log"
    assert one([k / 10 for k in range(1, 11)]).scale == "linear"
    assert one([0.003, *(k / 10 for k in range(1, 11))]).scale == "linear"
    assert one([0.0, 10.0, 1000.0]).scale == "linear", "0 has no logarithm"
    assert one([64, 128, 256] * 4).options == (64, 128, 256)
    assert one([True, False]).options == (False, True)
    assert one(["b", "a", 3]).options == (3, "a", "b")


def test_what_had_one_value_has_no_axis() -> None:
    settings = [{"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 2.0}, {"c": 5.0}]
    assert [axis.path for axis in axes(settings, {})] == ["b"]
    assert axes([], {}) == []


def test_numbers() -> None:
    assert is_number(1)
    assert is_number(0.5)
    assert not is_number(True)
    assert not is_number("1")
