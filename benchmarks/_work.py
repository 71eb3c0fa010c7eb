"""A host process: builds contestants and lets them work, as `_hosts.Team` asks through a pipe.

Requests and answers are lines of JSON. Libraries are imported by the first contestant that needs
them, so that a process which is started for one contestant pays for that one alone.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MAKERS = {  # kind → (module, function)
    "methodic": ("_mlps", "methodic"),
    "limit": ("_mlps", "limit"),
    "eager": ("_mlps", "eager"),
    "sklearn": ("_rivals", "sklearn"),
    "keras": ("_rivals", "keras"),
    "jax": ("_rivals", "jax"),
    "training": ("_trainings", "training"),
    "module": ("_nets", "methodic"),
    "plain": ("_nets", "plain"),
}


@dataclass
class Runner:
    """Something that trains.

    Args:
        advance: takes about so many steps, and returns the member-steps that it took.
        check: how far its first steps are from a literal reference, in units of the way that the
            reference went.
        unit: it should be asked for multiples of so many steps.
        notes: what else there is to tell.
    """

    advance: Callable[[int], int]
    check: Callable[[], float] | None = None
    unit: int = 1
    notes: dict[str, Any] = field(default_factory=dict)


def main() -> None:
    """Answer requests until the pipe is closed."""
    warnings.simplefilter("ignore")  # "not yet converged", and the like
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever libraries print
    runners: dict[str, Runner] = {}
    for line in sys.stdin:
        try:
            answer = _done(json.loads(line), runners)
        except Exception:
            answer = {"error": traceback.format_exc()[-3000:]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _done(request: dict[str, Any], runners: dict[str, Runner]) -> dict[str, Any]:
    start = time.perf_counter()
    match request["do"]:
        case "import":
            importlib.import_module(request["module"])
            return {"peak": peak()}
        case "make":
            module, function = MAKERS[request["kind"]]
            make = getattr(importlib.import_module(module), function)
            runner = runners[request["key"]] = make(**request["options"])
            done = runner.advance(1)
            seconds = time.perf_counter() - start
            return {"done": done, "seconds": seconds, "peak": peak(), "unit": runner.unit}
        case "run":
            runner = runners[request["key"]]
            return {"done": runner.advance(request["steps"]), "peak": peak()}
        case "check":
            check = runners[request["key"]].check
            return {"deviation": None if check is None else check()}
        case "notes":
            return runners[request["key"]].notes
        case other:
            raise ValueError(other)


def peak() -> float:
    """The most memory that this process has held so far, in MB."""
    with open("/proc/self/status") as status:  # noqa: PTH123
        for line in status:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return float("nan")


if __name__ == "__main__":
    # Contestants import Runner from here; without this they would get a second one.
    sys.modules["_work"] = sys.modules["__main__"]
    main()
