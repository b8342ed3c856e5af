"""Train the double DQN of skrl on the batched environment: an example for other libraries that take Gymnasium's vector envs.

python agents/skrl_dqn.py --total-steps 20000                       # the clips that ship; pip install --editable '.[skrl]'
tensorboard --logdir runs
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agents.baselines.extra import require
from srn_core.cli.options import read_options
from srn_core.errors import COUNT, POSITIVE, SHARE, UserError, check_numbers, command
from srn_core.io.claims import claimed

SKRL = "skrl"


@dataclass(frozen=True, kw_only=True)
class SkrlArgs:
    """Train skrl's double DQN on the features that the environment observes."""

    clips: str = "demo?split=train"
    """Data spec of the training clips."""
    tracker: str = "srn-small"
    """The tracker to attack: a checkpoint's name or folder, or MODULE:FUNCTION."""
    total_steps: int = 60_000
    """Length of the training, in env steps (frames played)."""
    num_envs: int = 32
    """Episodes played at the same time."""
    lr: float = 1e-3
    """Learning rate of Adam."""
    gamma: float = 0.99
    """Discount per frame."""
    batch_size: int = 256
    """Transitions per update; there is one update after each step of all envs."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    seed: int = 1
    """Seed of the weights, the exploration, the episodes and the sampling."""
    run_dir: Path = Path("runs/skrl-dqn")
    """Folder for skrl's logs and checkpoints."""

    def __post_init__(self) -> None:
        counts = dict.fromkeys(("total_steps", "num_envs", "batch_size"), COUNT)
        check_numbers(self, counts | {"lr": POSITIVE, "gamma": SHARE, "seed": (0, 2**32 - 1)})
        if self.total_steps < self.num_envs:
            raise UserError(f"--total-steps {self.total_steps}: expected at least --num-envs, which is {self.num_envs}")


def train_skrl(args: SkrlArgs) -> np.ndarray:
    """Train and save; returns the mean reward of each step of all envs, ``(total_steps / num_envs,)``.

    Raises:
        UserError: skrl is not installed, an argument cannot be used, or the folder holds a run.
    """
    require(SKRL, SKRL)
    # Imported here because skrl is an extra.
    from agents.baselines.skrl_model import build_trainer

    if args.run_dir.exists():
        raise UserError(f"--run-dir {args.run_dir}: already exists; remove it or give another folder")
    with claimed(args.run_dir, "--run-dir"):
        trainer, rewards = build_trainer(
            args.clips, args.tracker, args.device, args.num_envs, args.total_steps // args.num_envs, args.lr, args.gamma,
            args.batch_size, args.seed, args.run_dir,
        )  # fmt: skip
        trainer.train()
    return np.array(rewards)


@command
def main() -> None:
    rewards = train_skrl(read_options(SkrlArgs, __doc__))
    part = max(len(rewards) // 10, 1)
    print(f"mean reward per frame: first tenth {rewards[:part].mean():.4f}, last tenth {rewards[-part:].mean():.4f}")


if __name__ == "__main__":
    main()
