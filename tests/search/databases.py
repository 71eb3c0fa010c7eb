"""A PostgreSQL server for tests, started by them; and processes that search along."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PASSWORD = "s3cret-word"


def _found(program: str) -> str | None:
    """Debian keeps the server's programs out of the path."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return shutil.which(program) or (str(places[-1]) if places else None)


def _free_port() -> int:
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return each.getsockname()[1]


def _as_user(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "nobody", "--", *command] if os.geteuid() == 0 else command


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """A server with an empty data base; its address, with a password."""
    programs = [_found(name) for name in ("initdb", "pg_ctl")]
    if None in programs:
        pytest.skip("no PostgreSQL here: initdb and pg_ctl aren't installed (apt: postgresql)")
    if os.geteuid() == 0 and shutil.which("runuser") is None:
        pytest.skip("PostgreSQL doesn't run as root, and there is no runuser")
    initdb, control = (str(each) for each in programs)
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    secret, port = folder / "password", _free_port()
    secret.write_text(PASSWORD)
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
        shutil.chown(secret, "nobody")
    data = str(folder / "data")
    run = {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder, "timeout": 120}
    try:
        made = [initdb, "-D", data, "-U", "ann", "-A", "scram-sha-256", f"--pwfile={secret}", "-N"]
        subprocess.run(_as_user(made), **run)
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        log = str(folder / "log")
        subprocess.run(
            _as_user([control, "-D", data, "-l", log, "-w", "-o", options, "start"]), **run
        )
        yield f"postgresql://ann:{PASSWORD}@127.0.0.1:{port}/postgres"
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            subprocess.run(_as_user([control, "-D", data, "-m", "immediate", "stop"]), **run)
        shutil.rmtree(folder, ignore_errors=True)


def process(code: str) -> subprocess.Popen[str]:
    """Another Python, in which the tests' modules can be imported."""
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, *sys.path])}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
