"""Draw the pictures of texts.md, and put what the examples return into its tables.

Run: python docs/draw.py [NAME of an example …, else all]
"""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

DOCS = Path(__file__).parent
EXAMPLES = DOCS.parent / "examples" / "texts"
PAGE = DOCS / "texts.md"


def names() -> list[str]:
    """The examples; files with an underscore are their tools."""
    return sorted(path.stem for path in EXAMPLES.glob("[a-z]*.py"))


def table(name: str, page: str) -> tuple[int, int]:
    """Where the table of an example begins and ends in the page."""
    found = re.search(rf"<!-- numbers: {name} -->\n(.*?)<!-- end -->", page, re.DOTALL)
    if found is None:
        raise SystemExit(f"{PAGE.name} has no table for {name}")
    return found.start(1), found.end(1)


def main(chosen: list[str]) -> None:
    """Run the chosen examples."""
    sys.path.insert(0, str(EXAMPLES))
    draw = importlib.import_module("_draw")
    for name in chosen or names():
        example = importlib.import_module(name)
        given = [example.folder()] if hasattr(example, "folder") else []
        rows = [f"| {what} | {draw.shown(n)} |\n" for what, n in example.numbers(*given).items()]
        page = PAGE.read_text(encoding="utf-8")
        start, end = table(name, page)
        fresh = "|  |  |\n|---|---|\n" + "".join(rows)
        PAGE.write_text(page[:start] + fresh + page[end:], encoding="utf-8")
        picture = DOCS / "pictures" / f"{name}.svg"
        picture.write_text(example.picture(*given), encoding="utf-8")
        print(name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
