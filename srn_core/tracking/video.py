"""Following the faces of a video: each is found, tracked, lost and found again (``srn track``, ``srn detect``)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from srn_core.face.boxes import following_box
from srn_core.face.geometry import box_frame, box_overlap
from srn_core.tracking.detectors import Detector
from srn_core.tracking.smoothing import OneEuroFilter
from srn_core.tracking.step import FollowedFaces
from srn_core.tracking.tracker import Tracker

# A detector looks again after this many frames. A face with this overlap (intersection over union) is the tracked one.
LOOK_AGAIN, SAME_FACE = 10, 0.2
# A track ends when the detector did not see it so many times in a row: it can miss a covered face that the tracker follows.
MISSES = 3
# A lost face that is found again within so many frames keeps its number if it is near its old place: so many sizes away, and so
# many more for each frame that passed. Its size has changed by at most this factor.
REMEMBERED, NEAR, FARTHER, RESIZED = 30, 0.5, 0.1, 1.5
# Two tracks that overlap by this much are on one face; the one that is less sure ends.
TWICE = 0.6
# A cut: from one frame to the next, this share of the picture, seen at this side, changes by so many grey levels. An occluder
# or a face that leaves changes less.
CUT_SHARE, CUT_SIDE, CUT_CHANGE = 0.6, 32, 15.0
# Frames whose grey levels at this side spread (standard deviation) by less are blank: black, or a flash. What comes after them
# is compared with what was before.
BLANK = 4.0


@dataclass(frozen=True)
class TrackedFace:
    """One face in one frame.

    Attributes:
        number: the same in all frames of one track, from 0.
        box: ``(4,)`` where the tracker looked for the face, pixels.
        landmarks: ``(L, 2)`` pixels.
        confidence: how sure it is that this is a face, 0 to 1.
        visibility: ``(L,)`` probability that each landmark can be seen; None where the model does not say.
        expected_error: ``(L,)`` expected error of each landmark as a share of the scheme's normaliser; None likewise.
    """

    number: int
    box: np.ndarray
    landmarks: np.ndarray
    confidence: float
    visibility: np.ndarray | None = None
    expected_error: np.ndarray | None = None


@dataclass(frozen=True)
class TrackedFrame:
    """One frame and the faces that are tracked in it; none where they are lost.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB.
        time: when it is shown, s.
        faces: at most one unless all faces are tracked.
    """

    image: np.ndarray
    time: float
    faces: tuple[TrackedFace, ...]


class _Track:
    """One face that is followed."""

    def __init__(self, number: int, tracker: Tracker, box: np.ndarray) -> None:
        self.number, self.box, self.misses, self.lost = number, box, 0, False
        self._face = FollowedFaces(tracker.model, follow=True)
        self._first = True

    @property
    def confidence(self) -> float:
        return float(self._face.confidence[0])

    def step(self, image: np.ndarray) -> TrackedFace | None:
        """The face in the next frame; None where it is lost."""
        searched = self.box
        landmarks = self._face.step([image], searched[None], [self._first])[0]
        self._first, self.lost, self.box = False, bool(self._face.lost[0]), self._face.boxes()[0]
        if self.lost:
            return None
        sure = self._face.certainty.face(0) if self._face.certainty else (None, None)
        return TrackedFace(self.number, searched, landmarks, self.confidence, *sure)


class VideoFaces:
    """The faces of a video, frame by frame.

    Args:
        tracker: the model on its device.
        find: image -> ``(N, 4)`` boxes as 68 landmarks would have them, the largest first. It is called on each frame without a
            tracked face, at cuts, and every :data:`LOOK_AGAIN` frames.
        box: ``(4,)`` the face in the first frame, in place of ``find``. A lost face is then looked for where it was last.
        all_faces: track all faces; else one: the largest of the first frame that has one.
    """

    def __init__(
        self, tracker: Tracker, find: Detector | None = None, box: np.ndarray | None = None, all_faces: bool = False
    ) -> None:
        if (find is None) == (box is None):
            raise ValueError("find, box: expected one of them")
        self.tracker, self.find, self.all_faces = tracker, find, all_faces
        self._tracks: list[_Track] = []
        self._ended: list[tuple[int, _Track]] = []
        self._numbers = self._frame = 0
        self._view: np.ndarray | None = None
        if box is not None:
            self._start(following_box(np.reshape(box, (1, 2, 2)), tracker.scheme.name)[0])

    def step(self, image: np.ndarray) -> tuple[TrackedFace, ...]:
        """The faces in the next frame ``(H, W, 3)`` uint8 RGB."""
        if self.find is not None:
            if self._is_cut(image):
                self._tracks, self._ended = [], []
            if not self._tracks or self._frame % LOOK_AGAIN == 0 or self._misses_one():
                self._look(self.find, image)
        found = [(track, track.step(image)) for track in self._tracks]
        if self.find is not None:
            self._end([track for track, face in found if face is None])
            self._end_doubles()
        self._frame += 1
        return tuple(face for track, face in found if face is not None and track in self._tracks)

    def _misses_one(self) -> bool:
        """Whether all faces are wanted and one was lost just now."""
        return self.all_faces and bool(self._ended) and self._frame - self._ended[-1][0] <= LOOK_AGAIN

    def _look(self, find: Detector, image: np.ndarray) -> None:
        """Compare the tracks with the faces that the detector sees; start tracks for new ones."""
        # A box of 68 landmarks as this scheme's box: its corners stand for the landmarks.
        seen = following_box(find(image).reshape(-1, 2, 2), self.tracker.scheme.name)
        free = np.ones(len(seen), bool)
        for track in self._tracks:
            overlap = box_overlap(seen, track.box) if len(seen) else np.zeros(1)
            hit = overlap.max() >= SAME_FACE
            track.misses = 0 if hit else track.misses + 1
            if hit:
                free &= overlap < SAME_FACE
        self._end([track for track in self._tracks if track.misses >= MISSES])
        self._ended = [(frame, track) for frame, track in self._ended if self._frame - frame <= REMEMBERED]
        # A face near a lost one's place goes first, whatever its size.
        for box in sorted(seen[free], key=lambda box: self._remembered(box) is None):
            if self.all_faces or not self._tracks:
                self._start(box)

    def _start(self, box: np.ndarray) -> None:
        again = self._remembered(box)
        if again is None:
            number, self._numbers = self._numbers, self._numbers + 1
        else:
            number = again.number
            self._ended = [pair for pair in self._ended if pair[1] is not again]
        self._tracks.append(_Track(number, self.tracker, box))

    def _remembered(self, box: np.ndarray) -> _Track | None:
        """The lost face that this box most probably shows; None if it is a new one."""
        (here, unit), best = box_frame(box), None
        nearest = np.inf
        for frame, track in self._ended:
            there, size = box_frame(track.box)
            distance = float(np.linalg.norm(here - there) / size)
            alike = 1 / RESIZED <= float(unit / size) <= RESIZED
            if alike and distance <= NEAR + FARTHER * (self._frame - frame) and distance < nearest:
                nearest, best = distance, track
        return best

    def _end(self, tracks: list[_Track]) -> None:
        self._ended += [(self._frame, track) for track in tracks]
        self._tracks = [track for track in self._tracks if track not in tracks]

    def _end_doubles(self) -> None:
        kept: list[_Track] = []
        for track in sorted(self._tracks, key=lambda track: -track.confidence):
            if not kept or max(float(box_overlap(track.box, other.box)) for other in kept) < TWICE:
                kept.append(track)
        self._end([track for track in self._tracks if track not in kept])

    def _is_cut(self, image: np.ndarray) -> bool:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        view = cv2.resize(grey, (CUT_SIDE, CUT_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        if view.std() < BLANK:
            return False
        before, self._view = self._view, view
        return before is not None and float((np.abs(view - before) > CUT_CHANGE).mean()) > CUT_SHARE


def track_frames(frames: Iterable[tuple[np.ndarray, float]], faces: VideoFaces, smooth: bool = True) -> Iterator[TrackedFrame]:
    """Follow the faces of a video, frame by frame.

    Args:
        frames: pictures ``(H, W, 3)`` uint8 RGB and when they are shown, s; read one at a time.
        faces: a new one for each video.
        smooth: pass each face's landmarks through a :class:`srn_core.tracking.smoothing.OneEuroFilter`.

    Yields:
        One record per frame, in order.
    """
    filters: dict[int, OneEuroFilter] = {}
    for image, time in frames:
        found = faces.step(image)
        # A filter ends with its track: a face that was lost starts with a new one.
        filters = {face.number: filters.get(face.number, OneEuroFilter()) for face in found}
        if smooth:
            found = tuple(replace(face, landmarks=filters[face.number](face.landmarks, time)) for face in found)
        yield TrackedFrame(image, time, found)
