"""What holds for all tests."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Ctrl-C means what it means at a terminal: whoever starts the tests in the background of a
    shell script would hand down that it is ignored, and tests of it couldn't pass."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
