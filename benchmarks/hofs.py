"""The paper's Table 9: one tracker, fine-tuned without, with random (RSF) and with hard occluded faces (HOFS).

RSF are random synthetic faces: occluders at random places. HOFS is hard occluded face synthesis: a DQN places the occluders.

python benchmarks/hofs.py                                                            # on the clips that ship
python benchmarks/hofs.py --clips "300vw:DIR/300vw?split=train" --val SPEC --test "300vw:DIR/300vw?split=1" --occluder varied
python benchmarks/hofs.py --base runs/srn --ray auto     # the fine-tunings as jobs of a Ray cluster
python benchmarks/hofs.py --model my_net:net             # a torch module of your own in place of the SRN
python benchmarks/hofs.py ... # the same command again: finished fine-tunings are not repeated
"""

import dataclasses
import shlex
import zlib
from pathlib import Path
from typing import Any, get_args

from agents.finetune import finetune
from agents.hardening.args import FinetuneArgs
from benchmarks.common.clip_nme import check_measurable
from benchmarks.common.commands import benchmark_command, option_words, training_command
from benchmarks.common.jobs import run_jobs
from benchmarks.common.results import ResultRow, ResultRows, write_results
from benchmarks.common.settings import ROWS, check_settings, compare_settings, fixed_settings
from benchmarks.common.tables import show_page
from benchmarks.synthesis.args import Arm, HofsArgs
from benchmarks.synthesis.jobs import ArmJob, arm_folder, finish_arm, one_per_dqn, seed_dqn, sequence_length
from benchmarks.synthesis.plots import ARMS, plot_arms
from benchmarks.synthesis.report import arms_page, comparable, summarise_arms
from srn_core.checkpoints import WEIGHTS
from srn_core.cli.options import read_options
from srn_core.errors import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, UserError, check_numbers, command
from srn_core.io.files import plain, read_json
from srn_core.io.tensors import load_tensors
from srn_core.training.args import TrainArgs, check_batch, refuse_masked
from srn_core.training.state import STATE
from srn_core.training.train import train
from srn_core.versions import versions
from srn_core.victims.registry import is_own, load_victim, trained_name, weights_card

# Arguments that may change between calls that share a folder.
FREE = ("arms", "seeds", "occluder", "out", "device", "ray", "ray_gpus")
LIMITS = {
    **dict.fromkeys(("base_steps", "steps", "batch", "refresh", "val_every", "dqn_steps", "episodes"), COUNT),
    "seeds": NOT_NEGATIVE,
    "lr": POSITIVE,
    **dict.fromkeys(("occluded_share", "teacher_share"), SHARE),
}


def hofs(args: HofsArgs) -> list[ResultRow]:
    """Train, fine-tune, measure, print, plot and write; returns one figure per arm, test set and choice of seeds."""
    args = _filled_in(args)
    settings = fixed_settings(args, FREE)
    compare_settings(args.out, settings)
    base, origin = base_tracker(args)
    check_settings(args.out, settings | {"base_key": load_victim(base, "cpu").key})
    jobs = [ArmJob(args, base, arm, seed) for seed in args.seeds for arm in args.arms]
    if args.ray is not None:
        # The arms of a seed share its DQN. On a cluster they run at the same time, so it must be there before.
        run_jobs(seed_dqn, one_per_dqn(jobs), args.ray, args.ray_gpus)
    run_jobs(finish_arm, jobs, args.ray, args.ray_gpus)
    rows = all_rows(args)
    parts = [(summarise_arms(part), part) for part in comparable(rows)]
    title = f"fine-tuned {args.steps} steps from {Path(base).name}, occluder {args.occluder}"
    record: dict[str, Any] = {
        "kind": "hofs",
        "title": title,
        "commands": command_lines(args, rows),
        "settings": plain(args),
        "versions": versions(),
        "base": origin,
        "figures": [figure for figures, _ in parts for figure in figures],
    }
    folder = args.out / args.occluder
    show_page(page := arms_page(record))
    write_results(folder, record, page, rows=rows)
    plot_arms(*parts[0], title, folder / ARMS)
    return list(record["figures"])


