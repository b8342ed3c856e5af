"""MkDocs hook: tables from ``benchmarks/results/NAME/figures.json``, so that no figure is copied by hand.

A page asks for a table by a comment on a separate line: ``<!-- figures: KIND NAME ... -->``. The kinds are the keys of
:data:`TABLES`. The plots beside the figures are part of the site as ``results/plots/NAME/FILE.png``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
PLOTS = "results/plots"
MARKER = re.compile(r"^<!-- figures: (\S+) (.+) -->$", re.MULTILINE)
SETS = {
    "clean": "clean",
    "masked": "medical masks",
    "random": "noise square at random",
    "worst": "worst case",
    "jitter": "jitter",
}
REFERENCES = ("none", "rsf")
# A cell lists so many figures at most.
MOST_SHARES = 16
Record = Mapping[str, Any]


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put each table where its comment stands."""
    return MARKER.sub(lambda marker: TABLES[marker[1]](*marker[2].split()), markdown)


def on_files(files: Any, config: Any) -> Any:
    """Add the plots of the results to the site."""
    from mkdocs.structure.files import File  # The tests use this module without MkDocs.

    for uri, path in plots().items():
        files.append(File.generated(config, uri, abs_src_path=str(path)))
    return files


def plots() -> dict[str, Path]:
    """Address inside the site -> plot."""
    return {f"{PLOTS}/{path.relative_to(RESULTS).as_posix()}": path for path in sorted(RESULTS.rglob("*.png"))}


def accuracy(*names: str) -> str:
    """Trackers side by side: a row per data set and mode, a column per folder under ``accuracy/``."""
    columns = {name: {(f["data"], f["mode"]): f for f in _load(f"accuracy/{name}")["figures"]} for name in names}
    lines = []
    for key, first in columns[names[0]].items():
        found = [column.get(key) for column in columns.values()]
        cells = [_number(f["nme_mean"], f["nme_ci95"]) if f else "" for f in found]
        lines.append([_data_label(key[0]), key[1], str(first["n_faces"]), first["box_source"], *cells])
    return _table(("data", "mode", "faces", "boxes", *names), lines)


def accuracy_details(name: str) -> str:
    """One tracker: the spread of its errors, failures and jitter."""
    lines = []
    for f in _load(f"accuracy/{name}")["figures"]:
        values = [f["nme_median"], f["nme_p90"], f["fr_10"], f["auc_10"], f["jitter"]]
        lines.append([_data_label(f["data"]), f["mode"], *("" if v is None else f"{v:.2f}" for v in values)])
    return _table(("data", "mode", "median", "90th percentile", "failures over 10 %", "AUC at 10 %", "jitter"), lines)


def certainty(name: str) -> str:
    """One tracker: what it knows of hidden points and of its errors."""
    keys = "hidden_share", "visibility_ap", "visibility_recall_at_80"
    lines = []
    for f in _load(f"accuracy/{name}")["figures"]:
        shares = ["" if f[key] is None else f"{f[key]:.1f}" for key in keys]
        ranks = [_number(f[key], None) for key in ("error_rank_correlation", "error_rank_correlation_points")]
        lines.append([_data_label(f["data"]), f["mode"], *shares, *ranks])
    headings = "hidden points, %", "average precision, %", "recall at 80 % precision, %"
    return _table(("data", "mode", *headings, "rank correlation, faces", "points"), lines)


def peers(name: str, *measures: str) -> str:
    """Models of other people beside ours: a row per set, a column per model; ``masked`` or ``bare`` chooses the sets.

    ``measures`` is the field of the figures, and which sets.
    """
    record, (field, sets) = _load(name), measures
    of = {(f["data"], f["model"]): f for f in record["figures"]}
    lines = []
    for data in dict.fromkeys(data for data, _ in of):
        if ("masked=1" in data) == (sets == "masked"):
            found = [of[data, model] for model in record["models"]]
            lines.append([_data_label(data), str(found[0]["faces"]), *(_peer_cell(f, field) for f in found)])
    return _table(("data", "faces", *record["models"]), lines)


def scenes(name: str) -> str:
    """Composed scenes: how soon a face is lost and found."""
    keys = ("scenes", "frames", "wrong", "missed", "until_lost", "until_found", "renamed")
    lines = [[f["scene"], *(str(f[key]) for key in keys)] for f in _load(name)["scenes"]]
    return _table(("scene", "scenes", "frames", "wrong", "missed", "until lost", "until found", "renamed"), lines)


