"""One command after another in a process of its own, whose memory has a limit; see `bounded`."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import sys
from pathlib import Path


def _virtual() -> int:
    """Bytes of address space that this process has taken."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def main() -> None:
    """Read jobs from standard input, one JSON list of arguments or one limit in bytes a line."""
    from methodic.cli import _answer

    # What commands and libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        job = json.loads(line)
        if isinstance(job, int):
            most = _virtual() + job
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
            continue
        out, said = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
            code = _answer(job)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        document = {"code": code, "said": said.getvalue()[-4000:], "peak": peak}
        answers.write(json.dumps(document) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
