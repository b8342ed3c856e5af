"""Figures of learners over training seeds and clips, and the tables of a comparison."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from agents.playing.evaluation import sibling_splits
from agents.playing.summary import CEILING, REFERENCE, optimal_share
from benchmarks.common import stats
from benchmarks.common.results import ResultRow, ResultRows
from benchmarks.common.stats import MIN_RUNS, interval, iqm, person_of, resample_runs, score_table
from benchmarks.common.tables import command_block, markdown_table, number_text
from benchmarks.comparison.measure import HELD_OUT, TRAIN
from srn_core.data.several import specs_label
from srn_core.errors import UserError

THRESHOLDS = np.linspace(-0.5, 1, 61)
POLICY_READING = (
    "All policies play the same clips, first landmarks and noise. NME: the tracker's normalised mean error. Gain: its "
    "difference to the random walk, in points, with a paired 95 % interval over clips. Share: share of the optimum, (return - "
    "random walk) / (optimal - random walk)."
)
LEARNER_READING = (
    "Share: share of the optimum (0: random-walk, 1: optimal), interquartile mean over runs. P: probability that a policy has "
    "a higher share on a clip than {first}. Brackets: 95 % intervals over runs; for the difference of the NME, over runs and "
    f"people. Fewer than {MIN_RUNS} runs have no interval. r2: share of the variance of the rewards within a frame that a "
    "regression explains on held-out clips."
)


class Results:
    """Rows as arrays: runs x clips for each policy.

    Attributes:
        policies: names, in the order of the rows.
        trained: whether a policy is trained, so that its runs differ.
        share: each policy's share of the optimum ``(S,)``, from the mean return over people, as in
            :mod:`agents.playing.summary`; S is 1 for a named policy.
        shares: the same per person ``(S, C)``, without people on whom the optimum is no better than the random walk.
        clips: the names of these people; a clip of nobody's name counts as a person.
        nme: each policy's mean NME in percent ``(S, C)``.
    """

    def __init__(self, rows: ResultRows, split: str) -> None:
        """Take the rows of one split. They must contain the random walk and the optimum.

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
            raise UserError(f"{split} clips: {CEILING} is not above {REFERENCE}, so there is no share; use another tracker")
        self.share = {name: optimal_share(values.mean(1), walk.mean(), optimum.mean()) for name, values in returns.items()}
        scaled = optimum > walk
        self.shares = {
            name: optimal_share(values[:, scaled], walk[scaled], optimum[scaled]) for name, values in returns.items()
        }
        names = sorted({person_of(row) for row in of[REFERENCE]}, key=str)
        self.clips = [name for name, kept in zip(names, scaled, strict=True) if kept]
        self.nme = {name: score_table(rows, "nme_percent") for name, rows in of.items()}

    def certain(self, *names: str) -> bool:
        """Whether there are enough runs for an interval: some policy is trained, and all trained ones have :data:`MIN_RUNS`."""
        runs = [len(self.shares[name]) for name in names if self.trained[name]]
        return bool(runs) and min(runs) >= MIN_RUNS


def summarise_learners(rows: ResultRows, first: str) -> list[ResultRow]:
    """One figure per policy; intervals are None below :data:`MIN_RUNS` runs.

    ``nme_mean`` is in percent. ``share_iqm`` is the IQM over runs of the share of the optimum on the held-out clips;
    ``share_ci95`` resamples whole runs. ``clip_shares`` holds the mean over runs per clip. ``train_share_iqm`` is the share on
    the training clips. ``improvement`` is the probability of a higher share than ``first``'s on a clip. ``nme_differences`` are
    to the mean NME of each other policy, resampled over runs and clips. ``r2`` is the mean over runs and held-out clips; only
    regressions have it.
    """
    held_out, train = Results(rows, HELD_OUT), Results(rows, TRAIN)
    figures = []
    for name in held_out.policies:
        figure = {
            "policy": name, "runs": len(held_out.share[name]), "clips": held_out.nme[name].shape[1],
            "nme_mean": float(held_out.nme[name].mean()), "share_iqm": float(iqm(held_out.share[name])),
            "share_ci95": _iqm_interval(held_out, name),
            "clip_shares": dict(zip(held_out.clips, held_out.shares[name].mean(0).round(4).tolist(), strict=True)),
            "train_share_iqm": float(iqm(train.share[name])),
            "train_share_ci95": _iqm_interval(train, name),
            "improvement": None if name == first else _improvement(held_out, name, first),
            "nme_differences": {other: _difference(held_out, name, other) for other in held_out.policies if other != name},
        }  # fmt: skip
        explained = [row["r2"] for row in rows if row["policy"] == name and row["split"] == HELD_OUT and "r2" in row]
        figures.append(figure | ({"r2": float(np.mean(explained))} if explained else {}))
    return figures


