"""The pool: in this process, and in others; workers that die, are stopped, or left alone."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from methodic.durations import parse_budget
from methodic.engine import workers
from methodic.engine.workers import Pool
from methodic.errors import InputError


def test_without_workers_a_task_runs_here_and_at_once() -> None:
    seen: list[int] = []
    with Pool(0, 1) as pool:
        future = pool.submit(seen.append, 3)
        assert seen == [3]
        assert future.done()
        assert pool.submit(os.getpid).result() == os.getpid()


def test_without_workers_an_error_waits_in_the_future() -> None:
    with Pool(0, 1) as pool:
        future = pool.submit(int, "x")
        with pytest.raises(ValueError, match="'x'"):
            future.result()


def test_without_workers_ctrl_c_gets_through() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with Pool(0, 1) as pool, pytest.raises(KeyboardInterrupt):
        pool.submit(stop)


def test_two_processes() -> None:
    """Tasks come from modules that a worker can import."""
    with Pool(2, 1) as pool:
        where = [pool.submit(os.getpid) for _ in range(4)]
        threads = pool.submit(torch.get_num_threads)
        names = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")
        settings = [pool.submit(os.getenv, name) for name in names]
        broken = pool.submit(parse_budget, "soon")
        assert os.getpid() not in {future.result() for future in where}
        assert threads.result() == 1
        assert [future.result() for future in settings] == ["1", "PASSIVE"]
        with pytest.raises(InputError) as caught:
            broken.result()
    with pytest.raises(InputError) as here:
        parse_budget("soon")
    assert str(caught.value) == str(here.value)
    assert caught.value.accepted == here.value.accepted is not None


# --- workers that die -------------------------------------------------------------------------

# Run by a worker: tasks must come from modules that it can import, and tests are none.
ONCE = """
import os, pathlib, signal
place = pathlib.Path({place!r})
with place.open("a") as file:
    file.write("tried ")
if place.read_text().count("tried") <= {deaths}:
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that don't follow their parent; any function that takes anything will do."""
    monkeypatch.setattr(workers, "_start", logging.debug)


@pytest.mark.usefixtures("light")
def test_a_worker_that_is_killed_in_a_task_is_replaced(tmp_path: Path) -> None:
    """Twice; what it did is done again, and the tasks beside and behind it are done too."""
    place = tmp_path / "tries"
    with Pool(2, 1) as pool:
        done = [pool.submit(exec, ONCE.format(place=str(place), deaths=2))]
        done += [pool.submit(pow, 2, i) for i in range(5)]
        assert [future.result(60) for future in done] == [None, 1, 2, 4, 8, 16]
        assert pool.deaths == 2
        assert pool.submit(os.getpid).result() != os.getpid()
    assert place.read_text() == "tried " * 3


@pytest.mark.usefixtures("light")
def test_a_worker_that_is_killed_from_outside() -> None:
    with Pool(1, 1) as pool:
        pid = pool.submit(os.getpid).result()
        sleeping = pool.submit(time.sleep, 0.5)
        os.kill(pid, signal.SIGKILL)
        assert sleeping.result(60) is None
        assert pool.deaths == 1
        assert pool.submit(os.getpid).result(60) != pid


@pytest.mark.usefixtures("light")
def test_workers_that_always_die_are_an_error_that_names_the_task() -> None:
    with Pool(1, 1) as pool:
        deadly = pool.submit(signal.raise_signal, signal.SIGKILL, name="screen-000-a")
        behind = pool.submit(os.getpid, name="screen-000-b")
        for future in (deadly, behind):
            with pytest.raises(InputError) as caught:
                future.result(60)
            assert "3 times in a row" in caught.value.problem
            assert caught.value.found == "they were doing screen-000-a"
        assert pool.deaths == 3
        with pytest.raises(InputError):
            pool.submit(os.getpid)


@pytest.mark.usefixtures("light")
def test_what_gets_done_between_deaths_starts_the_count_anew(tmp_path: Path) -> None:
    codes = [ONCE.format(place=str(tmp_path / name), deaths=2) for name in "ab"]
    with Pool(1, 1) as pool:
        for future in [pool.submit(exec, code) for code in codes]:
            future.result(60)
        assert pool.deaths == 4


