"""Hard occluded face synthesis as a game (METHOD 3, eq. 9, 10, 13): the only place where its dynamics are written.

Everything is batched on the tracker's device, and every function is a function of (clip, frame, landmark) and, in ``track``
mode, of the tracker's memory. Positions and episodes are in ``srn_gym.episodes``.

Index tensors are ``(B,)`` int64 on :attr:`OcclusionGame.device`; points are ``(x, y)`` crop pixels unless said otherwise.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from srn_core.data import Clip
from srn_core.errors import UserError
from srn_core.face.geometry import boxes_in_crop, crop_map
from srn_core.face.metrics import nme, normaliser_length
from srn_core.model.patches import extract_patches
from srn_core.occluders.squares import add_square, noise_keys
from srn_core.victims.protocol import Victim
from srn_gym.cache.crops import CropStore
from srn_gym.cache.memo import Memo, batch_size
from srn_gym.features import observed_features
from srn_gym.neighbourhoods import neighbour_table
from srn_gym.rules import REFERENCE_SIZE, read_rules

NO_OCCLUDER = -1
NUM_ACTIONS = 3


class Response(NamedTuple):
    """What the tracker does on a frame.

    Attributes:
        reward: ``(B,)`` float32 fraction, as the rules say.
        nme: ``(B,)`` float32 fraction of the scheme's normaliser, 68 points: the inter-ocular distance (eq. 10).
        prediction: ``(B, L, 2)`` landmarks, crop pixels.
        state: ``(B, D)`` the tracker's memory after the frame; in ``detect`` mode the one that came in.
    """

    reward: Tensor
    nme: Tensor
    prediction: Tensor
    state: Tensor


class OcclusionGame:
    """The game's rules on a set of clips against a frozen tracker.

    Attributes:
        clips: the clips.
        tracker: the victim.
        rules: what the game's arguments chose.
        device: where all tensors live.
        num_landmarks: L.
        neighbours: ``(L, 3)`` int64 the landmarks that actions 0, 1, 2 cover after each landmark.
        patch_size: P.
        occluder_side: side of the occluder, crop pixels.
        lengths: ``(C,)`` int64 frames of each clip.
        offsets: ``(C,)`` int64; frame ``t`` of clip ``c`` is row ``offsets[c] + t`` of the tensors below.
        landmarks: ``(N, L, 2)`` float32 ground truth of all N frames, crop pixels.
        boxes: ``(N, 4)`` float32 face boxes, crop pixels.
        inter_ocular: ``(N,)`` float32, crop pixels; a crop is a similarity, so the NME is that of the frame.
        cuts: ``(N,)`` bool, frames that do not continue the one before.
        clip_keys: ``(C,)`` int64 from the clips' names: the occluder does not depend on a clip's place in the set.
    """

    def __init__(self, clips: Sequence[Clip], tracker: Victim, **rules: Any) -> None:
        """Set up the game; frames are read when first shown.

        Args:
            clips: at least one, of the tracker's landmark scheme.
            tracker: the frozen victim.
            rules: the fields of :class:`srn_gym.rules.Rules`.

        Raises:
            UserError: an unknown or bad rule, clips of another scheme, or features of no SRN.
        """
        self.rules = read_rules(rules)
        _check_clips(clips, tracker)
        self.clips, self.tracker, self.mode = tuple(clips), tracker, self.rules.mode
        self.device, self.num_landmarks, self.patch_size = tracker.device, tracker.scheme.num_landmarks, tracker.patch_size
        self.occluder_side = max(1, round(self.rules.occluder_size * tracker.crop.size / REFERENCE_SIZE))
        table = neighbour_table(tracker.scheme, self.rules.neighbourhood)
        self.neighbours = torch.from_numpy(table).to(self.device)
        self._frame_boxes = np.concatenate([clip.boxes for clip in clips])
        self._load_annotations()
        self._crops = CropStore(self.clips, tracker.crop, self.device)
        self._memo = Memo(self.lengths, self.num_landmarks + 1, (self.num_landmarks, 2), self._predict)
        self._features = observed_features(self) if self.rules.observation == "features" else None

    def candidates(self, landmark: Tensor) -> Tensor:
        """The landmarks ``(B, 3)`` that the actions 0, 1, 2 cover: the one before, the same and the next."""
        return self.neighbours[landmark]

    def occlude(self, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        """The frames with the occluder on landmark ``target``: ``(B, 3, S, S)`` uint8 RGB; -1 leaves a frame clean."""
        crops = self._crops.gather(clip, frame)
        covered = self._cover(crops, clip, frame, target.clamp(min=0))
        return torch.where((target == NO_OCCLUDER)[:, None, None, None], crops, covered)

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """Of one env's observation: ``(3, L, 3, P, P)`` for patches, ``(3, F)`` for features."""
        if self._features is not None:
            return NUM_ACTIONS, self._features.size
        return NUM_ACTIONS, self.num_landmarks, 3, self.patch_size, self.patch_size

    def observe(self, clip: Tensor, frame: Tensor, landmark: Tensor) -> Tensor:
        """The state of eq. 9, ``phi(I_t^a, S*_t)`` for each action: ``(B, 3, L, 3, P, P)`` uint8.

        With the observation ``features`` what the tracker makes of these patches: ``(B, 3, F)`` float16.

        Args:
            clip: clip numbers.
            frame: the frame to be covered.
            landmark: the landmark covered before; the candidates lie round it.
        """
        clip, frame = clip.repeat_interleave(NUM_ACTIONS), frame.repeat_interleave(NUM_ACTIONS)
        target = self.candidates(landmark).flatten()
        if self._features is not None:
            found = self._features(clip, frame, target).half()
        else:
            images = self._cover(self._crops.gather(clip, frame), clip, frame, target)
            found = extract_patches(images, self.landmarks[self.row(clip, frame)], self.patch_size)
        return found.contiguous().view(-1, *self.observation_shape)

    def respond(self, clip: Tensor, frame: Tensor, target: Tensor, state: Tensor) -> Response:
        """The tracker on the covered frames.

        Args:
            clip: clip numbers.
            frame: frame numbers.
            target: covered landmarks; -1 for none.
            state: ``(B, D)`` the tracker's memory before the frame; ``detect`` mode does not read it.
        """
        if self.mode == "track":
            state = torch.where(self.cuts[self.row(clip, frame), None], self.tracker.start(len(clip)), state)
        prediction, after = self._react(clip, frame, target, state)
        error = self._nme(clip, frame, prediction)
        reward = error
        if self.rules.reward == "excess":
            clean, _ = self._react(clip, frame, torch.full_like(target, NO_OCCLUDER), state)
            reward = error - self._nme(clip, frame, clean)
        if self.rules.reward_cap is not None:
            reward = reward.clamp(max=self.rules.reward_cap)
        return Response(reward, error, prediction, after)

    def nme_table(self, clip: int, wanted: Tensor | None = None) -> Tensor:
        """The NME of every landmark on every frame of a clip: ``(T, L + 1)`` float32 on the CPU, last column: no occluder.

        Args:
            clip: the clip's number.
            wanted: ``(T, L)`` or ``(T, L + 1)`` bool, the only entries to compute, nan for the others; all where not given.

        Raises:
            UserError: in ``track`` mode, where an error depends on all frames before.
        """
        if self.mode != "detect":
            raise UserError("mode 'track': errors depend on the past, so there is no table of them; use mode 'detect'")
        table = torch.full((len(self.clips[clip]), self.num_landmarks + 1), torch.nan)
        frames, columns = (torch.ones_like(table) if wanted is None else wanted).nonzero(as_tuple=True)
        size = batch_size(self.device)
        for frame, column in zip(frames.split(size), columns.split(size), strict=True):
            target = torch.where(column == self.num_landmarks, NO_OCCLUDER, column)
            entries = (torch.full_like(frame, clip), frame, target)
            which, when, covered = (values.to(self.device) for values in entries)
            table[frame, column] = self._nme(which, when, self._memo.lookup(which, when, covered)).cpu()
        return table

    def to_frame_pixels(self, clip: Tensor, frame: Tensor, points: Tensor) -> np.ndarray:
        """``(B, L, 2)`` crop pixels -> pixels of the original frames, float32."""
        boxes = self._frame_boxes[self.row(clip, frame).cpu().numpy()]
        return crop_map(boxes, self.tracker.crop).to_frame(points.cpu().numpy())

    def _load_annotations(self) -> None:
        crop, device = self.tracker.crop, self.device
        landmarks = crop_map(self._frame_boxes, crop).to_crop(np.concatenate([clip.landmarks for clip in self.clips]))
        lengths = normaliser_length(landmarks, self.tracker.scheme)
        self.landmarks = torch.from_numpy(landmarks).to(device)
        self.boxes = torch.from_numpy(boxes_in_crop(self._frame_boxes, crop)).to(device)
        self.inter_ocular = torch.from_numpy(lengths).float().to(device)
        self.cuts = torch.from_numpy(np.concatenate([clip.cuts for clip in self.clips])).to(device)
        self.lengths = torch.tensor([len(clip) for clip in self.clips], device=device)
        self.offsets = self.lengths.cumsum(0) - self.lengths
        self.clip_keys = torch.tensor([zlib.crc32(clip.name.encode()) for clip in self.clips], device=device)

    def row(self, clip: Tensor, frame: Tensor) -> Tensor:
        """Where frames ``(B,)`` of clips ``(B,)`` stand in the tensors over all frames."""
        return self.offsets[clip] + frame

    def _cover(self, crops: Tensor, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        centres = self.landmarks[self.row(clip, frame), target]
        drawn = frame if self.rules.noise_per_frame else torch.zeros_like(frame)
        keys = noise_keys(self.rules.noise_seed, self.clip_keys[clip], drawn)
        return add_square(crops, centres, keys, self.occluder_side, self.rules.occluder)

    def _react(self, clip: Tensor, frame: Tensor, target: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The tracker's landmarks and its memory afterwards; in ``detect`` mode from the memo."""
        if self.mode == "detect":
            return self._memo.lookup(clip, frame, target), state
        return self._track(clip, frame, target, state)

    def _track(self, clip: Tensor, frame: Tensor, target: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        images, boxes = self.occlude(clip, frame, target), self.boxes[self.row(clip, frame)]
        with torch.no_grad():
            prediction, state = self.tracker.step(images, boxes, state)
        # Clones, because a tracker may answer in inference tensors, which nobody can write to later.
        return prediction.clone(), state.clone()

    def _predict(self, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        """The tracker without memory: ``(B, L, 2)``."""
        found = [
            self._track(clip[part], frame[part], target[part], self.tracker.start(len(part)))[0]
            for part in torch.arange(len(clip), device=self.device).split(batch_size(self.device))
        ]
        return torch.cat(found)

    def _nme(self, clip: Tensor, frame: Tensor, prediction: Tensor) -> Tensor:
        row = self.row(clip, frame)
        return nme(prediction, self.landmarks[row], self.inter_ocular[row])


def _check_clips(clips: Sequence[Clip], tracker: Victim) -> None:
    if not clips:
        raise UserError("no clips: the game needs at least one")
    for clip in clips:
        if clip.scheme.name != tracker.scheme.name:
            raise UserError(
                f"clip '{clip.name}': landmark scheme '{clip.scheme.name}', but the tracker's is '{tracker.scheme.name}'; "
                "choose clips and a tracker of one scheme"
            )
