"""Figures of rollouts: mean error, share of the optimum, paired difference to the random walk."""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from rich.console import Console
from rich.table import Table

from agents.playing.rollout import Rollout
from srn_core.face.metrics import bootstrap_interval
from srn_core.face.schemes import Scheme
from srn_gym.game import OcclusionGame
from srn_gym.games import NamedGame

REFERENCE, CEILING = "random-walk", "optimal"
# How the policy "optimal" is found in each mode, for records.
OPTIMUM = {"detect": "exact", "track": "the best of a beam search, a lower bound"}
Returns = TypeVar("Returns", float, np.ndarray)


def optimal_share(returns: Returns, reference: Returns, ceiling: Returns) -> Returns:
    """``(return - random walk) / (optimal - random walk)``."""
    return (returns - reference) / (ceiling - reference)


def summarise(rollouts: Mapping[str, Rollout], seed: int = 0) -> list[dict[str, Any]]:
    """One row per policy, in the order given; all rollouts must have played the same episodes.

    ``nme_mean`` and ``gain`` (over the random walk) are means over episodes, in percent of the scheme's normaliser.
    ``gain_ci95`` is the 95 % interval over clips, which are resampled with their episodes; None for a single clip.
    ``optimal_share`` is None without the random walk or the optimum, or where the optimum is no better than the random walk.
    """
    reference, ceiling = rollouts.get(REFERENCE), rollouts.get(CEILING)
    rows = []
    for name, rollout in rollouts.items():
        row: dict[str, Any] = {
            "policy": name,
            "episodes": len(rollout.clip),
            "clips": len(np.unique(rollout.clip)),
            "return_mean": float(rollout.returns.mean()),
            "nme_mean": 100 * float(rollout.mean_nme.mean()),
            "optimal_share": None,
        }
        if reference is not None:
            gain = 100 * (rollout.mean_nme - reference.mean_nme)
            row["gain"] = float(gain.mean())
            row["gain_ci95"] = bootstrap_interval(gain, rollout.clip, np.random.default_rng(seed))
        if reference is not None and ceiling is not None:
            low, high = (float(end.returns.mean()) for end in (reference, ceiling))
            row["optimal_share"] = optimal_share(row["return_mean"], low, high) if high > low else None
        rows.append(row)
    return rows


def landmark_shares(rollout: Rollout, num_landmarks: int) -> np.ndarray:
    """The share of the played frames on which each landmark was covered: ``(L,)``."""
    return covered_shares(rollout.targets[~np.isnan(rollout.nme)], num_landmarks)


def covered_shares(covered: np.ndarray, num_landmarks: int) -> np.ndarray:
    """The share of ``(N,)`` frames on which each landmark was covered, ``(L,)``; ``covered``: a landmark, or -1 for none.

    >>> covered_shares(np.array([1, -1, 1, 0]), 3)
    array([0.25, 0.5 , 0.  ])
    """
    return np.bincount(covered[covered >= 0], minlength=num_landmarks) / len(covered)


def component_shares(shares: np.ndarray, scheme: Scheme) -> dict[str, float]:
    """:func:`landmark_shares` summed over each facial component."""
    return {name: round(float(shares[list(points)].sum()), 4) for name, points in scheme.groups.items()}


def episode_rows(game: OcclusionGame, name: str, rollout: Rollout) -> list[dict[str, Any]]:
    """One JSON-able row per episode: clip, first landmark, covered landmarks, return, mean NME in percent."""
    returns, errors = rollout.returns, rollout.mean_nme
    return [
        {
            "policy": name,
            "clip": clip.name,
            "first_landmark": int(rollout.first[e]),
            "frames": len(clip),
            "return": round(float(returns[e]), 6),
            "nme_percent": round(100 * float(errors[e]), 4),
            "landmarks": rollout.targets[e, : len(clip)].tolist(),
        }
        for e, clip in enumerate(game.clips[clip] for clip in rollout.clip)
    ]


def print_summary(rows: list[dict[str, Any]], title: str, game: NamedGame) -> None:
    """Print the rows as a table, and a note for each part of the data that is absent."""
    bound = game.mode == "track"
    caption = f"NME: % of the {game.tracker.scheme.normaliser} distance; gain: over random-walk, paired; interval: over clips"
    table = Table(title=title, caption=caption + (f"; {CEILING}: {OPTIMUM['track']} of the optimum" if bound else ""))
    share_of = f"share of {'bound' if bound else 'optimum'}"
    for heading in ("policy", "episodes", "return", "NME %", "gain", "95 % interval", share_of):
        table.add_column(heading, justify="left" if heading == "policy" else "right")
    for row in rows:
        interval = "[{:+.3f}, {:+.3f}]".format(*row["gain_ci95"]) if row.get("gain_ci95") else ""
        share = "" if row["optimal_share"] is None else f"{row['optimal_share']:.2f}"
        gain = f"{row['gain']:+.3f}" if "gain" in row else ""
        figures = f"{row['return_mean']:.3f}", f"{row['nme_mean']:.3f}", gain, interval, share
        table.add_row(row["policy"], str(row["episodes"]), *figures)
    console = Console(width=110)
    console.print(table)
    for note in game.notes:
        console.print(f"note: {note}")
