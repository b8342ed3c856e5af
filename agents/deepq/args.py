"""The arguments of agents/dqn.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.deepq.replay import MAX_N_STEP
from srn_core.errors import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, UserError, check_numbers
from srn_gym.rules import TrainingRules


@dataclass(frozen=True)
class DQNArgs(TrainingRules):
    """Train a multi-queue DQN on the occlusion game, save it, and evaluate what was saved."""

    clips: str = "demo?split=train"
    """Data spec of the clips to train on."""
    val_clips: str | None = None
    """Data spec to evaluate on; the training spec with split=val where not given."""
    tracker: str = "srn-small"
    """The tracker to attack: a checkpoint's name or folder, onnx:PATH?..., constant or MODULE:FUNCTION."""
    encoder: str = ""
    """The SRN that the Q-network sees through; the tracker's if that has one, else srn-small, where not given."""
    seed: int = 1
    """Seeds weights, exploration, episodes and sampling."""
    total_steps: int = 60_000
    """Env steps (frames played)."""
    num_envs: int = 32
    """Episodes side by side."""
    window: int | None = 64
    """Frames of an episode at most; longer clips start at a random frame."""
    lr: float = 1e-3
    """Learning rate of Adam."""
    gamma: float = 0.99
    """Discount a frame. Of 0.9, 0.97 and 0.99 the last was best on unseen talking heads."""
    n_step: int = 1
    """Rewards summed before the bootstrap."""
    double: bool = True
    """Double DQN: the online network chooses the next action, the target network values it."""
    trunk: Literal["frozen", "tuned"] = "frozen"
    """Whether the SRN's patch trunk learns with the head. frozen: its answers are computed once; tuned: for a GPU."""
    trunk_lr: float = 1e-5
    """Learning rate of a tuned trunk."""
    batch_size: int = 256
    """Transitions an update."""
    updates_per_step: int = 2
    """Updates after each step of all envs."""
    target_rate: float = 0.01
    """The target network follows by this share an update."""
    learning_starts: int = 2_000
    """Env steps played at random before the first update; half of --total-steps where that is less."""
    queues: int = 256
    """M: clips that the replay remembers."""
    capacity: int = 4_096
    """Transitions a queue."""
    single_queue: bool = False
    """One FIFO of queues x capacity transitions in place of the queues, of which only as many fill as there are clips."""
    epsilon_end: float = 0.05
    """Share of random actions at the end of the decay, which starts at 1."""
    epsilon_decay: float = 0.5
    """Share of the run over which epsilon falls."""
    relative_to_clean: bool = False
    """Show the network how much more the SRN would move the landmarks than on the clean frame, not the candidate alone. Share
    on unseen talking heads, ten seeds: 0.21 against 0.19; on those of the training 0.44 against 0.45."""
    landmark_only: bool = False
    """Show the network nothing but the covered landmark's number: what is won without looking at faces."""
    without_landmark_id: bool = False
    """Do not tell the network the covered landmark's number, but show it the picture alone, as the SB3 baselines see it."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    eval_episodes: int = 48
    """Episodes of the evaluation of the saved policy; 0: none."""
    save_every: int = 20_000
    """Env steps between checkpoints."""
    run_dir: Path | None = None
    """Folder for logs and checkpoints; runs/dqn-SEED where not given."""
    resume: bool = False
    """Go on from the checkpoint in the run's folder."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, LIMITS)
        if self.landmark_only and self.without_landmark_id:
            raise UserError("--landmark-only with --without-landmark-id: nothing is left to learn from; leave one out")

    @property
    def first_update(self) -> int:
        """Env steps before the first update."""
        return min(self.learning_starts, -(-self.total_steps // 2))


LIMITS = {
    **dict.fromkeys(("total_steps", "num_envs", "batch_size", "updates_per_step"), COUNT),
    **dict.fromkeys(("learning_starts", "queues", "capacity", "save_every"), COUNT),
    "eval_episodes": NOT_NEGATIVE,
    **dict.fromkeys(("gamma", "target_rate", "epsilon_end", "epsilon_decay"), SHARE),
    "seed": (0, 2**63 - 1),
    "lr": (POSITIVE[0], 1),
    "trunk_lr": SHARE,
    "n_step": (1, MAX_N_STEP),
}
