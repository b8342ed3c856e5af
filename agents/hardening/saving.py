"""Occluded clips as a data set on disk."""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from agents.hardening.args import PlacedOcclusion
from agents.hardening.placements import Placement
from srn_core.data.clip import Clip
from srn_core.data.formats.pts import write_pts
from srn_core.errors import UserError
from srn_core.face.geometry import CropSpec, crop_image, crop_map, paste_crop
from srn_core.io.files import write_atomically, write_json
from srn_core.io.folders import new_folder
from srn_core.occluders.shapes import SQUARE_SHARE, varied_occluders
from srn_core.occluders.squares import add_square, noise_keys
from srn_gym.game import NO_OCCLUDER

MANIFEST = "manifest.json"


def save_clips(
    folder: Path,
    clips: Sequence[Clip],
    placed: Iterable[Placement],
    crop: CropSpec,
    occlusion: PlacedOcclusion,
    card: Mapping[str, Any],
) -> None:
    """Write occluded clips that the data kind ``300vw`` reads, and ``manifest.json``; the folder appears when it is complete.

    A clip becomes folders ``NUMBER-NAME-PART`` with ``frames/000001.png`` and ``annot/000001.pts`` ...; a new part starts at
    each cut.

    Args:
        folder: must not exist.
        clips: the placements give their numbers.
        placed: the frames to write; frames of one clip in order.
        crop: the tracker's, at whose resolution occluders are drawn.
        occlusion: what is drawn on the landmark; the policy may have played with another occluder.
            ``square``: a noise square of 48 px in a 224 px crop, new on each frame; ``varied``: shapes and fillings.
        card: further entries of the manifest.

    Raises:
        UserError: the folder exists.
    """
    if folder.exists():
        raise UserError(f"--save {folder}: already exists; remove it or give another folder")
    with new_folder(folder) as temporary:
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
    # OpenCV's own writing ends Python where a folder's name is no UTF-8.
    data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
    write_atomically(path, lambda temporary: temporary.write_bytes(data))
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
    images, _ = varied_occluders(crops[None] / 255, points[None], generator, torch.tensor([[target]]))
    return (images[0] * 255).round().clamp(0, 255).to(torch.uint8)
