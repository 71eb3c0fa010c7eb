import importlib.util
import threading
import time

import pytest

from methodic.errors import InputError
from methodic.search.storage import Storage, parsed, public
from tests.search.databases import PASSWORD


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:///search.db", "sqlite"),
        ("postgresql://ann@host/searches", "postgresql+psycopg"),
        ("postgres://ann@host/searches", "postgresql+psycopg"),
        ("postgresql+psycopg2://ann@host/searches", "postgresql+psycopg2"),
    ],
)
def test_addresses(url, driver):
    assert parsed(url).drivername == driver


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("search.db", "no address"),
        ("", "no address"),
        ("mysql://ann:secret@host/x", "SQLite and PostgreSQL only"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_bad_addresses_are_explained_without_passwords(url, message):
    with pytest.raises(InputError, match=message) as error:
        parsed(url)
    assert "sqlite:///search.db" in str(error.value)
    assert "secret" not in str(error.value)


def test_an_unreadable_address_is_not_shown_with_its_password():
    with pytest.raises(InputError) as error:
        parsed("postgresql//ann:secret@host/x")
    assert "secret" not in str(error.value)


def test_passwords_are_left_out():
    assert public("postgresql://ann:secret@host:5432/x?sslmode=require") == (
        "postgresql://ann@host:5432/x?sslmode=require"
    )
    assert public("sqlite:///a.db") == "sqlite:///a.db"


def test_a_missing_driver_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="psycopg") as error:
        Storage("postgresql://ann:secret@host/x")
    assert "methodic[postgresql]" in str(error.value)
    assert "secret" not in str(error.value)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="can't be made") as error:
        Storage(f"sqlite:///{tmp_path}/none/search.db")
    assert str(tmp_path / "none") in str(error.value)


def test_what_is_no_data_base_is_refused(tmp_path):
    path = tmp_path / "search.db"
    path.write_text("not a data base, but long enough to be looked at as one" * 40)
    with pytest.raises(InputError, match="can't be reached") as error:
        Storage(f"sqlite:///{path}")
    assert "not a database" in str(error.value)


def test_nobody_there_is_said_soon():
    start = time.monotonic()
    with pytest.raises(InputError, match="can't be reached") as error:
        Storage(f"postgresql://ann:{PASSWORD}@127.0.0.1:1/x")
    assert time.monotonic() - start < 30
    assert PASSWORD not in str(error.value)
    assert "ann@127.0.0.1" in str(error.value)


def test_a_wrong_password_is_not_shown(server):
    with pytest.raises(InputError, match="can't be reached") as error:
        Storage(server.replace(PASSWORD, "wr0ng-word"))
    assert "wr0ng-word" not in str(error.value)
    assert "password authentication failed" in str(error.value)


def test_a_missing_data_base_is_named(server):
    with pytest.raises(InputError, match="can't be reached") as error:
        Storage(server.replace("/postgres", "/nothing"))
    assert '"nothing" does not exist' in str(error.value)


def test_another_version_of_optuna_is_named(sqlite, monkeypatch):
    from sqlalchemy import text

    storage = Storage(sqlite)
    with storage.rdb.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'v0.9.0.a'"))
    storage.close()
    with pytest.raises(InputError, match="another version of Optuna"):
        Storage(sqlite)


def test_only_one_is_inside_a_lock(url):
    first, second = Storage(url), Storage(url)
    inside, most = [], []

    def enter(storage):
        for _ in range(5):
            with storage.locked("a"):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.002)
                inside.pop()

    threads = [threading.Thread(target=enter, args=(each,)) for each in (first, second)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert most == [1] * 10
    first.close()
    second.close()


def test_many_may_make_the_tables_at_once(sqlite):
    found: list[object] = []

    def make():
        try:
            found.append(Storage(sqlite))
        except Exception as error:
            found.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert all(isinstance(each, Storage) for each in found), found


def test_signs_of_life_end_with_the_storage(sqlite):
    import optuna

    storage = Storage(sqlite, heartbeat=1, grace=2)
    optuna.create_study(storage=storage.rdb, study_name="a")
    trial = storage.rdb.create_new_trial(storage.rdb.get_study_id_from_name("a"))
    storage.keep_alive(trial)
    time.sleep(3.5)
    assert not storage.rdb._get_stale_trial_ids(1)
    storage.let_go(trial)
    time.sleep(3.5)
    assert storage.rdb._get_stale_trial_ids(1) == [trial]
    storage.close()
