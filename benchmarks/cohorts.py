"""Cohorts: member-steps per second against the limit of the machine and against other libraries.

- A: 64 settings of the learning rate on all cores, three small networks, everyone.
- B: one member alone.
- C: cohorts of 1, 2, 4, … 256 members: rate, memory, compilation.
- D: one and two workers of the engine's own pool.
- E: what checkpoints and records cost.
- F: users' own modules, one after the other: a transformer and a convolutional net.

Contestants live in processes of their own (`_hosts`, `_work`), take turns, and the best of the
rounds counts; a round in which other processes used more than 15% of the cores is done again, and a
section without a quiet round is void. Each contestant's first steps are compared with a literal
reference before anything is timed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import _shared as shared
from _bench import ROUNDED, SAME, Bench, Goal
from _hosts import Rates, Team
from _population import LRS, NETWORKS, population

PLAIN = "plain loop"
SMALL, LARGE = "20-64-64-10", "784-128-128-10"
WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
WARM = (1, 8, 32, 256)  # begun a second time
STRETCH = 256  # steps that are prepared at once; memory is measured over one stretch


def main() -> None:
    """Measure the sections that were asked for, and print which claims hold."""
    asked = shared.options(__doc__, _more)
    report = shared.Report(
        "cohorts",
        "Cohorts: batch 128, Adam, cross-entropy",
        asked.quick,
        ("scikit-learn", "keras", "jax"),
    )
    with tempfile.TemporaryDirectory(prefix="cohorts-") as scratch:
        bench = Bench(
            report,
            asked.quick,
            Path(scratch),
            _can_compile(),
            seconds=0.1 if asked.quick else 0.5,
            count=1 if asked.quick else 5,
            extra=3,
        )
        for name, section in SECTIONS.items():
            if name in asked.only:
                start = time.perf_counter()
                section(bench)
                report.say(f"- section {name} took {time.perf_counter() - start:.0f} s")
        bench.print_goals()
    report.end(asked.save)


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only", default="".join(SECTIONS), metavar="SECTION", help="letters, such as A or BC"
    )


def _can_compile() -> bool:
    from _mlps import can_compile

    return can_compile()


# --- B: one member ------------------------------------------------------------------------------


def alone(bench: Bench) -> None:
    """One member, one process; scikit-learn with one thread and with as many as it takes."""
    sizes, lrs = NETWORKS[SMALL], LRS[32:33]
    bench.report.say(f"\n### B. {SMALL}, one member alone\n")
    ours, rivals = "methodic, compiled", "scikit-learn"
    with ExitStack() as stack:
        torch = stack.enter_context(Team(1, 1, bench.shared_cache()))
        contestants: dict[str, tuple[Team, str, dict[str, Any]]] = {
            "limit: products alone": (torch, "limit", {"width": 1}),
            "methodic, eager": (torch, "methodic", {"lrs": lrs, "width": 1, "compiled": False}),
            "PyTorch loop, Adam": (torch, "eager", {"lrs": lrs, "fused": False}),
            "PyTorch loop, Adam(fused=True)": (torch, "eager", {"lrs": lrs, "fused": True}),
        }
        if bench.compiled:
            contestants[ours] = (torch, "methodic", {"lrs": lrs, "width": 1, "compiled": True})
        for threads, label in ((1, "1 thread"), (None, "its own threads")):
            team = stack.enter_context(Team(1, threads))
            contestants[f"{rivals}, {label}"] = (team, "sklearn", {"lrs": lrs, "jobs": 1})
        for name, (team, kind, options) in contestants.items():
            team.make(name, kind, {"sizes": sizes, **options})
            bench.check(team, name, f"B, {name}")
            team.calibrate(name, bench.seconds)
        cases = {n: (lambda n=n, t=t: t.rate(n)) for n, (t, _, _) in contestants.items()}
        rates = bench.rounds("one member", cases)
    best = {name: rates.best(name) for name in contestants}
    sklearn = max(rate for name, rate in best.items() if name.startswith(rivals))
    rows = [
        [name, f"{rate:,.0f}", f"{rate / sklearn:.2f}"]
        for name, rate in sorted(best.items(), key=lambda item: -item[1])
    ]
    bench.report.table(["one member", "steps/s", "÷ scikit-learn's best"], rows)
    fastest = max(rate for name, rate in best.items() if name.startswith("methodic"))
    bench.goals.append(Goal("B: ÷ scikit-learn's best", 2.5, fastest / sklearn, rates.void))


# --- C: widths ----------------------------------------------------------------------------------


def widths(bench: Bench) -> None:
    """Each width in a new process, as many at a time as there are cores.

    All share a cache that is empty at first, so the first ones also pay for what the compiler
    prepares once on a machine. A few widths are begun again, by processes that find their code.
    """
    tried = (1, 8) if bench.quick else WIDTHS
    bench.report.say(f"\n### C. {SMALL}, width of the cohort, one process with one thread\n")
    cache = bench.cache("C")
    columns: dict[int, list[str]] = {}
    cases: dict[str, Callable[[], float]] = {}
    with ExitStack() as stack:
        for part in _parts(tried):
            team = stack.enter_context(Team(len(part), 1, cache))
            memory, compilation = _built(bench, team, part)
            for host, width in enumerate(part):
                columns[width] = [*memory[host], compilation[host]]
                cases |= _width_cases(bench, team.only(host), width)
        if bench.compiled:
            for part in _parts([width for width in WARM if width in tried]):
                with Team(len(part), 1, cache) as team:
                    made = team.make_each("methodic", [("warm", _one(w, True)) for w in part])
                for width, seconds in zip(part, made.seconds, strict=True):
                    columns[width].append(f"{seconds:.1f}")
        found = bench.rounds("widths", cases, 3)
    _print_widths(bench, columns, found)


def _parts(tried: Sequence[int]) -> list[Sequence[int]]:
    return [tried[at : at + shared.CORES] for at in range(0, len(tried), shared.CORES)]


def _one(width: int, compiled: bool) -> dict[str, Any]:
    return {
        "sizes": NETWORKS[SMALL],
        "lrs": [1e-3] * width,
        "width": width,
        "compiled": compiled,
    }


def _built(
    bench: Bench, team: Team, part: Sequence[int]
) -> tuple[list[tuple[str, str]], list[str]]:
    """Memory that eager and then compiled steps took, and the seconds of compilation."""
    for module in ("methodic.engine.loop", "methodic.build"):
        before = [a["peak"] for a in team.ask([{"do": "import", "module": module}] * len(part))]
    team.make_each("methodic", [("eager", _one(width, False)) for width in part])
    run = {"do": "run", "key": "eager", "steps": 8 if bench.quick else STRETCH}
    eager = [
        f"{a['peak'] - b:.0f}" for a, b in zip(team.ask([run] * len(part)), before, strict=True)
    ]
    if not bench.compiled:
        return [(each, "") for each in eager], [""] * len(part)
    made = team.make_each("methodic", [("compiled", _one(width, True)) for width in part])
    peaks = [f"{peak - b:.0f}" for peak, b in zip(made.peaks, before, strict=True)]
    return list(zip(eager, peaks, strict=True)), [f"{seconds:.1f}" for seconds in made.seconds]


def _width_cases(bench: Bench, team: Team, width: int) -> dict[str, Callable[[], float]]:
    team.make("limit", "limit", {"sizes": NETWORKS[SMALL], "width": width})
    keys = ("eager", "compiled", "limit") if bench.compiled else ("eager", "limit")
    for key in keys:
        team.calibrate(key, bench.seconds / 2)
    return {f"{width}, {key}": lambda key=key: team.rate(key) for key in keys}  # type: ignore[misc]


def _print_widths(bench: Bench, columns: Mapping[int, Sequence[str]], found: Rates) -> None:
    rows = []
    for width, cells in columns.items():
        rate = [found.best(f"{width}, eager")]
        rate += [found.best(f"{width}, compiled")] if bench.compiled else []
        shown = [f"{each:,.0f}" for each in rate] + [""] * (2 - len(rate))
        share = f"{max(rate) / found.best(f'{width}, limit'):.0%}"
        rows.append([width, *shown, share, *cells, *[""] * (4 - len(cells))])
    bench.report.table(
        [
            f"width{' (void)' if found.void else ''}",
            "eager, member-steps/s",
            "compiled",
            "best ÷ limit",
            f"memory for {STRETCH} eager steps, MB",
            "and for compiled ones",
            f"compilation, {shared.CORES} at once, s",
            "warm, s",
        ],
        rows,
    )


# --- D: workers ---------------------------------------------------------------------------------


def workers(bench: Bench) -> None:
    """The same cohorts by the engine's pool of one worker, and of one for each core."""
    from _mlps import pool_work

    from methodic.engine.workers import Pool

    sizes, width = NETWORKS[SMALL], 16
    cohorts = len(LRS) // width
    bench.report.say(f"\n### D. {SMALL}, workers of one thread, {cohorts} cohorts of {width}\n")
    cases: dict[str, Callable[[], float]] = {}
    with ExitStack() as stack:
        stack.enter_context(_environment(bench.shared_cache()))
        for count in (1, shared.CORES):
            pool = stack.enter_context(Pool(count, 1))

            def rate(steps: int, pool: Pool = pool) -> float:
                arguments = (tuple(sizes), width, bench.compiled, steps)
                done = [pool.submit(pool_work, *arguments) for _ in range(cohorts)]
                spent = [each.result() for each in done]
                return (
                    steps * width * cohorts / (max(e for _, e in spent) - min(s for s, _ in spent))
                )

            rate(1)  # compiled now
            warm = rate(32)
            steps = max(1, round(warm * 2 * bench.seconds / width / cohorts))
            cases[str(count)] = lambda rate=rate, steps=steps: rate(steps)  # type: ignore[misc]
        rates = bench.rounds("workers", cases)
    one = rates.best("1")
    rows = [[name, f"{rates.best(name):,.0f}", f"{rates.best(name) / one:.2f}"] for name in cases]
    void = " (void)" if rates.void else ""
    bench.report.table([f"workers{void}", "member-steps/s", "÷ one worker"], rows)


