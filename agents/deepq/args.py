"""The options of agents/dqn.py."""

from dataclasses import dataclass
from typing import Literal

from agents.deepq.features import View
from agents.deepq.replay import MAX_N_STEP
from agents.learner_args import LearnerArgs
from srn_core.errors import COUNT, POSITIVE, SHARE, UserError, check_numbers
from srn_core.victims.registry import is_crossfit

_LIMITS = {
    **dict.fromkeys(("total_steps", "num_envs", "batch_size", "updates_per_step"), COUNT),
    **dict.fromkeys(("learning_starts", "queues", "capacity", "save_every"), COUNT),
    **dict.fromkeys(("gamma", "target_rate", "epsilon_end", "epsilon_decay", "trunk_lr"), SHARE),
    "seed": (0, 2**63 - 1),
    "lr": (POSITIVE[0], 1),
    "n_step": (1, MAX_N_STEP),
    "dropout": (0, 0.99),
}


@dataclass(frozen=True, kw_only=True)
class DQNArgs(LearnerArgs):
    """Train a multi-queue DQN on the occlusion game, save it, and evaluate what was saved."""

    encoder: str = ""
    """The SRN whose features the Q-network sees: a checkpoint's name or folder. Default: the tracker that is played against,
    in the training and later, or srn-small if that is not an SRN."""
    total_steps: int = 60_000
    """Length of the training, in env steps (frames played)."""
    num_envs: int = 32
    """Episodes played at the same time."""
    lr: float = 1e-3
    """Learning rate of Adam."""
    gamma: float = 0.99
    """Discount per frame. Of 0.9, 0.97 and 0.99, 0.99 was best on unseen talking heads."""
    n_step: int = 1
    """Rewards that are summed before the target network's value is added."""
    double: bool = True
    """Double DQN: the online network chooses the next action, the target network values it."""
    trunk: Literal["frozen", "tuned"] = "frozen"
    """frozen: the SRN's patch trunk stays fixed, so its features are computed once. tuned: it is trained too; use a GPU."""
    trunk_lr: float = 1e-5
    """Learning rate of a tuned trunk."""
    batch_size: int = 256
    """Transitions per update."""
    updates_per_step: int = 2
    """Updates after each step of all envs."""
    target_rate: float = 0.01
    """At each update, the target network moves by this share of its distance to the online network."""
    learning_starts: int = 2_000
    """Env steps with random actions before the first update. At most half of --total-steps is used."""
    queues: int = 256
    """Number of queues (M). The replay holds the last M clips, one queue per clip. At least the number of clips that
    are played at once."""
    capacity: int = 4_096
    """Transitions per queue."""
    single_queue: bool = False
    """Keep all clips in one queue of --queues times --capacity transitions. With fewer clips than --queues, it holds more
    transitions than separate queues would."""
    epsilon_end: float = 0.05
    """Share of random actions after the decay. The decay starts at 1."""
    epsilon_decay: float = 0.5
    """Share of the training over which the random actions decrease."""
    view: View = "change"
    """What the network sees of a candidate, all from the SRN's one-step update of the landmarks. change: how much the occluder
    changes its mean length over all landmarks and over each part of the face, 7 numbers for 68 points. parts: these lengths on
    the covered frame, 7 numbers. response: its length for each landmark, and the length of its change, 136 numbers. The env's
    observations change and response have the same."""
    dropout: float = 0.3
    """Share of the network's hidden units that are dropped in each update, so that it does not learn single faces by heart."""
    plan: Literal["clip", "training", "none"] = "clip"
    """What is added to the network's values, so that the network learns only what the picture changes. clip: what the best path
    is worth by each landmark's mean excess error, of the training and, as the clip is played, more and more of this clip;
    training: of the training alone; none: nothing. A plan costs one more answer of the tracker per frame where the reward is
    not excess."""
    landmark_only: bool = False
    """Show the network only the covered landmark's number. With --plan training or none, this measures what a policy gains
    without knowing the face."""
    without_landmark_id: bool = False
    """Show the network only the picture, not the covered landmark's number, and add no plan."""
    save_every: int = 20_000
    """Env steps between checkpoints."""
    resume: bool = False
    """Continue from the checkpoint in the run's folder."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, _LIMITS)
        if self.trunk == "tuned" and not self.encoder and is_crossfit(self.tracker):
            raise UserError(f"--trunk tuned with --tracker {self.tracker}: that has several trunks; name one with --encoder")
        if self.landmark_only and self.without_landmark_id:
            raise UserError("--landmark-only with --without-landmark-id: the network would see nothing; leave one out")

    @property
    def plans(self) -> bool:
        """Whether the network's values hold a plan."""
        return self.plan != "none" and not self.without_landmark_id

    @property
    def first_update(self) -> int:
        """Env steps before the first update."""
        return min(self.learning_starts, -(-self.total_steps // 2))
