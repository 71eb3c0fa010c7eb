"""Compiling, and the cache of what was compiled."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from methodic.engine.native import library
from methodic.errors import InputError


def test_a_compiler_that_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fails(command: list[str], **_: Any) -> Any:
        return subprocess.CompletedProcess(command, 1, "", "fatal error: cmath: No such file\nmore")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    library.loaded.cache_clear()
    monkeypatch.setattr(library.subprocess, "run", fails)
    with pytest.raises(InputError, match="machine code") as caught:
        library.loaded("int f;")
    assert caught.value.found == "fatal error: cmath: No such file"
    assert "--no-compile" in (caught.value.advice or "")
    assert not list((tmp_path / "methodic" / "compiled").glob("*.so"))


def test_the_cache_lies_with_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert library.cache_folder() == tmp_path / "methodic" / "compiled"
    assert library.cache_folder().is_dir()
    assert not library.anything_known()


def test_another_compiler_or_text_is_other_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = library._path("int a;")
    assert library._path("int b;") != first
    monkeypatch.setattr(library, "_version", lambda: "g++ 99")
    assert library._path("int a;") != first


def test_no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(library.shutil, "which", lambda _: None)
    assert library.missing_compiler() == "no C++ compiler on this machine"
    with pytest.raises(InputError, match="machine code"):
        library.loaded("int nobody_compiled_this;")


def test_a_damaged_file_in_the_cache_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    library._path("int damaged;").write_bytes(b"no library")
    with pytest.raises(InputError, match="machine code"):
        library.loaded("int damaged;")


def test_code_never_lies_where_others_can_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a cache of the user's own, a folder of this process, for its user alone."""
    monkeypatch.setattr(library.os, "access", lambda *_: False)
    monkeypatch.setattr(library.tempfile, "tempdir", str(tmp_path))
    library._own_temporary.cache_clear()
    folder = library.cache_folder()
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o077 == 0
    assert library.cache_folder() == folder
    library._own_temporary.cache_clear()
