"""What a policy makes of training clips: where the occluder lies on each frame, as a stream, or as a data set on disk."""

from __future__ import annotations

import dataclasses
import gc
import os
import shutil
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from agents.deepq.args import DQNArgs
from agents.deepq.features import forget_features
from agents.deepq.run_files import check_arguments, check_tracker
from agents.dqn import train
from agents.playing.evaluation import find_policy
from agents.playing.rollout import play
from agents.policies.protocol import Policy
from agents.policies.trained import trained_rules
from agents.run_folder import POLICY, STATE
from srn_core.data.clip import Clip
from srn_core.data.formats.pts import write_pts
from srn_core.errors import UserError
from srn_core.face.geometry import CropSpec, crop_image, crop_map, paste_crop
from srn_core.io.files import write_json
from srn_core.io.tensors import load_tensors
from srn_core.occluders.shapes import SQUARE_SHARE, varied_occluders
from srn_core.occluders.squares import add_square, noise_keys
from srn_core.victims.protocol import Victim
from srn_core.victims.registry import load_victim
from srn_gym.game import NO_OCCLUDER, OcclusionGame
from srn_gym.rules import Mode

PlacedOcclusion = Literal["square", "varied"]
# A game holds its clips' crops and answers in memory: many short clips fill a batch, few long ones fit.
CLIPS_AT_ONCE = 16
# A still gives a policy one move, from a random landmark. It is played as often as this, each time from where the last move
# led, so that a policy has the time to look for the place that it wants.
STILL_MOVES = 16
MANIFEST = "manifest.json"


class Placement(NamedTuple):
    """Where the occluder lies on a frame.

    Attributes:
        clip: the clip's number.
        frame: the frame's number.
        target: the covered landmark, -1 for none.
        noise_seed: of the noise that the policy played with; :func:`occluded_frame` draws its own from it.
    """

    clip: int
    frame: int
    target: int
    noise_seed: int


def derived_seed(*numbers: int) -> int:
    """One seed out of several numbers, in [0, 2**32)."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def placements(
    clips: Sequence[Clip], tracker: Victim, policy: str, seed: int, number: int, mode: Mode = "detect"
) -> Iterator[Placement]:
    """One pass of a policy over all clips against the frozen tracker; the noise and the first landmarks are the pass's own.

    A trained policy plays by the rules that it was trained with.

    Args:
        clips: training clips.
        tracker: the frozen tracker.
        policy: a policy's name or the folder of a trained run.
        seed: of the run.
        number: of the pass.
        mode: of the game.

    Yields:
        every frame once, in order.

    Raises:
        UserError: an unknown policy, or clips that the game cannot be played on.
    """
    noise_seed, found = derived_seed(seed, number), None
    rules = {**trained_rules(policy), "mode": mode, "noise_seed": noise_seed}
    with tqdm(total=len(clips), desc=f"{policy} plays", unit="clip", leave=False) as bar:
        for first, part in _parts(clips):
            game = OcclusionGame(part, tracker, **rules)
            found = found or find_policy(policy, game, lambda: OcclusionGame(clips, tracker, noise_seed=noise_seed))
            for clip, targets in enumerate(_played_targets(game, found, derived_seed(seed, number, first))):
                for frame in range(len(part[clip])):
                    yield Placement(first + clip, frame, int(targets[frame]), noise_seed)
            bar.update(len(part))
            # This game will not be played again; it refers to itself, so that only the collector frees its crops and answers.
            forget_features()
            del game
            gc.collect()


def _parts(clips: Sequence[Clip]) -> Iterator[tuple[int, Sequence[Clip]]]:
    """Neighbouring clips that are played together, stills apart from videos, each with its first clip's number."""
    first = 0
    for _, group in groupby(clips, lambda clip: len(clip) == 1):
        alike = list(group)
        for start in range(0, len(alike), CLIPS_AT_ONCE):
            yield first + start, alike[start : start + CLIPS_AT_ONCE]
        first += len(alike)


def _played_targets(game: OcclusionGame, policy: Policy, seed: int) -> np.ndarray:
    """What the policy covers on every frame of the game's clips, videos or stills: ``(C, T)``, -1 for none."""
    targets = play(game, policy, len(game.clips), seed, measured=False).targets
    if len(game.clips[0]) == 1:
        for move in range(1, STILL_MOVES):
            first = targets[:, 0].clip(min=0)
            targets = play(game, policy, len(game.clips), derived_seed(seed, move), first, measured=False).targets
    return targets


