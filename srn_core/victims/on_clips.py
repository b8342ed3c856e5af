"""A victim on a set of clips: each is answered by the tracker that is meant for it, and every answer is checked."""

from collections.abc import Sequence

import torch
from torch import Tensor

from srn_core.data.clip import Clip
from srn_core.errors import UserError
from srn_core.model import SRN
from srn_core.tracking.tracker import Tracker
from srn_core.victims.answers import answered, ask
from srn_core.victims.protocol import ClipVictim, Victim


class VictimOnClips:
    """A victim on a set of clips, as the game asks it.

    Attributes:
        name: for messages.
        trackers: the victim, or those that it is made of.
        which: ``(C,)`` int64, the place in ``trackers`` of the one that answers on each clip; None where there is one.

    Args:
        victim: the landmark model.
        clips: that will be shown.
        name: for messages; empty: the name of the victim's class.
    """

    def __init__(self, victim: Victim, clips: Sequence[Clip], name: str = "") -> None:
        self.name = name or type(victim).__name__
        self.trackers: Sequence[Victim] = (victim,)
        self.which: Tensor | None = None
        self._clips = clips
        if isinstance(victim, ClipVictim):
            self.trackers, self.which = victim.trackers, torch.tensor(victim.for_clips(clips), device=victim.device)

    @property
    def models(self) -> list[SRN]:
        """The SRNs of :attr:`trackers`; empty if one of them is no SRN."""
        models = [tracker.model for tracker in self.trackers if isinstance(tracker, Tracker)]
        return models if len(models) == len(self.trackers) else []

    def step(self, clip: Tensor, frame: Tensor, images: Tensor, boxes: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The landmarks ``(B, L, 2)``, crop pixels, and the state ``(B, D)`` after the frame.

        Args:
            clip: ``(B,)`` int64, on the victim's device.
            frame: ``(B,)`` int64, for messages.
            images: ``(B, 3, S, S)`` uint8 RGB.
            boxes: ``(B, 4)`` crop pixels.
            state: ``(B, D)`` before the frame.

        Raises:
            UserError: there is no answer (:func:`srn_core.victims.answers.answered`), or one of the wrong shape.
        """
        with torch.no_grad():
            points, after = self._answers(clip, images, boxes, state)
        self._check(points, clip, frame)
        # Clones, because a tracker may return inference tensors, which cannot be changed later.
        return points.clone(), after.clone()

    def _answers(self, clip: Tensor, images: Tensor, boxes: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        if self.which is None:
            return self._ask(0, images, boxes, state)
        which, after = self.which[clip], torch.empty_like(state)
        points = torch.empty(len(clip), self.trackers[0].scheme.num_landmarks, 2, device=clip.device)
        for k in which.unique().tolist():
            rows = (which == k).nonzero()[:, 0]
            points[rows], after[rows] = self._ask(k, images[rows], boxes[rows], state[rows])
        return points, after

    def _ask(self, number: int, images: Tensor, boxes: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        tracker = self.trackers[number]
        if isinstance(tracker, Tracker):
            return tracker.step(images, boxes, state)
        return ask(tracker, self.name, images, boxes, state)

    def _check(self, points: Tensor, clip: Tensor, frame: Tensor) -> None:
        first_tracker = self.trackers[0]
        # An SRN of finite weights always answers, and on a GPU the question would make the CPU wait.
        if points.device.type != "cpu" and isinstance(first_tracker, Tracker):
            return
        found = answered(points, first_tracker.crop.size)
        if found.all():
            return
        first = int(found.int().argmin())
        place = f"clip {self._clips[int(clip[first])].name}, frame {int(frame[first])}"
        raise UserError(
            f"victim '{self.name}': no answer for {place} (landmarks that are nan, infinite, far away, or all in the corner); "
            "expected finite landmarks for every face, in crop pixels; let it answer with a guess, such as the mean shape, "
            "where it finds no face"
        )