def smoothing(name: str) -> str:
    """Landmarks with and without smoothing."""
    lines = [[f["kind"], *(_number(f[key], None) for key in ("nme", "jitter", "lag"))] for f in _load(name)["smoothing"]]
    return _table(("landmarks", "NME, %", "jitter, %", "lag, frames"), lines)


def policies(name: str) -> str:
    """Policies on the same episodes."""
    lines = []
    for f in _load(f"policies/{name}")["policies"]:
        gain = _number(f["gain"], f["gain_ci95"], "+.2f")
        lines.append([_policy_label(f["policy"]), f"{f['nme_mean']:.2f}", gain, f"{f['optimal_share']:.2f}"])
    return _table(("policy", "NME", "gain over the random walk", "share of the optimum"), lines)


def learners(name: str) -> str:
    """Learners over training seeds; differences are to the first one."""
    rows = _load(f"learners/{name}")["learners"]
    base = rows[0]["policy"]
    lines = []
    for f in rows:
        difference = f["nme_differences"].get(base)
        cells = [str(f["runs"]), f"{f['nme_mean']:.2f}", _number(f["share_iqm"], f["share_ci95"])]
        shares = list(f["clip_shares"].values())
        few = len(shares) <= MOST_SHARES
        cells.append(", ".join(f"{share:.2f}" for share in shares) if few else f"{min(shares):.2f} to {max(shares):.2f}")
        cells.append(_number(f["train_share_iqm"], f["train_share_ci95"]))
        cells.append(_number(difference["value"], difference["ci95"], "+.3f") if difference else "")
        lines.append([_policy_label(f["policy"]), *cells])
    headings = ("learner", "runs", "NME", "share, held out", "of each clip", "share, training clips", f"NME against `{base}`")
    return _table(headings, lines)


def player_ablation(name: str) -> str:
    """What each factor changes, and the players of all combinations."""
    record = _load(name)
    factors = [[f["factor"], f"{f['from']} to {f['to']}", _number(f["gain"], f["ci95"], "+.3f")] for f in record["factors"]]
    lines = [
        [f["people"], f["victim"], f["view"], str(f["runs"]), f"{f['nme_mean']:.2f}", _number(f["share_iqm"], f["share_ci95"]),
         f"{f['train_share_iqm']:.2f}"]
        for f in record["arms"]
    ]  # fmt: skip
    headings = ("people", "victim", "view", "runs", "NME", "share, held out", "share, training clips")
    return _table(("factor", "change", "gain in NME"), factors) + "\n" + _table(headings, lines)


def arms(name: str, *chosen: str) -> str:
    """Ways of fine-tuning on the seeds that all of them have; differences in percent of the reference.

    ``name`` is a folder under ``hofs/``, or else under the results.
    """
    figures = _load(f"hofs/{name}" if (RESULTS / "hofs" / name).is_dir() else name)["figures"]
    seeds = _shared_seeds(figures, chosen)
    others = [arm for arm in chosen if arm not in (*REFERENCES, "base")]
    compared = [(arm, reference) for arm in others for reference in REFERENCES if reference in chosen]
    lines = []
    for part in dict.fromkeys((f["set"], f["data"]) for f in figures):
        row = {f["arm"]: f for f in figures if (f["set"], f["data"]) == part and f["seeds"] == seeds}
        label = f"{SETS[part[0]]}, {_data_label(part[1])}"
        differences = [_relative(row[arm][f"vs_{reference}"]) for arm, reference in compared]
        lines.append([label, str(row[chosen[0]]["n_clips"]), *(f"{row[arm]['mean']:.2f}" for arm in chosen), *differences])
    headings = ("test", "clips", *chosen, *(f"{arm} against {reference}, %" for arm, reference in compared))
    return f"{len(seeds)} seeds.\n\n" + _table(headings, lines)


def ablation(name: str) -> str:
    """Variants of the network or the training; the first row holds means, the others differences to it."""
    figures = _load(f"ablation/{name}")["figures"]
    parts = list(dict.fromkeys((f["data"], f["set"]) for f in figures))
    lines = []
    for variant in dict.fromkeys(f["variant"] for f in figures):
        cells = []
        for part in parts:
            f = next(f for f in figures if (f["data"], f["set"]) == part and f["variant"] == variant)
            difference = f["vs_full"]
            cells.append(_number(difference["mean"], difference["ci95"], "+.2f") if difference else f"{f['mean']:.2f}")
        lines.append([f"`{variant}`", *cells])
    return _table(("variant", *(f"{SETS[kind]}, {_data_label(data)}" for data, kind in parts)), lines)


