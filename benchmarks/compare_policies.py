"""Compare policies on the same episodes, and learners that are trained here with several seeds: tables, plots and rows.

python benchmarks/compare_policies.py --clips demo?split=val --policies random-walk prior greedy optimal runs/dqn-1
python benchmarks/compare_policies.py --learners dqn dqn:single_queue=true sb3-dqn sb3-ppo@5 regression --train-seeds 0 1 2 3 4
python benchmarks/compare_policies.py ... # the same command again: finished trainings are not repeated, stopped DQNs resume
"""

from collections.abc import Sequence
from typing import Any

from agents.playing.evaluation import all_episode_rows
from agents.playing.summary import (
    CEILING,
    OPTIMUM,
    REFERENCE,
    component_shares,
    landmark_shares,
    print_summary,
    summarise,
)
from agents.policies.named import NAMES
from benchmarks.common.commands import benchmark_command
from benchmarks.common.jobs import require_ray, run_jobs
from benchmarks.common.results import ResultRow, write_results
from benchmarks.common.tables import show_page
from benchmarks.comparison.args import CompareArgs
from benchmarks.comparison.curves import curve_rows, read_curve
from benchmarks.comparison.jobs import TrainingJob, check_jobs, make_jobs, named_rows, run_job
from benchmarks.comparison.learners import LearnerSpec, read_learners
from benchmarks.comparison.measure import HELD_OUT, measurement_of, play_on_split
from benchmarks.comparison.plots import played_text, plot_learned, plot_played
from benchmarks.comparison.report import comparison_page, learners_part, summarise_learners
from srn_core.cli.options import read_options
from srn_core.errors import UserError, command
from srn_core.io.claims import claimed
from srn_core.io.files import plain
from srn_core.versions import versions


def compare(args: CompareArgs) -> list[ResultRow]:
    """Play, train, print, plot and write; returns one figure per policy."""
    learners = _checked_learners(args)
    with claimed(args.out, "--out"):
        return _compare(args, learners)


def _compare(args: CompareArgs, learners: list[LearnerSpec]) -> list[ResultRow]:
    how = measurement_of(args, args.seeds, args.prior_frames)
    names = list(dict.fromkeys([REFERENCE, *args.policies, *([CEILING] if learners else [])]))
    named = [name for name in dict.fromkeys([REFERENCE, CEILING, *args.policies]) if name in NAMES]
    jobs = make_jobs(learners, args.train_seeds, args.total_steps, how, args.out, args.start == "cold")
    check_jobs(jobs, named if learners else (), how, args.out)
    game, rollouts = play_on_split(how, HELD_OUT, names)
    figures = summarise(rollouts)
    scheme = game.tracker.scheme
    for figure in figures:
        shares = landmark_shares(rollouts[str(figure["policy"])], scheme.num_landmarks)
        figure["covered"] = component_shares(shares, scheme)
    settings = plain(args) | {"tracker_key": how.tracker_key}
    print_summary(figures, f"{played_text(settings)}, {len(args.seeds)} seeds x {args.episodes} episodes", game)
    record: dict[str, Any] = {"kind": "comparison", "command": benchmark_command("compare_policies", args, ())}
    record |= {"versions": versions(), "settings": settings, "scheme": scheme.name, "optimum": OPTIMUM[args.mode]}
    record |= {"policies": figures}
    tables = {"episodes": all_episode_rows(game, rollouts)}
    plot_played(args.out, record, tables["episodes"])
    write_results(args.out, record, comparison_page(record), **tables)
    if learners:
        trained = run_jobs(run_job, jobs, args.ray, args.ray_gpus)
        found = list(zip(jobs, trained, strict=True))
        rows = [row for learner in learners for job, part in found if job.label == learner.label for row in part]
        rows += named_rows(named, how, args.out, (game, rollouts))
        record["learners"] = summarise_learners(rows, learners[0].label)
        show_page(learners_part(record))
        tables["curves"] = [row for learner in learners for row in _curve_rows(learner.label, jobs)]
        write_results(args.out, record, comparison_page(record), rows=rows, **tables)
        plot_learned(args.out, record, rows, tables["curves"])
    return figures


def _curve_rows(label: str, jobs: Sequence[TrainingJob]) -> list[ResultRow]:
    read = (read_curve(job.folder) for job in jobs if job.label == label)
    return curve_rows(label, [curve for curve in read if curve is not None])


def _checked_learners(args: CompareArgs) -> list[LearnerSpec]:
    """The learners; refuses wrong arguments before anything is played."""
    learners = read_learners(args.learners)
    for learner in learners:
        # Checks its options.
        learner.arguments({"total_steps": args.total_steps})
    if not args.seeds:
        raise UserError("--seeds: none given; expected at least one whole number")
    if learners and not args.train_seeds:
        raise UserError("--train-seeds: none given; expected at least one whole number")
    if learners and args.ray is not None:
        require_ray()
        if args.start == "warm":
            raise UserError("--start warm with --ray: on a cluster, trainings cannot share a cache; leave one out")
    return learners


@command
def main() -> None:
    compare(read_options(CompareArgs, __doc__))


if __name__ == "__main__":
    main()