def profiles(results: Results) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """Each policy's performance profile at :data:`THRESHOLDS` ``(K,)`` and its band ``(2, K)``, without the scale's ends."""
    found = {}
    for name, shares in results.shares.items():
        if name in (REFERENCE, CEILING):
            continue
        samples = resample_runs(shares, _rng()) if results.certain(name) else None
        band = None if samples is None else interval(stats.performance_profile(samples, THRESHOLDS))
        found[name] = stats.performance_profile(shares, THRESHOLDS), band
    return found


def _rng() -> np.random.Generator:
    return np.random.default_rng(stats.BOOTSTRAP_SEED)


def _iqm_interval(results: Results, name: str) -> list[float] | None:
    if not results.certain(name):
        return None
    return list(interval(iqm(resample_runs(results.share[name], _rng()))).tolist())


def _improvement(results: Results, name: str, first: str) -> dict[str, Any]:
    shares, others = results.shares[name], results.shares[first]
    ci95 = None
    if results.certain(name, first):
        rng = _rng()
        samples = stats.probability_of_improvement(resample_runs(shares, rng), resample_runs(others, rng))
        ci95 = interval(samples).tolist()
    return {"over": first, "value": float(stats.probability_of_improvement(shares, others)), "ci95": ci95}


def _difference(results: Results, name: str, other: str) -> dict[str, Any]:
    difference, ci95 = stats.mean_difference(results.nme[name], results.nme[other], _rng())
    return {"value": difference, "ci95": ci95.tolist() if results.certain(name, other) else None}


def comparison_page(record: Mapping[str, Any]) -> list[str]:
    """A comparison in Markdown: its policies, its learners, or both."""
    settings = record["settings"]
    lines = [f"# {specs_label(settings['clips'])}, tracker {settings['tracker']}, mode {settings['mode']}", ""]
    lines += _policies_part(record) if "policies" in record else []
    lines += learners_part(record) if "learners" in record else []
    return [
        *lines,
        *command_block([record["command"]]),
        "",
        "Every figure: `figures.json`. Plots: the PNG files of this folder.",
    ]


def _policies_part(record: Mapping[str, Any]) -> list[str]:
    headings = ("policy", "clips", "episodes", "return", "NME, %", "gain", "share")
    return [
        "## Policies on the same episodes", "", POLICY_READING, f"The policy optimal is {record['optimum']}.", "",
        *markdown_table(headings, map(_policy_line, record["policies"])), "", "One row per episode: `episodes.csv.gz`.", "",
    ]  # fmt: skip


def learners_part(record: Mapping[str, Any]) -> list[str]:
    """The learners and named policies of a comparison in Markdown."""
    settings, first = record["settings"], record["learners"][0]["policy"]
    clips = specs_label(settings["train_clips"] or sibling_splits(settings["clips"], "train"))
    headings = ("policy", "runs", "NME, %", "against the first", "share", "P", "share on train", "r2")
    return [
        f"## Learners, trained {settings['total_steps']} steps on {clips}", "", LEARNER_READING.format(first=f"`{first}`"), "",
        *markdown_table(headings, (_learner_line(figure, first) for figure in record["learners"])), "",
        "One row per policy, training seed, split and clip: `rows.csv.gz`.", "",
    ]  # fmt: skip


def _policy_line(row: Mapping[str, Any]) -> list[str]:
    gain = number_text(row["gain"], row["gain_ci95"], "+.2f") if "gain" in row else ""
    share = "" if row["optimal_share"] is None else f"{row['optimal_share']:.2f}"
    means = f"{row['return_mean']:.3f}", f"{row['nme_mean']:.2f}"
    return [f"`{row['policy']}`", str(row["clips"]), str(row["episodes"]), *means, gain, share]


def _learner_line(row: Mapping[str, Any], first: str) -> list[str]:
    difference, better = row["nme_differences"].get(first), row["improvement"]
    return [
        f"`{row['policy']}`", str(row["runs"]), f"{row['nme_mean']:.3f}",
        number_text(difference["value"], difference["ci95"], "+.3f") if difference else "",
        number_text(row["share_iqm"], row["share_ci95"], ".2f"),
        number_text(better["value"], better["ci95"], ".2f") if better else "",
        number_text(row["train_share_iqm"], row["train_share_ci95"], ".2f"),
        f"{row['r2']:.2f}" if "r2" in row else "",
    ]  # fmt: skip
