"""Policies side by side on the same episodes: table, plot and rows.

python benchmarks/compare_policies.py --clips demo?split=val --policies random-walk prior greedy optimal runs/dqn-1
"""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

if __package__ in (None, ""):
    # Run as a file, the folder above is not on the path unless the package is installed.
    sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import tyro
from tqdm import tqdm

from agents.evaluate import EvaluateArgs, evaluate
from agents.policies import NAMES
from agents.rollout import Rollout
from agents.summary import REFERENCE, episode_rows, print_summary, summarise
from benchmarks.plots import plot_policies
from srn_core.checkpoint import write_json
from srn_core.errors import UserError, command


@dataclass(frozen=True)
class CompareArgs:
    """Compare policies on the same clips, first landmarks and noise."""

    policies: tuple[str, ...] = tuple(NAMES)
    """Names and folders of trained runs; random-walk is always played too."""
    clips: str = "demo?split=val"
    """Data spec of the clips to play."""
    train_clips: str | None = None
    """Data spec of the training clips that prior learns from; the spec with split=train where not given."""
    tracker: str = "srn-small"
    """The tracker to attack: a checkpoint's name or folder."""
    mode: Literal["detect", "track"] = "detect"
    """detect: the tracker sees every frame afresh; track: its memory runs on."""
    episodes: int = 48
    """Episodes a seed; clips take turns, each with a random first landmark."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of first landmarks and random policies."""
    occluder_size: int = 48
    """Side of the noise square, pixels of a 224 px crop."""
    noise_seed: int = 0
    """Seed of the noise."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    out: Path = Path("runs/compare")
    """Folder for policies.json (figures and a row an episode) and policies.png."""


def compare(args: CompareArgs) -> list[dict[str, object]]:
    """Play, print, plot and write; returns the figures, one row a policy."""
    names = list(dict.fromkeys([REFERENCE, *args.policies]))
    if not args.seeds:
        raise UserError("--seeds: none given; expected at least one whole number")
    options = EvaluateArgs(
        "", args.clips, args.train_clips, args.tracker, args.mode, args.episodes,
        occluder_size=args.occluder_size, noise_seed=args.noise_seed, device=args.device,
    )  # fmt: skip
    played = []
    for seed in tqdm(args.seeds, desc="seeds"):
        game, rollouts = evaluate(dataclasses.replace(options, seed=seed), names)
        played.append(rollouts)
    rollouts = {name: joined([by_name[name] for by_name in played]) for name in names}
    rows = summarise(rollouts)
    title = f"{args.clips}, tracker {args.tracker}, mode {args.mode}, {len(args.seeds)} seeds x {args.episodes} episodes"
    print_summary(rows, title)
    episodes = [row for name, rollout in rollouts.items() for row in episode_rows(game, name, rollout)]
    write_json(
        args.out / "policies.json",
        {
            "clips": args.clips,
            "tracker": args.tracker,
            "mode": args.mode,
            "seeds": args.seeds,
            "policies": rows,
            "rows": episodes,
        },
    )
    plot_policies(rows, rollouts, title, args.out / "policies.png")
    return rows


def joined(rollouts: list[Rollout]) -> Rollout:
    """The episodes of several rollouts of one game as one."""
    parts = [(r.clip, r.first, r.targets, r.nme) for r in rollouts]
    return Rollout(*(np.concatenate(part) for part in zip(*parts, strict=True)))


@command
def main() -> None:
    compare(tyro.cli(CompareArgs, description=__doc__))


if __name__ == "__main__":
    main()
