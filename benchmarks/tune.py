"""Hyper-parameters of the learners, chosen with the same budget for each: random draws from one space, a few seeds a draw.

python benchmarks/tune.py                                     # on the clips that ship; pip install --editable '.[sb3]'
python benchmarks/tune.py --learners dqn sb3-dqn --draws 16 --clips "300vw:DIR?split=val" --out runs/tune-video
python benchmarks/tune.py ... # again: what is finished is not done again

Tune on other clips than those of the comparison, and compare with other seeds.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from agents.baselines.args import SB3Args
from agents.baselines.hyper_parameters import SHIPPED, read_hparams, shipped_with
from agents.playing.args import EvaluateArgs
from agents.playing.evaluation import sibling_split
from agents.playing.summary import CEILING, REFERENCE
from benchmarks.common.commands import option_words
from benchmarks.common.jobs import run_jobs
from benchmarks.common.settings import check_settings
from benchmarks.comparison.jobs import job_settings, make_jobs, run_job
from benchmarks.comparison.learners import ARGUMENTS, SB3_PREFIX, read_learner
from benchmarks.comparison.measure import HELD_OUT, Measurement
from benchmarks.comparison.report import Results
from srn_core.cli.options import read_options
from srn_core.errors import COUNT, NOT_NEGATIVE, UserError, check_numbers, command
from srn_core.io.files import plain, read_json, write_json
from srn_core.victims.registry import load_victim
from srn_gym.rules import GameRules, rules_of

SPACE = Path(__file__).with_name("tuning.json")


@dataclass(frozen=True)
class TuneArgs(GameRules):
    """Train every learner with several draws of its hyper-parameters, and name the best of each."""

    learners: tuple[str, ...] = ("dqn", "sb3-dqn", "sb3-ppo")
    """Names in the space."""
    space: Path = SPACE
    """JSON: for each learner, its hyper-parameters' values to draw from. Those of sb3-* are keys of
    agents/baselines/hparams/*.yml."""
    draws: int = 8
    """Draws a learner, the shipped hyper-parameters included: the budget, the same for all."""
    train_seeds: tuple[int, ...] = (101, 102)
    """Trainings of each draw."""
    total_steps: int = 60_000
    """Env steps of each training."""
    clips: str = "demo?split=val"
    """Data spec of the clips to play."""
    train_clips: str | None = None
    """Data spec of the training clips; the spec with split=train where not given."""
    tracker: str = "srn-small"
    """The tracker to attack: a checkpoint's name or folder."""
    episodes: int = 48
    """Episodes of each evaluation; clips take turns, each with a random first landmark."""
    seed: int = 0
    """Seed of the draws, and of the evaluation's first landmarks."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    out: Path = Path("runs/tune")
    """Folder for tuning.json, the runs and the YAML files of the draws. What is finished there is not done again."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.learners or not self.train_seeds:
            raise UserError("--learners or --train-seeds: none given; expected at least one of each")
        counts = dict.fromkeys(("draws", "total_steps", "episodes"), COUNT)
        check_numbers(self, counts | {"seed": NOT_NEGATIVE, "train_seeds": NOT_NEGATIVE})


def tune(args: TuneArgs) -> list[dict[str, Any]]:
    """Train, measure, print and write; returns a row a learner and draw: ``share`` of the optimum, ``shares`` of its seeds."""
    options = EvaluateArgs(
        policy="", clips=args.clips, train_clips=args.train_clips or sibling_split(args.clips, "train"),
        tracker=args.tracker, episodes=args.episodes, device=args.device, **rules_of(args),
    )  # fmt: skip
    drawn = {name: list(draws(name, read_space(args.space, name), args.draws, args.seed)) for name in args.learners}
    texts = {(name, i): _text(args.out, name, i, values) for name, found in drawn.items() for i, values in enumerate(found)}
    learners = [read_learner(text) for text in texts.values()]
    how = Measurement(options, (args.seed,), load_victim(args.tracker, args.device).key)
    jobs = make_jobs(learners, (REFERENCE, CEILING), args.train_seeds, args.total_steps, how, args.out, cold=False)
    for job in jobs:
        check_settings(job.folder, job_settings(job))
    results = Results([row for found in run_jobs(run_job, jobs) for row in found], HELD_OUT)
    rows = []
    for (name, i), text in texts.items():
        shares = results.share[text]
        values = {"share": float(shares.mean()), "shares": shares.tolist()}
        rows.append({"learner": name, "draw": i, "hyper_parameters": drawn[name][i], **values, "text": text})
    words = shlex.join(["python", "benchmarks/tune.py", *option_words(args, ("device",))])
    write_json(args.out / "tuning.json", {"command": words, "settings": plain(args), "rows": rows})
    print_rows(rows, f"{args.clips}, {len(args.train_seeds)} seeds a draw, {args.total_steps} steps each")
    return rows


def read_space(path: Path, learner: str) -> dict[str, list[Any]]:
    """The values of each hyper-parameter of a learner.

    Raises:
        UserError: no such file or learner, or a hyper-parameter that it does not have.
    """
    spaces = read_json(path)
    if not isinstance(spaces, dict) or not all(
        isinstance(space, dict) and all(isinstance(values, list) and values for values in space.values())
        for space in spaces.values()
    ):
        raise UserError(f'{path}: expected {{"LEARNER": {{"HYPER-PARAMETER": [value, value]}}}}')
    if learner not in spaces:
        raise UserError(f"--learners {learner}: not in {path}; expected one of {', '.join(spaces)}")
    read_learner(learner)
    known = None if learner.startswith(SB3_PREFIX) else {field.name for field in dataclasses.fields(ARGUMENTS[learner])}
    if known is not None and (unknown := sorted(set(spaces[learner]) - known)):
        raise UserError(f"{path}: {learner} has no hyper-parameter '{unknown[0]}'; expected some of {', '.join(sorted(known))}")
    return dict(spaces[learner])


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
    if not learner.startswith(SB3_PREFIX):
        return {name: getattr(ARGUMENTS[learner], name) for name in space}
    values = read_hparams(SHIPPED / f"{learner.removeprefix(SB3_PREFIX)}.yml", SB3Args.observation).algorithm
    return {name: values.get(name) for name in space}


def _text(out: Path, name: str, draw: int, values: Mapping[str, Any]) -> str:
    """The learner's text; of SB3's algorithms with a YAML file that is written here. The first draw is what ships."""
    if draw == 0:
        return name
    if not name.startswith(SB3_PREFIX):
        return f"{name}:" + ",".join(f"{key}={json.dumps(value)}" for key, value in values.items())
    file = out / "hparams" / f"{name}-{draw}.yml"
    shipped_with(SHIPPED / f"{name.removeprefix(SB3_PREFIX)}.yml", values, file)
    return f"{name}:hparams={file}"


def print_rows(rows: list[dict[str, Any]], title: str) -> None:
    """The draws of each learner, the best first."""
    table = Table(title=title, caption="share of the optimum, on held-out clips, mean over seeds")
    for heading in ("learner", "share", "seeds", "hyper-parameters"):
        table.add_column(heading, justify="left" if heading in ("learner", "hyper-parameters") else "right")
    for name in dict.fromkeys(row["learner"] for row in rows):
        chosen = sorted((row for row in rows if row["learner"] == name), key=lambda row: -row["share"])
        for row in chosen:
            values = ", ".join(f"{key} {value}" for key, value in row["hyper_parameters"].items())
            shares = " ".join(f"{share:.2f}" for share in row["shares"])
            ships = " (as shipped)" if row["draw"] == 0 else ""
            table.add_row(name, f"{row['share']:.3f}", shares, values + ships, end_section=row is chosen[-1])
    Console(width=150).print(table)


@command
def main() -> None:
    tune(read_options(TuneArgs, __doc__))


if __name__ == "__main__":
    main()