def base_tracker(args: HofsArgs) -> tuple[str, str]:
    """The folder or name of the tracker that all arms start from, and the command that trains it."""
    if args.base is not None:
        occlusion = weights_card(args.base).get("arguments", {}).get("occlusion", "unknown")
        if occlusion != "none" and not is_own(args.base):
            print(
                f"note: {args.base} was trained with --occlusion {occlusion}; for a fair comparison give one trained with none"
            )
        return args.base, f"given: {args.base}"
    if args.model is not None:
        return _own_base(args, args.model)
    training = TrainArgs(
        data=args.clips, out=args.out, val=args.val, preset=args.preset, steps=args.base_steps, batch=args.batch,
        occlusion="none", warmup=min(300, args.base_steps // 10), precision=args.precision,
        val_every=min(500, args.base_steps),
    )  # fmt: skip
    # Named after what differs from the defaults, so that a new option does not rename the folder.
    options = " ".join(option_words(training, ("out",)))
    folder = args.out / f"base-{zlib.crc32(options.encode()):08x}"
    started = (folder / STATE).is_file()
    training = dataclasses.replace(training, out=folder, device=args.device, resume=started)
    origin = training_command(training)
    if not started or load_tensors(folder / STATE)[1]["step"] < args.base_steps:
        print(f"the tracker that all arms start from:\n{origin}")
        train(training)
    return str(folder), origin


def _own_base(args: HofsArgs, model: str) -> tuple[str, str]:
    """:func:`base_tracker` for a module of your own."""
    training = FinetuneArgs(
        policy="none", out=args.out, clips=args.clips, val=args.val, tracker=model, steps=args.base_steps, batch=args.batch,
        sequence=sequence_length(model), lr=TrainArgs.lr, precision=args.precision, val_every=min(500, args.base_steps),
    )  # fmt: skip
    options = " ".join(option_words(training, ("out",)))
    folder = args.out / f"base-{zlib.crc32(options.encode()):08x}"
    training = dataclasses.replace(training, out=folder)
    origin = shlex.join(["python", "agents/finetune.py", *option_words(training)])
    if not (folder / WEIGHTS).is_file():
        print(f"the tracker that all arms start from:\n{origin}")
        finetune(dataclasses.replace(training, device=args.device, resume=(folder / "round-1").is_dir()))
    return trained_name(model, folder), origin


def all_rows(args: HofsArgs) -> list[ResultRow]:
    """One row per test set and clip of all arms and seeds that are finished in the folder, by this call or an earlier one."""
    files = [file for arm in get_args(Arm) for file in sorted(arm_folder(args, arm).glob(f"seed-*/{arm}/{ROWS}"))]
    return [row for file in files for row in read_json(file)]


def command_lines(args: HofsArgs, rows: ResultRows) -> list[str]:
    """The commands that make these rows: one for all arms that have the same seeds."""
    seeds = {arm: tuple(sorted({row["seed"] for row in rows if row["arm"] == arm})) for arm in get_args(Arm)}
    lines = []
    for alike in dict.fromkeys(filter(None, seeds.values())):
        call = dataclasses.replace(args, arms=tuple(arm for arm in seeds if seeds[arm] == alike), seeds=alike)
        lines.append(benchmark_command("hofs", call))
    return lines


def _filled_in(args: HofsArgs) -> HofsArgs:
    if not args.arms or not args.seeds:
        raise UserError("--arms or --seeds: none given; expected at least one of each")
    check_numbers(args, LIMITS)
    check_batch(args.batch, sequence_length(args.model or args.base or ""))
    clips, test = args.clips or ("demo?split=train",), args.test or ("demo?split=val",)
    val, covered, video = args.val or clips, args.covered or test, args.video or test
    if "rounds" in args.arms and args.steps < 2:
        raise UserError(f"--steps {args.steps} with the arm rounds; expected at least 2, one per round")
    if args.model is not None and (args.base is not None or not is_own(args.model)):
        raise UserError(f"--model {args.model}: expected MODULE:FUNCTION, without --base")
    refuse_masked((*clips, *val, *args.dqn_clips))
    check_measurable(dict.fromkeys((*test, *covered, *video)))
    dqn_clips = args.dqn_clips or clips
    return dataclasses.replace(args, clips=clips, dqn_clips=dqn_clips, val=val, test=test, covered=covered, video=video)


@command
def main() -> None:
    hofs(read_options(HofsArgs, __doc__))


if __name__ == "__main__":
    main()
