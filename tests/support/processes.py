"""Commands in several processes, as torchrun starts them."""

import os
import subprocess
import sys
from collections.abc import Sequence

from tests.support.code_blocks import ROOT


def torchrun(words: Sequence[str], processes: int = 2) -> str:
    """Run a script, or ``-m MODULE``, with its arguments; returns what all processes printed on stdout."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*launcher, *words], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
