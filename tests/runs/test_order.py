"""The order in which a search was asked and told."""

from __future__ import annotations

from pathlib import Path

from methodic.runs.order import ASKED, TOLD, Order


def test_an_order_is_written_at_once_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "order.json"
    first = Order(path)
    first.note(ASKED, "0", 8)
    first.note(TOLD, "screen-00")
    assert Order(path).events == [(ASKED, "0", 8), (TOLD, "screen-00", 0)]


def test_where_it_does_not_matter_nothing_is_kept(tmp_path: Path) -> None:
    order = Order(None)
    order.note(ASKED, "0", 8)
    assert order.events == []
    assert not list(tmp_path.iterdir())
