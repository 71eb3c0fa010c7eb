"""Section A: 64 settings of the learning rate, both cores, by everyone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import _shared as shared
import numpy as np
from _bench import NEARLY, SAME, Bench, Goal
from _hosts import Made, Rates, Team

NETWORKS = {
    "20-64-64-10": (20, 64, 64, 10),
    "64-128-128-10": (64, 128, 128, 10),
    "784-128-128-10": (784, 128, 128, 10),
}
SHARE = {"20-64-64-10": 0.70, "64-128-128-10": 0.70, "784-128-128-10": 0.75}  # of the limit
WIDTHS = (8, 16, 32)
SETTINGS, BUDGET = 64, 60.0
LRS = [float(lr) for lr in np.geomspace(1e-4, 1e-2, SETTINGS)]

EAGER, COMPILED, LIMIT = "methodic, eager", "methodic, compiled", "limit: products alone"
LOOP, SKLEARN, KERAS = "PyTorch loop", "scikit-learn, n_jobs=2", "Keras fit"
JAX, JAX_MAP = "JAX vmap+scan", "JAX map+scan"
PEERS = (LOOP, SKLEARN, KERAS)
WIDE = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false --xla_cpu_prefer_vector_width=512"}
PAIR = f"{shared.CORES} processes"


@dataclass(frozen=True)
class Entry:
    """A contestant in one of its variants."""

    group: str
    variant: str
    team: Team
    key: str
    made: Made

    @property
    def name(self) -> str:
        """Of its rates."""
        return f"{self.group}: {self.variant}"


def population(bench: Bench) -> None:
    """Measure and print all networks."""
    for name, sizes in NETWORKS.items():
        if bench.quick and name != "20-64-64-10":
            break
        bench.report.say(f"\n### A. {name}, {SETTINGS} settings, {shared.CORES} cores\n")
        with ExitStack() as stack:
            _network(bench, name, sizes, stack)


def _network(bench: Bench, name: str, sizes: Sequence[int], stack: ExitStack) -> None:
    entries = _entries(bench, name, sizes, stack)
    for entry in entries:
        same = SAME if entry.group in (EAGER, COMPILED) else NEARLY
        bench.check(entry.team, entry.key, f"{name}, {entry.name}", same)
        entry.team.calibrate(entry.key, bench.seconds)
    if bench.quick:
        chosen = entries
    else:
        first = bench.rounds(f"{name}, all variants", _cases(entries), 1)
        best = {e.group: e for e in sorted(entries, key=lambda e: first.best(e.name))}
        chosen = [e for e in entries if e.group == LIMIT or best[e.group] is e]
    rates = bench.rounds(name, _cases(chosen))
    best = {e.group: e for e in sorted(chosen, key=lambda e: rates.best(e.name))}
    warm = _warm(name, sizes, bench, best[COMPILED], stack) if COMPILED in best else None
    rows = _rows(best, chosen, rates, warm)
    _print(bench, rows, rates)
    _claim(bench, name, rows, rates.void)


def _cases(entries: Sequence[Entry]) -> dict[str, Callable[[], float]]:
    return {e.name: lambda e=e: e.team.rate(e.key) for e in entries}  # type: ignore[misc]


# --- contestants --------------------------------------------------------------------------------


def _entries(bench: Bench, name: str, sizes: Sequence[int], stack: ExitStack) -> list[Entry]:
    """Everyone, in processes of their own; the first variant of a team tells its start-up."""
    cores, half = shared.CORES, SETTINGS // shared.CORES
    parts = [LRS[i * half : (i + 1) * half] for i in range(cores)]
    widths = (16,) if bench.quick else WIDTHS
    entries: list[Entry] = []

    def team(size: int, threads: int | None, *environments: dict[str, str]) -> Team:
        return stack.enter_context(Team(size, threads, *environments))

    def enter(group: str, variant: str, team: Team, kind: str, *options: dict[str, Any]) -> None:
        made = team.make(variant, kind, *({"sizes": sizes, **each} for each in options))
        entries.append(Entry(group, variant, team, variant, made))

    products = team(cores, 1)
    for width in widths:
        enter(LIMIT, f"width {width}", products, "limit", {"width": width})
    entries += _methodic(bench, EAGER, sizes, parts, team(cores, 1))
    if bench.compiled:
        ours = team(cores, 1, bench.cache(name))
        entries += _methodic(bench, COMPILED, sizes, parts, ours)
    loops = team(cores, 1)
    for fused, label in ((False, "Adam"), (True, "Adam(fused=True)")):
        each = [{"lrs": part, "fused": fused} for part in parts]
        enter(LOOP, f"{PAIR}, {label}", loops, "eager", *each)
    enter(SKLEARN, "joblib", team(1, None), "sklearn", {"lrs": LRS, "jobs": cores, "settings": 16})
    backend = {"KERAS_BACKEND": "jax"}
    split = [{"lrs": part} for part in parts]
    enter(KERAS, PAIR, team(cores, 1, backend), "keras", *split)
    vmap, mapped = ([{"lrs": part, "way": way} for part in parts] for way in ("vmap", "map"))
    enter(JAX, f"{PAIR} × {half} members", team(cores, 1), "jax", *vmap)
    if not bench.quick:
        enter(KERAS, "1 process, all threads", team(1, cores, backend), "keras", {"lrs": LRS})
        both = {"lrs": LRS, "way": "vmap"}
        enter(JAX, f"1 process × {SETTINGS} members", team(1, cores), "jax", both)
        enter(JAX, f"{PAIR} × {half}, wide vectors", team(cores, 1, WIDE), "jax", *vmap)
        enter(JAX_MAP, f"{PAIR} × {half} members", team(cores, 1), "jax", *mapped)
    return entries


def _methodic(
    bench: Bench, group: str, sizes: Sequence[int], parts: Sequence[Sequence[float]], team: Team
) -> list[Entry]:
    """Cohorts of several widths. The first is compiled by all processes at once, as in a run.

    The others are compiled once, each by another process, and found in the cache by the rest.
    """

    def options(width: int) -> list[dict[str, Any]]:
        compiled = group == COMPILED
        return [{"sizes": sizes, "lrs": p, "width": width, "compiled": compiled} for p in parts]

    found = {16: team.make("16", "methodic", *options(16))}
    others = [] if bench.quick else [width for width in WIDTHS if width != 16]
    if group == COMPILED and len(others) == len(team.hosts):
        for turn in range(len(others)):
            asked = [others[(host + turn) % len(others)] for host in range(len(others))]
            wanted = [(str(w), options(w)[host]) for host, w in enumerate(asked)]
            team.make_each("methodic", wanted)
    for width in others:
        if group != COMPILED or len(others) != len(team.hosts):
            team.make(str(width), "methodic", *options(width))
        found[width] = found[16]
    return [
        Entry(group, f"{PAIR}, width {width}", team, str(width), found[width])
        for width in sorted(found)
    ]


def _warm(name: str, sizes: Sequence[int], bench: Bench, entry: Entry, stack: ExitStack) -> Made:
    """The start of compiled cohorts in new processes that find the code in the cache."""
    half = SETTINGS // shared.CORES
    cache = {"XDG_CACHE_HOME": str(bench.scratch / name)}
    team = stack.enter_context(Team(shared.CORES, 1, cache))
    options = {"sizes": sizes, "lrs": LRS[:half], "width": int(entry.key), "compiled": True}
    return team.make("warm", "methodic", options)


# --- tables -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    name: str
    variant: str
    rate: float
    start_up: float | None
    same: float | None = None  # share of the limit at the same width
    best: float | None = None  # share of the limit at its best width

    @property
    def in_budget(self) -> float | None:
        """Member-steps within the budget, the start counted."""
        if self.start_up is None:
            return None
        return max(0.0, BUDGET - self.start_up) * self.rate


def _rows(
    best: dict[str, Entry], chosen: Sequence[Entry], rates: Rates, warm: Made | None
) -> list[Row]:
    limits = {e.key: rates.best(e.name) for e in chosen if e.group == LIMIT}
    rows = []
    for group, entry in sorted(best.items(), key=lambda item: -rates.best(item[1].name)):
        rate = rates.best(entry.name)
        same = total = None
        if group in (EAGER, COMPILED):
            same, total = rate / limits[f"width {entry.key}"], rate / max(limits.values())
        start = None if group == LIMIT else entry.made.start_up(rate)
        if group == COMPILED and warm is not None:
            ready = warm.start_up(rate)
            rows.append(Row(f"{group}, warm cache", entry.variant, rate, ready, same, total))
        name = f"{group}, cold cache" if group == COMPILED else group
        rows.append(Row(name, entry.variant, rate, start, same, total))
    return rows


def _print(bench: Bench, rows: Sequence[Row], rates: Rates) -> None:
    ours = max(row.rate for row in rows if row.name.startswith("methodic"))

    def share(x: float | None) -> str:
        return "" if x is None else f"{x:.0%}"

    void = " (void)" if rates.void else ""
    bench.report.table(
        [
            f"best of {len(next(iter(rates.each.values())))} rounds{void}",
            "how",
            "member-steps/s",
            "methodic's best ÷ it",
            "share of the limit, same width",
            "best width",
            "start-up, s",
            f"thousand member-steps in {BUDGET:.0f} s",
        ],
        [
            [
                row.name,
                row.variant,
                f"{row.rate:,.0f}",
                f"{ours / row.rate:.2f}",
                share(row.same),
                share(row.best),
                "" if row.start_up is None else f"{row.start_up:.1f}",
                "" if row.in_budget is None else f"{row.in_budget / 1000:,.0f}",
            ]
            for row in rows
        ],
    )


def _claim(bench: Bench, name: str, rows: Sequence[Row], void: bool) -> None:
    def claim(what: str, wanted: float, measured: float, percent: bool = False) -> None:
        bench.goals.append(Goal(f"A {name}: {what}", wanted, measured, void, percent=percent))

    ours = [row for row in rows if row.name.startswith("methodic")]
    fastest = max(ours, key=lambda row: row.rate)
    claim("share of the limit, same width", SHARE[name], fastest.same or 0, percent=True)
    claim("share of the limit, its best width", SHARE[name], fastest.best or 0, percent=True)
    peers = [row for row in rows if row.name in PEERS]
    named = max(peers, key=lambda row: row.rate)
    claim(f"÷ best peer ({named.name})", 3, fastest.rate / named.rate)
    most = max(row.in_budget or 0 for row in peers)
    for row in ours:
        claim(f"{BUDGET:.0f} s, {row.name} ÷ best peer", 3, (row.in_budget or 0) / most)
    jax = max(row.rate for row in rows if row.name == JAX)
    claim("÷ JAX vmap+scan", 0.9, fastest.rate / jax)
