"""What an asynchronous search depends on beside its plan: who was faster."""

from __future__ import annotations

from pathlib import Path

from methodic.files import read_json, write_json

ASKED, TOLD, CUT = "asked", "told", "cut"


class Order:
    """In which order an asynchronous search was asked and told: it depends on it.

    Args:
        path: of the file that keeps it; None where the order doesn't matter.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        there = path is not None and path.exists()
        self.events: list[tuple[str, str, int]] = (
            [(kind, what, free) for kind, what, free in read_json(path, "order of a search")]
            if path is not None and there
            else []
        )

    def note(self, kind: str, what: str, free: int = 0) -> None:
        """One more event, written down at once."""
        if self._path is not None:
            self.events.append((kind, what, free))
            write_json(self._path, self.events)
