"""What workers have when they begin."""

from __future__ import annotations

import subprocess
import sys

CHECK = """
import os, signal, sys
import methodic.served
assert "torch" in sys.modules
assert "sklearn" not in sys.modules
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    assert os.environ[name] == "1"
assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
assert len(os.listdir("/proc/self/task")) == 1, os.listdir("/proc/self/task")
"""


def test_it_imports_what_a_task_needs_and_starts_no_thread() -> None:
    """The parts that others start with are imported; scikit-learn, which few need, isn't."""
    source = CHECK if sys.platform == "linux" else CHECK.rpartition("assert")[0]
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
