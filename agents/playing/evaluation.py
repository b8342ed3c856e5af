"""Playing the same episodes with several policies, and the figures of a trained run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.playing.args import EvaluateArgs
from agents.playing.rollout import Rollout, play
from agents.playing.summary import CEILING, OPTIMUM, REFERENCE, episode_rows, print_summary, summarise
from agents.policies.named import NAMES, named_policy
from agents.policies.protocol import Policy
from agents.policies.trained import load_policy
from srn_core.data import parse_spec
from srn_core.io.files import write_json
from srn_gym.game import OcclusionGame
from srn_gym.games import NamedGame, load_game
from srn_gym.rules import GameRules, Reward, rules_of

if TYPE_CHECKING:
    from agents.baselines.args import SB3Args
    from agents.deepq.args import DQNArgs


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
