"""A data base that several processes search along in; in Optuna's format, for its dashboard."""

from __future__ import annotations

import contextlib
import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from methodic.errors import InputError
from methodic.search.backend import silent
from methodic.search.chance import seed_of
from methodic.tuning import without_password

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from sqlalchemy import URL

ACCEPTED = "sqlite:///search.db, or postgresql://user@host/database"

HEARTBEAT, GRACE = 15, 60
"""Seconds between two signs of life of a candidate, and after the last one until it is given up.

Others may wait so long for what a dead one had. One that was only slow comes back to find its
candidates given up, trains them for itself and harms nobody; a data base that stood still for a
minute did so for those who would give it up, too.
"""

_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
_PATIENCE = 60  # seconds to wait for a data base that others write to


def parsed(url: str) -> URL:
    """A storage's address, with its driver.

    Raises:
        InputError: no address, or none of a kind of data base that works here.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        found = make_url(url)
    except ArgumentError:
        raise InputError(
            "--study: this is no address of a data base",
            found=url if "@" not in url else None,  # whatever stands before it may be a password
            accepted=ACCEPTED,
        ) from None
    name = found.drivername.replace("postgres+", "postgresql+")
    kind = "postgresql" if name == "postgres" else name.partition("+")[0]
    if kind not in _DRIVERS:
        raise InputError(
            "--study: searches share SQLite and PostgreSQL only",
            found=public(found),
            accepted=ACCEPTED,
        )
    if kind == "sqlite" and found.database in (None, "", ":memory:"):
        raise InputError(
            "--study: a data base in memory can't be shared", found=url, accepted=ACCEPTED
        )
    return found.set(drivername=name if "+" in name else _DRIVERS[kind])


def public(url: URL | str) -> str:
    """The address without its password, for people and records.

    Example:
        >>> public("postgresql://ann:secret@host/searches")
        'postgresql://ann@host/searches'
    """
    from sqlalchemy.engine import make_url

    return without_password(make_url(url).render_as_string(hide_password=False))


def place(url: str) -> str:
    """The address for a plan: without a password, and a file by its whole path.

    Who goes on with the run gives a password as PostgreSQL's own programs take it: PGPASSWORD, or
    a .pgpass file.
    """
    found = parsed(url)
    if found.get_backend_name() == "sqlite" and found.database is not None:
        found = found.set(database=str(Path(found.database).resolve()))
    return public(found)


class Storage:
    """A data base, open.

    Args:
        url: its address.
        heartbeat: seconds between two signs of life.
        grace: seconds after the last one, until somebody's candidates are given to others.

    Raises:
        InputError: an address that doesn't work, or nobody there.
    """

    def __init__(self, url: str, heartbeat: int = HEARTBEAT, grace: int = GRACE) -> None:
        from optuna.storages import RDBStorage
        from sqlalchemy import create_engine
        from sqlalchemy.pool import NullPool

        self._url = parsed(url)
        self.shown = public(self._url)
        _check_driver(self._url)
        whole = self._url.render_as_string(hide_password=False)
        sqlite = self._url.get_backend_name() == "sqlite"
        wait = {"timeout": _PATIENCE} if sqlite else {"connect_timeout": 10}
        with self.explained():
            self._locking = create_engine(whole, poolclass=NullPool, connect_args=wait)
            with self.locked("schema"), silent():
                self.rdb: RDBStorage = RDBStorage(
                    whole,
                    engine_kwargs={"connect_args": wait, "pool_pre_ping": True},
                    heartbeat_interval=heartbeat,
                    grace_period=grace,
                )
        self._alive: set[int] = set()
        self._heartbeat = heartbeat
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Within, what goes wrong with the data base is an error that teaches."""
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (SQLAlchemyError, StorageInternalError) as error:
            raise self._unreachable(error) from None
        except RuntimeError as error:
            if "schema" not in str(error) and "version" not in str(error):
                raise
            raise InputError(
                "--study: the data base was made by another version of Optuna",
                found=self.shown,
                advice="Name another data base, or bring this one up to date: optuna storage "
                "upgrade --storage URL",
            ) from None

    def _unreachable(self, error: BaseException) -> InputError:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        said = str(getattr(cause, "orig", None) or cause).strip().splitlines()
        reason = said[0] if said else type(cause).__name__
        password = self._url.password
        if password:
            reason = reason.replace(str(password), "…")
        sqlite = self._url.get_backend_name() == "sqlite"
        return InputError(
            "--study: the data base can't be reached",
            found=f"{self.shown}: {reason}",
            accepted=ACCEPTED,
            advice="Check that its folder exists and may be written to."
            if sqlite
            else "Check that the server runs, that its data base exists, and the user's password. "
            "A run that was searching goes on later: methodic resume.",
        )

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Within, no other process is in a block of the same name; a dead one isn't either."""
        if self._url.get_backend_name() == "sqlite":
            from filelock import FileLock

            path = Path(str(self._url.database))
            if not path.parent.is_dir():
                raise InputError(
                    "--study: the data base can't be made",
                    found=f"there is no folder {path.parent}",
                    advice="Make it first, or name another.",
                )
            with FileLock(f"{path}.lock"):
                yield
            return
        from sqlalchemy import text

        key = {"key": seed_of(0, "study", name)}
        with self._locking.connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("SELECT pg_advisory_lock(:key)"), key)
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)

    def keep_alive(self, trial: int) -> None:
        """Give signs of life for a trial from now on."""
        if trial in self._alive:
            return
        self.rdb.record_heartbeat(trial)
        self._alive.add(trial)
        if self._thread is None:
            self._thread = threading.Thread(target=self._beat, daemon=True)
            self._thread.start()

    def let_go(self, trial: int) -> None:
        """No more signs of life of a trial."""
        self._alive.discard(trial)

    def close(self) -> None:
        """Let go of everything; what is under way is given to others after a while."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        self.rdb.remove_session()
        self.rdb.engine.dispose()
        self._locking.dispose()

    def _beat(self) -> None:
        while not self._closed.wait(self._heartbeat):
            for trial in tuple(self._alive):
                # A server that is away for a moment is none of this thread's business: the next
                # ask or tell says so, and a heart that stood still beats again.
                with contextlib.suppress(Exception):
                    self.rdb.record_heartbeat(trial)
        self.rdb.remove_session()


def _check_driver(url: URL) -> None:
    driver = url.drivername.partition("+")[2]
    if driver and importlib.util.find_spec(driver) is None:
        raise InputError(
            f"--study: PostgreSQL needs the package {driver}",
            found=public(url),
            advice='Install it: pip install "methodic[postgresql]"'
            if driver == "psycopg"
            else f"Install it, or leave +{driver} out of the address.",
        )
