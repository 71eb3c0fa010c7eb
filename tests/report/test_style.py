"""The look of the page: self-contained, dark and light, and readable on paper."""

from __future__ import annotations

import re

from methodic.report.style import CSS, DRAW


def test_the_style_loads_nothing() -> None:
    assert not re.search(r"url\(|@import|@font-face|https?:", CSS)
    assert not re.search(r"https?:|fetch\(|XMLHttpRequest|import\(", DRAW)


def test_dark_light_and_paper() -> None:
    assert "prefers-color-scheme: dark" in CSS
    assert "@media print" in CSS
    assert CSS.count("{") == CSS.count("}")


def test_every_colour_has_both_forms() -> None:
    light, dark = CSS.split("prefers-color-scheme: dark", 1)
    names = set(re.findall(r"(--[a-z-]+):", light))
    assert names
    assert names == set(re.findall(r"(--[a-z-]+):", dark.split("* {", 1)[0]))


def test_the_script_ends_no_script_element() -> None:
    assert "</" not in DRAW
