"""How well a tracker holds on held-out clips: clean, masked, random and worst-case occlusion, jitter on video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from agents.playing.rollout import play
from agents.policies.named import named_policy
from benchmarks.common.clip_nme import clean_and_masked, clip_rows, jitter
from srn_core.data import ClipSet, load_clips
from srn_core.tracking.tracker import Tracker
from srn_gym.game import OcclusionGame
from srn_gym.rules import Mode

SETS = {
    "clean": "NME, clean",
    "masked": "NME, medical masks",
    "random": "NME, noise at random",
    "worst": "NME, worst case",
    "jitter": "jitter on video",
}
PLAYED = {"random": "random-jump", "worst": "optimal"}
# Noise, first landmarks and random places: the same for every tracker that is measured, and never those of training.
PLAY_SEED, NOISE_SEED = 0, 2**40


def measure(
    tracker: Tracker, test: Sequence[str], covered: Sequence[str], video: Sequence[str], mode: Mode, episodes: int
) -> list[dict[str, Any]]:
    """One row a test set and clip: ``set``, ``data``, ``clip``, ``frames`` and ``value``, percent of the inter-ocular distance.

    Args:
        tracker: who is measured; the worst case is the exact optimum against this very tracker, in ``detect`` mode.
        test: data specs, clean and masked.
        covered: data specs for random and worst-case occlusion.
        video: data specs of continuous video, for the jitter.
        mode: on clean and masked clips.
        episodes: a clip, for random and worst-case occlusion.
    """
    rows: list[dict[str, Any]] = []
    for spec in test:
        rows += clean_and_masked(tracker, spec, mode)
    for spec in covered:
        clip_set = load_clips(spec)
        for name, values in _occluded(tracker, clip_set, episodes):
            rows += clip_rows(name, spec, clip_set, values)
    for spec in video:
        rows += jitter(tracker, spec)
    return rows


def _occluded(tracker: Tracker, clip_set: ClipSet, episodes: int) -> Iterator[tuple[str, np.ndarray]]:
    game = OcclusionGame(clip_set.clips, tracker, noise_seed=NOISE_SEED)
    for name, policy in PLAYED.items():
        rollout = play(game, named_policy(policy, game, lambda: game), episodes * len(clip_set), PLAY_SEED)
        yield name, np.bincount(rollout.clip, rollout.mean_nme) / np.bincount(rollout.clip)
