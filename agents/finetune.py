"""Fine-tune a tracker on what a policy synthesises: hard occluded faces, or those of any other policy (METHOD 3).

python agents/finetune.py --tracker srn-small --policy greedy --clips "demo?split=train" --out runs/finetuned
python agents/finetune.py --tracker srn-small --policy runs/dqn-1 --clips "300vw:DIR?split=train" --out runs/hofs --save faces
python agents/finetune.py --tracker srn-small --policy dqn --rounds 3 --out DIR       # policy and tracker take turns
python agents/finetune.py ... --resume                                                # goes on where it was stopped
"""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

if __package__ in (None, ""):
    # Run as a file, the folder above is not on the path unless the package is installed.
    sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
import tyro

from agents.dqn import DQNArgs
from agents.evaluate import check_policy, note_missing_split, sibling_split
from agents.features import forget_features
from agents.run_files import check_tracker
from agents.synthesize import MANIFEST, PlacedOcclusion, Placement, derived_seed, placements, save_clips, trained_dqn
from srn_core.checkpoint import CARD, load_card, load_pretrained, load_tensors, save_pretrained
from srn_core.command_line import read_options
from srn_core.data import load_clips
from srn_core.errors import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, UserError, check_numbers, command
from srn_core.geometry import crop_map
from srn_core.occluders import add_square, noise_keys
from srn_core.tracker import Tracker
from srn_core.training.args import TrainArgs, check_batch, refuse_masked
from srn_core.training.augment import PlacedOccluders, TrainingBatch, draw_batch
from srn_core.training.occlusion import SQUARE_SHARE
from srn_core.training.pool import check_scheme
from srn_core.training.state import STATE, check_state
from srn_core.training.train import TrainingRun, run_to_end
from srn_core.training.validation import Faces, detection_nme
from srn_gym.games import forget_games
from srn_gym.rules import Mode

# Fine-tuned weights may lose this share of the clean accuracy before they are turned down.
CLEAN_LOSS = 0.01
LIMITS = {
    **dict.fromkeys(("steps", "batch", "rounds", "refresh", "sequence", "dqn_steps", "val_every"), COUNT),
    **dict.fromkeys(("occluded_share", "random_share"), SHARE),
    "seed": NOT_NEGATIVE,
    "lr": POSITIVE,
}
VALIDATION_SEED = 0


@dataclass(frozen=True)
class FinetuneArgs:
    """Fine-tune a tracker on clean sequences mixed with sequences that a policy has occluded."""

    policy: str
    """A policy's name (none, random-jump, greedy, optimal ...), the folder of a trained run, or dqn: trained on the first
    --clips against the tracker before the fine-tuning of each round."""
    out: Path
    """Folder for the fine-tuned tracker; in it a folder a round with logs and the resumable state."""
    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec to fine-tune on; repeat for several. demo?split=train where none is given."""
    tracker: str = "srn-small"
    """The tracker: a checkpoint's name or folder."""
    val: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Data spec whose clean error is watched; repeat for several. The --clips with split=val where none is given."""
    steps: int = 300
    """Optimiser steps a round."""
    batch: int = 64
    """Faces a step."""
    sequence: int = 4
    """Frames of a sequence, through which the memory runs; the batch holds batch / sequence of them."""
    lr: float = 1e-4
    """Peak learning rate of Adam: a tenth of the steps of warm-up, then a cosine to zero."""
    occluded_share: float = 0.5
    """Share of the sequences that are occluded."""
    random_share: float = 0.0
    """Share of the clips, drawn anew for each pass, on which random-jump places the occluder and not the policy."""
    occlusion: PlacedOcclusion = "square"
    """What lies on the policy's landmark: a noise square of 48 px (at the 224 scale), or varied shapes and fillings, whatever
    occluder the policy played with."""
    refresh: int = 100
    """Steps after which the policy plays anew, with new noise and other first landmarks."""
    rounds: int = 1
    """Rounds of policy and fine-tuning; each plays against the tracker of the round before."""
    mode: Mode = "detect"
    """The policy's game. detect: the tracker sees every frame afresh; track: its memory runs on."""
    dqn_steps: int = 60_000
    """Env steps of the training of --policy dqn."""
    val_every: int = 50
    """Steps between validations, which also write the resumable state."""
    save: Path | None = None
    """Also write the clips as they were occluded first in the last round: a data set of the kind 300vw."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the network."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    seed: int = 0
    """Seeds batches, first landmarks, noise and the DQN."""
    resume: bool = False
    """Go on with what is in --out."""


def finetune(args: FinetuneArgs) -> Path:
    """Run all rounds; returns ``args.out``, which holds the last round's tracker."""
    args = checked(args)
    tracker = args.tracker
    for number in range(1, args.rounds + 1):
        folder = args.out / f"round-{number}"
        if (folder / STATE).is_file():
            # Before a policy is trained any further.
            check_state(folder, load_tensors(folder / STATE)[1], args)
        run = FinetuningRun(args, tracker, _policy(args, tracker, folder, number), folder, number)
        if number == args.rounds and args.save is not None and not (args.resume and args.save.exists()):
            card = {"tracker": tracker, "policy": run.policy, "seed": args.seed, "clips_from": args.clips}
            save_clips(args.save, run.clips, run.played(0), run.config.crop, args.occlusion, card)
        if not run.metadata:
            run.validate_and_save(0)
        run_to_end(run)
        tracker = str(folder)
    card = load_card(tracker)
    # Weights made from others stay under the others' terms.
    terms = {"licence": terms} if (terms := load_card(args.tracker).get("licence")) else {}
    save_pretrained(load_pretrained(tracker), args.out, {**terms, **card, "rounds": args.rounds})
    _report(card)
    return args.out


