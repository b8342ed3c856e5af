"""Roll out any policy, trained or named, on whole clips.

python agents/evaluate.py --policy greedy --clips demo?split=val --optimal
python agents/evaluate.py --policy runs/dqn-1 --clips "300vw:DIR?split=val" --optimal --json FILE --video FILE.mp4
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __package__ in (None, ""):
    # Run as a file, the folder above is not on the path unless the package is installed.
    sys.path.insert(0, str(Path(__file__).parents[1]))


from agents.policies import NAMES, Policy, named_policy
from agents.rollout import Rollout, play
from agents.run_files import load_policy
from agents.summary import CEILING, OPTIMUM, REFERENCE, episode_rows, print_summary, summarise
from agents.video import check_ending, write_episode
from srn_core.checkpoint import check_outputs, write_json
from srn_core.command_line import read_options
from srn_core.data import parse_spec
from srn_core.errors import COUNT, NOT_NEGATIVE, check_numbers, command
from srn_gym.dynamics import OcclusionGame
from srn_gym.games import NamedGame, load_game
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

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, {"episodes": COUNT, "seed": NOT_NEGATIVE})


def sibling_split(spec: str, split: str) -> str:
    """The same data spec with another split.

    >>> sibling_split("300vw:clips?split=train&limit=2", "val")
    '300vw:clips?split=val&limit=2'
    """
    head, _, query = spec.partition("?")
    options = [option for option in query.split("&") if option and not option.startswith("split=")]
    return f"{head}?" + "&".join([f"split={split}", *options])


def note_missing_split(spec: str) -> None:
    """Say so where clips that a training takes without a split hold those that it is then evaluated on."""
    if parse_spec(spec).split is None:
        print(f"note: {spec} names no split, so that its split=val is trained on, too; add split=train, or name other clips")


def find_policy(name: str, game: OcclusionGame, training: Callable[[], OcclusionGame]) -> Policy:
    """A named policy, or the trained one of a folder; ``training`` loads the game that prior learns from."""
    return named_policy(name, game, training) if name in NAMES else load_policy(Path(name))


def check_policy(name: str) -> None:
    """Raise a :class:`UserError` where there is no policy of this name, and no run in a folder of it."""
    if name not in NAMES:
        load_policy(Path(name))


def evaluate(args: EvaluateArgs, policies: list[str], reward: Reward = "nme") -> tuple[NamedGame, dict[str, Rollout]]:
    """Play the same episodes with each policy.

    All figures are NMEs; ``reward`` only says which of the games that are loaded already serves again.
    """
    train_clips = args.train_clips or sibling_split(args.clips, "train")
    rules = {**rules_of(args), "reward": reward}

    def training() -> OcclusionGame:
        return load_game(train_clips, args.tracker, args.device, **{**rules, "mode": "detect"})

    game = load_game(args.clips, args.tracker, args.device, **rules)
    found = {name: find_policy(name, game, training) for name in policies}
    return game, {name: play(game, policy, args.episodes, args.seed) for name, policy in found.items()}


def evaluation_of(run_dir: Path, args: DQNArgs | SB3Args) -> EvaluateArgs:
    """How what a training command saved is evaluated: on the validation clips, with the training's rules and seed."""
    if args.val_clips is None:
        note_missing_split(args.clips)
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
    names = ["none", REFERENCE, "prior", args.policy, "greedy", CEILING]
    game, rollouts = evaluate(args, names, loaded_reward(args, reward))
    rows = summarise(rollouts)
    print_summary(rows, f"{args.clips}, tracker {args.tracker}, mode {args.mode}", game)
    write_json(Path(args.policy) / "evaluation.json", {**_settings(args), "policies": rows, "rows": _rows(game, rollouts)})


def loaded_reward(args: GameRules, reward: Reward) -> Reward:
    """Which reward to load a game with that shall be the one of a training with ``reward``; in ``track`` mode none is shared,
    and a reward other than the NME costs the tracker's answer twice."""
    return reward if args.mode == "detect" else "nme"


def check_evaluation(args: DQNArgs | SB3Args) -> None:
    """Refuse, before anything is trained, validation clips that cannot be read or played on."""
    if args.eval_episodes:
        val_clips = args.val_clips or sibling_split(args.clips, "val")
        load_game(val_clips, args.tracker, args.device, **{**rules_of(args), "reward": loaded_reward(args, args.reward)})


def _settings(args: EvaluateArgs) -> dict[str, Any]:
    return {"clips": args.clips, "tracker": args.tracker, **rules_of(args), "optimum": OPTIMUM[args.mode], "seed": args.seed}


def _rows(game: OcclusionGame, rollouts: Mapping[str, Rollout]) -> list[dict[str, Any]]:
    return [row for name, rollout in rollouts.items() for row in episode_rows(game, name, rollout)]


@command
def main() -> None:
    args = read_options(EvaluateArgs, __doc__)
    check_outputs((args.json, args.video))
    if args.video:
        check_ending(args.video)
    policies = [args.policy, *(name for name in (REFERENCE, CEILING) if args.optimal and name != args.policy)]
    game, rollouts = evaluate(args, policies)
    rows = summarise(rollouts)
    print_summary(rows, f"{args.clips}, tracker {args.tracker}, mode {args.mode}, seed {args.seed}", game)
    if args.json:
        write_json(args.json, {**_settings(args), **rows[0], "rows": _rows(game, rollouts)})
    if args.video:
        write_episode(game, rollouts[args.policy], 0, args.video)


if __name__ == "__main__":
    main()