def tuning(name: str) -> str:
    """Draws of hyper-parameters."""
    lines = []
    for f in _load(name)["figures"]:
        settings = ", ".join(f"{key}={value}" for key, value in f["hyper_parameters"].items()) or "those before the tuning"
        lines.append([f["learner"], settings, f"{f['share']:.2f}", ", ".join(f"{share:.2f}" for share in f["shares"])])
    return _table(("learner", "settings", "share", "of each seed"), lines)


def throughput(name: str, *groups: str) -> str:
    """Rows of the speed benchmark, ours beside the plain way."""
    if not (RESULTS / name / "figures.json").is_file():
        return "*Not measured yet; the command is above.*\n"
    lines = []
    for f in _load(name)["figures"]:
        if f["group"] in groups:
            other = "" if f["plain"] is None else f"{f['plain']:.4g} ({f['plain_way']})"
            gain = "" if f["gain"] is None else f"{f['gain']:.2f}"
            lines.append([f["what"], f["precision"], f"{f['value']:.4g} {f['unit']}", other, gain])
    return _table(("what", "arithmetic", "this project", "beside it", "times better"), lines)


def command(name: str) -> str:
    """The command of a folder's figures, folded away."""
    record = _load(name)
    lines = [record["base"]] if "base" in record else []
    lines += record.get("commands") or [record["command"]]
    block = "\n".join(f"    {line}" for line in lines)
    return f'??? note "Command, and where the figures are: benchmarks/results/{name}"\n\n    ```bash\n{block}\n    ```\n'


TABLES: Mapping[str, Callable[..., str]] = {
    function.__name__: function
    for function in (
        accuracy,
        accuracy_details,
        certainty,
        peers,
        scenes,
        smoothing,
        policies,
        learners,
        player_ablation,
        arms,
        ablation,
        tuning,
        throughput,
        command,
    )
}


def _load(name: str) -> dict[str, Any]:
    return dict(json.loads((RESULTS / name / "figures.json").read_text(encoding="utf-8")))


def _shared_seeds(figures: Iterable[Record], chosen: Sequence[str]) -> list[int]:
    """The most seeds on which there is a figure of each of the ``chosen`` arms."""
    found: dict[tuple[int, ...], set[str]] = {}
    for f in figures:
        found.setdefault(tuple(f["seeds"]), set()).add(f["arm"])
    return list(max((seeds for seeds, present in found.items() if present.issuperset(chosen)), key=len))


def _data_label(spec: str) -> str:
    """A data spec in words."""
    head, _, query = spec.partition("?")
    options = dict(part.split("=") for part in query.split("&") if part)
    split = options.get("split", "")
    label = {
        "demo": "rendered heads",
        "300vw": ("more video" if "talk2" in head else "video")
        + f" of people {'seen' if split == 'train' else 'not seen'} in training",
        "pts": "stills of many people",
        "ytf68": "YouTube Faces stills",
        "300w": f"300-W {split}",
    }[head.partition(":")[0]]
    counted = "faces" if head.startswith(("300w:", "pts:")) else "clips"
    label += f", {options['limit']} {counted}" if "limit" in options else ""
    label += f", {options['frames']} frames each" if "frames" in options else ""
    return label + (", masked" if options.get("masked") == "1" else "")


def _peer_cell(figure: Record, field: str) -> str:
    """A figure; the NME with its interval and the share of faces found, where it is not all."""
    if figure[field] is None:
        return "none found"
    text = _number(figure[field], figure["nme_ci95"] if field == "nme" else None)
    missing = field == "nme" and figure["found"] < figure["faces"]
    return text + (f" finds&nbsp;{100 * figure['found'] / figure['faces']:.0f}&nbsp;%" if missing else "")


def _policy_label(name: str) -> str:
    return "DQN" if name.startswith("runs/") else f"`{name}`".replace(",", ", ")


def _number(value: float, interval: Sequence[float] | None, form: str = ".2f") -> str:
    """A figure and its interval, each in one piece when the table is narrow."""
    text = f"{value:{form}}" + (f" [{interval[0]:{form}},&nbsp;{interval[1]:{form}}]" if interval else "")
    return text.replace("-", "\N{MINUS SIGN}")


def _relative(difference: Record) -> str:
    scale = difference["relative"] / difference["mean"] if difference["mean"] else 0.0
    return _number(difference["relative"], difference["ci95"] and [scale * end for end in difference["ci95"]], "+.1f")


def _table(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [headings, ["---"] * len(headings), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows) + "\n"
