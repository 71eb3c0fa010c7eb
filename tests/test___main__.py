"""`python -m methodic`."""

from __future__ import annotations

import subprocess
import sys

from methodic import __version__


def test_it_is_the_command() -> None:
    command = [sys.executable, "-m", "methodic", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith(__version__)


def test_importing_it_runs_nothing() -> None:
    """A fresh worker imports the main module of the process that began it."""
    code = "import methodic.__main__"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""
