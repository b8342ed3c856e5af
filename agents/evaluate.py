"""Roll out any policy, trained or named, on whole clips.

python agents/evaluate.py --policy greedy --clips demo?split=val --optimal
python agents/evaluate.py --policy runs/dqn-1 --clips "300vw:DIR?split=val" --optimal --json FILE --video FILE.mp4
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in (None, ""):
    # Run as a file, the folder above is not on the path unless the package is installed.
    sys.path.insert(0, str(Path(__file__).parents[1]))

import tyro

from agents.policies import NAMES, Policy, named_policy
from agents.rollout import Rollout, play
from agents.run_files import load_policy
from agents.summary import CEILING, OPTIMUM, REFERENCE, episode_rows, print_summary, summarise
from agents.video import write_episode
from srn_core.checkpoint import write_json
from srn_core.errors import UserError, command
from srn_gym.dynamics import OcclusionGame
from srn_gym.games import load_game
from srn_gym.rules import GameRules, Reward, rules_of

if TYPE_CHECKING:
    from agents.dqn import DQNArgs
    from agents.sb3 import SB3Args


@dataclass(frozen=True)
class EvaluateArgs(GameRules):
    """Roll out a policy; the same seed gives every policy the same clips, first landmarks and noise."""

    policy: str
    """A name (none, static, random-walk, random-jump, prior, greedy, optimal) or the folder of a trained run."""
    clips: str = "demo?split=val"
    """Data spec of the clips to play."""
    train_clips: str | None = None
    """Data spec of the training clips that prior learns from; the spec with split=train where not given."""
    tracker: str = "srn-small"
    """The tracker to attack: a checkpoint's name or folder, onnx:PATH?..., constant or MODULE:FUNCTION."""
    episodes: int = 48
    """Episodes; clips take turns, each with a random first landmark."""
    seed: int = 0
    """Seeds first landmarks and random policies."""
    optimal: bool = False
    """Also play random-walk and optimal, and report the share of the optimum."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    json: Path | None = None
    """Write the figures and a row an episode here."""
    video: Path | None = None
    """Write the first episode as an .mp4 here."""


def sibling_split(spec: str, split: str) -> str:
    """The same data spec with another split.

    >>> sibling_split("300vw:clips?split=train&limit=2", "val")
    '300vw:clips?split=val&limit=2'
    """
    head, _, query = spec.partition("?")
    options = [option for option in query.split("&") if option and not option.startswith("split=")]
    return f"{head}?" + "&".join([f"split={split}", *options])


def find_policy(name: str, game: OcclusionGame, training: Callable[[], OcclusionGame]) -> Policy:
    """A named policy, or the trained one of a folder; ``training`` loads the game that prior learns from."""
    return named_policy(name, game, training) if name in NAMES else load_policy(Path(name))


def evaluate(args: EvaluateArgs, policies: list[str], reward: Reward = "nme") -> tuple[OcclusionGame, dict[str, Rollout]]:
    """Play the same episodes with each policy.

    All figures are NMEs; ``reward`` only says which of the games that are loaded already serves again.
    """
    if args.episodes < 1:
        raise UserError(f"--episodes {args.episodes}: expected at least 1")
    train_clips = args.train_clips or sibling_split(args.clips, "train")
    rules = {**rules_of(args), "reward": reward}

    def training() -> OcclusionGame:
        return load_game(train_clips, args.tracker, args.device, **{**rules, "mode": "detect"})

    game = load_game(args.clips, args.tracker, args.device, **rules)
    found = {name: find_policy(name, game, training) for name in policies}
    return game, {name: play(game, policy, args.episodes, args.seed) for name, policy in found.items()}


def evaluation_of(run_dir: Path, args: DQNArgs | SB3Args) -> EvaluateArgs:
    """How what a training command saved is evaluated: on the validation clips, with the training's rules and seed."""
    return EvaluateArgs(
        str(run_dir), args.val_clips or sibling_split(args.clips, "val"), args.clips, args.tracker,
        args.eval_episodes, args.seed, device=args.device, **rules_of(args),
    )  # fmt: skip


def evaluate_run(args: EvaluateArgs, reward: Reward) -> None:
    """Play what a run saved beside the named policies; print, and write ``evaluation.json`` into its folder.

    Args:
        args: whose policy is the run's folder.
        reward: the one trained with: that game has met most of what prior asks for, if it is the same game.
    """
    game, rollouts = evaluate(args, ["none", "random-walk", "prior", args.policy, "greedy", "optimal"], reward)
    rows = summarise(rollouts)
    print_summary(rows, f"{args.clips}, tracker {args.tracker}, mode {args.mode}", game)
    record = {"clips": args.clips, "tracker": args.tracker, **rules_of(args), "optimum": OPTIMUM[args.mode], "policies": rows}
    write_json(Path(args.policy) / "evaluation.json", record)


@command
def main() -> None:
    args = tyro.cli(EvaluateArgs, description=__doc__)
    policies = [args.policy, *(name for name in (REFERENCE, CEILING) if args.optimal and name != args.policy)]
    game, rollouts = evaluate(args, policies)
    rows = summarise(rollouts)
    print_summary(rows, f"{args.clips}, tracker {args.tracker}, mode {args.mode}, seed {args.seed}", game)
    if args.json:
        record = {"clips": args.clips, "tracker": args.tracker, **rules_of(args), "optimum": OPTIMUM[args.mode]}
        record |= {"seed": args.seed, **rows[0]}
        episodes = [row for name, rollout in rollouts.items() for row in episode_rows(game, name, rollout)]
        write_json(args.json, {**record, "rows": episodes})
    if args.video:
        write_episode(game, rollouts[args.policy], 0, args.video)


if __name__ == "__main__":
    main()
