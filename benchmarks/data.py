"""Data as people have it: reading, predicting, pictures, and quality on six tables.

reading     1 GB of CSV with 50 mixed columns: reading and encoding beside polars' own read
predicting  a million rows of Adult, beside scikit-learn's pipeline with its MLP
pictures    CIFAR-10 and Fashion-MNIST: images per second, accuracy in 5 and in 20 minutes; an hour
            and three quarters
streaming   CIFAR-10 with less memory than it needs: waits, memory, the same accuracy
quality     two minutes on each of six tables, two splits, beside four others at equal wall time;
            an hour and a half (--splits 10: seven hours)
"""

from __future__ import annotations

import importlib
from argparse import ArgumentParser

import _shared as shared

PARTS = {
    "reading": "_reading",
    "predicting": "_predicting",
    "pictures": "_pictures",
    "streaming": "_streaming",
    "quality": "_quality",
}


LONG = ("pictures", "quality")
"""With --save, their results are kept one by one, and the next call goes on from there."""


def main() -> None:
    """Run the parts that were asked for; each prints its own tables."""

    def add(parser: ArgumentParser) -> None:
        parser.add_argument("--only", choices=PARTS, action="append", help="a part; repeatable")
        parser.add_argument("--splits", type=int, default=2, help="of the quality")
        parser.add_argument("--first", type=int, default=0, help="of these splits")
        parser.add_argument("--budget", type=int, default=120, help="seconds, of the quality")

    asked = shared.options(__doc__, add)
    packages = ("polars", "pandas", "scikit-learn", "pytabkit", "keras", "pillow")
    chosen = asked.only or list(PARTS)
    name = "data" if asked.only is None else "data-" + "-".join(sorted(chosen))
    report = shared.Report(name, "Data as people have it", asked.quick, packages)
    for part in PARTS:
        if part in chosen:
            measure = importlib.import_module(PARTS[part]).measure
            more = {}
            if part == "quality":
                more = {"splits": asked.splits, "first": asked.first, "budget": asked.budget}
            more |= {"keep": asked.save} if part in LONG else {}
            measure(report, asked.quick, **more)
    report.end(asked.save)


if __name__ == "__main__":
    main()
