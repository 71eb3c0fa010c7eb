from pathlib import Path

import psutil
import pytest

from methodic.data import room


def groups(root: Path, version: int, limit: str) -> tuple[Path, Path]:
    """A container's group whose parent has a limit, with 100 bytes in use, 40 of them files."""
    own = root / "own"
    own.write_text("0::/a/b\n" if version == 2 else "5:cpu,cpuacct:/\n4:memory:/a/b\n0::/\n")
    top = root / "cgroup" / ("" if version == 2 else "memory")
    (top / "a" / "b").mkdir(parents=True)
    names = (
        ("memory.max", "memory.current", "inactive_file")
        if version == 2
        else ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    )
    for folder, bound in ((top / "a", limit), (top / "a" / "b", "max" if version == 2 else "999")):
        (folder / names[0]).write_text(bound + "\n")
        (folder / names[1]).write_text("100\n")
        (folder / "memory.stat").write_text(f"anon 60\n{names[2]} 40\n")
    return root / "cgroup", own


@pytest.mark.parametrize(("version", "left"), [(2, [440]), (1, [939, 440])])
def test_limits_of_containers(tmp_path: Path, version: int, left: list[int]) -> None:
    assert list(room._left_in_groups(*groups(tmp_path, version, "500"))) == left


def test_no_groups_no_limits(tmp_path: Path) -> None:
    system, own = groups(tmp_path, 2, "max")
    assert list(room._left_in_groups(system, own)) == []
    assert list(room._left_in_groups(system, tmp_path / "none")) == []
    own.write_text("0::/elsewhere\n")
    assert list(room._left_in_groups(system, own)) == []


def test_there_is_memory() -> None:
    assert 10e6 < room.available() <= psutil.virtual_memory().total


def test_half_of_it_is_for_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "available", lambda: 1001)
    assert room.usual() == 500
