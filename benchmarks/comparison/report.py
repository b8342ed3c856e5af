"""Figures of learners over training seeds and clips, and their table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from agents.playing.summary import CEILING, REFERENCE, optimal_share
from benchmarks.common.stats import (
    BOOTSTRAP_SEED,
    MIN_RUNS,
    interval,
    iqm,
    mean_difference,
    performance_profile,
    probability_of_improvement,
    resample_runs,
    score_table,
)
from benchmarks.comparison.measure import HELD_OUT, TRAIN, Row
from srn_core.errors import UserError

THRESHOLDS = np.linspace(-0.5, 1, 61)


class Results:
    """Rows as arrays: runs x clips of each policy.

    Attributes:
        policies: names, in the order of the rows.
        trained: whether a policy is trained, so that its runs differ.
        share: each policy's share of the optimum ``(S,)``, of the mean return over clips, as in
            :mod:`agents.playing.summary`; S is 1 for a named policy.
        shares: the same clip by clip ``(S, C)``; without clips on which the optimum is no better than the random walk.
        clips: the names of those.
        nme: each policy's mean NME in percent ``(S, C)``.
    """

    def __init__(self, rows: Sequence[Row], split: str) -> None:
        """Take the rows of one split; those of the random walk and the optimum must be among them.

        Raises:
            UserError: the optimum is nowhere better than the random walk.
        """
        chosen = [row for row in rows if row["split"] == split]
        self.policies = list(dict.fromkeys(row["policy"] for row in chosen))
        self.trained = {row["policy"]: row["seed"] is not None for row in chosen}
        of = {name: [row for row in chosen if row["policy"] == name] for name in self.policies}
        returns = {name: score_table(rows, "return") for name, rows in of.items()}
        walk, optimum = returns[REFERENCE][0], returns[CEILING][0]
        if optimum.mean() <= walk.mean():
            raise UserError(f"{split} clips: {CEILING} is not above {REFERENCE}, so there is no share; take another tracker")
        self.share = {name: optimal_share(values.mean(1), walk.mean(), optimum.mean()) for name, values in returns.items()}
        scaled = optimum > walk
        self.shares = {
            name: optimal_share(values[:, scaled], walk[scaled], optimum[scaled]) for name, values in returns.items()
        }
        names = sorted({row["clip"] for row in of[REFERENCE]}, key=str)
        self.clips = [name for name, kept in zip(names, scaled, strict=True) if kept]
        self.nme = {name: score_table(rows, "nme_percent") for name, rows in of.items()}

    def certain(self, *names: str) -> bool:
        """Whether there are runs enough for an interval: some policy is trained, and each that is has :data:`MIN_RUNS`."""
        runs = [len(self.shares[name]) for name in names if self.trained[name]]
        return bool(runs) and min(runs) >= MIN_RUNS


def summarise_learners(rows: Sequence[Row], first: str) -> list[dict[str, Any]]:
    """One row a policy; intervals are None where fewer than :data:`MIN_RUNS` runs stand behind them.

    ``nme_mean`` is in percent; ``share_iqm`` the IQM over runs of the share of the optimum on the held-out clips, with
    ``share_ci95``, whole runs resampled; ``clip_shares`` the mean over runs of each clip's; ``train_share_iqm`` on the training
    clips; ``improvement`` the probability of a higher share than ``first``'s on a clip ``{"over", "value", "ci95"}``;
    ``nme_differences`` to the mean NME of each other policy ``{"value", "ci95"}``, resampled over runs and clips; ``r2`` the
    mean over runs and held-out clips, for regressions alone.
    """
    held_out, train = Results(rows, HELD_OUT), Results(rows, TRAIN)
    figures = []
    for name in held_out.policies:
        figure = {
            "policy": name,
            "runs": len(held_out.share[name]),
            "clips": held_out.nme[name].shape[1],
            "nme_mean": float(held_out.nme[name].mean()),
            "share_iqm": float(iqm(held_out.share[name])),
            "share_ci95": _iqm_interval(held_out, name),
            "clip_shares": dict(zip(held_out.clips, held_out.shares[name].mean(0).round(4).tolist(), strict=True)),
            "train_share_iqm": float(iqm(train.share[name])),
            "train_share_ci95": _iqm_interval(train, name),
            "improvement": None if name == first else _improvement(held_out, name, first),
            "nme_differences": {other: _difference(held_out, name, other) for other in held_out.policies if other != name},
        }
        explained = [row["r2"] for row in rows if row["policy"] == name and row["split"] == HELD_OUT and "r2" in row]
        figures.append(figure | ({"r2": float(np.mean(explained))} if explained else {}))
    return figures


def profiles(results: Results) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """Each policy's performance profile at :data:`THRESHOLDS` ``(K,)``, and its band ``(2, K)``; not of the scale's ends."""
    found = {}
    for name, shares in results.shares.items():
        if name in (REFERENCE, CEILING):
            continue
        samples = resample_runs(shares, _rng()) if results.certain(name) else None
        band = None if samples is None else interval(performance_profile(samples, THRESHOLDS))
        found[name] = performance_profile(shares, THRESHOLDS), band
    return found


def _rng() -> np.random.Generator:
    return np.random.default_rng(BOOTSTRAP_SEED)


def _iqm_interval(results: Results, name: str) -> list[float] | None:
    if not results.certain(name):
        return None
    return list(interval(iqm(resample_runs(results.share[name], _rng()))).tolist())


def _improvement(results: Results, name: str, first: str) -> dict[str, Any]:
    shares, others = results.shares[name], results.shares[first]
    ci95 = None
    if results.certain(name, first):
        rng = _rng()
        samples = probability_of_improvement(resample_runs(shares, rng), resample_runs(others, rng))
        ci95 = interval(samples).tolist()
    return {"over": first, "value": float(probability_of_improvement(shares, others)), "ci95": ci95}


def _difference(results: Results, name: str, other: str) -> dict[str, Any]:
    difference, ci95 = mean_difference(results.nme[name], results.nme[other], _rng())
    return {"value": difference, "ci95": ci95.tolist() if results.certain(name, other) else None}


def print_learners(figures: Sequence[Mapping[str, Any]], first: str, title: str) -> None:
    """The figures as a table on the screen."""
    caption = (
        "share (0: random-walk, 1: the policy optimal): IQM over runs; "
        f"P: probability of a higher share than {first}'s; [95 % over runs], "
        f"the NME's difference [95 % over runs and clips]; none below {MIN_RUNS} runs"
    )
    table = Table(title=title, caption=caption)
    headings = ("policy", "runs", "NME %", "against the first", "share", "P", "share on train", "r2")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "policy" else "right")
    for row in figures:
        difference, better = row["nme_differences"].get(first), row["improvement"]
        table.add_row(
            row["policy"],
            str(row["runs"]),
            f"{row['nme_mean']:.3f}",
            _text(difference["value"], difference["ci95"], "+.3f") if difference else "",
            _text(row["share_iqm"], row["share_ci95"], ".2f"),
            _text(better["value"], better["ci95"], ".2f") if better else "",
            _text(row["train_share_iqm"], row["train_share_ci95"], ".2f"),
            f"{row['r2']:.2f}" if "r2" in row else "",
        )
    Console(width=140).print(table)


def _text(value: float, ci95: Sequence[float] | None, form: str) -> str:
    return f"{value:{form}}" + ("" if ci95 is None else f" [{ci95[0]:{form}}, {ci95[1]:{form}}]")
