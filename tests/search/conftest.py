from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.search.databases import postgresql


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a real PostgreSQL."""
    with postgresql() as url:
        yield url


@pytest.fixture
def sqlite(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/search.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Both kinds of data base."""
    return request.getfixturevalue("sqlite" if request.param == "sqlite" else "server")
