"""Wishes in words, and what is said about words that nobody knows."""

from __future__ import annotations

import pytest

from methodic import asking
from methodic.errors import InputError


def test_what_is_wanted_of_the_machine() -> None:
    assert asking.asked("auto", "auto", None) == asking.Asked()
    found = asking.asked("bfloat16", "channels_last", 4)
    assert (found.precision, found.memory_format, found.width) == ("bfloat16", "channels_last", 4)
    with pytest.raises(InputError, match="'bfloat61'") as caught:
        asking.asked("bfloat61", "auto", None)
    assert caught.value.advice == "Did you mean 'bfloat16'?"
    with pytest.raises(InputError, match="memory format"):
        asking.asked("auto", "last", None)
    with pytest.raises(InputError, match="--width must be at least 1"):
        asking.asked("auto", "auto", 0)


def test_threads_and_processes_that_no_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, most in ((2, 64), (96, 384), (None, 64)):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        for fine in ((None, None), (1, 0), (most, most)):
            asking.check_machine(*fine)
        for wrong in ((0, None), (most + 1, None), (100_000, None), (1, -1), (None, most + 1)):
            with pytest.raises(InputError, match=r"^--(threads|workers)") as caught:
                asking.check_machine(*wrong)
            assert str(most) in str(caught.value.accepted)
    assert "which has 1 core" in caught.value.problem


def test_a_difference_in_points_or_in_units() -> None:
    assert asking.difference("0.5%") == asking.difference("0.5 points") == (0.5, True)
    assert asking.difference(0.02) == (0.02, False)
    for wrong in ("", "much", 0, -1, "inf", True):
        with pytest.raises(InputError, match="--detect"):
            asking.difference(wrong)


def test_how_many_are_confirmed() -> None:
    assert [asking.count_of_finalists(x) for x in (None, "all", "3", 3)] == [None, "all", 3, 3]
    for wrong in ("none", "0", -1, "2.5", True):
        with pytest.raises(InputError, match="--finalists"):
            asking.count_of_finalists(wrong)


def test_wishes_of_a_comparison_fit_each_other() -> None:
    assert asking.check_design("seconds", "auto", None, None) == ("seconds", None)
    assert asking.check_design("flops", "cv", None, 5) == ("flops", "cv")
    for wrong in (("hours", "auto", None, None), ("steps", "two", None, None)):
        with pytest.raises(InputError):
            asking.check_design(*wrong)
    for wrong in (("steps", "one", "1%", 5), ("steps", "cv", "1%", None)):
        with pytest.raises(InputError, match="--detect chooses"):
            asking.check_design(*wrong)
