"""Every step on the clips that ship: train a DQN, compare it with random and planned placement, write plots and a video.

make demo
"""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from agents.deepq.args import DQNArgs
from agents.dqn import train_dqn
from agents.playing.args import EvaluateArgs
from agents.playing.evaluation import play_policies
from agents.playing.video import write_episode
from benchmarks.compare_policies import compare
from benchmarks.comparison.args import CompareArgs
from srn_core.cli.options import read_options
from srn_core.errors import COUNT, NOT_NEGATIVE, UserError, check_numbers, command
from srn_core.io.files import plain, write_json

# Marks a folder whose run the next demo may replace.
MARK = "demo.json"


@dataclass(frozen=True, kw_only=True)
class DemoArgs:
    """Train and compare on the demo clips; 5 to 10 minutes on 2 cores."""

    out: Path = Path("runs/demo")
    """Folder for the run, the tables, plots and the video. The results of an earlier demo there are replaced."""
    total_steps: int = 60_000
    """Length of the training, in env steps (frames played)."""
    episodes: int = 32
    """Episodes per seed of the comparison on the four held-out heads."""
    seed: int = 1
    """Seed of the training."""

    def __post_init__(self) -> None:
        check_numbers(self, {"total_steps": COUNT, "episodes": COUNT, "seed": NOT_NEGATIVE})


def demo(args: DemoArgs) -> None:
    """Train, compare, and record an episode."""
    began = time.time()
    run_dir = args.out / "dqn"
    if run_dir.exists() and not (args.out / MARK).is_file():
        raise UserError(f"{run_dir}: already exists and is not a demo's; give another --out")
    write_json(args.out / MARK, plain(args))
    shutil.rmtree(run_dir, ignore_errors=True)
    print(f"1/3 training a DQN on the 12 training heads ({run_dir}; watch it with: tensorboard --logdir {args.out})")
    train_dqn(DQNArgs(seed=args.seed, total_steps=args.total_steps, run_dir=run_dir))
    print("2/3 comparing policies on four heads that it was not trained on")
    policies = ("none", "random-walk", "random-jump", "prior", str(run_dir), "greedy", "optimal")
    compare(CompareArgs(policies=policies, episodes=args.episodes, out=args.out))
    print("3/3 recording an episode of the trained policy")
    game, rollouts = play_policies(EvaluateArgs(policy=str(run_dir), episodes=1), [str(run_dir)])
    write_episode(game, rollouts[str(run_dir)], 0, args.out / "episode.mp4")
    print(f"done in {time.time() - began:.0f} s: {args.out}/README.md, figures.json, policies.png, places.png, episode.mp4")


@command
def main() -> None:
    demo(read_options(DemoArgs, __doc__))


if __name__ == "__main__":
    main()
