"""The table and the page of the fine-tuning benchmark, with paired intervals over clips."""

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from benchmarks.common.results import ResultRow, ResultRows
from benchmarks.common.stats import MIN_RUNS, paired_difference, score_table
from benchmarks.common.tables import command_block, markdown_table, number_text
from benchmarks.synthesis.measure import SETS
from srn_core.data import spec_label

REFERENCES = ("none", "rsf")
HOW = (
    "One tracker is fine-tuned in several ways, called arms. All arms start from the same weights and take the same number "
    "of steps. `none`: clean faces only. `rsf`: occluders at random places (random synthetic faces). `hofs`: occluders "
    "where a DQN puts them (hard occluded face synthesis). `mixed`: half of the clips as hofs, half as rsf. `rounds`: as "
    "hofs, but after half of the steps a new DQN is trained against the tracker so far. `prior`: where covering hurts on "
    "average. `greedy`, `optimal`: planned with the true errors.",
    "Values are in % of the inter-ocular distance, means over clips and seeds. Differences are in % of the mean of the arm it "
    f"is compared with, paired by clip and seed. Brackets hold 95 % intervals over both, from {MIN_RUNS} seeds on.",
    "All policies played with the noise square against the tracker that all arms start from. The training may then draw "
    "other occluders at the same places. A DQN was trained on {dqn_clips}. The weights of an arm were selected on "
    "`--val`, under noise squares at random places. Only weights whose clean error had risen by at most 1 % could be "
    "selected. The worst case is also measured with a noise square. A policy plays a still 16 times, and each time starts "
    "where its last move ended. On stills `greedy` and `optimal` do the same, because there is only one move at a time.",
)


def comparable(rows: ResultRows) -> list[list[Mapping[str, Any]]]:
    """Split the rows into parts inside which all arms have the same seeds; the part with the most seeds comes first.

    A part has the seeds of one of the arms, and all arms that have these seeds. A part is kept if it shows an arm that no
    earlier part shows. So every arm is compared with others over as many seeds as possible. An arm that shares its seeds
    with no other arm comes last.
    """
    seeds: dict[str, set[int]] = {}
    for row in rows:
        seeds.setdefault(row["arm"], set()).add(row["seed"])
    choices = {tuple(sorted(found)) for found in seeds.values()}
    arms = {alike: {arm for arm, found in seeds.items() if found.issuperset(alike)} for alike in choices}
    shown: set[str] = set()
    parts = []
    for alike in sorted(choices, key=lambda alike: (len(arms[alike]) == 1, -len(alike), alike)):
        if not arms[alike] <= shown:
            shown |= arms[alike]
            parts.append([row for row in rows if row["arm"] in arms[alike] and row["seed"] in alike])
    return parts


def summarise_arms(rows: ResultRows) -> list[ResultRow]:
    """One figure per test set, data spec and arm, in the order in which they appear; all arms must have the same seeds.

    ``mean`` is over clips and seeds, in percent of the inter-ocular distance. ``vs_none`` and ``vs_rsf`` are what
    :func:`paired_difference` returns, None for the reference itself and where it was not run.
    """
    figures = []
    for name, data in sorted(dict.fromkeys(map(_part, rows)), key=lambda part: list(SETS).index(part[0])):
        chosen = [row for row in rows if _part(row) == (name, data)]
        arms = list(dict.fromkeys(row["arm"] for row in chosen))
        values = {arm: score_table([row for row in chosen if row["arm"] == arm]) for arm in arms}
        for arm in arms:
            figure: ResultRow = {"set": name, "data": data, "arm": arm}
            figure |= {"seeds": sorted({row["seed"] for row in chosen if row["arm"] == arm}), "n_clips": values[arm].shape[1]}
            figure["mean"] = float(values[arm].mean())
            for reference in REFERENCES:
                compared = reference in arms and reference != arm
                figure[f"vs_{reference}"] = paired_difference(values[arm], values[reference]) if compared else None
            figures.append(figure)
    return figures


def arms_page(record: Mapping[str, Any]) -> list[str]:
    """The figures in Markdown: one line per test set with the mean of each arm and its differences to the references."""
    figures = record["figures"]
    lines = [f"# Hard synthesis: {record['title']}"]
    for paragraph in explanation(record):
        lines += ["", *wrap(paragraph, 120)]
    for seeds in dict.fromkeys(tuple(figure["seeds"]) for figure in figures):
        part = [figure for figure in figures if tuple(figure["seeds"]) == seeds]
        lines += ["", f"## Seeds {', '.join(map(str, seeds))}", "", *_table(part)]
    commands = ["# the tracker that all arms start from", record["base"], "# the arms", *record["commands"]]
    files = "Every figure: `figures.json`. One row per arm, seed, test set and clip: `rows.csv.gz`."
    return [*lines, "", "![Plot](arms.png)", "", *command_block(commands), "", files]


def explanation(record: Mapping[str, Any]) -> list[str]:
    """What the arms and figures of a record are, in paragraphs."""
    settings = record.get("settings", {})
    # Earlier versions trained the DQN on the first of several specs.
    clips = "`--dqn-clips`, by default all `--clips`" if "dqn_clips" in settings else "the first `--clips`"
    arms, *others = (paragraph.format(dqn_clips=clips) for paragraph in HOW)
    if any(figure["arm"] == "base" for figure in record["figures"]):
        arms += " `base`: the tracker that all arms start from, as it is."
    if model := settings.get("model"):
        arms += f" Here the tracker is no SRN but a torch module, `{model}`, trained from random weights."
        arms += " The DQN sees the faces through `srn-small`."
    return [arms, *others]


def _table(figures: ResultRows) -> list[str]:
    arms = list(dict.fromkeys(figure["arm"] for figure in figures))
    others = [arm for arm in arms if arm not in (*REFERENCES, "base")]
    compared = [(arm, reference) for arm in others for reference in REFERENCES if reference in arms]
    headings = ["% of the inter-ocular distance", "clips", *arms]
    headings += [f"{arm} against {reference}" for arm, reference in compared]
    lines = []
    for name, data in dict.fromkeys(map(_part, figures)):
        row = {figure["arm"]: figure for figure in figures if _part(figure) == (name, data)}
        cells = [f"{SETS[name]}, {spec_label(data)}", str(next(iter(row.values()))["n_clips"])]
        cells += [f"{row[arm]['mean']:.2f}" for arm in arms]
        lines.append(cells + [_relative_text(row[arm][f"vs_{reference}"]) for arm, reference in compared])
    return markdown_table(headings, lines)


def _relative_text(difference: Mapping[str, Any]) -> str:
    scale = difference["relative"] / difference["mean"] if difference["mean"] else 0.0
    return number_text(difference["relative"], difference["ci95"] and [scale * end for end in difference["ci95"]], "+.1f")


def _part(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["set"], row["data"]
