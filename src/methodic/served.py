"""What workers have imported when they begin: this module's import is its work.

It is imported by the server that workers are copied from (`engine.forking`), and by nobody else.
"""

from __future__ import annotations

import os
import signal

# Signals to all processes are answered by the main one alone: the server must outlive the workers.
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
# Before NumPy and torch: one thread in the server. Threads that wait shouldn't spin, since another
# worker needs their core.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import torch.fx.experimental.symbolic_shapes  # noqa: E402, F401  for tensors without memory

import methodic.build  # noqa: E402
import methodic.engine.native.steps  # noqa: E402
import methodic.runs.machine.measuring  # noqa: E402
import methodic.runs.tasks  # noqa: E402, F401
