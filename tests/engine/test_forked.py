"""Processes that are forked from a server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_processes_are_copies_of_one_server_that_has_one_thread() -> None:
    from methodic.engine.forked import Context, running

    with ProcessPoolExecutor(2, Context()) as pool:
        pids = {pool.submit(os.getpid).result() for _ in range(3)}
        servers = {parent(pid) for pid in pids}
        known = pool.submit(eval, "'methodic.runs.tasks' in __import__('sys').modules").result()
    assert known, "what the server imported is there"
    (server,) = servers
    assert server == running()._forkserver_pid  # type: ignore[attr-defined]
    assert parent(server) == os.getpid()
    threads = list(Path(f"/proc/{server}/task").iterdir())
    assert len(threads) == 1, "forking would copy locks that other threads hold"


def test_a_server_that_died_is_replaced() -> None:
    from methodic.engine.forked import Context, running

    before = running()._forkserver_pid  # type: ignore[attr-defined]
    os.kill(before, signal.SIGKILL)
    os.waitid(os.P_PID, before, os.WEXITED | os.WNOWAIT)
    with ProcessPoolExecutor(1, Context()) as pool:
        assert pool.submit(pow, 2, 5).result() == 32
    assert running()._forkserver_pid != before  # type: ignore[attr-defined]


SCRIPT = """
import os, sys, time
from methodic.engine.workers import Pool
print("main", flush=True)
with Pool(1, 1) as pool:
    print(pool.submit(os.getpid).result(), flush=True)
    time.sleep(60)
"""


def test_the_main_module_is_left_alone_and_nobody_survives_a_kill(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    run = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    with run as main:
        assert main.stdout is not None
        assert main.stdout.readline() == "main\n"
        worker = int(main.stdout.readline())
        server = parent(worker)
        assert server != main.pid
        main.kill()
        main.wait()
        deadline = time.monotonic() + 20
        while any(Path(f"/proc/{pid}").exists() for pid in (worker, server)):
            assert time.monotonic() < deadline, "somebody survived"
            time.sleep(0.05)
        assert main.stdout.read() == "", "the script ran once"


def test_files_beside_the_data_are_no_modules(tmp_path: Path) -> None:
    """The server imports from where the program does."""
    (tmp_path / "queue.py").write_text("raise SystemExit('wrong file')")
    (tmp_path / "statistics.py").write_text("raise RuntimeError('wrong file')")
    script = (
        "from methodic.engine.workers import Pool\n"
        "with Pool(1, 1) as pool:\n"
        '    print(pool.submit(eval, \'"methodic.served" in __import__("sys").modules\').result())'
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_the_program_may_still_choose_how_its_own_processes_start() -> None:
    script = (
        "import multiprocessing, os\n"
        "from methodic.engine.workers import Pool\n"
        "with Pool(1, 1) as pool:\n"
        "    pool.submit(os.getpid).result()\n"
        "multiprocessing.set_start_method('spawn')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_workers_have_the_environment_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    from methodic.engine.forked import running
    from methodic.engine.workers import Pool

    running()
    monkeypatch.setenv("METHODIC_TEST", "now")
    with Pool(1, 1) as pool:
        assert pool.submit(os.getenv, "METHODIC_TEST").result() == "now"
        assert pool.submit(os.getenv, "PYTHONSAFEPATH").result() == os.getenv("PYTHONSAFEPATH")


TASK = """
from methodic.engine.stopping import stoppable
from methodic.errors import Interrupted
from pathlib import Path
import time
with stoppable() as asked:
    Path({place!r}).write_text("begun")
    while not asked():
        time.sleep(0.01)
    time.sleep(0.5)
    Path({place!r}).write_text("saved")
    raise Interrupted
"""
MAIN = """
import signal, sys
from methodic.engine.workers import Pool
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
with Pool(1, 1) as pool:
    pool.submit(exec, sys.argv[1]).result()
"""


def test_a_signal_to_all_lets_the_workers_save(tmp_path: Path) -> None:
    """As `timeout` and service managers send it: the server doesn't die before them."""
    place = tmp_path / "place"
    task = TASK.format(place=str(place))
    main = subprocess.Popen([sys.executable, "-c", MAIN, task], start_new_session=True)
    while not (place.exists() and place.read_text() == "begun"):
        time.sleep(0.02)
        assert main.poll() is None
    os.killpg(main.pid, signal.SIGTERM)
    main.wait(30)
    assert place.read_text() == "saved"
