"""Figures of learners over training seeds and clips, and their table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from agents.summary import CEILING, REFERENCE, optimal_share
from benchmarks.compare_measure import HELD_OUT, TRAIN, Row
from benchmarks.stats import (
    interval,
    iqm,
    mean_difference,
    performance_profile,
    probability_of_improvement,
    resample_runs,
)
from srn_core.errors import UserError

BOOTSTRAP_SEED = 0
# With fewer runs a nominal 95 % interval covers 80 % or less.
MIN_RUNS = 5
THRESHOLDS = np.linspace(-0.5, 1, 61)


class Results:
    """Rows as arrays: runs x clips of each policy.

    Attributes:
        policies: names, in the order of the rows.
        trained: whether a policy is trained, so that its runs differ.
        shares: each policy's shares of the optimum ``(S, C)``; S is 1 for a named policy.
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
        returns = {name: _array(chosen, name, "return") for name in self.policies}
        walk, optimum = returns[REFERENCE][0], returns[CEILING][0]
        # On a clip where no policy can do better than chance there is nothing to have a share of.
        scaled = optimum > walk
        if not scaled.any():
            raise UserError(
                f"{split} clips: on none is {CEILING} above {REFERENCE}, so there is no share; take another tracker"
            )
        self.shares = {
            name: optimal_share(values[:, scaled], walk[scaled], optimum[scaled]) for name, values in returns.items()
        }
        self.nme = {name: _array(chosen, name, "nme_percent") for name in self.policies}

    def certain(self, *names: str) -> bool:
        """Whether there are runs enough for an interval: some policy is trained, and each that is has :data:`MIN_RUNS`."""
        runs = [len(self.shares[name]) for name in names if self.trained[name]]
        return bool(runs) and min(runs) >= MIN_RUNS


def _array(rows: Sequence[Row], policy: str, key: str) -> np.ndarray:
    """``(S, C)`` values of a policy, seeds and clips in the order of their rows."""
    values = {(row["seed"], row["clip"]): row[key] for row in rows if row["policy"] == policy}
    seeds, clips = (list(dict.fromkeys(key[i] for key in values)) for i in range(2))
    return np.array([[values[seed, clip] for clip in clips] for seed in seeds])


def summarise_learners(rows: Sequence[Row], first: str) -> list[dict[str, Any]]:
    """One row a policy; intervals are None where fewer than :data:`MIN_RUNS` runs stand behind them.

    ``nme_mean`` is in percent; ``share_iqm`` the IQM of the share of the optimum over runs and held-out clips, with
    ``share_ci95`` (whole runs resampled) and ``share_ci95_apart`` (runs of each clip resampled apart, as rliable does);
    ``train_share_iqm`` the same on the training clips; ``improvement`` the probability of a higher share than ``first``'s
    and ``nme_difference`` the difference to its mean NME, resampled over runs and clips, both ``{"over", "value", "ci95"}``;
    ``r2`` the mean over runs and held-out clips, for regressions alone.
    """
    held_out, train = Results(rows, HELD_OUT), Results(rows, TRAIN)
    figures = []
    for name in held_out.policies:
        shares = held_out.shares[name]
        figure = {
            "policy": name,
            "runs": len(shares),
            "clips": shares.shape[1],
            "nme_mean": float(held_out.nme[name].mean()),
            "share_iqm": float(iqm(shares)),
            "share_ci95": _iqm_interval(held_out, name),
            "share_ci95_apart": _iqm_interval(held_out, name, apart=True),
            "train_share_iqm": float(iqm(train.shares[name])),
            "train_share_ci95": _iqm_interval(train, name),
            "improvement": None if name == first else _improvement(held_out, name, first),
            "nme_difference": None if name == first else _difference(held_out, name, first),
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


def _iqm_interval(results: Results, name: str, apart: bool = False) -> list[float] | None:
    if not results.certain(name):
        return None
    return list(interval(iqm(resample_runs(results.shares[name], _rng(), apart=apart))).tolist())


def _improvement(results: Results, name: str, first: str) -> dict[str, Any]:
    shares, others = results.shares[name], results.shares[first]
    ci95 = None
    if results.certain(name, first):
        rng = _rng()
        samples = probability_of_improvement(resample_runs(shares, rng), resample_runs(others, rng))
        ci95 = interval(samples).tolist()
    return {"over": first, "value": float(probability_of_improvement(shares, others)), "ci95": ci95}


def _difference(results: Results, name: str, first: str) -> dict[str, Any]:
    difference, ci95 = mean_difference(results.nme[name], results.nme[first], _rng())
    return {"over": first, "value": difference, "ci95": ci95.tolist() if results.certain(name, first) else None}


def print_learners(figures: Sequence[Mapping[str, Any]], first: str, title: str) -> None:
    """The figures as a table on the screen."""
    caption = (
        "share (0: random-walk, 1: the policy optimal): IQM over runs x clips; "
        f"P: probability of a higher share than {first}'s; [95 % over runs], "
        f"the NME's difference [95 % over runs and clips]; none below {MIN_RUNS} runs"
    )
    table = Table(title=title, caption=caption)
    headings = ("policy", "runs", "NME %", "against the first", "share", "P", "share on train", "r2")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "policy" else "right")
    for row in figures:
        difference, better = row["nme_difference"], row["improvement"]
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
