"""What starting costs: `methodic --help`, an argument error, `import methodic`.

Whole processes, interleaved; beside them the bare interpreter, and the import of torch and of
scikit-learn, which none of the three may pay for.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable

import _shared as shared

HEAVY = ["torch", "numpy", "scipy", "sklearn", "polars", "pandas", "pyarrow", "plotly", "loky"]
LIGHT = ["typer", "pydantic", "yaml", "rich"]  # allowed, and shown because they cost something, too
BARE = "python -c pass"
IMPORT = "python -c 'import methodic'"

_LOADED = """
import sys
{code}
print(*(name for name in {names} if name in sys.modules), file=sys.stderr)
"""
_CLI = """
sys.argv = ["methodic", *{arguments}]
from methodic.cli import main
try:
    main()
except SystemExit:
    pass
"""

CASES: dict[str, tuple[list[str], int]] = {  # what to start, and the exit code that is due
    BARE: ([shared.PYTHON, "-c", "pass"], 0),
    IMPORT: ([shared.PYTHON, "-c", "import methodic"], 0),
    "methodic --help": ([shared.METHODIC, "--help"], 0),
    "methodic run missing.csv": ([shared.METHODIC, "run", "missing.csv"], 2),
    "python -c 'import sklearn'": ([shared.PYTHON, "-c", "import sklearn"], 0),
    "python -c 'import torch'": ([shared.PYTHON, "-c", "import torch"], 0),
}
LOADED = {
    IMPORT: "import methodic",
    "methodic --help": _CLI.format(arguments=["--help"]),
    "methodic run missing.csv": _CLI.format(arguments=["run", "missing.csv"]),
}


def main() -> None:
    """Time all cases and print the table."""
    asked = shared.options(__doc__)
    rounds = 3 if asked.quick else 15
    report = shared.Report(
        "startup",
        f"Starting: whole processes, {rounds} interleaved rounds",
        asked.quick,
        ("typer",),
    )
    with tempfile.TemporaryDirectory() as empty:  # where missing.csv is missing
        cases = {name: _timed(*case, empty) for name, case in CASES.items()}
        for case in cases.values():
            case()  # once for the disk's cache
        seconds = shared.interleaved(cases, rounds)
        loaded = {name: _loaded(code, empty) for name, code in LOADED.items()}
    bare = statistics.median(seconds[BARE]), min(seconds[BARE])
    rows = []
    for name, each in seconds.items():
        middle, least = statistics.median(each), min(each)
        rows.append(
            [
                f"`{name}`",
                f"{least * 1000:.0f} ms",
                f"{middle * 1000:.0f} ms",
                f"{max(each) * 1000:.0f} ms",
                f"{(least - bare[1]) * 1000:+.0f} ms",
                f"{(middle - bare[0]) * 1000:+.0f} ms",
                (", ".join(loaded[name]) or "none") if name in loaded else "",
            ]
        )
    report.table(
        ["process", "min", "median", "max", "min − bare", "median − bare", "libraries it loaded"],
        rows,
    )
    heavy = sorted({library for each in loaded.values() for library in each if library in HEAVY})
    report.say(f"- heavy libraries loaded: {', '.join(heavy) or 'none'} (of {', '.join(HEAVY)})")
    report.raw = {"seconds": seconds, "loaded": loaded}
    report.end(asked.save)


def _timed(command: list[str], due: int, folder: str) -> Callable[[], float]:
    def case() -> float:
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, cwd=folder)
        seconds = time.perf_counter() - start
        if done.returncode != due:
            raise RuntimeError(f"{command}: exit code {done.returncode}\n{done.stderr.decode()}")
        return seconds

    return case


def _loaded(code: str, folder: str) -> list[str]:
    """Which of the libraries are in memory after ``code`` has run."""
    program = _LOADED.format(code=code, names=[*HEAVY, *LIGHT])
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [shared.PYTHON, "-c", program],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        check=True,
    )
    return done.stderr.splitlines()[-1].split()


if __name__ == "__main__":
    main()
