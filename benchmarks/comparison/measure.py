"""Policies on held-out clips and on training clips: one row per policy, split and clip."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from agents.playing.args import EvaluateArgs
from agents.playing.evaluation import play_policies, sibling_splits
from agents.playing.rollout import Rollout, play
from agents.policies.prior import PRIOR_FRAMES
from agents.policies.protocol import Policy
from benchmarks.common.results import ResultRow
from benchmarks.comparison.args import ComparedGame
from srn_core.victims.registry import load_victim
from srn_gym.cache.store import Store
from srn_gym.game import NO_OCCLUDER, OcclusionGame
from srn_gym.games import SHARED, NamedGame, load_game
from srn_gym.rules import rules_of

HELD_OUT, TRAIN = "held-out", "train"
Played = tuple[NamedGame, dict[str, Rollout]]
"""A game, and the rollouts of each policy on it."""


@dataclass(frozen=True)
class Measurement:
    """How policies are measured; plain data.

    Attributes:
        options: clips and ``train_clips``, tracker, rules, and episodes per seed; its policy and seed are not read.
        seeds: of first landmarks and random policies.
        tracker_key: the tracker's fingerprint, and that of the tracker of the trainings if it is another one, so that rows of
            other weights under the same name are not reused.
        measured_train_clips: the training clips to measure on; empty: all.
    """

    options: EvaluateArgs
    seeds: tuple[int, ...]
    tracker_key: str
    measured_train_clips: str | tuple[str, ...] = ()

    @property
    def clips(self) -> dict[str, str | tuple[str, ...]]:
        """Each split's data spec or specs."""
        return {HELD_OUT: self.options.clips, TRAIN: self.measured_train_clips or self.options.train_clips}

    def games(self, store: Store = SHARED) -> Iterator[tuple[str, OcclusionGame]]:
        """Each split's name and game."""
        for split, clips in self.clips.items():
            yield split, load_game(clips, self.options.tracker, self.options.device, store, **rules_of(self.options))


def measurement_of(args: ComparedGame, seeds: tuple[int, ...], prior_frames: int = PRIOR_FRAMES) -> Measurement:
    """The measurement that a command asks for."""
    options = EvaluateArgs(
        policy="", clips=args.clips, train_clips=args.train_clips or sibling_splits(args.clips, "train"),
        prior_frames=prior_frames, tracker=args.tracker, train_tracker=args.train_tracker, episodes=args.episodes,
        device=args.device, **rules_of(args),
    )  # fmt: skip
    trackers = dict.fromkeys((args.tracker, args.train_tracker or args.tracker))
    key = " ".join(load_victim(name, args.device).key for name in trackers)
    return Measurement(options, seeds, key, args.measured_train_clips)


def measure_policies(policies: Mapping[str, Policy], how: Measurement, store: Store = SHARED) -> Iterator[ResultRow]:
    """The rows of trained policies on both splits, see :func:`rollout_rows`; ``store`` is what the games share with others."""
    for split, game in how.games(store):
        for name, policy in policies.items():
            yield from rollout_rows(name, split, game, joined([play(game, policy, how.options.episodes, s) for s in how.seeds]))


def play_on_split(how: Measurement, split: str, names: Sequence[str]) -> Played:
    """Play the episodes of all seeds on the clips of a split, with named and trained policies."""
    played = []
    for seed in tqdm(how.seeds, desc=f"seeds, {split} clips"):
        options = dataclasses.replace(how.options, clips=how.clips[split], seed=seed)
        game, rollouts = play_policies(options, list(names))
        played.append(rollouts)
    return game, {name: joined([rollouts[name] for rollouts in played]) for name in names}


def joined(rollouts: Sequence[Rollout]) -> Rollout:
    """The episodes of several rollouts of one game as one; each is as long as the longest clip that was played in it."""
    longest = max(rollout.nme.shape[1] for rollout in rollouts)

    def frames(parts: Sequence[np.ndarray], after: float) -> np.ndarray:
        return np.concatenate([np.pad(part, ((0, 0), (0, longest - part.shape[1])), constant_values=after) for part in parts])

    return Rollout(
        np.concatenate([rollout.clip for rollout in rollouts]),
        np.concatenate([rollout.first for rollout in rollouts]),
        frames([rollout.targets for rollout in rollouts], NO_OCCLUDER),
        frames([rollout.nme for rollout in rollouts], np.nan),
    )


def rollout_rows(policy: str, split: str, game: OcclusionGame, rollout: Rollout) -> Iterator[ResultRow]:
    """One row per clip that was played; ``return`` and ``nme_percent`` are means over its episodes."""
    for clip in np.unique(rollout.clip):
        chosen = rollout.clip == clip
        yield {
            "policy": policy,
            "split": split,
            "clip": game.clips[clip].name,
            "person": game.clips[clip].person,
            "frames": len(game.clips[clip]),
            "episodes": int(chosen.sum()),
            "return": round(float(rollout.returns[chosen].mean()), 6),
            "nme_percent": round(100 * float(rollout.mean_nme[chosen].mean()), 5),
        }
