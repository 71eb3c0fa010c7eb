"""A page, read; and a run whose every text tries to be markup."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

from report.runs import make_leaderboard, make_plan

from methodic.evidence.leaderboard import Leaderboard
from methodic.plan import Plan

EVIL = "</script><script>alert(1)</script><img src=http://x.invalid/i onerror=alert(2)>\"'&"


class Page(HTMLParser):
    """Elements with their attributes, text outside scripts and styles, JSON blocks."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.scripts: list[str] = []
        self.figures: dict[str, Any] = {}
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "link"):
            self._open.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        tag, attributes = self._open[-1] if self._open else ("", {})
        if tag == "script" and attributes.get("type") == "application/json":
            self.figures[str(attributes["id"]).removesuffix("-data")] = json.loads(data)
        elif tag == "script":
            self.scripts.append(data)
        elif tag != "style":
            self.words += data

    def loaded(self) -> list[str]:
        """Addresses that the page would fetch or go to."""
        names = ("src", "href", "srcset", "action", "data", "poster", "background")
        return [value or "" for _, a in self.elements for key, value in a.items() if key in names]


def evil_plan() -> Plan:
    plan = make_plan()
    first = plan.contenders[0]
    recipe = first.recipe.model_copy(
        update={"about": EVIL, "source": EVIL, "use_when": EVIL, "not_when": EVIL}
    )
    data = plan.data.model_copy(
        update={"name": EVIL, "source": EVIL, "target": EVIL, "classes": (EVIL, "b")}
    )
    return plan.model_copy(
        update={
            "command": EVIL,
            "data": data,
            "notes": (EVIL,),
            "contenders": (first.model_copy(update={"recipe": recipe}), *plan.contenders[1:]),
        }
    )


def evil_leaderboard() -> Leaderboard:
    board = make_leaderboard()
    pairs = [
        pair.model_copy(update={"first": EVIL}) if pair.first == board.winner else pair
        for pair in board.comparisons
    ]
    return board.model_copy(
        update={
            "rows": (board.rows[0].model_copy(update={"name": EVIL}), *board.rows[1:]),
            "comparisons": tuple(pairs),
            "winner": EVIL,
            "verdict": EVIL,
            "notes": (EVIL,),
        }
    )


def strings(value: Any) -> list[str]:
    """All strings in a JSON document."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [word for each in value for word in strings(each)] if isinstance(value, list) else []
