"""Playing the same episodes with several policies, and the evaluation of a trained run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agents.learner_args import LearnerArgs
from agents.playing.args import EvaluateArgs
from agents.playing.logging import log_evaluation
from agents.playing.rollout import Rollout, play
from agents.playing.summary import CEILING, OPTIMUM, REFERENCE, episode_rows, print_summary, summarise
from agents.policies.named import NAMES, named_policy
from agents.policies.prior import PRIOR_FRAMES
from agents.policies.protocol import Policy
from agents.policies.trained import load_policy
from agents.run_folder import is_run
from srn_core.checkpoints import given_name, note_double_name
from srn_core.data import parse_spec
from srn_core.data.several import Specs, listed_specs, plain_specs, specs_text
from srn_core.data.spec import with_option
from srn_core.io.files import write_json
from srn_core.versions import versions
from srn_gym.game import OcclusionGame
from srn_gym.games import NamedGame, load_game
from srn_gym.rules import rules_of


def sibling_splits(specs: Specs, split: str) -> str | tuple[str, ...]:
    """The same data specs with another split; some may become the same.

    >>> sibling_splits(["demo?split=train", "ytf68:faces?split=train"], "val")
    ('demo?split=val', 'ytf68:faces?split=val')
    """
    return plain_specs(tuple(dict.fromkeys(with_option(spec, "split", split) for spec in listed_specs(specs))))


def warn_of_overlap(spec: str) -> None:
    """Print a note if the training clips are not limited to a split, because then they contain the validation clips."""
    if parse_spec(spec).split is None:
        print(f"note: data leak: {spec} names no split, so it contains the clips of split=val; add split=train")


def find_policy(
    name: str | Path, game: OcclusionGame, training: Callable[[], OcclusionGame], prior_frames: int = PRIOR_FRAMES
) -> Policy:
    """A named policy, or the trained one of a folder; see :func:`agents.policies.named.named_policy`."""
    name = given_name(name)
    if name not in NAMES:
        return load_policy(name)
    if is_run(Path(name)):
        note_double_name("policy", name, "the one that needs no training")
    return named_policy(name, game, training, prior_frames)


def check_policy(name: str) -> None:
    """Raise a :class:`UserError` if ``name`` is neither a policy nor the folder of a run."""
    if name not in NAMES:
        load_policy(name)


def play_policies(args: EvaluateArgs, policies: list[str]) -> tuple[NamedGame, dict[str, Rollout]]:
    """Play the same episodes with each policy; ``args.policy`` is not read."""
    train_clips = args.train_clips or sibling_splits(args.clips, "train")

    def training() -> OcclusionGame:
        return load_game(train_clips, args.train_tracker or args.tracker, args.device, **{**rules_of(args), "mode": "detect"})

    game = load_game(args.clips, args.tracker, args.device, **rules_of(args))
    found = {name: find_policy(name, game, training, args.prior_frames) for name in policies}
    return game, {name: play(game, policy, args.episodes, args.seed) for name, policy in found.items()}


def evaluation_args(run_dir: Path, args: LearnerArgs) -> EvaluateArgs:
    """How a trained run is evaluated: on the validation clips, with the training's rules and seed."""
    for spec in listed_specs(args.clips) if not args.val_clips else ():
        warn_of_overlap(spec)
    return EvaluateArgs(
        policy=given_name(run_dir), clips=_val_clips(args), train_clips=args.clips, tracker=args.tracker,
        episodes=args.eval_episodes, seed=args.seed, device=args.device, **rules_of(args),
    )  # fmt: skip


def evaluate_run(args: EvaluateArgs, arguments: Mapping[str, Any], step: int) -> None:
    """Play a run's policy and named ones on the same episodes; print the figures, write ``evaluation.json`` and the log.

    Args:
        args: how the run is evaluated.
        arguments: of the run's training.
        step: env steps that it was trained for.
    """
    game, rollouts = play_policies(args, ["none", REFERENCE, "prior", "adaptive", args.policy, "greedy", CEILING])
    rows = summarise(rollouts)
    print_summary(rows, f"{specs_text(args.clips)}, tracker {args.tracker}, mode {args.mode}", game)
    write_json(
        Path(args.policy) / "evaluation.json",
        {**evaluation_settings(args), "policies": rows, "rows": all_episode_rows(game, rollouts)},
    )
    (row,) = (row for row in rows if row["policy"] == args.policy)
    log_evaluation(Path(args.policy), step, arguments, row, game, rollouts[args.policy])


def check_evaluation(args: LearnerArgs) -> None:
    """Before training, raise a :class:`UserError` if the validation clips cannot be read or played."""
    if args.eval_episodes:
        load_game(_val_clips(args), args.tracker, args.device, **rules_of(args))


def evaluation_settings(args: EvaluateArgs) -> dict[str, Any]:
    """What an evaluation's JSON file says about the game and the software."""
    played = {"clips": args.clips, "tracker": args.tracker, **rules_of(args), "optimum": OPTIMUM[args.mode], "seed": args.seed}
    return {**played, "versions": versions()}


def all_episode_rows(game: OcclusionGame, rollouts: Mapping[str, Rollout]) -> list[dict[str, Any]]:
    """:func:`agents.playing.summary.episode_rows` of several policies."""
    return [row for name, rollout in rollouts.items() for row in episode_rows(game, name, rollout)]


def _val_clips(args: LearnerArgs) -> str | tuple[str, ...]:
    return args.val_clips or sibling_splits(args.clips, "val")
