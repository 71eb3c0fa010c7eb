from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from methodic import arguments, files
from methodic.errors import InputError


def test_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, {"x": [1, 2.5, "ä"]})
    assert files.read_json(path, "record") == {"x": [1, 2.5, "ä"]}
    files.write_json(path, {})
    assert files.read_json(path, "record") == {}
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_write_that_fails_leaves_the_old_file_alone(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old")

    def half(temporary: Path) -> None:
        temporary.write_text("new, but only ha")
        raise failure

    with pytest.raises(failure):
        files.write_with(path, half)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_is_the_users_to_solve(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old")

    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError) as caught:
        files.write_with(path, full)
    assert caught.value.found == "No space left on device"
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_a_library_that_writes_by_itself_and_finds_the_disk_full(tmp_path: Path) -> None:
    class SafetensorError(Exception):
        """Named as the real one, whose text this is."""

    def full(_: Path) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left (os error 28)")

    def broken(_: Path) -> None:
        raise SafetensorError("Error while serializing: InvalidHeader")

    with pytest.raises(InputError) as caught:
        files.write_with(tmp_path / "a", full)
    assert caught.value.found == "No space left on device"
    assert "Make room" in str(caught.value)
    with pytest.raises(SafetensorError, match="InvalidHeader"):
        files.write_with(tmp_path / "a", broken)
    assert not list(tmp_path.iterdir())


def test_the_old_file_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    seen = []

    def look(temporary: Path) -> None:
        temporary.write_text("new")
        seen.append((path.read_text(), temporary.parent == path.parent))

    files.write_with(path, look)
    assert seen == [("old", True)]
    assert path.read_text() == "new"


def test_files_get_the_users_permissions(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        files.write_text(tmp_path / "a", "x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_what_json_has_no_word_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        files.write_json(tmp_path / "a.json", float("nan"))
    assert list(tmp_path.iterdir()) == []


def test_places_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="can't be written"):
        files.write_text(tmp_path / "nowhere" / "a", "x")
    with pytest.raises(InputError, match="can't be written"):
        files.write_text(tmp_path / "file" / "a", "x")
    with pytest.raises(InputError, match="can't be written"):
        files.make_folder(tmp_path / "file")
    files.make_folder(tmp_path / "a" / "b")
    files.make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "damaged"),
        (b'{"a": 1', "damaged"),
        (b"\xff\xfe", "damaged"),
        (b"[" + b" " * 200 + b"]", "too long"),
    ],
)
def test_damaged_json(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        files.read_json(path, "plan", limit=100)
    assert problem in caught.value.problem
    assert str(path) in caught.value.problem


@pytest.mark.parametrize(
    "content", ["[" * 100_000, "9" * 10_000, '{"x": NaN}', "[-Infinity]"], ids=len
)
def test_json_that_breaks_parsers(tmp_path: Path, content: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content)
    with pytest.raises(InputError, match="damaged"):
        files.read_json(path, "plan")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "plan.json")
    with pytest.raises(InputError, match="can't be read"):
        files.read_json(tmp_path / "plan.json", "plan")


def test_missing_json(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such plan"):
        files.read_json(tmp_path / "plan.json", "plan")
    with pytest.raises(InputError, match="can't be read"):
        files.read_json(tmp_path, "plan")


def test_fingerprints() -> None:
    assert files.fingerprint("ab", "c") != files.fingerprint("a", "bc")
    assert files.fingerprint("a") == files.fingerprint(b"a")
    assert files.fingerprint("a") != files.fingerprint("a", "")
    assert len(files.fingerprint()) == 16


def test_file_hash(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc" * 100_000)
    assert files.file_hash(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_pipes_and_devices_are_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "f.csv"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="no plain file"):
        files.write_text(pipe, "x")
    with pytest.raises(InputError, match="no plain file"):
        arguments.check_place(pipe)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert [each.name for each in tmp_path.iterdir()] == ["f.csv"]


def test_a_file_that_was_private_stays_private(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o600)
    files.write_text(path, "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o600)
