"""Policies side by side on the same episodes, and learners trained here with several seeds: tables, plots and rows.

python benchmarks/compare_policies.py --clips demo?split=val --policies random-walk prior greedy optimal runs/dqn-1
python benchmarks/compare_policies.py --learners dqn dqn:single_queue=true sb3-dqn sb3-ppo@5 regression --train-seeds 0 1 2 3 4
python benchmarks/compare_policies.py ... # again: a training that is finished is not done again, a DQN that was stopped goes on
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from agents.playing.args import EvaluateArgs
from agents.playing.evaluation import play_policies, sibling_split
from agents.playing.summary import (
    CEILING,
    OPTIMUM,
    REFERENCE,
    component_shares,
    episode_rows,
    landmark_shares,
    print_summary,
    summarise,
)
from agents.policies.named import NAMES
from benchmarks.common.commands import option_words
from benchmarks.common.jobs import require_ray, run_jobs
from benchmarks.common.settings import check_settings
from benchmarks.comparison.curves import read_curve
from benchmarks.comparison.jobs import Job, job_settings, make_jobs, run_job
from benchmarks.comparison.learners import LearnerSpec, read_learners
from benchmarks.comparison.measure import HELD_OUT, Measurement, joined
from benchmarks.comparison.plots import plot_curves, plot_improvement, plot_places, plot_policies, plot_profiles
from benchmarks.comparison.report import THRESHOLDS, Results, print_learners, profiles, summarise_learners
from srn_core.cli.options import read_options
from srn_core.data import spec_label
from srn_core.errors import COUNT, NOT_NEGATIVE, UserError, check_numbers, command
from srn_core.io.files import plain, write_json
from srn_core.victims.registry import load_victim
from srn_gym.rules import GameRules, rules_of


@dataclass(frozen=True)
class CompareArgs(GameRules):
    """Compare policies on the same clips, first landmarks and noise."""

    policies: tuple[str, ...] = tuple(NAMES)
    """Names and folders of trained runs; random-walk is always played too."""
    clips: str = "demo?split=val"
    """Data spec of the clips to play."""
    train_clips: str | None = None
    """Data spec of the training clips that prior and the learners learn from; the spec with split=train where not given."""
    tracker: str = "srn-small"
    """The tracker to attack: a checkpoint's name or folder."""
    episodes: int = 48
    """Episodes a seed; clips take turns, each with a random first landmark."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of first landmarks and random policies."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    out: Path = Path("runs/compare")
    """Folder for policies.json (figures and a row an episode), policies.png and places.png (where each was); with learners also
    for learners.json (a row a seed, split and clip), three plots and the runs. Trainings that are finished there are not done
    again."""
    learners: tuple[str, ...] = ()
    """What to train and compare: dqn, sb3-dqn, sb3-ppo, sb3-qrdqn, or regression (the true rewards of the training clips,
    regressed: a ceiling). NAME:field=value,field=value changes its arguments; ...@N takes the first N training seeds alone."""
    train_seeds: tuple[int, ...] = tuple(range(10))
    """Each seed is a training of every learner. 10 for a headline, 5 for an ablation; fewer give no intervals."""
    total_steps: int = 60_000
    """Env steps of each training."""
    start: Literal["cold", "warm"] = "cold"
    """What a training in this process knows of the game. cold: nothing, so that the curves over wall-clock are fair; warm: the
    tracker's answers that earlier ones have met, which is many times faster and learns the same but for their last bits."""
    ray: str | None = None
    """Train on a Ray cluster, an extra: local starts one on this machine, auto finds one, ray://HOST:10001 is another. All its
    machines must see --out and the clips under the same paths."""
    ray_gpus: float = 0
    """GPUs a training on the cluster; a fraction shares one."""

    def __post_init__(self) -> None:
        super().__post_init__()
        counts, seeds = dict.fromkeys(("episodes", "total_steps"), COUNT), dict.fromkeys(("seeds", "train_seeds"), NOT_NEGATIVE)
        check_numbers(self, counts | seeds | {"ray_gpus": NOT_NEGATIVE})


