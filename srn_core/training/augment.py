"""Augmentation, batched on the training device: geometry, colour, occluders: as in the authors' code, with changes."""

from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from srn_core.devices import to_device
from srn_core.face.boxes import draw_detector_boxes
from srn_core.face.geometry import boxes_in_crop, crop_map
from srn_core.face.metrics import normaliser_length
from srn_core.model import SRNConfig
from srn_core.occluders.cover import Occluded, hidden_points, uncovered
from srn_core.occluders.shapes import chance, masklike_occluders, square_occluder, uniform, varied_occluders
from srn_core.training.pool import FacePool

Occlusion = Literal["none", "square", "varied", "masklike"]
# Half of the faces turn, by a normal angle of this deviation. The authors' code has 10. Faces in the wild lean further.
ROTATION_DEGREES = 20.0
# Boxes are drawn from a PCA of a detector's boxes. That spread is narrow, because the photos were easy; so it is widened.
BOX_SPREAD = 1.3
# The least and the most of a blurred picture's resolution that is left.
SHARPNESS = 0.3, 0.8
# Standard deviation of a head's motion from frame to frame, normalisers.
MOTION = 0.03


class TrainingBatch(NamedTuple):
    """Sequences ready for the network, time first.

    Attributes:
        images: ``(T, B, 3, S, S)`` float32 in [-0.5, 0.5].
        boxes: ``(T, B, 4)`` crop pixels.
        truth: ``(T, B, L, 2)`` crop pixels.
        length: ``(T, B)`` the scheme's normaliser, crop pixels.
        motion: ``(T, B, 1, 2)`` crop pixels, a random motion of the head since the frame before.
        hidden: ``(T, B, L)`` bool, landmarks under an occluder, outside the crop, or hidden by the annotation.
    """

    images: Tensor
    boxes: Tensor
    truth: Tensor
    length: Tensor
    motion: Tensor
    hidden: Tensor


class PlacedOccluders(NamedTuple):
    """The places of occluders that are not placed at random.

    Attributes:
        targets: ``(N,)`` int64 the covered landmark of each face of the pool, -1 for none.
        share: of the sequences that are covered; the others stay clean.
    """

    targets: np.ndarray
    share: float


def draw_batch(
    pool: FacePool,
    config: SRNConfig,
    seed: tuple[int, int],
    batch: int,
    frames: int,
    occlusion: Occlusion,
    placed: PlacedOccluders | None = None,
    rotation: float = ROTATION_DEGREES,
) -> TrainingBatch:
    """The training batch of a step: a pure function of ``seed`` = (run's seed, step), so that a resumed run repeats it.

    ``occlusion`` is the look of the occluders, ``placed`` are their places; None: at random. Half of the faces turn, by a
    normal angle of deviation ``rotation`` (degrees).
    """
    rng = np.random.default_rng(seed)
    device = pool.device
    generator = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
    index = pool.draw(rng, batch, frames)
    truth, boxes, to_wide, mirrored = _geometry(pool.landmarks[index], config, rng, rotation)
    faces = pool.crops[to_device(index.ravel(), pool.crops.device)].to(device, non_blocking=True)
    images = _resample(faces, to_wide, config.image_size)
    images = jitter_colours(images.unflatten(0, (frames, batch)), rng.uniform(*SHARPNESS), generator)
    points = to_device(truth, device)
    on = None if placed is None else to_device(_covered(placed, index, mirrored, config, rng), device)
    images, covered = _occluded(images, points, generator, occlusion, on)
    noise = torch.randn(images.shape, generator=generator, device=device)
    images = images + noise * uniform((1, batch, 1, 1, 1), 0, 0.03, generator)
    length = to_device(normaliser_length(truth, config.landmarks), device).float()
    motion = torch.randn((*length.shape, 1, 2), generator=generator, device=device) * MOTION * length[..., None, None]
    hidden = hidden_points(covered[:, :, 0], points) | to_device(_flags(pool.hidden[index], mirrored, config), device)
    return TrainingBatch(images.clamp(0, 1) - 0.5, to_device(boxes, device), points, length, motion, hidden)


def _occluded(images: Tensor, points: Tensor, generator: torch.Generator, occlusion: Occlusion, on: Tensor | None) -> Occluded:
    if occlusion == "square":
        return square_occluder(images, points, generator, on)
    if occlusion == "varied":
        return varied_occluders(images, points, generator, on)
    return masklike_occluders(images, points, generator) if occlusion == "masklike" else uncovered(images)


def _flags(hidden: np.ndarray, mirrored: np.ndarray, config: SRNConfig) -> np.ndarray:
    """The annotation's flags ``(T, B, L)`` as landmarks are numbered after mirroring."""
    return np.where(mirrored[:, None], hidden[..., config.landmarks.mirror], hidden)