POLITE = """
import pathlib, time
from methodic.engine.stopping import stoppable
from methodic.errors import Interrupted
place = pathlib.Path({place!r})
with stoppable() as asked:
    place.write_text("begun")
    while not asked():
        time.sleep(0.01)
    time.sleep(0.3)
    place.write_text("saved")
    raise Interrupted
"""
DEAF = """
import pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path({place!r}).write_text("begun")
time.sleep(600)
"""


def begun(*places: Path) -> None:
    while not all(place.exists() and place.read_text() == "begun" for place in places):
        time.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.usefixtures("light")
def test_stopping_lets_workers_save(tmp_path: Path) -> None:
    """Each of them, and nothing of what waits is begun."""
    places = [tmp_path / name for name in "abc"]
    with Pool(2, 1) as pool:
        futures = [pool.submit(exec, POLITE.format(place=str(place))) for place in places]
        begun(*places[:2])
        pool.stop()
        assert [place.read_text() for place in places[:2]] == ["saved", "saved"]
        assert not places[2].exists()
        assert not any(future.done() for future in futures)
        assert pool.deaths == 0, "they were asked to"


@pytest.mark.usefixtures("light")
def test_the_other_worker_saves_when_one_dies(tmp_path: Path) -> None:
    place = tmp_path / "polite"
    with Pool(2, 1) as pool:
        pool.submit(exec, POLITE.format(place=str(place)))
        begun(place)
        doomed = pool.submit(exec, ONCE.format(place=str(tmp_path / "x"), deaths=1))
        doomed.result(60)
        begun(place)  # again, since it was resubmitted
        assert pool.deaths == 1
        pool.stop()


@pytest.mark.usefixtures("light")
def test_who_does_not_stop_in_time_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "PATIENCE", 0.2)
    place = tmp_path / "deaf"
    with Pool(1, 1) as pool:
        pid = pool.submit(os.getpid).result()
        pool.submit(exec, DEAF.format(place=str(place)))
        begun(place)
        pool.stop()
        assert gone(pid)


@pytest.mark.usefixtures("light")
def test_a_second_ctrl_c_kills(tmp_path: Path) -> None:
    place = tmp_path / "deaf"
    with Pool(1, 1) as pool:
        pid = pool.submit(os.getpid).result()
        pool.submit(exec, DEAF.format(place=str(place)))
        begun(place)
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            pool.stop()
        while not gone(pid):
            time.sleep(0.01)


@pytest.mark.parametrize("fresh", [False, True])
def test_workers_follow_a_parent_that_is_killed(fresh: bool) -> None:
    """A worker that was forked, and one that is a fresh interpreter."""
    code = (
        "import os, time\n"
        "from methodic.engine import forking\n"
        "from methodic.engine.workers import Pool\n"
        f"forking.fresh = {'lambda: True' if fresh else 'forking.fresh'}\n"
        "with Pool(1, 1) as pool:\n"
        "    print(pool.submit(os.getpid).result(), flush=True)\n"
        "    pool.submit(time.sleep, 600)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert not gone(pid)
        process.kill()
    for _ in range(1000):
        if gone(pid):
            return
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    raise AssertionError("the worker lives on")


def test_a_pool_starts_again_with_others() -> None:
    with Pool(2, 1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 1
        assert pool.submit(workers.company).result() == 2
        assert pool.memory() > 10e6
        pool.restart(1, 2)
        assert (pool.workers, pool.threads) == (1, 2)
        assert pool.submit(torch.get_num_threads).result() == 2
        assert pool.submit(workers.company).result() == 1


def test_memory_is_that_of_who_works() -> None:
    with Pool(0, 1) as pool:
        before = pool.memory()
        taken = torch.ones(50_000_000)
        assert 150e6 < pool.memory() - before < 250e6
        del taken
    assert workers.company() == 1


def test_without_workers_this_process_takes_the_threads_that_were_asked_for() -> None:
    """A member's bits may depend on them, so a plan's number holds here, too."""
    before = torch.get_num_threads()
    for threads in (1, 3):
        with Pool(0, threads) as pool:
            assert pool.submit(torch.get_num_threads).result() == threads
        assert torch.get_num_threads() == before
