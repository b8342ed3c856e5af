"""A clip: ``T`` frames with landmarks and face boxes. A still image is a clip with ``T = 1``."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from srn_core.errors import UserError
from srn_core.face.geometry import CropSpec, crop_image
from srn_core.face.metrics import normaliser_length
from srn_core.face.schemes import Scheme
from srn_core.io.frames import ChosenFrames, FrameSource


# Compared by identity: arrays have no single answer to ==, and a set of clips can be a key.
@dataclass(frozen=True, eq=False)
class Clip:
    """One face over time.

    Attributes:
        name: unique inside its data spec and stable over runs; seeds that depend on a clip depend on this name.
        landmarks: ``(T, L, 2)`` float32, frame pixels.
        boxes: ``(T, 4)`` float32 face boxes, frame pixels.
        source: reads the frames.
        cuts: ``(T,)`` bool; True where a frame does not continue the previous frame. Frame 0 is always a cut.
        scheme: what the landmarks mean.
        visible: ``(T, L)`` bool, False where a landmark is hidden; None where the annotation does not say.
        person: who is seen, as far as the data say: a person's name, else the photo's, else the clip's own. Splits by person
            and intervals over people go by it.
    """

    name: str
    landmarks: np.ndarray
    boxes: np.ndarray
    source: FrameSource = field(repr=False)
    cuts: np.ndarray
    scheme: Scheme = field(repr=False)
    visible: np.ndarray | None = field(default=None, repr=False)
    person: str = ""

    def __post_init__(self) -> None:
        """Raise a :class:`UserError` where a frame's normaliser or box has no extent: errors are divided by it."""
        object.__setattr__(self, "person", self.person or self.name)
        extents = {
            f"eye corners or landmarks that coincide leave no {self.scheme.normaliser} distance": normaliser_length(
                self.landmarks, self.scheme
            ),
            "a face box without area": (self.boxes[:, 2:] - self.boxes[:, :2]).min(1),
        }
        for problem, extent in extents.items():
            flat = ~(extent > 0)
            if flat.any():
                raise UserError(f"clip '{self.name}', frame {int(flat.argmax())}: {problem}; correct the annotation")

    def __len__(self) -> int:
        return len(self.landmarks)

    @property
    def is_video(self) -> bool:
        """Whether it has several frames and no cut inside."""
        return len(self) > 1 and not self.cuts[1:].any()

    def runs(self) -> list[tuple[int, int]]:
        """First frame and end of each part between cuts."""
        starts = np.flatnonzero(self.cuts).tolist()
        return list(zip(starts, [*starts[1:], len(self)], strict=True))

    def frame(self, t: int) -> np.ndarray:
        """Frame ``t`` as ``(H, W, 3)`` uint8 RGB."""
        return self.source(t)

    def crops(self, spec: CropSpec) -> np.ndarray:
        """All frames cropped on their boxes: ``(T, size, size, 3)`` uint8 RGB."""
        crops = np.empty((len(self), spec.size, spec.size, 3), np.uint8)
        for t in range(len(self)):
            crops[t] = crop_image(self.frame(t), self.boxes[t], spec)
        return crops

    def head(self, frames: int | None) -> Self:
        """The first frames alone; all of them where None."""
        visible = None if self.visible is None else self.visible[:frames]
        return replace(
            self, landmarks=self.landmarks[:frames], boxes=self.boxes[:frames], cuts=self.cuts[:frames], visible=visible
        )

    def chosen(self, kept: Sequence[int]) -> Self:
        """These frames alone, in rising order. Their cuts stay; a caller that leaves a gap inside a run adds one."""
        frames = list(kept)
        visible = None if self.visible is None else self.visible[frames]
        return replace(
            self, landmarks=self.landmarks[frames], boxes=self.boxes[frames], cuts=self.cuts[frames], visible=visible,
            source=ChosenFrames(self.source, tuple(frames)),
        )  # fmt: skip


def check_scheme(clips: Iterable[Clip], scheme: Scheme) -> None:
    """Raise a :class:`UserError` if a clip has other landmarks than the tracker, whose ``scheme`` this is."""
    for clip in clips:
        if clip.scheme.name != scheme.name:
            raise UserError(
                f"clip '{clip.name}': landmark scheme '{clip.scheme.name}', but the tracker's is '{scheme.name}'; "
                "choose clips and a tracker of one scheme"
            )


def continuous(num_frames: int) -> np.ndarray:
    """The cuts of a clip that is cut at its start alone: ``(T,)`` bool."""
    cuts = np.zeros(num_frames, bool)
    cuts[:1] = True
    return cuts
