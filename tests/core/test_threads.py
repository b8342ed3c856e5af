"""Threads that yield on a busy machine, and envs that work after a fork; each case in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from srn_core import threads

NAMES = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "SRN_THREADS")
REPORT = "import json, os, torch; print(json.dumps([torch.get_num_threads(), os.environ.get('GOMP_SPINCOUNT')]))"
FORKED = """
import gymnasium, srn_gym, torch

def make():
    return gymnasium.make("OcclusionSynthesis-v0", clips="demo?split=val&limit=1", device="cpu")

env = make()
env.reset(seed=3)
alone = [env.step(action)[1] for action in (0, 1, 2)]
assert torch.get_num_threads() == 2
envs = gymnasium.vector.AsyncVectorEnv([make, make], context="fork")
envs.reset(seed=3)
together = [envs.step([action, action])[1][0] for action in (0, 1, 2)]
envs.close()
print(max(abs(a - b) for a, b in zip(alone, together)))
"""


def run(code: str, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in NAMES} | variables
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=120)
    return done.stdout


@pytest.mark.parametrize("package", ["srn_core", "srn_gym", "agents", "benchmarks"])
def test_torch_starts_with_threads_that_yield(package: str) -> None:
    assert json.loads(run(f"import {package}; {REPORT}")) == [threads.usable_cores(), threads.SPIN_COUNT]


def test_settings_of_the_user_are_kept() -> None:
    assert json.loads(run(f"import srn_core; {REPORT}", SRN_THREADS="1")) == [1, threads.SPIN_COUNT]
    assert json.loads(run(f"import srn_core; {REPORT}", OMP_NUM_THREADS="1", SRN_THREADS="2"))[0] == 1
    assert json.loads(run(f"import srn_core; {REPORT}", OMP_WAIT_POLICY="PASSIVE"))[1] is None
    assert json.loads(run(f"import torch, srn_core; {REPORT}"))[1] is None


def test_a_quota_of_the_control_group_limits_the_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    for text, cores in (("max 100000", 8), ("250000 100000", 3), ("50000 100000", 1), ("1600000 100000", 8), ("", 8)):
        monkeypatch.setattr(threads, "QUOTA", tmp_path / "cpu.max")
        threads.QUOTA.write_text(text, encoding="utf-8")
        assert threads.usable_cores() == cores


def test_environments_run_in_forked_processes() -> None:
    assert float(run(FORKED, SRN_THREADS="2")) < 1e-6
