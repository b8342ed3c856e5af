"""Our DQN beside that of Stable-Baselines3 on the same game, learning on: rows of ``benchmarks/throughput.py``."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from agents.baselines.args import SB3Args
from agents.deepq.args import DQNArgs
from agents.dqn import train_dqn
from agents.sb3 import train_sb3
from benchmarks.comparison.curves import Curve, read_curve
from benchmarks.speed.timing import Load, SpeedRow
from srn_gym.cache.store import Store

# Few clips, so that their answers and features are soon known and the time goes into learning, as in a long training.
CLIPS = 2
PLAIN_WAY = "DQN of SB3"


class Learnt(NamedTuple):
    """Attributes: seconds: of the whole training; curve: its returns."""

    seconds: float
    curve: Curve


def learning_rows(load: Load, device: torch.device) -> Iterator[SpeedRow]:
    """Env steps per second of a whole training, and the time after which the mean return stays near its last value.

    The game, the features and the number of envs and steps are the same; hyper-parameters are each learner's own. The games
    share nothing, so that the second learner does not find what the first one has computed.
    """
    with tempfile.TemporaryDirectory() as folder:
        steps, clips = load.sizes.learning_steps, f"{load.clips}{'&' if '?' in load.clips else '?'}limit={CLIPS}"
        common: dict[str, Any] = {
            "clips": clips,
            "tracker": load.tracker,
            "device": str(device),
            "total_steps": steps,
            "eval_episodes": 0,
        }
        ours = DQNArgs(run_dir=Path(folder) / "ours", **common)
        theirs = SB3Args(algo="dqn", run_dir=Path(folder) / "theirs", num_envs=ours.num_envs, **common)
        found, plain = _learnt(lambda: train_dqn(ours, Store())), _learnt(lambda: train_sb3(theirs, Store()))
    what = f"{steps} steps of {ours.num_envs} envs"
    yield SpeedRow(
        "learning", what, "float32", steps / found.seconds, "steps/s", None, steps / plain.seconds, PLAIN_WAY
    )  # fmt: skip
    last = f"to 90 % of the last return ({found.curve.returns[-1]:.2f}; SB3 {plain.curve.returns[-1]:.2f})"
    yield SpeedRow(
        "learning", last, "float32", time_to_share(found.curve, 0.9), "s", None, time_to_share(plain.curve, 0.9), PLAIN_WAY
    )  # fmt: skip


def _learnt(train: Callable[[], Path]) -> Learnt:
    began = time.perf_counter()
    run = train()
    seconds = time.perf_counter() - began
    curve = read_curve(run)
    assert curve is not None, "no episode has ended"
    return Learnt(seconds, curve)


def time_to_share(curve: Curve, share: float) -> float:
    """Seconds after which the mean return first is at least a share of its last value.

    >>> import numpy as np
    >>> time_to_share(Curve(np.arange(3), np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.95, 1.0])), 0.9)
    2.0
    """
    return float(curve.seconds[(curve.returns >= share * curve.returns[-1]).argmax()])