def checked(args: FinetuneArgs) -> FinetuneArgs:
    """The arguments with what follows from others filled in.

    Raises:
        UserError: arguments that do not fit together, masked clips, or a folder that is in use.
    """
    clips = args.clips or ("demo?split=train",)
    val = args.val or tuple(sibling_split(spec, "val") for spec in clips)
    refuse_masked((*clips, *val))
    for spec in () if args.val else clips:
        note_missing_split(spec)
    check_numbers(args, LIMITS)
    check_batch(args.batch, args.sequence)
    if args.policy != "dqn":
        check_policy(args.policy)
    # A DQN that is trained first takes its time.
    config = load_pretrained(args.tracker).config
    for spec in (*clips, *val):
        check_scheme(load_clips(spec).clips, config)
    there = (args.out / "round-1").is_dir()
    if there and not args.resume:
        raise UserError(f"{args.out}: holds a run already; add --resume to go on with it, or give another --out")
    if not there and (args.out / CARD).is_file():
        raise UserError(f"{args.out}: holds a checkpoint already; give another --out")
    if args.resume and not there:
        raise UserError(f"{args.out}: nothing to resume; expected the folder of a run that was stopped")
    if args.save is not None:
        _check_save(args.save, args)
    return dataclasses.replace(args, clips=clips, val=val)


def _check_save(folder: Path, args: FinetuneArgs) -> None:
    if folder.resolve() in (args.out.resolve(), *args.out.resolve().parents):
        raise UserError(f"--save {folder}: is --out or holds it; give another folder")
    # A run that was stopped may have written it.
    if folder.exists() and not (args.resume and (folder / MANIFEST).is_file()):
        raise UserError(f"--save {folder}: is there already; remove it or give another folder")


def _policy(args: FinetuneArgs, tracker: str, folder: Path, number: int) -> str:
    if args.policy != "dqn":
        return args.policy
    dqn = DQNArgs(
        args.clips[0], tracker=tracker, mode=args.mode, seed=derived_seed(args.seed, number), total_steps=args.dqn_steps,
        device=args.device, run_dir=folder / "dqn",
    )  # fmt: skip
    trained = trained_dqn(dqn)
    # Its game is not played again.
    forget_features()
    forget_games()
    return str(trained)


