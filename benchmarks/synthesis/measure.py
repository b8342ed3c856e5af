"""The errors of a tracker on held-out clips: clean, masked, under random and worst-case occlusion, and jitter on video."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from agents.playing.rollout import play
from agents.policies.named import named_policy
from benchmarks.common.clip_nme import clean_and_masked, clip_rows, tracked_jitter
from srn_core.data import ClipSet, load_clips
from srn_core.tracking.tracker import Tracker
from srn_core.victims.own import OwnVictim
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
# Seeds of noise, first landmarks and random places: the same for every tracker, and never the seeds of training.
PLAY_SEED, NOISE_SEED = 0, 2**40


def measure_tracker(
    tracker: Tracker | OwnVictim,
    test: Sequence[str],
    covered: Sequence[str],
    video: Sequence[str],
    mode: Mode,
    episodes: int,
) -> list[dict[str, Any]]:
    """One row per test set and clip: ``set``, ``data``, ``clip``, ``frames``, ``value`` (percent of the inter-ocular distance).

    Args:
        tracker: what is measured. The worst case is the exact optimum against this tracker, in ``detect`` mode.
        test: data specs, measured clean and masked.
        covered: data specs for random and worst-case occlusion.
        video: data specs of continuous video, for the jitter.
        mode: for clean and masked clips.
        episodes: per clip, for random and worst-case occlusion.
    """
    rows: list[dict[str, Any]] = []
    for spec in test:
        rows += clean_and_masked(tracker, spec, mode)
    for spec in covered:
        clip_set = load_clips(spec)
        for name, values in _occluded(tracker, clip_set, episodes):
            rows += clip_rows(name, spec, clip_set, values)
    for spec in video:
        rows += tracked_jitter(tracker, spec)
    return rows


def _occluded(tracker: Tracker | OwnVictim, clip_set: ClipSet, episodes: int) -> Iterator[tuple[str, np.ndarray]]:
    game = OcclusionGame(clip_set.clips, tracker, noise_seed=NOISE_SEED)
    for name, policy in PLAYED.items():
        rollout = play(game, named_policy(policy, game, lambda: game), episodes * len(clip_set), PLAY_SEED)
        yield name, np.bincount(rollout.clip, rollout.mean_nme) / np.bincount(rollout.clip)
