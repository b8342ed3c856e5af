"""One round of fine-tuning."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agents.deepq.run_files import check_tracker
from agents.hardening.args import FinetuneArgs
from agents.hardening.placements import Placement, derived_seed, placements
from srn_core.checkpoints import save_pretrained
from srn_core.face.geometry import crop_map
from srn_core.io.files import plain
from srn_core.occluders.shapes import SQUARE_SHARE
from srn_core.occluders.squares import add_square, noise_keys
from srn_core.tracking.tracker import Tracker
from srn_core.training.args import TrainArgs
from srn_core.training.augment import PlacedOccluders, TrainingBatch, draw_batch
from srn_core.training.calibration import calibrate
from srn_core.training.processes import gathered
from srn_core.training.state import STATE
from srn_core.training.train import TrainingRun
from srn_core.training.validation import Faces, detection_nme
from srn_core.victims.own import OwnVictim
from srn_core.victims.registry import load_victim
from srn_gym.game import NO_OCCLUDER

# Weights whose clean error rises by more than this share are kept only as long as there are no better ones.
CLEAN_LOSS = 0.01
VALIDATION_SEED = 0


class FinetuningRun(TrainingRun):
    """One round: a training whose occluders lie where the policy puts them, and whose clean error is watched."""

    def __init__(self, args: FinetuneArgs, tracker: str, policy: str, folder: Path, number: int) -> None:
        """Load all data, and the state if the folder holds one."""
        training = TrainArgs(
            data=args.clips, out=folder, val=args.val, init=tracker, steps=args.steps, batch=args.batch, sequence=args.sequence,
            sequence_every=1, lr=args.lr, warmup=args.steps // 10, occlusion=args.occlusion, precision=args.precision,
            device=args.device, seed=derived_seed(args.seed, number), val_every=args.val_every,
            teacher=args.teacher, teacher_share=args.teacher_share, resume=(folder / STATE).is_file(),
        )  # fmt: skip
        self.finetuning, self.policy = args, policy
        super().__init__(training)
        self.victim = load_victim(tracker, args.device)
        if self.metadata:
            check_tracker(folder, self.metadata, self.victim)
        self.start: float = self.metadata.get("start", 0.0)
        self.rank: tuple[bool, float] = tuple(self.metadata.get("rank") or (True, float("inf")))
        self._pass: tuple[int, list[Placement]] = -1, []
        self._targets: tuple[int, np.ndarray] = -1, np.empty(0)
        self._covered: Faces | None = None

    def placements(self, number: int) -> list[Placement]:
        """A pass over the clips: the policy or random-jump plays each. It depends only on the run's seed and ``number``.

        Processes share the work, and all get all placements. All call this.
        """
        if self._pass[0] != number:
            rng = np.random.default_rng((self.args.seed, number))
            at_random = rng.random(len(self.clips)) < self.finetuning.random_share
            found: list[Placement] = []
            if not at_random.all():
                found += [placement for placement in self._played(self.policy, number) if not at_random[placement.clip]]
            if at_random.any():
                found += [placement for placement in self._played("random-jump", number) if at_random[placement.clip]]
            self._pass = number, gathered(found)
        return self._pass[1]

    def _played(self, policy: str, number: int) -> Iterator[Placement]:
        return placements(self.clips, self.victim, policy, self.args.seed, number, self.finetuning.mode)

    def targets(self, number: int) -> np.ndarray:
        """The landmark that a pass covers on each face of the pool, -1 for none: ``(N,)`` int64."""
        if self._targets[0] != number:
            clip, frame, target = np.array([placement[:3] for placement in self.placements(number)]).T
            targets = np.full(len(self.pool), NO_OCCLUDER)
            targets[self.pool.first[clip] + frame] = target
            self._targets = number, targets
        return self._targets[1]

    def draw(self, step: int) -> TrainingBatch:
        """Sequences of clean faces, and of faces on which the step's pass has put the occluder."""
        args, frames = self.args, self.args.sequence
        occluders = PlacedOccluders(self.targets(step // self.finetuning.refresh), self.finetuning.occluded_share)
        return draw_batch(self.pool, self.config, (args.seed, step), args.batch // frames, frames, args.occlusion, occluders)

    def validate_and_save(self, step: int) -> None:
        """Of the weights that lose almost no accuracy on clean faces, keep those with the lowest error under random occluders.

        While the clean error of all weights has risen by more than :data:`CLEAN_LOSS`, keep those with the lowest clean error.
        """
        averaged = self.averaged()
        tracker = self.as_tracker(averaged)
        errors = {spec: detection_nme(tracker, faces) for spec, faces in self.faces.items()}
        clean, covered = float(np.mean(list(errors.values()))), detection_nme(tracker, self.covered_faces())
        self.log("val/nme_percent/clean", clean, step)
        self.log("val/nme_percent/covered", covered, step)
        if step == 0:
            self.start = clean
        too_high = clean > (1 + CLEAN_LOSS) * self.start
        rank = (too_high, clean if too_high else covered)
        if step and rank <= self.rank:
            self.rank, self.best = rank, covered
            sure = {"certainty": calibrate(averaged, self.held_out, self.args.occlusion)} if self.held_out else {}
            self.keep(averaged, {**self.card(step, errors), **sure, **self._findings(clean, covered)})
        # Nothing is kept at step 0, and JSON has no infinity.
        kept = {"best": self.best, "rank": list(self.rank)} if step else {"best": None, "rank": None}
        self.save({"step": step, "start": self.start, **kept, "tracker_key": self.victim.key})

    def as_tracker(self, model: Any) -> Tracker | OwnVictim:
        """What answers with the weights of ``model``."""
        return Tracker(model, str(self.device))

    def keep(self, model: Any, card: dict[str, Any]) -> None:
        """Write the weights of ``model`` and what is said about them to the round's folder."""
        save_pretrained(model, self.args.out, card)

    @property
    def settings(self) -> FinetuneArgs:
        """The fine-tuning's arguments, from which a round's training arguments follow."""
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
        figures = {"clean_start_percent": self.start, "clean_percent": clean, "covered_percent": covered}
        return {"finetuning": plain(self.finetuning), **figures, "clean_kept": clean <= (1 + CLEAN_LOSS) * self.start}
