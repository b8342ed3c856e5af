"""How torch's threads share the machine. Imported before torch, which reads OpenMP's settings once, when it is loaded.

OpenMP's threads spin while they wait for each other. On a busy machine, they take the core from the thread that they wait for.
Here they spin for a short time and then yield.

``SRN_THREADS=N`` sets the number of threads. OpenMP's own variables (``OMP_NUM_THREADS``, ``OMP_WAIT_POLICY``,
``GOMP_SPINCOUNT``) are kept if you set them. If torch is loaded already, nothing changes.
"""

import math
import os
import sys
from pathlib import Path

# Turns of the waiting loop. Fewer are slower on an idle machine, many more are slower on a busy one:
# python benchmarks/throughput.py --rows steady
SPIN_COUNT = "10000"
QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """The cores that this process may use: its affinity, and the quota of its control group (Linux)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text().split()
        return min(cores, max(1, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):
        # No such file, or the quota is the word max.
        return cores


def share_the_machine() -> None:
    """Set OpenMP's variables for this process and its children, unless they are set or torch is loaded."""
    if "torch" in sys.modules:
        return
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ):
        os.environ["GOMP_SPINCOUNT"] = SPIN_COUNT
    os.environ.setdefault("OMP_NUM_THREADS", os.environ.get("SRN_THREADS") or str(usable_cores()))


def _use_one_thread_after_a_fork() -> None:
    # A fork copies none of OpenMP's threads, so a computation that waits for them would hang for ever.
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


share_the_machine()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_use_one_thread_after_a_fork)
