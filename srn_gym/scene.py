"""What the game shows: the clips' faces, with an occluder on any of their landmarks.

Index tensors are ``(B,)`` int64 on :attr:`Scene.device`; points are ``(x, y)`` crop pixels unless said otherwise.
"""

import zlib

import numpy as np
import torch
from torch import Tensor

from srn_core.face.geometry import boxes_in_crop, crop_map
from srn_core.face.metrics import normaliser_length
from srn_core.occluders.squares import Occluder, add_square, noise_keys, square_corner
from srn_gym.cache.crops import Crops
from srn_gym.rules import REFERENCE_SIZE

NO_OCCLUDER = -1


class Scene:
    """A set of clips under one kind of occluder, without a tracker. It never changes.

    Attributes:
        clips: the clips.
        scheme: what their landmarks mean.
        crop: how a face box becomes a crop of S pixels.
        device: where all tensors lie.
        occluder_side: side of the occluder, crop pixels.
        lengths: ``(C,)`` int64 frames of each clip.
        offsets: ``(C,)`` int64; frame ``t`` of clip ``c`` is row ``offsets[c] + t`` of the tensors below.
        landmarks: ``(N, L, 2)`` float32 ground truth of all N frames.
        boxes: ``(N, 4)`` float32 face boxes.
        normaliser: ``(N,)`` float32, crop pixels by which errors are divided. Crops only shift and scale, so the NME is
            the same as in the frame.
        cuts: ``(N,)`` bool, frames that do not continue the previous frame.
        clip_keys: ``(C,)`` int64 from the clips' names: the occluder does not depend on a clip's place in the set.
    """

    def __init__(self, crops: Crops, occluder: Occluder, occluder_size: int, noise_seed: int, noise_per_frame: bool) -> None:
        """The faces of ``crops``; the other arguments are as in :class:`srn_gym.rules.GameRules`."""
        self.clips, self.crop, self.device = crops.clips, crops.spec, crops.device
        self.scheme = self.clips[0].scheme
        self.occluder, self.noise_seed, self.noise_per_frame = occluder, noise_seed, noise_per_frame
        self.occluder_side = max(1, round(occluder_size * self.crop.size / REFERENCE_SIZE))
        self._crops = crops
        self._frame_boxes = np.concatenate([clip.boxes for clip in self.clips])
        landmarks = crop_map(self._frame_boxes, self.crop).to_crop(np.concatenate([clip.landmarks for clip in self.clips]))
        lengths = normaliser_length(landmarks, self.scheme)
        self.landmarks = torch.from_numpy(landmarks).to(self.device)
        self.boxes = torch.from_numpy(boxes_in_crop(self._frame_boxes, self.crop)).to(self.device)
        self.normaliser = torch.from_numpy(lengths).float().to(self.device)
        self.cuts = torch.from_numpy(np.concatenate([clip.cuts for clip in self.clips])).to(self.device)
        self.lengths = torch.tensor([len(clip) for clip in self.clips], device=self.device)
        self.offsets = self.lengths.cumsum(0) - self.lengths
        self.clip_keys = torch.tensor([zlib.crc32(clip.name.encode()) for clip in self.clips], device=self.device)

    def row(self, clip: Tensor, frame: Tensor) -> Tensor:
        """The rows ``(B,)`` of frames ``(B,)`` of clips ``(B,)`` in the tensors over all frames."""
        return self.offsets[clip] + frame

    def occlude(self, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        """The frames with the occluder on landmark ``target``: ``(B, 3, S, S)`` uint8 RGB; -1 leaves a frame clean."""
        crops = self._crops.gather(clip, frame)
        covered = self._covered(crops, clip, frame, target.clamp(min=0))
        return torch.where((target == NO_OCCLUDER)[:, None, None, None], crops, covered)

    def cover(self, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        """:meth:`occlude` for targets without -1, which saves a copy."""
        return self._covered(self._crops.gather(clip, frame), clip, frame, target)

    def touched(self, points: Tensor, target: Tensor, patch_size: int) -> Tensor:
        """Which patches round ``points`` ``(B, L, 2)`` the occluder on landmark ``target`` overlaps: ``(B, L)`` bool.

        Patches that reach over the image's border repeat it, so only their part inside the image is tested.
        """
        last_pixel = self.crop.size - 1
        centre = points[torch.arange(len(points), device=points.device), target]
        low = square_corner(centre, self.occluder_side, self.crop.size)[:, None]
        corner = torch.floor(points + 0.5).long() - patch_size // 2
        first, last = corner.clamp(0, last_pixel), (corner + patch_size - 1).clamp(0, last_pixel)
        return ((last >= low) & (first < low + self.occluder_side)).all(-1)

    def to_frame_pixels(self, clip: Tensor, frame: Tensor, points: Tensor) -> np.ndarray:
        """``(B, L, 2)`` crop pixels -> pixels of the original frames, float32."""
        boxes = self._frame_boxes[self.row(clip, frame).cpu().numpy()]
        return crop_map(boxes, self.crop).to_frame(points.cpu().numpy())

    def _covered(self, crops: Tensor, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        centres = self.landmarks[self.row(clip, frame), target]
        drawn = frame if self.noise_per_frame else torch.zeros_like(frame)
        keys = noise_keys(self.noise_seed, self.clip_keys[clip], drawn)
        return add_square(crops, centres, keys, self.occluder_side, self.occluder)
