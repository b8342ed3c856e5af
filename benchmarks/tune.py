"""Tune the hyper-parameters of learners with the same budget for each: random draws from a space, a few seeds per draw.

python benchmarks/tune.py                                     # on the clips that ship; needs the extra sb3
python benchmarks/tune.py --learners dqn sb3-dqn --draws 16 --clips "300vw:DIR?split=val" --out runs/tune-video
python benchmarks/tune.py --ray local                         # the trainings as jobs of a Ray cluster
python benchmarks/tune.py ... # the same command again: finished trainings are not repeated

Tune on other clips and with other seeds than you compare with: the same clips in both are a data leak.
"""

import dataclasses
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agents.baselines.args import SB3Args
from agents.baselines.hyper_parameters import SHIPPED, read_hparams, shipped_with
from agents.playing.summary import CEILING, REFERENCE
from benchmarks.common.commands import benchmark_command
from benchmarks.common.jobs import ClusterArgs, run_jobs
from benchmarks.common.results import ResultRow, write_results
from benchmarks.common.tables import command_block, markdown_table, show_page
from benchmarks.comparison.args import ComparedGame
from benchmarks.comparison.jobs import check_jobs, make_jobs, named_rows, run_job
from benchmarks.comparison.learners import ARGUMENTS, SB3_PREFIX, read_learner
from benchmarks.comparison.measure import HELD_OUT, measurement_of
from benchmarks.comparison.report import Results
from srn_core.cli.options import read_options
from srn_core.data.several import specs_text
from srn_core.errors import COUNT, NOT_NEGATIVE, UserError, check_numbers, command
from srn_core.io.files import plain, read_json
from srn_core.versions import versions

SPACE = Path(__file__).with_name("tuning.json")


