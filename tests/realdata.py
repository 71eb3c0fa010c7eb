"""Real data files that tests use where they are at hand; none belongs to the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def path(name: str) -> Path:
    """The file ``name`` in $METHODIC_DATA, else in ../shared/data; skips the test without it."""
    given = os.environ.get("METHODIC_DATA")
    folder = Path(given) if given else Path(__file__).parents[2] / "shared" / "data"
    file = folder / name
    if not file.exists():
        pytest.skip(f"needs the data file {name} (set METHODIC_DATA to the folder that holds it)")
    return file
