"""The options of agents/sb3.py."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.learner_args import LearnerArgs
from srn_core.errors import COUNT, UserError, check_numbers
from srn_gym.rules import Observation


@dataclass(frozen=True, kw_only=True)
class SB3Args(LearnerArgs):
    """Train a baseline of Stable-Baselines3 on the occlusion game, save it, and evaluate what was saved."""

    algo: Literal["dqn", "ppo", "qrdqn"]
    """The algorithm. qrdqn comes from sb3-contrib."""
    hparams: Path | None = None
    """YAML file of hyper-parameters in the layout of rl_zoo3. Default: agents/baselines/hparams/ALGO.yml."""
    observation: Observation = "features"
    """features: a small vector that an SRN tracker computes from the patches. response: how far it would move each landmark.
    change: how the occluder changes that. memory: the same and what each candidate earned on the clip so far, as agents/dqn.py
    sees it. patches: pixels, seen through the SRN's trunk."""
    with_landmark_id: bool = False
    """Also show the number of the landmark that each candidate covers, one-hot, as agents/dqn.py does. Not for
    patches."""
    train_trunk: bool = False
    """Train the trunk too; without this it is frozen. Only for patches."""
    total_steps: int | None = None
    """Length of the training, in env steps (frames played). Default: the value in the file of hyper-parameters."""
    num_envs: int | None = None
    """Episodes played at the same time. Default: the value in the file of hyper-parameters."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, {"seed": (0, 2**32 - 1), "total_steps": COUNT, "num_envs": COUNT})
        if self.with_landmark_id and self.observation == "patches":
            problem = "--with-landmark-id with --observation patches: expected features, response, change or memory"
            raise UserError(f"{problem}; leave one out")
        if self.train_trunk and self.observation != "patches":
            raise UserError(f"--train-trunk with --observation {self.observation}: it has no trunk; expected patches")
