"""The paper's Table 9: one tracker, fine-tuned without, with random (RSF) and with hard occluded faces (HOFS).

python benchmarks/hofs.py                                                            # on the clips that ship
python benchmarks/hofs.py --clips "300vw:DIR?split=train" --val SPEC --test "300vw:DIR?split=1" --occluder varied
python benchmarks/hofs.py ... # again: what is finished is not done again
"""

from __future__ import annotations

import dataclasses
import shlex
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import tyro
from tqdm import tqdm

from agents.deepq.args import DQNArgs
from agents.finetune import finetune
from agents.hardening.args import FinetuneArgs
from agents.hardening.placements import PlacedOcclusion, trained_dqn
from benchmarks.common.clip_nme import check_measurable
from benchmarks.common.settings import check_settings, compare_settings, option_words, training_command
from benchmarks.synthesis.measure import measure
from benchmarks.synthesis.report import comparable, page, plot_figures, print_figures, summarise
from srn_core.checkpoints import load_card, load_pretrained
from srn_core.cli.options import read_options
from srn_core.errors import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, UserError, check_numbers, command
from srn_core.io.files import plain, plain_defaults, read_json, write_json, write_text
from srn_core.io.tensors import load_tensors
from srn_core.tracking.tracker import Tracker
from srn_core.training.args import TrainArgs, check_batch, refuse_masked
from srn_core.training.state import STATE
from srn_core.training.train import train
from srn_gym.rules import Mode

Arm = Literal["none", "rsf", "hofs", "mixed", "rounds", "prior", "greedy", "optimal"]
# Arms that are not here play the DQN that was trained against the tracker that all start from.
POLICIES: Mapping[Arm, str] = {
    "none": "none", "rsf": "random-jump", "rounds": "dqn", "prior": "prior", "greedy": "greedy", "optimal": "optimal",
}  # fmt: skip
ROWS = "rows.json"
# What may change between calls that share a folder; all else must stay as it was.
FREE = ("arms", "seeds", "occluder", "out", "device")