def _covered(
    placed: PlacedOccluders, index: np.ndarray, mirrored: np.ndarray, config: SRNConfig, rng: np.random.Generator
) -> np.ndarray:
    """The covered landmarks ``(T, B)`` int64 of the faces ``index`` ``(T, B)``, -1 for none, as numbered after mirroring."""
    targets = placed.targets[index]
    landmarks = np.where(mirrored, config.landmarks.mirror[targets], targets)
    occluded = (targets >= 0) & (rng.random(index.shape[1]) < placed.share)
    return np.where(occluded, landmarks, -1)


def _geometry(
    points: np.ndarray, config: SRNConfig, rng: np.random.Generator, rotation: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Turn and mirror faces and draw new boxes.

    ``(T, B, L, 2)`` wide-crop points -> crop points, crop boxes, crop-to-wide ``(T*B, 2, 3)``, mirrored ``(B,)`` bool.
    """
    frames, batch = points.shape[:2]
    angle = np.where(rng.random(batch) < 0.5, np.deg2rad(rotation) * rng.standard_normal(batch), 0)
    # A still that stands for a sequence moves by this alone: a steady turn, which real sequences get too.
    angle = angle + np.deg2rad(2) * rng.standard_normal(batch) * np.arange(frames)[:, None]
    flip = np.where(rng.random(batch) < 0.5, -1.0, 1.0)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cos * flip, -sin], -1), np.stack([sin * flip, cos], -1)], -2)
    centre = points.mean(-2, keepdims=True)
    turned = (points - centre) @ np.swapaxes(turn, -1, -2)
    turned = np.where((flip < 0)[:, None, None], turned[..., config.landmarks.mirror, :], turned)
    boxes = draw_detector_boxes(turned, rng, BOX_SPREAD, config.scheme)
    mapping = crop_map(boxes, config.crop)
    # crop q -> turned q / scale + origin -> wide turn^-1 (...) + centre
    inverse = np.linalg.inv(turn)
    linear = inverse / mapping.scale[..., None, None]
    shift = np.einsum("...ij,...j->...i", inverse, mapping.origin) + centre[..., 0, :]
    to_wide = np.concatenate([linear, shift[..., None]], -1).reshape(-1, 2, 3).astype(np.float32)
    return mapping.to_crop(turned), boxes_in_crop(boxes, config.crop), to_wide, flip < 0


def _resample(wide: Tensor, to_wide: np.ndarray, size: int) -> Tensor:
    """Bilinear crops ``(N, 3, size, size)`` in [0, 1] out of ``(N, W, W, 3)`` uint8; outside is black, as in evaluation."""
    pixels = torch.arange(size, device=wide.device, dtype=torch.float32)
    y, x = torch.meshgrid(pixels, pixels, indexing="ij")
    grid = torch.stack([x, y, torch.ones_like(x)], -1).reshape(-1, 3)
    sampled = (grid @ to_device(to_wide, wide.device).transpose(1, 2)).reshape(-1, size, size, 2)
    normalised = sampled * (2 / (wide.shape[1] - 1)) - 1
    return functional.grid_sample(wide.permute(0, 3, 1, 2).float() / 255, normalised, align_corners=True)


def jitter_colours(images: Tensor, sharpness: float, generator: torch.Generator) -> Tensor:
    """Brightness, contrast, saturation, colour cast and lost resolution, the same in all frames of a sequence.

    The cast, a gain per channel, replaces the hue of the authors' code: it looks more like the light of a room. ``images`` are
    ``(T, B, 3, S, S)`` in [0, 1]. Where resolution is lost, this share ``sharpness`` of each side's pixels is left; it is no
    tensor, because sizes follow from it. ``generator`` is on the images' device.
    """

    def normal(deviation: float, channels: int = 1) -> Tensor:
        shape = (1, images.shape[1], channels, 1, 1)
        return torch.randn(shape, generator=generator, device=images.device) * deviation

    blurred = functional.interpolate(images.flatten(0, 1), scale_factor=sharpness, mode="bilinear", antialias=True)
    blurred = functional.interpolate(blurred, images.shape[-2:], mode="bilinear").unflatten(0, images.shape[:2])
    images = torch.where(chance(images, 0.25, generator), blurred, images)
    grey = images.mean(2, keepdim=True)
    images = grey + (images - grey) * torch.where(chance(images, 0.1, generator), 0.0, normal(0.25).exp())
    middle = images.mean((2, 3, 4), keepdim=True)
    images = middle + (images - middle) * normal(0.2).exp()
    return images * normal(0.06, 3).exp() + normal(0.1)