def compare(args: CompareArgs) -> list[dict[str, object]]:
    """Play, print, plot and write; returns the figures, one row a policy."""
    names = list(dict.fromkeys([REFERENCE, *args.policies]))
    learners = _read_learners(args)
    if not args.seeds:
        raise UserError("--seeds: none given; expected at least one whole number")
    options = EvaluateArgs(
        policy="", clips=args.clips, train_clips=args.train_clips or sibling_split(args.clips, "train"),
        tracker=args.tracker, episodes=args.episodes, device=args.device, **rules_of(args),
    )  # fmt: skip
    how = Measurement(options, args.seeds, load_victim(args.tracker, args.device).key)
    named = [name for name in dict.fromkeys([REFERENCE, CEILING, *args.policies]) if name in NAMES]
    jobs = make_jobs(learners, named, args.train_seeds, args.total_steps, how, args.out, args.start == "cold")
    for job in jobs if learners else ():
        # Before anything in the folder is replaced.
        check_settings(job.folder, job_settings(job))
    played = []
    for seed in tqdm(args.seeds, desc="seeds"):
        game, rollouts = play_policies(dataclasses.replace(options, seed=seed), names)
        played.append(rollouts)
    rollouts = {name: joined([by_name[name] for by_name in played]) for name in names}
    rows = summarise(rollouts)
    scheme = game.tracker.scheme
    for row in rows:
        shares = landmark_shares(rollouts[str(row["policy"])], scheme.num_landmarks)
        row["covered"] = component_shares(shares, scheme)
    count = f"{len(args.seeds)} seeds x {args.episodes} episodes"
    title = f"{spec_label(args.clips)}, tracker {args.tracker}, mode {args.mode}, {count}"
    print_summary(rows, title, game)
    episodes = [row for name, rollout in rollouts.items() for row in episode_rows(game, name, rollout)]
    write_json(
        args.out / "policies.json",
        {
            "clips": args.clips,
            "tracker": args.tracker,
            **rules_of(args),
            "optimum": OPTIMUM[args.mode],
            "seeds": args.seeds,
            "command": command_line(args),
            "policies": rows,
            "rows": episodes,
        },
    )
    plot_policies(rows, rollouts, title, args.out / "policies.png")
    plot_places(rollouts, scheme, title, args.out / "places.png")
    if learners:
        compare_learners(args, learners, jobs)
    return rows


def compare_learners(args: CompareArgs, learners: Sequence[LearnerSpec], jobs: Sequence[Job]) -> None:
    """Train what is not trained yet, measure, print, plot and write, beside the named policies."""
    how = jobs[0].measurement
    results = list(zip(jobs, run_jobs(run_job, jobs, args.ray, args.ray_gpus), strict=True))
    labels = [*(learner.label for learner in learners), *(job.label for job in jobs if job.training is None)]
    rows = [row for label in labels for job, found in results if job.label == label for row in found]
    first = learners[0].label
    figures = summarise_learners(rows, first)
    trained = f"trained {args.total_steps} steps on {spec_label(how.options.train_clips or '')}"
    title = f"{spec_label(args.clips)}, {trained}, tracker {args.tracker}, mode {args.mode}"
    print_learners(figures, first, title)
    settings = plain(args) | {"tracker_key": how.tracker_key}
    optimum = OPTIMUM[args.mode]
    record = {"command": command_line(args), "settings": settings, "optimum": optimum, "figures": figures, "rows": rows}
    write_json(args.out / "learners.json", record)
    plot_profiles(profiles(Results(rows, HELD_OUT)), THRESHOLDS, title, args.out / "profiles.png")
    plot_improvement(figures, title, args.out / "improvement.png")
    runs = {learner.label: [read_curve(job.folder) for job in jobs if job.label == learner.label] for learner in learners}
    curves = {label: found for label, read in runs.items() if (found := [curve for curve in read if curve is not None])}
    if curves:
        plot_curves(curves, title, args.out / "curves.png", clock=args.start == "cold")


def command_line(args: CompareArgs) -> str:
    """The command that does the same: what differs from the defaults."""
    return shlex.join(["python", "benchmarks/compare_policies.py", *option_words(args)])


def _read_learners(args: CompareArgs) -> list[LearnerSpec]:
    """The learners; refuses before anything is played."""
    learners = read_learners(args.learners)
    for learner in learners:
        # Checks its options.
        learner.arguments({"total_steps": args.total_steps})
    if args.out.is_file():
        raise UserError(f"--out {args.out}: is a file; expected the name of a folder")
    if learners and not args.train_seeds:
        raise UserError("--train-seeds: none given; expected at least one whole number")
    if learners and args.ray is not None:
        require_ray()
        if args.start == "warm":
            raise UserError("--start warm with --ray: a cluster starts every training in a process of its own; leave one out")
    return learners


@command
def main() -> None:
    compare(read_options(CompareArgs, __doc__))


if __name__ == "__main__":
    main()
