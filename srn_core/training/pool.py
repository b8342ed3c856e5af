"""All training faces as wide crops, in memory or on disk; batches of stills and sequences are drawn from them."""

import math
import os
import tempfile
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from srn_core.data.clip import Clip, check_scheme
from srn_core.errors import UserError
from srn_core.face.geometry import CropSpec, crop_map, to_box_units, wide_crop
from srn_core.model import SRNConfig
from srn_core.training.processes import is_first

# A larger pool lies in a temporary file and not on a GPU. The system keeps in memory what fits.
MEMORY_BYTES = 8 << 30


class FacePool:
    """Frames of many clips, flattened.

    Attributes:
        device: where batches are made.
        crops: ``(N, W, W, 3)`` uint8 wide crops, on that device, or in a file.
        landmarks: ``(N, L, 2)`` float32, wide-crop pixels.
        hidden: ``(N, L)`` bool, landmarks that the annotation calls hidden; none where it does not say.
        first: ``(C,)`` the face of each clip's first frame; its other frames follow.
        run: ``(N,)`` how many frames from here on, this one included, follow each other without a cut.
        mean_shape: ``(L, 2)`` box units, over clips (a long clip counts once).
    """

    def __init__(self, clips: Sequence[Clip], config: SRNConfig, device: torch.device) -> None:
        check_scheme(clips, config.landmarks)
        spec = wide_crop(config.crop)
        self.device = device
        self.crops = _read_crops(clips, spec, device)
        self.landmarks = np.concatenate([crop_map(clip.boxes, spec).to_crop(clip.landmarks) for clip in clips])
        self.hidden = np.concatenate(
            [np.zeros(clip.landmarks.shape[:2], bool) if clip.visible is None else ~clip.visible for clip in clips]
        )
        self.first = np.cumsum([0, *(len(clip) for clip in clips[:-1])])
        self.run = np.concatenate([np.arange(end - start, 0, -1) for clip in clips for start, end in clip.runs()])
        self.mean_shape = np.mean([to_box_units(clip.landmarks, clip.boxes).mean(0) for clip in clips], axis=0)
        # A clip of T frames shows one person: it weighs sqrt(T) stills, so that long videos do not drown the photos.
        weights = np.concatenate([np.full(len(clip), len(clip) ** -0.5) for clip in clips])
        self._cumulative = np.cumsum(weights / weights.sum())

    def __len__(self) -> int:
        return len(self.landmarks)

    def draw(self, rng: np.random.Generator, batch: int, frames: int) -> np.ndarray:
        """Indices ``(frames, batch)`` of faces that follow each other; a still (or too short a run) is repeated."""
        first = np.searchsorted(self._cumulative, rng.random(batch)).clip(max=len(self) - 1)
        longest_stride = (self.run[first] - 1) // max(frames - 1, 1)
        stride = np.minimum(rng.integers(1, 4, size=batch), longest_stride)
        return first + np.arange(frames)[:, None] * stride


def _read_crops(clips: Sequence[Clip], spec: CropSpec, device: torch.device) -> Tensor:
    shape = (sum(map(len, clips)), spec.size, spec.size, 3)
    large = math.prod(shape) > MEMORY_BYTES
    if large:
        # The file has no name. Its map stays when it is closed, and the file is gone when the map is.
        with tempfile.TemporaryFile() as file:
            _reserve(file.fileno(), math.prod(shape))
            crops: np.ndarray = np.memmap(file, np.uint8, "w+", shape=shape)
    else:
        crops = np.empty(shape, np.uint8)
    first = 0
    for clip in tqdm(clips, desc="reading faces", unit="clip", leave=False, disable=not is_first()):
        crops[first : first + len(clip)] = clip.crops(spec)
        first += len(clip)
    return torch.from_numpy(crops) if large else torch.from_numpy(crops).to(device)


def _reserve(file: int, size: int) -> None:
    # On a full disk, writing to a hole in a file kills the process: reserve the room first.
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(file, 0, size)
    except OSError as error:
        folder = tempfile.gettempdir()
        raise UserError(f"{folder}: {error.strerror}; expected room for {size >> 30} GB; free some, or set TMPDIR") from None
