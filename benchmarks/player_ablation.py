"""Which of three changes makes a player better on strangers: many people, victims that have not met them, or inputs.

DIR=../shared/data
python benchmarks/player_ablation.py --few "300vw:$DIR/talk2/train?limit=8" \\
  --many "300vw:$DIR/talk2/train" --many "pts:$DIR/faces?split=train&limit=1000&seed=0&motion=12" \\
  --clips "300vw:$DIR/talk2/val" --unmet crossfit:runs/folds

Every combination is trained with the same seeds (2 x 2 x 2 arms), and plays against --tracker on the same held-out clips.
Finished trainings are not repeated.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import srn_core.threads  # noqa: F401

import numpy as np

from agents.clip_options import ClipSpecs, fill_in_clips
from benchmarks.common import stats
from benchmarks.common.commands import benchmark_command
from benchmarks.common.results import ResultRow, ResultRows, read_rows, write_results
from benchmarks.common.stats import MIN_RUNS, interval, iqm, resample_runs
from benchmarks.common.tables import command_block, markdown_table, number_text, show_page
from benchmarks.compare_policies import compare
from benchmarks.comparison.args import CompareArgs
from benchmarks.comparison.measure import HELD_OUT, TRAIN
from benchmarks.comparison.report import Results
from srn_core.cli.options import read_options
from srn_core.errors import UserError, command
from srn_core.io.files import plain

FACTORS = {"people": ("few", "many"), "victim": ("met", "unmet"), "view": ("parts", "change")}
READING = (
    "Share: share of the optimum (0: random-walk, 1: optimal), interquartile mean over runs; brackets: 95 % intervals over "
    f"runs. Gain: how much the NME rises when one factor changes, in points, with a 95 % interval over runs "
    f"and people. Fewer than {MIN_RUNS} runs have no interval. On train: on the clips of --few."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlayerAblationArgs:
    """Train players on few or many people, against a tracker that has met them or not, with one or the other view."""

    CLIP_DEFAULTS = {"few": "demo?split=train&limit=2", "many": "demo?split=train", "clips": "demo?split=val"}
    few: ClipSpecs = ()
    """Data spec of few people; repeat for several. All arms are measured on these training clips. Default:
    demo?split=train&limit=2."""
    many: ClipSpecs = ()
    """Data spec of many people; repeat for several. Default: demo?split=train."""
    clips: ClipSpecs = ()
    """Data spec of held-out people to play on; repeat for several. Default: demo?split=val."""
    tracker: str = "srn-small"
    """The tracker to attack in the end, and in the trainings of the arms `met`."""
    unmet: str = "crossfit:runs/folds"
    """A tracker that has not met the people of the training clips, for the arms `unmet`."""
    train_seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Every arm is trained once per seed."""
    total_steps: int = 60_000
    """Length of each training, in env steps."""
    options: str = ""
    """More arguments of every training, as in compare_policies.py: field=value,field=value."""
    prior_frames: int = 2
    """Frames of each training clip that the policy prior uses."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    out: Path = Path("runs/player-ablation")
    """Folder for figures.json, rows.csv.gz and README.md; one folder with runs for each pair of people and victim."""

    def __post_init__(self) -> None:
        fill_in_clips(self, "few", "many", "clips")


def ablate(args: PlayerAblationArgs) -> dict[str, Any]:
    """Train, measure, print and write; returns the record."""
    rows: list[ResultRow] = []
    for people, victim in product(FACTORS["people"], FACTORS["victim"]):
        compare(compared := _comparison(args, people, victim))
        rows += [{"people": people, "victim": victim, **row} for row in read_rows(compared.out, "rows")]
    record: dict[str, Any] = {"kind": "player-ablation", "command": benchmark_command("player_ablation", args)}
    record |= {"settings": plain(args), **ablation_figures(rows)}
    show_page(page := ablation_page(record))
    write_results(args.out, record, page, rows=rows)
    return record


def _comparison(args: PlayerAblationArgs, people: str, victim: str) -> CompareArgs:
    more = f",{args.options}" if args.options else ""
    return CompareArgs(
        clips=args.clips, train_clips=args.many if people == "many" else args.few, measured_train_clips=args.few,
        tracker=args.tracker, train_tracker=args.unmet if victim == "unmet" else "", policies=("prior", "greedy"),
        learners=tuple(f"dqn:view={view}{more}" for view in FACTORS["view"]), train_seeds=args.train_seeds, seeds=(0,),
        total_steps=args.total_steps, prior_frames=args.prior_frames, start="warm", device=args.device,
        out=args.out / f"{people}-{victim}",
    )  # fmt: skip


def ablation_figures(rows: ResultRows) -> dict[str, Any]:
    """``arms``: one figure per arm and per prior; ``factors``: what each factor changes, averaged over the others."""
    arms, errors = [], {}
    for people, victim in product(FACTORS["people"], FACTORS["victim"]):
        part = [row for row in rows if (row["people"], row["victim"]) == (people, victim)]
        held_out, train = Results(part, HELD_OUT), Results(part, TRAIN)
        for name in held_out.policies:
            view = name.partition("view=")[2].partition(",")[0]
            if not view and name != "prior":
                continue
            arms.append({"people": people, "victim": victim, "view": view or "prior"} | _figure(held_out, train, name))
            errors[people, victim, view] = held_out.nme[name]
    return {"arms": arms, "factors": list(_factors(errors))}


def _figure(held_out: Results, train: Results, name: str) -> ResultRow:
    share, certain = held_out.share[name], held_out.certain(name)
    ci95 = interval(iqm(resample_runs(share, _rng()))).tolist() if certain else None
    return {"runs": len(share), "nme_mean": float(held_out.nme[name].mean()), "share_iqm": float(iqm(share)),
            "share_ci95": ci95, "train_share_iqm": float(iqm(train.share[name]))}  # fmt: skip


def _factors(errors: Mapping[tuple[str, str, str], np.ndarray]) -> Iterator[ResultRow]:
    for place, (factor, (low, high)) in enumerate(FACTORS.items()):
        others = [values for name, values in FACTORS.items() if name != factor]
        means = {}
        for side in (low, high):
            arms = [(*rest[:place], side, *rest[place:]) for rest in product(*others)]
            means[side] = np.mean([errors[people, victim, view] for people, victim, view in arms], axis=0)
        gain, ci95 = stats.mean_difference(means[high], means[low], _rng())
        yield {"factor": factor, "from": low, "to": high, "gain": gain, "ci95": _certain(ci95, len(means[low]))}


def _certain(ci95: np.ndarray, runs: int) -> list[float] | None:
    return ci95.tolist() if runs >= MIN_RUNS else None


def _rng() -> np.random.Generator:
    return np.random.default_rng(stats.BOOTSTRAP_SEED)


def ablation_page(record: Mapping[str, Any]) -> list[str]:
    """The ablation in Markdown."""
    settings = record["settings"]
    arms = [
        (row["people"], row["victim"], row["view"], str(row["runs"]), f"{row['nme_mean']:.3f}",
         number_text(row["share_iqm"], row["share_ci95"], ".2f"), f"{row['train_share_iqm']:.2f}")
        for row in record["arms"]
    ]  # fmt: skip
    factors = [
        (row["factor"], f"{row['from']} to {row['to']}", number_text(row["gain"], row["ci95"], "+.3f"))
        for row in record["factors"]
    ]
    return [
        f"# What makes a player better on people it has not met, tracker {settings['tracker']}", "", READING, "",
        *markdown_table(("factor", "change", "gain"), factors), "",
        *markdown_table(("people", "victim", "view", "runs", "NME, %", "share", "on train"), arms), "",
        "The victim `unmet` is `--unmet`. The view `prior` is the policy of this name: it looks at nothing.", "",
        *command_block([record["command"]]), "", "One row per policy, training seed, split and clip: `rows.csv.gz`.",
    ]  # fmt: skip


@command
def main() -> None:
    args = read_options(PlayerAblationArgs, __doc__)
    if not args.train_seeds:
        raise UserError("--train-seeds: none given; expected at least one whole number")
    ablate(args)


if __name__ == "__main__":
    main()