@dataclass(frozen=True, kw_only=True)
class TuneArgs(ComparedGame, ClusterArgs):
    """Train every learner with several draws of its hyper-parameters, and name the best of each."""

    learners: tuple[str, ...] = ("dqn", "sb3-dqn", "sb3-ppo")
    """Learners to tune, each with an entry in --space. NAME:field=value,field=value sets what all its draws share, such as
    sb3-dqn:observation=memory,with_landmark_id=true."""
    space: Path = SPACE
    """JSON file: for each learner, the values to draw from, per hyper-parameter. For sb3-*, names are as in
    agents/baselines/hparams/*.yml."""
    draws: int = 8
    """Draws per learner. The first draw is the shipped hyper-parameters."""
    train_seeds: tuple[int, ...] = (101, 102)
    """Each draw is trained once per seed."""
    total_steps: int = 60_000
    """Length of each training, in env steps (frames played)."""
    seed: int = 0
    """Seed of the draws, and of the first landmarks of the evaluation."""
    out: Path = Path("runs/tune")
    """Folder for figures.json, README.md, the runs and the YAML files of the draws. Finished trainings are not repeated."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.learners or not self.train_seeds:
            raise UserError("--learners or --train-seeds: none given; expected at least one of each")
        counts = dict.fromkeys(("draws", "total_steps", "episodes"), COUNT)
        check_numbers(self, counts | dict.fromkeys(("seed", "train_seeds", "ray_gpus"), NOT_NEGATIVE))


def tune(args: TuneArgs) -> list[ResultRow]:
    """Train, measure, print and write; returns one figure per learner and draw, with the share of the optimum of its seeds."""
    drawn = {name: list(draws(name, read_space(args.space, name), args.draws, args.seed)) for name in args.learners}
    texts = {(name, i): _text(args.out, name, i, values) for name, found in drawn.items() for i, values in enumerate(found)}
    learners = [read_learner(text) for text in texts.values()]
    how, ends = measurement_of(args, (args.seed,)), (REFERENCE, CEILING)
    jobs = make_jobs(learners, args.train_seeds, args.total_steps, how, args.out, cold=False)
    check_jobs(jobs, ends, how, args.out)
    rows = named_rows(ends, how, args.out)
    rows += [row for found in run_jobs(run_job, jobs, args.ray, args.ray_gpus) for row in found]
    share = Results(rows, HELD_OUT).share
    figures: list[ResultRow] = []
    for (name, i), text in texts.items():
        values = {"share": float(share[text].mean()), "shares": share[text].tolist()}
        figures.append({"learner": name, "draw": i, "hyper_parameters": drawn[name][i], **values, "text": text})
    record: dict[str, Any] = {"kind": "tuning", "command": benchmark_command("tune", args), "settings": plain(args)}
    record |= {"versions": versions(), "figures": figures}
    show_page(page := tuning_page(record))
    write_results(args.out, record, page, rows=rows)
    return figures


def read_space(path: Path, learner: str) -> dict[str, list[Any]]:
    """The values of each hyper-parameter of a learner.

    Raises:
        UserError: no such file or learner, or a hyper-parameter that it does not have.
    """
    spaces, found = read_json(path), read_learner(learner)
    if found.runs is not None:
        raise UserError(f"--learners {learner}: all draws have the --train-seeds; leave out @{found.runs}")
    if not isinstance(spaces, dict) or not all(
        isinstance(space, dict) and all(isinstance(values, list) and values for values in space.values())
        for space in spaces.values()
    ):
        raise UserError(f'{path}: expected {{"LEARNER": {{"HYPER-PARAMETER": [value, value]}}}}')
    if (name := found.name) not in spaces:
        raise UserError(f"--learners {learner}: not in {path}; expected one of {', '.join(spaces)}")
    known = None if name.startswith(SB3_PREFIX) else {field.name for field in dataclasses.fields(ARGUMENTS[name])}
    if known is not None and (unknown := sorted(set(spaces[name]) - known)):
        raise UserError(f"{path}: {name} has no hyper-parameter '{unknown[0]}'; expected some of {', '.join(sorted(known))}")
    return dict(spaces[name])


def draws(learner: str, space: Mapping[str, list[Any]], count: int, seed: int) -> Iterator[dict[str, Any]]:
    """``count`` different points of the space: the shipped values first, inside the space or not, then at random."""
    grid = [dict(zip(space, point, strict=True)) for point in itertools.product(*space.values())]
    first = shipped(learner, space)
    if not 1 <= count <= len(grid):
        raise UserError(f"--draws {count}: expected 1 to {len(grid)}, the points of the space of {learner}")
    places = np.random.default_rng(seed).permutation(len(grid))
    others = (grid[place] for place in places if grid[place] != first)
    yield from itertools.islice(itertools.chain([first], others), count)


def shipped(learner: str, space: Iterable[str]) -> dict[str, Any]:
    """The values that a learner has where nothing is said; None for what its file leaves to SB3."""
    found = read_learner(learner)
    if not found.name.startswith(SB3_PREFIX):
        return {name: getattr(ARGUMENTS[found.name], name) for name in space}
    observation = found.options.get("observation", SB3Args.observation)
    values = read_hparams(SHIPPED / f"{found.name.removeprefix(SB3_PREFIX)}.yml", observation).algorithm
    return {name: values.get(name) for name in space}


def _text(out: Path, learner: str, draw: int, values: Mapping[str, Any]) -> str:
    """The learner's text. For SB3 it names a YAML file, which is written first. The first draw is what ships."""
    if draw == 0:
        return learner
    start, name = learner + ("," if ":" in learner else ":"), read_learner(learner).name
    if not name.startswith(SB3_PREFIX):
        return start + ",".join(f"{key}={json.dumps(value)}" for key, value in values.items())
    # Learners of one algorithm may have other draws. A comma would end the path in the learner's text.
    file = out / "hparams" / f"{learner.replace(':', '-').replace(',', '-')}-{draw}.yml"
    shipped_with(SHIPPED / f"{name.removeprefix(SB3_PREFIX)}.yml", values, file)
    return f"{start}hparams={file}"


def tuning_page(record: Mapping[str, Any]) -> list[str]:
    """The draws of each learner in Markdown, the best first."""
    settings, lines = record["settings"], []
    for figure in sorted(record["figures"], key=lambda row: (settings["learners"].index(row["learner"]), -row["share"])):
        values = ", ".join(f"{key} {value}" for key, value in figure["hyper_parameters"].items())
        shares = " ".join(f"{share:.2f}" for share in figure["shares"])
        lines.append((figure["learner"], f"{figure['share']:.3f}", shares, values + " (as shipped)" * (figure["draw"] == 0)))
    budget = f"{len(settings['train_seeds'])} seeds per draw, {settings['total_steps']} steps each"
    return [
        f"# Tuning on {specs_text(settings['clips'])}: {budget}", "",
        "Share of the optimum on held-out clips: the mean over seeds, then each seed.", "",
        *markdown_table(("learner", "share", "seeds", "hyper-parameters"), lines), "",
        *command_block([record["command"]]), "", "Every figure: `figures.json`.",
    ]  # fmt: skip


@command
def main() -> None:
    tune(read_options(TuneArgs, __doc__))


if __name__ == "__main__":
    main()
