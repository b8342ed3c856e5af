"""Policies on held-out clips and on training clips: one row per policy, split and clip."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.playing.args import EvaluateArgs
from agents.playing.rollout import Rollout, play
from agents.policies.protocol import Policy
from srn_gym.game import OcclusionGame
from srn_gym.games import SHARED, load_game
from srn_gym.rules import rules_of
from srn_gym.store import Store

HELD_OUT, TRAIN = "held-out", "train"
Row = dict[str, Any]


@dataclass(frozen=True)
class Measurement:
    """How policies are measured; plain data.

    Attributes:
        options: clips and ``train_clips``, tracker, rules, and episodes per seed; its policy and seed are not read.
        seeds: of first landmarks and random policies.
        tracker_key: the tracker's fingerprint, so that rows of other weights under the same name are not taken over.
    """

    options: EvaluateArgs
    seeds: tuple[int, ...]
    tracker_key: str

    def games(self, store: Store = SHARED) -> Iterator[tuple[str, OcclusionGame]]:
        """Each split's name and game."""
        options = self.options
        assert options.train_clips is not None
        for split, clips in ((HELD_OUT, options.clips), (TRAIN, options.train_clips)):
            yield split, load_game(clips, options.tracker, options.device, store, **rules_of(options))


def measure(policies: Mapping[str, Policy], how: Measurement, store: Store = SHARED) -> Iterator[Row]:
    """Rows ``policy``, ``split``, ``clip``, ``frames``, ``episodes``, ``return`` and ``nme_percent``, means over episodes.

    Args:
        policies: who plays, by name.
        how: on what; the same for all that are compared.
        store: what the games share with others.
    """
    for split, game in how.games(store):
        for name, policy in policies.items():
            rollout = joined([play(game, policy, how.options.episodes, seed) for seed in how.seeds])
            for row in clip_rows(game, rollout):
                yield {"policy": name, "split": split, **row}


def joined(rollouts: Sequence[Rollout]) -> Rollout:
    """The episodes of several rollouts of one game as one."""
    parts = [[getattr(rollout, field.name) for rollout in rollouts] for field in dataclasses.fields(Rollout)]
    return Rollout(*map(np.concatenate, parts))


def clip_rows(game: OcclusionGame, rollout: Rollout) -> Iterator[Row]:
    """One row per clip that was played."""
    for clip in np.unique(rollout.clip):
        chosen = rollout.clip == clip
        yield {
            "clip": game.clips[clip].name,
            "frames": len(game.clips[clip]),
            "episodes": int(chosen.sum()),
            "return": round(float(rollout.returns[chosen].mean()), 6),
            "nme_percent": round(100 * float(rollout.mean_nme[chosen].mean()), 5),
        }