@contextmanager
def _environment(more: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


# --- E: checkpoints and records -----------------------------------------------------------------


def checkpoints(bench: Bench) -> None:
    """Whole trainings on all cores at once, so that what is written has no idle core to hide on."""
    sizes, width = NETWORKS[LARGE], 8
    bench.report.say(f"\n### E. {LARGE}, {shared.CORES} processes, cohorts of {width}\n")
    base = {"sizes": sizes, "lrs": LRS[:width], "compiled": bench.compiled}
    kinds = {
        "steps alone": {"evaluations": 0, "interval": None},
        "with records": {"evaluations": 0, "interval": None, "noted": True},
        "no checkpoints": {"evaluations": 20, "interval": None},
        "default interval": {"evaluations": 20, "interval": "default"},
        "every second": {"evaluations": 20, "interval": 1.0},
    }
    with Team(shared.CORES, 1, bench.shared_cache()) as team:
        for name, options in kinds.items():
            team.make(name, "training", {**base, **options})
        short, long = list(kinds)[:2], list(kinds)[2:]
        interval = team.notes("default interval")["interval"]
        team.calibrate(short[0], 2 * bench.seconds)
        team.calibrate(long[0], 1.5 if bench.quick else interval + 1.5)
        for name in kinds:
            team.steps[name] = team.steps[short[0] if name in short else long[0]]
        cases = {name: (lambda name=name: team.rate(name)) for name in kinds}
        rates = {
            **dict.fromkeys(short, bench.rounds("records", {n: cases[n] for n in short})),
            **dict.fromkeys(long, bench.rounds("checkpoints", {n: cases[n] for n in long}, 2)),
        }
        notes = {name: team.notes(name) for name in long}
    rows, bases = [], {"steps alone": "steps alone", "with records": "steps alone"}
    for name in kinds:
        against = bases.get(name, "no checkpoints")
        cost = rates[name].best(against) / rates[name].best(name) - 1
        written = notes.get(name, {}).get("checkpoints", 0)
        size = notes.get(name, {}).get("megabytes", 0.0)
        told = f"{written} × {size:.1f} MB" if written else ""
        steps = team.steps[name] * width * shared.CORES
        rows.append(
            [
                name,
                f"{steps / rates[name].best(name):.2f}",
                "" if name == against else f"{cost:+.1%}",
                told,
            ]
        )
        if name in ("with records", "default interval"):
            what = "records" if name == "with records" else f"checkpoints every {interval:.0f} s"
            goal = Goal(f"E: {what}", 0.03, cost, rates[name].void, at_most=True, percent=True)
            bench.goals.append(goal)
    header = ["a training", "seconds", "more than without", "written by each process"]
    bench.report.table(header, rows)


# --- F: users' own modules ----------------------------------------------------------------------


def modules(bench: Bench) -> None:
    """Members one after the other, all threads: by the engine, and by the plain loop."""
    bench.report.say("\n### F. Users' own modules, 8 members one after the other, all threads\n")
    lrs = LRS[:2] if bench.quick else LRS[::8]
    plain = {"half": False, "last": False, "compiled": False, "fused": False}
    for which in ("transformer", "convolutional"):
        last = which == "convolutional"
        half = "bfloat16, channels last" if last else "bfloat16"
        fast = {"half": True, "last": last, "fused": True}
        kinds: dict[str, tuple[str, dict[str, Any]]] = {
            PLAIN: ("plain", plain),
            f"{PLAIN}, fused Adam": ("plain", {**plain, "fused": True}),
            f"{PLAIN}, {half}": ("plain", {**plain, **fast}),
            "methodic": ("module", {}),
            f"methodic, {half}": ("module", {"half": True, "last": last}),
        }
        if last:
            kinds["methodic, channels last"] = ("module", {"last": True})
        if not bench.quick:
            kinds[f"{PLAIN}, {half}, compiled"] = ("plain", {**plain, **fast, "compiled": True})
        with ExitStack() as stack:
            teams = {
                name: stack.enter_context(
                    Team(1, shared.CORES, bench.cache(f"F-{which}-{name.replace(' ', '')}"))
                )
                for name in kinds
            }

            failed = _failures(teams, kinds, {"which": which, "lrs": lrs})
            for name, error in failed.items():
                bench.report.say(f"- {which}, {name}: not possible: {error}")
            ready = {name: team for name, team in teams.items() if name not in failed}
            for name, team in ready.items():
                same = ROUNDED if kinds[name][1].get("half") else SAME
                bench.check(team, "it", f"F, {which}, {name}", same)
                team.calibrate("it", 2 * bench.seconds)
            cases = {n: (lambda t=t: t.rate("it")) for n, t in ready.items()}
            rates = bench.rounds(which, cases)
        _print_modules(bench, which, {name: rates.best(name) for name in ready}, rates.void)


def _failures(
    teams: Mapping[str, Team], kinds: Mapping[str, tuple[str, dict[str, Any]]], base: dict[str, Any]
) -> dict[str, str]:
    """Build all contestants at once; why some couldn't be built."""

    def failure(name: str) -> str:
        kind, options = kinds[name]
        try:
            teams[name].make("it", kind, {**base, **options})
        except RuntimeError as error:
            return str(error).strip().splitlines()[-1]
        return ""

    with ThreadPoolExecutor(len(kinds)) as pool:
        said = dict(zip(kinds, pool.map(failure, kinds), strict=True))
    return {name: error for name, error in said.items() if error}


def _print_modules(bench: Bench, which: str, best: dict[str, float], void: bool) -> None:
    loop = max(best[PLAIN], best[f"{PLAIN}, fused Adam"])
    rows = [
        [name, f"{rate:.1f}", f"{rate / loop:.2f}"]
        for name, rate in sorted(best.items(), key=lambda item: -item[1])
    ]
    title = f"{which}{' (void)' if void else ''}"
    bench.report.table([title, "member-steps/s", "÷ plain float32 loop"], rows)
    ours = [rate for name, rate in best.items() if name.startswith("methodic")]
    fastest = max(ours)
    bench.goals += [
        Goal(f"F: {which}, ÷ plain float32 loop", 1.0, best["methodic"] / loop, void),
        Goal(f"F: {which}, with what pays", 1.5, fastest / loop, void),
    ]


SECTIONS: dict[str, Callable[[Bench], None]] = {
    "A": population,
    "B": alone,
    "C": widths,
    "D": workers,
    "E": checkpoints,
    "F": modules,
}

if __name__ == "__main__":
    main()
