"""C++ text to a function in this process, by the machine's compiler; kept in the user's cache."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from filelock import FileLock

from methodic.errors import InputError

_FLAGS = (
    "-O3",
    "-march=native",
    "-std=c++17",
    "-fPIC",
    "-shared",
    "-fopenmp-simd",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fwrapv",
    "-fno-strict-aliasing",  # random bits are read as numbers of another type
    "-fno-tree-loop-distribute-patterns",
    "-ffp-contract=fast",
    "-w",
)


def missing_compiler() -> str | None:
    """Why nothing can be compiled on this machine; None where a compiler is found."""
    return "no C++ compiler on this machine" if _compiler() is None else None


def anything_known() -> bool:
    """Whether this user ever compiled anything."""
    return any(cache_folder().glob("*.so"))


def known(text: str) -> bool:
    """Whether ``text`` was compiled by this user before."""
    return _path(text).exists()


def cache_folder() -> Path:
    """Where compiled code is kept: the user's cache; else a place of this process alone."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "methodic" / "compiled"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return folder if os.access(folder, os.W_OK) else _own_temporary()


@functools.lru_cache(maxsize=1)
def _own_temporary() -> Path:
    """A folder that nobody else can write to, since what lies in it will be executed."""
    folder = tempfile.mkdtemp(prefix="methodic-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _compiler() -> str | None:
    """What CXX names, else one of the usual ones."""
    for name in (os.environ.get("CXX"), "g++", "clang++", "c++"):
        if name and (found := shutil.which(name)):
            return found
    return None


def _flags() -> tuple[str, ...]:
    # Processors with wide vectors run these loops fastest with them; compilers think otherwise.
    wide = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return (*_FLAGS, "-mprefer-vector-width=512") if wide else _FLAGS


def _path(text: str) -> Path:
    """Named after all that the code depends on: the text, the compiler, the processor."""
    stack = f"{_version()} {_flags()} {torch.backends.cpu.get_cpu_capability()}"
    return cache_folder() / f"{hashlib.sha256(f'{stack} {text}'.encode()).hexdigest()[:40]}.so"


@functools.lru_cache(maxsize=1)
def _version() -> str:
    command = _compiler()
    if command is None:
        return ""
    asked = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    return asked.stdout.partition("\n")[0]


@functools.lru_cache(maxsize=256)
def loaded(text: str) -> Callable[..., None]:
    """The function ``run`` of ``text``, compiled if it isn't known yet.

    Raises:
        InputError: there is no compiler, or it fails.
    """
    path = _path(text)
    try:
        with FileLock(path.with_suffix(".lock")):  # other workers want the same
            if not path.exists():
                _compile(text, path)
        run: Callable[..., None] = ctypes.CDLL(str(path)).run
    except OSError as error:  # a full disk, a damaged file
        raise _impossible(str(error)) from None
    return run


def _compile(text: str, path: Path) -> None:
    command = _compiler()
    if command is None:
        raise _impossible("no C++ compiler on this machine")
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        source, made = Path(folder) / "steps.cpp", Path(folder) / "steps.so"
        source.write_text(text)
        asked = subprocess.run(
            [command, *_flags(), str(source), "-o", str(made)],
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.returncode != 0:
            raise _impossible(next((x for x in asked.stderr.splitlines() if "error" in x), command))
        made.replace(path)


def _impossible(found: str) -> InputError:
    return InputError(
        "the steps can't be turned into machine code on this machine",
        found=found,
        advice="Leave compilation out: --no-compile.",
    )
