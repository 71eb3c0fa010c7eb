"""Signals as requests: one lets work be saved, and has its effect then."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from methodic.engine.stopping import stoppable
from methodic.errors import InputError, Interrupted


def interrupted(*numbers: int, by: type[BaseException] = Interrupted) -> list[str]:
    """What happens in a stoppable block that gets these signals; it ends with KeyboardInterrupt."""
    events: list[str] = []

    def run() -> None:
        with stoppable() as asked:
            assert not asked()
            for number in numbers:
                signal.raise_signal(number)
            events.append(str(asked()))
            raise by

    usual = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run()
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, usual)
    return events


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("by", [Interrupted, InputError])
def test_a_signal_is_a_request_and_then_takes_effect(number: int, by: Any) -> None:
    error = (lambda: InputError("full")) if by is InputError else by
    assert interrupted(number, by=error) == ["True"]  # type: ignore[arg-type]


def test_sigterm_again_and_again_is_one_request() -> None:
    assert interrupted(signal.SIGTERM, signal.SIGTERM) == ["True"]


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_ctrl_c_does_not_wait(first: int) -> None:
    assert interrupted(first, signal.SIGINT) == []


def test_a_request_that_came_too_late_is_passed_on() -> None:
    def run() -> None:
        with stoppable():
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run()


def test_what_ends_without_a_signal_ends_as_usual() -> None:
    with stoppable() as asked:
        assert not asked()
    with pytest.raises(Interrupted), stoppable():
        raise Interrupted


def test_what_is_ignored_stays_ignored() -> None:
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stoppable() as asked:
            signal.raise_signal(signal.SIGINT)
            assert not asked()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, usual)


def test_outside_of_the_main_thread_nothing_is_asked() -> None:
    with ThreadPoolExecutor(1) as pool:

        def run() -> bool:
            with stoppable() as asked:
                return asked()

        assert pool.submit(run).result() is False
