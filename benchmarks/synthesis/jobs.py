"""The jobs of the fine-tuning benchmark: each fine-tunes in one way with one seed, and measures the tracker."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from agents.deepq.args import DQNArgs
from agents.deepq.training import trained_dqn
from agents.finetune import finetune
from agents.hardening.args import FinetuneArgs
from benchmarks.common.results import ResultRow
from benchmarks.common.settings import ROWS, finished_rows
from benchmarks.synthesis.args import Arm, HofsArgs
from benchmarks.synthesis.measure import measure_tracker
from srn_core.io.files import read_json
from srn_core.tracking.tracker import Tracker
from srn_core.victims.own import OwnVictim
from srn_core.victims.registry import is_own, load_victim, trained_name

# All other arms play the DQN that was trained against the tracker that all arms start from.
POLICIES: Mapping[Arm, str] = {
    "base": "none", "none": "none", "rsf": "random-jump", "rounds": "dqn",
    "prior": "prior", "greedy": "greedy", "optimal": "optimal",
}  # fmt: skip
# Arms that see no occluder.
CLEAN = ("base", "none")


class ArmJob(NamedTuple):
    """Plain data: it travels to other processes.

    Attributes:
        args: of the benchmark.
        base: the tracker that all arms start from.
        arm: the way of fine-tuning.
        seed: of the fine-tuning and of its DQN.
    """

    args: HofsArgs
    base: str
    arm: Arm
    seed: int


def finish_arm(job: ArmJob) -> None:
    """Fine-tune and measure one arm with one seed if that is not done yet."""
    args, base, arm, seed = job
    folder = _folder(job)

    def measured() -> Iterator[ResultRow]:
        if arm != "base":
            finetune(_finetuning(job))
        elif done := sorted(arm_folder(args, arm).glob(f"seed-*/{arm}/{ROWS}")):
            # No seed plays a part in it.
            yield from ({**row, "seed": seed} for row in read_json(done[0]))
            return
        tracker = load_victim(base if arm == "base" else trained_name(base, folder), args.device)
        assert isinstance(tracker, Tracker | OwnVictim)
        for row in measure_tracker(tracker, args.test, args.covered, args.video, args.mode, args.episodes):
            yield {"arm": arm, "seed": seed, "occluder": "none" if arm in CLEAN else args.occluder, **row}

    finished_rows(folder, measured)
    # The optimiser's state is four times as large as the tracker; the logs stay.
    for tensors in folder.glob("round-*/**/*.safetensors"):
        tensors.unlink()


def one_per_dqn(jobs: Sequence[ArmJob]) -> list[ArmJob]:
    """One job for each DQN that unfinished arms will play."""
    missing = [job for job in jobs if job.arm not in POLICIES and not (_folder(job) / ROWS).is_file()]
    return list({job.seed: job for job in missing}.values())


def seed_dqn(job: ArmJob) -> str:
    """The folder of the DQN that the job's arm plays, trained now if it is not there; all arms of a seed share it."""
    args, base, _, seed = job
    run = args.out / "dqn" / f"seed-{seed}"
    dqn = DQNArgs(
        clips=args.dqn_clips, tracker=base, seed=seed, total_steps=args.dqn_steps, device=args.device, run_dir=run
    )  # fmt: skip
    return str(trained_dqn(dqn))


def _finetuning(job: ArmJob) -> FinetuneArgs:
    args, base, arm, seed = job
    folder = _folder(job)
    rounds = 2 if arm == "rounds" else 1
    return FinetuneArgs(
        policy=POLICIES.get(arm) or seed_dqn(job), out=folder, clips=args.clips, dqn_clips=args.dqn_clips, tracker=base,
        val=args.val, sequence=sequence_length(base),
        steps=args.steps // rounds, batch=args.batch, lr=args.lr, occluded_share=args.occluded_share,
        teacher=args.teacher, teacher_share=args.teacher_share, random_share=0.5 if arm == "mixed" else 0.0,
        # Even an occluder that is never drawn takes numbers from the generator of a batch.
        occlusion="square" if arm in CLEAN else args.occluder,
        refresh=args.refresh, rounds=rounds, dqn_steps=args.dqn_steps, val_every=args.val_every, precision=args.precision,
        device=args.device, seed=seed, resume=(folder / "round-1").is_dir(),
    )  # fmt: skip


def arm_folder(args: HofsArgs, arm: Arm) -> Path:
    """The folder of an arm, with one folder per seed."""
    # The tables of both occluders share the arms without occluders.
    return args.out / ("clean" if arm in CLEAN else args.occluder)


def sequence_length(tracker: str) -> int:
    """Frames per training sequence of a tracker. A module of your own has no memory, so single faces show it more people."""
    return 1 if is_own(tracker) else FinetuneArgs.sequence


def _folder(job: ArmJob) -> Path:
    return arm_folder(job.args, job.arm) / f"seed-{job.seed}" / job.arm
