"""Steps one by one and many in a call: what they prepare, and when they stop."""

from __future__ import annotations

import pytest

from methodic.engine import loop, stretch
from methodic.engine.native import library
from methodic.engine.step import Seen
from tests.contract import test_members as battery
from tests.engine.native.test_steps import make, recipes_of


@pytest.mark.parametrize("compiled", [False, True])
def test_asked_to_pause_it_stops(
    compiled: bool, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if compiled and (missing := library.missing_compiler()) is not None:
        pytest.skip(missing)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr(stretch, "_CALL", 1.0)  # a step a call
    cohort = make(recipes_of("adam", 2), [1, 2], False, compiled)
    stage = cohort.stages[0]
    state = loop.begin(stage, loop.initial_state(cohort))
    seen: list[Seen] = []
    after = loop.advance(
        cohort, stage, state, battery.rows(False), 6, seen.append, lambda: len(seen) == 2
    )
    assert after.steps_taken == len(seen) == 2


def test_calls_are_short() -> None:
    """However wide the cohort, Ctrl-C is heard after some tenths of a second."""
    for width, steps in ((1, stretch.AHEAD), (100, 42), (10_000, 1)):
        assert stretch._at_once(128, 6154, width) == steps
