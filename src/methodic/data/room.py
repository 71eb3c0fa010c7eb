"""How much memory there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_USUAL = 0.5  # of the memory that is free, for rows of which nobody says how much they may take


def usual() -> int:
    """Bytes that rows may take where nobody says how many."""
    return int(_USUAL * available())


def available() -> int:
    """Bytes that a process can still get without swapping, within the limits of its container."""
    import psutil

    return min([int(psutil.virtual_memory().available), *_left_in_groups()])


def _left_in_groups(
    system: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> Iterator[int]:
    """What the control groups above this process leave it, where they have a limit."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return  # not Linux
    for line in lines:
        _, kinds, path = line.split(":", 2)
        if kinds not in ("", "memory"):
            continue
        top = system / kinds
        names = (
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            if kinds
            else ("memory.max", "memory.current", "inactive_file")
        )
        group = top / path.lstrip("/")
        for each in (group, *group.parents):
            if each.is_relative_to(top) and (left := _left_in(each, *names)) is not None:
                yield left


def _left_in(group: Path, limit: str, usage: str, cache: str) -> int | None:
    try:
        bound = (group / limit).read_text().strip()
        if bound == "max":
            return None
        used = int((group / usage).read_text())
        for line in (group / "memory.stat").read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == cache:
                used -= int(value)  # pages of files, which the system takes back
    except (OSError, ValueError):
        return None  # no such group in this container
    return max(0, int(bound) - used)
