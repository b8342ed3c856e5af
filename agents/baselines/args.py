"""The arguments of agents/sb3.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from srn_core.errors import COUNT, NOT_NEGATIVE, UserError, check_numbers
from srn_gym.rules import Observation, TrainingRules


@dataclass(frozen=True)
class SB3Args(TrainingRules):
    """Train a baseline of Stable-Baselines3 on the occlusion game, save it, and evaluate what was saved."""

    algo: Literal["dqn", "ppo", "qrdqn"]
    """The algorithm; qrdqn is sb3-contrib's."""
    hparams: Path | None = None
    """YAML file of hyper-parameters in rl_zoo3's layout; agents/baselines/hparams/ALGO.yml where not given."""
    clips: str = "demo?split=train"
    """Data spec of the clips to train on."""
    val_clips: str | None = None
    """Data spec to evaluate on; the training spec with split=val where not given."""
    tracker: str = "srn-small"
    """The tracker to attack: a checkpoint's name or folder, onnx:PATH?..., constant or MODULE:FUNCTION."""
    observation: Observation = "features"
    """features: what an SRN tracker makes of the patches, small; patches: pixels, seen through the SRN's trunk."""
    with_landmark_id: bool = False
    """Also tell which landmark each candidate covers, one-hot, as agents/dqn.py tells its network. For features."""
    train_trunk: bool = False
    """Let the trunk learn too; it is frozen otherwise. For patches."""
    seed: int = 1
    """Seeds weights, exploration, episodes and sampling."""
    total_steps: int | None = None
    """Env steps (frames played); those of the hyper-parameters where not given."""
    num_envs: int | None = None
    """Episodes side by side; those of the hyper-parameters where not given."""
    window: int | None = 64
    """Frames of an episode at most; longer clips start at a random frame."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    eval_episodes: int = 48
    """Episodes of the evaluation of the saved policy; 0: none."""
    run_dir: Path | None = None
    """Folder for logs and the model; runs/sb3-ALGO-SEED where not given."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, LIMITS)
        if self.with_landmark_id and self.observation != "features":
            raise UserError(f"--with-landmark-id with --observation {self.observation}: expected features; leave one out")


LIMITS = {
    "seed": (0, 2**32 - 1),
    "eval_episodes": NOT_NEGATIVE,
    **dict.fromkeys(("total_steps", "num_envs"), COUNT),
}