@dataclass(frozen=True)
class HofsArgs:
    """Fine-tune one tracker in several ways, all from the same weights and for the same steps, and measure each."""

    arms: tuple[Arm, ...] = ("none", "rsf", "hofs", "greedy", "optimal")
    """none: clean faces only; rsf: occluders at random; hofs: where a DQN puts them; mixed: half of the clips as hofs, half as
    rsf; rounds: as hofs, in two halves of the steps, the second with a DQN trained against the tracker of the first; prior:
    where it hurts on the average face; greedy, optimal: planned with the true errors."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Each seed is a fine-tuning of every arm, and a DQN."""
    occluder: PlacedOcclusion = "square"
    """What lies on the chosen landmark in training: the noise square, or varied shapes and fillings."""
    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec to train on; repeat for several, the DQN plays on the first. demo?split=train where none is given."""
    val: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec that chooses weights; the --clips where none is given, so that no --test clip takes part in the choice."""
    test: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Held-out data spec to measure on; repeat for several. demo?split=val where none is given."""
    covered: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec for random and worst-case occlusion; the worst case costs a look at every landmark of every frame. The --test
    where none is given."""
    video: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec of continuous video for the jitter; the --test where none is given."""
    mode: Mode = "detect"
    """On clean and masked clips. detect: every frame alone; track: the memory runs. Jitter is always measured on track."""
    base: str | None = None
    """The tracker that all arms start from (a checkpoint's name or folder); trained here without occluders if not given."""
    preset: Literal["small", "paper"] = "small"
    """Architecture of the tracker that is trained here."""
    base_steps: int = 10_000
    """Optimiser steps of that training."""
    steps: int = 300
    """Optimiser steps of the fine-tuning."""
    batch: int = 64
    """Faces a step."""
    lr: float = 1e-4
    """Peak learning rate of the fine-tuning."""
    occluded_share: float = 0.5
    """Share of the sequences that are occluded."""
    refresh: int = 100
    """Steps after which policies play anew, with new noise."""
    val_every: int = 50
    """Steps between validations."""
    dqn_steps: int = 60_000
    """Env steps of the DQN's training."""
    episodes: int = 3
    """Episodes a clip under random and worst-case occlusion, each with another first landmark."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of training."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    out: Path = Path("runs/hofs")
    """Folder for trackers, rows, hofs.json, hofs.md and hofs.png; what is finished there is not done again."""


LIMITS = {
    **dict.fromkeys(("base_steps", "steps", "batch", "refresh", "val_every", "dqn_steps", "episodes"), COUNT),
    "seeds": NOT_NEGATIVE,
    "lr": POSITIVE,
    "occluded_share": SHARE,
}


def hofs(args: HofsArgs) -> list[dict[str, Any]]:
    """Train, fine-tune, measure, print, plot and write; returns the figures, one row an arm, test set and choice of seeds."""
    args = _filled_in(args)
    settings, defaults = {name: value for name, value in plain(args).items() if name not in FREE}, plain_defaults(HofsArgs)
    compare_settings(args.out, settings, defaults)
    base, origin = base_tracker(args)
    key = Tracker(load_pretrained(base), "cpu").key
    check_settings(args.out, settings | {"base_key": key}, defaults)
    jobs = [(arm, seed) for seed in args.seeds for arm in args.arms]
    for arm, seed in tqdm(jobs, desc="arms x seeds"):
        finish(args, base, arm, seed)
    rows = finished_rows(args)
    parts = [(summarise(part), part) for part in comparable(rows)]
    title = f"fine-tuned {args.steps} steps from {Path(base).name}, occluder {args.occluder}"
    for found, _ in parts:
        print_figures(found, title)
    figures = [figure for found, _ in parts for figure in found]
    folder, commands = args.out / args.occluder, command_lines(args, rows)
    record = {"commands": commands, "settings": plain(args), "base": origin, "figures": figures, "rows": rows}
    write_json(folder / "hofs.json", record)
    write_text(
        folder / "hofs.md",
        page([found for found, _ in parts], title, ["# the tracker that all arms start from", origin, "# the arms", *commands]),
    )
    plot_figures(*parts[0], title, folder / "hofs.png")
    return figures


def base_tracker(args: HofsArgs) -> tuple[str, str]:
    """The folder or name of the tracker that all arms start from, and where it comes from: the command that trains it."""
    if args.base is not None:
        occlusion = load_card(args.base).get("arguments", {}).get("occlusion", "unknown")
        if occlusion != "none":
            print(f"note: {args.base}, occlusion in training: {occlusion}; the arms should start from one trained without")
        return args.base, f"given: {args.base}"
    training = TrainArgs(
        args.clips, args.out, args.val, args.preset, steps=args.base_steps, batch=args.batch, occlusion="none",
        warmup=min(300, args.base_steps // 10), precision=args.precision, val_every=min(500, args.base_steps),
    )  # fmt: skip
    # What differs from the defaults, so that a new option does not make another tracker of it.
    options = " ".join(option_words(training, ("out",)))
    folder = args.out / f"base-{zlib.crc32(options.encode()):08x}"
    begun = (folder / STATE).is_file()
    training = dataclasses.replace(training, out=folder, device=args.device, resume=begun)
    origin = training_command(training)
    if not begun or load_tensors(folder / STATE)[1]["step"] < args.base_steps:
        print(f"the tracker that all arms start from:\n{origin}")
        train(training)
    return str(folder), origin


def finished_rows(args: HofsArgs) -> list[dict[str, Any]]:
    """The rows of all arms and seeds that are finished in the folder, by this call or another; one a test set and clip."""
    files = [file for arm in get_args(Arm) for file in sorted(_arm_folder(args, arm).glob(f"seed-*/{arm}/{ROWS}"))]
    return [row for file in files for row in read_json(file)]


def command_lines(args: HofsArgs, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What makes these rows: a command for all arms that have the same seeds."""
    seeds = {arm: tuple(sorted({row["seed"] for row in rows if row["arm"] == arm})) for arm in get_args(Arm)}
    lines = []
    for alike in dict.fromkeys(filter(None, seeds.values())):
        call = dataclasses.replace(args, arms=tuple(arm for arm in seeds if seeds[arm] == alike), seeds=alike)
        lines.append(shlex.join(["python", "benchmarks/hofs.py", *option_words(call, ("device",))]))
    return lines


def _arm_folder(args: HofsArgs, arm: Arm) -> Path:
    # Both occluders' tables share the arm without any.
    return args.out / ("clean" if arm == "none" else args.occluder)


def _occluder(args: HofsArgs, arm: Arm) -> PlacedOcclusion:
    # Even one that is nowhere to be seen draws from a batch's generator.
    return "square" if arm == "none" else args.occluder


def finish(args: HofsArgs, base: str, arm: Arm, seed: int) -> None:
    """Fine-tune and measure one arm with one seed, if that is not done yet."""
    folder = _arm_folder(args, arm) / f"seed-{seed}" / arm
    file = folder / ROWS
    if not file.is_file():
        policy, rounds = POLICIES.get(arm) or _dqn(args, base, seed), 2 if arm == "rounds" else 1
        finetune(
            FinetuneArgs(
                policy, folder, args.clips, base, args.val, args.steps // rounds, args.batch, lr=args.lr,
                occluded_share=args.occluded_share, random_share=0.5 if arm == "mixed" else 0.0, occlusion=_occluder(args, arm),
                refresh=args.refresh, rounds=rounds, dqn_steps=args.dqn_steps, val_every=args.val_every,
                precision=args.precision, device=args.device, seed=seed, resume=(folder / "round-1").is_dir(),
            )
        )  # fmt: skip
        tracker = Tracker(load_pretrained(folder), args.device)
        found = measure(tracker, args.test, args.covered, args.video, args.mode, args.episodes)
        key = {"arm": arm, "seed": seed, "occluder": "none" if arm == "none" else args.occluder}
        write_json(file, [{**key, **row} for row in found])
    # The optimiser's state is four times the tracker; the logs stay.
    for tensors in folder.glob("round-*/**/*.safetensors"):
        tensors.unlink()


def _dqn(args: HofsArgs, base: str, seed: int) -> str:
    return str(
        trained_dqn(
            DQNArgs(
                args.clips[0], tracker=base, seed=seed, total_steps=args.dqn_steps, device=args.device,
                run_dir=args.out / "dqn" / f"seed-{seed}",
            )
        )
    )  # fmt: skip


def _filled_in(args: HofsArgs) -> HofsArgs:
    if not args.arms or not args.seeds:
        raise UserError("--arms or --seeds: none given; expected at least one of each")
    check_numbers(args, LIMITS)
    check_batch(args.batch, FinetuneArgs.sequence)
    clips, test = args.clips or ("demo?split=train",), args.test or ("demo?split=val",)
    val, covered, video = args.val or clips, args.covered or test, args.video or test
    if "rounds" in args.arms and args.steps < 2:
        raise UserError(f"--steps {args.steps} with the arm rounds; expected at least 2, one a round")
    refuse_masked((*clips, *val))
    check_measurable(dict.fromkeys((*test, *covered, *video)))
    return dataclasses.replace(args, clips=clips, val=val, test=test, covered=covered, video=video)


@command
def main() -> None:
    hofs(read_options(HofsArgs, __doc__))


if __name__ == "__main__":
    main()
