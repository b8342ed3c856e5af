"""What the game needs of a landmark model."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from srn_core.data.clip import Clip
from srn_core.face.geometry import CropSpec
from srn_core.face.schemes import Scheme


class Victim(Protocol):
    """A landmark model as the game uses it: batched over faces, on a torch device.

    Attributes:
        scheme: the landmarks that it predicts.
        crop: how the game crops faces for it.
        patch_size: P, side of the patches around landmarks in the game's observation, px.
        device: where its tensors are.
        key: names caches, so it must change whenever the predictions may change.
    """

    scheme: Scheme
    crop: CropSpec
    patch_size: int
    device: torch.device
    key: str

    def start(self, batch: int) -> Tensor:
        """The state at a clip's start: ``(B, D)``; D may be 0."""
        ...

    def step(self, frames: Tensor, boxes: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Predict one frame of each clip.

        Args:
            frames: ``(B, 3, S, S)`` uint8 RGB, cropped as ``crop`` says.
            boxes: ``(B, 4)`` face boxes, crop pixels.
            state: ``(B, D)``.

        Returns:
            ``(B, L, 2)`` landmarks, crop pixels, and the state for the next frame. Every landmark is finite: a model that finds
            no face answers with a guess, such as the mean shape in the box. The game stops with an error where there is no
            answer: nan, a number far outside the crop, or all landmarks in its corner (:mod:`srn_core.victims.answers`).
        """
        ...


@runtime_checkable
class ClipVictim(Victim, Protocol):
    """A victim made of several, of which one answers on each clip. The game calls that one, and never :meth:`step` itself.

    Attributes:
        trackers: of one scheme, crop, patch size, device and size of state.
    """

    trackers: Sequence[Victim]

    def for_clips(self, clips: Sequence[Clip]) -> Sequence[int]:
        """The place in :attr:`trackers` of the one that answers on each clip. The game asks once."""
        ...
