"""Every step on the clips that ship: simple players and a picture first, then a trained DQN, tables, plots, a video, a page.

make demo
"""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.deepq.args import DQNArgs
from agents.dqn import train_dqn
from agents.playing.args import EvaluateArgs
from agents.playing.evaluation import play_policies
from agents.playing.summary import REFERENCE, print_summary, summarise
from agents.playing.video import write_episode
from benchmarks.compare_policies import compare
from benchmarks.comparison.args import CompareArgs
from benchmarks.comparison.episode import plot_episode
from benchmarks.report import report
from benchmarks.reporting.args import ReportArgs
from srn_core.cli.options import read_options
from srn_core.errors import COUNT, NOT_NEGATIVE, UserError, check_numbers, command
from srn_core.io.files import plain, write_json

# Marks a folder whose run the next demo may replace.
MARK = "demo.json"
SIMPLE = ("none", REFERENCE, "random-jump", "prior", "adaptive", "greedy")
# The first table shall come within a minute, and most of its cost is what prior learns from the training clips.
FIRST_EPISODES, PRIOR_FRAMES = 16, 4
PICTURE, PAGE, PAGE_EPISODES = "episode.png", "report.html", 2


@dataclass(frozen=True, kw_only=True)
class DemoArgs:
    """Play, train and compare on the demo clips; some minutes on 2 cores."""

    out: Path = Path("runs/demo")
    """Folder for the run, the tables, plots and the video. The results of an earlier demo there are replaced."""
    clips: str = "demo?split=val"
    """Data spec of the clips on which players are compared."""
    train_clips: str = "demo?split=train"
    """Data spec of the clips on which the DQN is trained."""
    tracker: str = "srn-small"
    """The tracker to attack: a checkpoint's name or folder, onnx:PATH?..., constant or MODULE:FUNCTION."""
    total_steps: int = 60_000
    """Length of the training, in env steps (frames played)."""
    episodes: int = 32
    """Episodes per seed of the comparison on the four held-out heads."""
    seed: int = 1
    """Seed of the training."""

    def __post_init__(self) -> None:
        check_numbers(self, {"total_steps": COUNT, "episodes": COUNT, "seed": NOT_NEGATIVE})


def demo(args: DemoArgs) -> None:
    """Show the simple players, train, compare, and record an episode. All steps share the tracker's answers."""
    began = time.time()
    run_dir = args.out / "dqn"
    if run_dir.exists() and not (args.out / MARK).is_file():
        raise UserError(f"{run_dir}: already exists and is not a demo's; give another --out")
    write_json(args.out / MARK, plain(args))
    shutil.rmtree(run_dir, ignore_errors=True)
    print(f"1/4 simple players on {args.clips}")
    first_look(args)
    print(f"    after {time.time() - began:.0f} s. Look at {args.out / PICTURE}")
    print(f"2/4 training a DQN on {args.train_clips} ({run_dir}; watch it with: tensorboard --logdir {args.out})")
    train_dqn(
        DQNArgs(
            seed=args.seed,
            total_steps=args.total_steps,
            run_dir=run_dir,
            clips=args.train_clips,
            tracker=args.tracker,
        )
    )
    print(f"3/4 comparing all players on {args.clips}, with more episodes")
    policies = ("none", "random-walk", "random-jump", "prior", "adaptive", str(run_dir), "greedy", "optimal")
    compare(CompareArgs(policies=policies, out=args.out, **_played(args, args.episodes)))
    print("4/4 recording an episode of the trained policy")
    options = EvaluateArgs(policy=str(run_dir), **_played(args, 1))
    game, rollouts = play_policies(options, [REFERENCE, options.policy, "optimal"])
    write_episode(game, rollouts[options.policy], 0, args.out / "episode.mp4")
    plot_episode(game, {Path(name).name: rollout for name, rollout in rollouts.items()}, 0, args.out / PICTURE)
    files = f"README.md, figures.json, policies.png, places.png, {PICTURE}, episode.mp4"
    report(ReportArgs(runs=(run_dir, args.out), out=args.out / PAGE, episodes=PAGE_EPISODES))
    print(f"done in {time.time() - began:.0f} s: {args.out}: {files}")
    print(f"Watch the episodes in a browser: {(args.out / PAGE).resolve().as_uri()}")


def first_look(args: DemoArgs) -> None:
    """A table of the simple players, and a picture of one episode."""
    options = EvaluateArgs(policy="", **_played(args, min(args.episodes, FIRST_EPISODES)))
    game, rollouts = play_policies(options, list(SIMPLE))
    print_summary(summarise(rollouts), f"{options.clips}, tracker {options.tracker}, mode {options.mode}", game)
    plot_episode(game, {name: rollouts[name] for name in (REFERENCE, "greedy")}, 0, args.out / PICTURE)


def _played(args: DemoArgs, episodes: int) -> dict[str, Any]:
    """What all steps that play have in common, and how many episodes to play."""
    shared = {"clips": args.clips, "train_clips": args.train_clips, "tracker": args.tracker}
    return {**shared, "episodes": episodes, "prior_frames": PRIOR_FRAMES}


@command
def main() -> None:
    demo(read_options(DemoArgs, __doc__))


if __name__ == "__main__":
    main()