def trained_dqn(args: DQNArgs) -> Path:
    """The folder of a DQN's run, which is trained, or trained to its end, if it is not.

    Raises:
        UserError: a run of more steps, of other arguments, or against other weights is there.
    """
    assert args.run_dir is not None
    card = load_tensors(args.run_dir / POLICY)[1] if (args.run_dir / POLICY).is_file() else {}
    step = card.get("step", 0)
    if step >= args.total_steps + args.num_envs:
        raise UserError(f"{args.run_dir}: a DQN of {step} steps is there, asked for are {args.total_steps}; give another --out")
    if step >= args.total_steps:
        check_arguments(args.run_dir, card, args)
        check_tracker(args.run_dir, card, load_victim(args.tracker, args.device))
        return args.run_dir
    return train(dataclasses.replace(args, resume=(args.run_dir / STATE).is_file()))


def save_clips(
    folder: Path,
    clips: Sequence[Clip],
    placed: Iterable[Placement],
    crop: CropSpec,
    occlusion: PlacedOcclusion,
    card: Mapping[str, Any],
) -> None:
    """Write occluded clips that the data kind ``300vw`` reads, and ``manifest.json``; the folder appears when it is complete.

    A clip becomes a folder ``NUMBER-NAME-PART`` with ``frames/000001.png`` and ``annot/000001.pts`` ...; a new part starts
    at each cut.

    Args:
        folder: must not exist.
        clips: those that the placements number.
        placed: the frames to write, those of a clip in order.
        crop: the tracker's, at whose resolution occluders are drawn.
        occlusion: what lies on the landmark, whatever occluder the policy played with. ``square``: a noise square of 48 px at
            the 224 scale, anew on each frame; ``varied``: shapes and fillings.
        card: what the manifest says besides.

    Raises:
        UserError: the folder is there already.
    """
    if folder.exists():
        raise UserError(f"--save {folder}: is there already; remove it or give another folder")
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        parts: dict[str, dict[str, Any]] = defaultdict(lambda: {"frames": [], "landmarks": []})
        for placement in placed:
            clip = clips[placement.clip]
            name = _part_name(placement, clip)
            part = parts[name]
            _write_frame(temporary / name, len(part["frames"]) + 1, clip, placement, crop, occlusion)
            part["clip"], part["noise_seed"] = clip.name, placement.noise_seed
            part["frames"].append(placement.frame)
            part["landmarks"].append(placement.target)
        write_json(temporary / MANIFEST, {**card, "occlusion": occlusion, "clips": parts})
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _part_name(placement: Placement, clip: Clip) -> str:
    part = int(clip.cuts[: placement.frame + 1].sum())
    return f"{placement.clip:05d}-{clip.name.replace('/', '-')}-{part}"


def _write_frame(
    folder: Path, number: int, clip: Clip, placement: Placement, crop: CropSpec, occlusion: PlacedOcclusion
) -> None:
    for name in ("frames", "annot"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    path = folder / "frames" / f"{number:06d}.png"
    image = occluded_frame(clip, placement, crop, occlusion)
    if not cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR)):
        raise UserError(f"{path}: cannot be written; expected a folder with room")
    write_pts(folder / "annot" / f"{number:06d}.pts", clip.landmarks[placement.frame])


def occluded_frame(clip: Clip, placement: Placement, crop: CropSpec, occlusion: PlacedOcclusion) -> np.ndarray:
    """A frame ``(H, W, 3)`` uint8 RGB with its occluder, drawn at the resolution of the tracker's crop."""
    image, box = clip.frame(placement.frame), clip.boxes[placement.frame]
    if placement.target == NO_OCCLUDER:
        return image
    clean = crop_image(image, box, crop)
    points = torch.from_numpy(crop_map(box, crop).to_crop(clip.landmarks[placement.frame]))[None]
    clip_key = torch.tensor([zlib.crc32(clip.name.encode())])
    key = noise_keys(placement.noise_seed, clip_key, torch.tensor([placement.frame]))
    drawn = _cover(torch.from_numpy(clean).permute(2, 0, 1)[None], points, placement.target, key, occlusion)
    covered = drawn[0].permute(1, 2, 0).numpy()
    return paste_crop(image, covered, (covered != clean).any(-1), box, crop)


def _cover(crops: Tensor, points: Tensor, target: int, key: Tensor, occlusion: PlacedOcclusion) -> Tensor:
    """``(1, 3, S, S)`` uint8 with the occluder on landmark ``target`` of ``(1, L, 2)`` points."""
    if occlusion == "square":
        return add_square(crops, points[:, target], key, round(crops.shape[-1] * SQUARE_SHARE))
    generator = torch.Generator().manual_seed(int(key) & (2**62 - 1))
    images = varied_occluders(crops[None] / 255, points[None], generator, torch.tensor([[target]]))
    return (images[0] * 255).round().clamp(0, 255).to(torch.uint8)
