"""How many damaged files are tried, and what commands are run on them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.fuzz.bounded import Bounded

_ALWAYS: dict[str, Any] = {
    "deadline": None,
    "database": None,
    # An example takes a second and says what was done: making it smaller would take minutes.
    "phases": (Phase.explicit, Phase.generate),
    "suppress_health_check": list(HealthCheck),
}
RECIPE = """\
name: small
model: {kind: mlp, width: 8, depth: 1}
stages:
  - batch: 16
    optimizer: {kind: adam, lr: 0.01}
"""


def some(examples: int) -> settings:
    """The same few examples each time; see `many`."""
    return settings(max_examples=examples, derandomize=True, **_ALWAYS)


def many(examples: int) -> settings:
    """Other examples each time, $METHODIC_FUZZ of them if that is set."""
    examples = int(os.environ.get("METHODIC_FUZZ", examples))
    return settings(max_examples=examples, print_blob=True, **_ALWAYS)


def fresh(place: Path) -> Path:
    """A folder's name that no run had before."""
    taken = place / "taken"
    number = int(taken.read_text()) + 1 if taken.exists() else 0
    taken.write_text(str(number))
    return place / f"out-{number}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe."""
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "small.yaml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def command(place: Path) -> Iterator[Bounded]:
    """Runs commands, in a process of its own."""
    made = Bounded(place / "worker.log")
    yield made
    made.close()