class FinetuningRun(TrainingRun):
    """One round: a training whose occluders lie where the policy puts them, and whose clean error is watched."""

    def __init__(self, args: FinetuneArgs, tracker: str, policy: str, folder: Path, number: int) -> None:
        """Load all data, and the state if the folder holds one."""
        training = TrainArgs(
            args.clips, folder, args.val, init=tracker, steps=args.steps, batch=args.batch, sequence=args.sequence,
            sequence_every=1, lr=args.lr, warmup=args.steps // 10, occlusion=args.occlusion, precision=args.precision,
            device=args.device, seed=derived_seed(args.seed, number), val_every=args.val_every,
            resume=(folder / STATE).is_file(),
        )  # fmt: skip
        self.finetuning, self.policy = args, policy
        super().__init__(training)
        self.victim = Tracker(load_pretrained(tracker), args.device)
        check_tracker(folder, self.metadata, self.victim)
        self.start: float = self.metadata.get("start", 0.0)
        self.rank: tuple[bool, float] = tuple(self.metadata.get("rank", (True, float("inf"))))
        self._pass: tuple[int, list[Placement]] | None = None
        self._covered: Faces | None = None

    def played(self, number: int) -> list[Placement]:
        """A pass over the clips, by the policy or at random: a function of the run's seed and of the number."""
        if self._pass is None or self._pass[0] != number:
            rng = np.random.default_rng((self.args.seed, number))
            at_random = rng.random(len(self.clips)) < self.finetuning.random_share
            self._pass = number, self._placed(self.policy, number)
            if at_random.any():
                pairs = zip(self._pass[1], self._placed("random-jump", number), strict=True)
                self._pass = number, [other if at_random[other.clip] else placement for placement, other in pairs]
        return self._pass[1]

    def _placed(self, policy: str, number: int) -> list[Placement]:
        return list(placements(self.clips, self.victim, policy, self.args.seed, number, self.finetuning.mode))

    def draw(self, step: int) -> TrainingBatch:
        """Sequences of clean faces, and of faces on which the step's pass has put the occluder."""
        args = self.args
        # The pool holds the frames of all clips one after the other, as a pass does.
        targets = np.array([placement.target for placement in self.played(step // self.finetuning.refresh)])
        occluders = PlacedOccluders(targets, self.finetuning.occluded_share)
        frames = args.sequence
        return draw_batch(self.pool, self.config, (args.seed, step), args.batch // frames, frames, args.occlusion, occluders)

    def validate_and_save(self, step: int) -> None:
        """Keep the weights that do best under occluders at random places among those with as good as no clean loss.

        Weights above the limit are kept, the best on clean faces first, only until some are below it.
        """
        averaged = self.averaged()
        tracker = Tracker(averaged, str(self.device))
        errors = {spec: detection_nme(tracker, faces) for spec, faces in self.faces.items()}
        clean, covered = float(np.mean(list(errors.values()))), detection_nme(tracker, self.covered_faces())
        self.writer.add_scalar("val/nme_percent/clean", clean, step)
        self.writer.add_scalar("val/nme_percent/covered", covered, step)
        if step == 0:
            self.start = clean
        too_high = clean > (1 + CLEAN_LOSS) * self.start
        rank = (too_high, clean if too_high else covered)
        if step and rank <= self.rank:
            self.rank, self.best = rank, covered
            save_pretrained(averaged, self.args.out, {**self.card(step, errors), **self._findings(clean, covered)})
        found = {"step": step, "best": self.best if step else None, "start": self.start, "rank": list(self.rank)}
        self.save({**found, "tracker_key": self.victim.key})

    @property
    def settings(self) -> FinetuneArgs:
        """The fine-tuning's, from which those of a round's training follow."""
        return self.finetuning

    def covered_faces(self) -> Faces:
        """The validation faces, each with the noise square on a random landmark, the same at every validation."""
        if self._covered is None:
            crops, boxes, truth = (np.concatenate(part) for part in zip(*self.faces.values(), strict=True))
            chosen = np.random.default_rng(VALIDATION_SEED).integers(truth.shape[1], size=len(truth))
            centres = crop_map(boxes, self.config.crop).to_crop(truth)[np.arange(len(truth)), chosen]
            number = torch.arange(len(truth))
            keys = noise_keys(VALIDATION_SEED, number, torch.zeros_like(number))
            images = torch.from_numpy(crops).permute(0, 3, 1, 2)
            covered = add_square(images, torch.from_numpy(centres), keys, round(crops.shape[1] * SQUARE_SHARE))
            self._covered = Faces(covered.permute(0, 2, 3, 1).numpy(), boxes, truth)
        return self._covered

    def _findings(self, clean: float, covered: float) -> dict[str, Any]:
        arguments = {key: str(value) for key, value in dataclasses.asdict(self.finetuning).items()}
        figures = {"clean_start_percent": self.start, "clean_percent": clean, "covered_percent": covered}
        return {"finetuning": arguments, **figures, "clean_kept": clean <= (1 + CLEAN_LOSS) * self.start}


def _report(card: dict[str, Any]) -> None:
    clean = f"clean NME {card['clean_percent']:.2f} % (before: {card['clean_start_percent']:.2f} %)"
    print(f"kept step {card['step']}: {clean}, under random occluders {card['covered_percent']:.2f} %")
    if not card["clean_kept"]:
        print(f"no weights kept the clean error within {CLEAN_LOSS:.0%} of the start; these lost least of it")


@command
def main() -> None:
    finetune(read_options(FinetuneArgs, __doc__))


if __name__ == "__main__":
    main()
