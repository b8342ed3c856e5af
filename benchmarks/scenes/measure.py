"""How soon a tracker notices that a face has gone or come back, and what smoothing of its landmarks costs and brings."""

from collections.abc import Iterable

import numpy as np

from benchmarks.common.results import ResultRow
from benchmarks.scenes.compose import ComposedScene
from srn_core.data import Clip
from srn_core.face.metrics import jitter, normaliser_length, point_errors
from srn_core.face.schemes import Scheme
from srn_core.tracking.detectors import Detector
from srn_core.tracking.smoothing import OneEuroFilter
from srn_core.tracking.tracker import Tracker
from srn_core.tracking.video import VideoFaces

# Landmarks with a larger error are on something else than the face.
WRONG = 0.15
RATE = 25.0


def scene_row(scene: ComposedScene, tracker: Tracker, find: Detector) -> ResultRow:
    """Track a scene.

    Returns:
        ``scene``, ``people`` and ``frames``; ``wrong``: frames with landmarks that are on no face; ``missed``: visible
        faces without landmarks, over all frames; ``until_lost``: frames with wrong landmarks from a face's last frame on,
        the most after any; ``until_found``: frames from a face's first visible one until it is tracked, the most of any;
        ``renamed``: how often a person's number changed.
    """
    video = VideoFaces(tracker, find, all_faces=scene.all_faces)
    seen: list[dict[str, int]] = []
    wrong = np.zeros(len(scene.frames), bool)
    for t, frame in enumerate(scene.frames):
        seen.append({})
        for face in video.step(frame.image):
            who = _whose(face.landmarks, {**frame.faces, **frame.partly}, tracker.scheme)
            if who is None:
                wrong[t] = True
            else:
                seen[-1][who] = face.number
    visible = [set(frame.faces) for frame in scene.frames]
    people = sorted(set().union(*visible))
    numbers = [[found[who] for found in seen if who in found] for who in people]
    return {
        "scene": scene.name,
        "people": people,
        "frames": len(scene.frames),
        "wrong": int(wrong.sum()),
        "missed": sum(who not in found for shown, found in zip(visible, seen, strict=True) for who in shown),
        "until_lost": max((_run(wrong[t:]) for t in _ends(visible)), default=0),
        "until_found": max((_wait(who, t, visible, seen) for who in people for t in _starts(who, visible)), default=0),
        "renamed": sum(int((np.diff(found) != 0).sum()) for found in numbers),
    }


def _whose(points: np.ndarray, faces: dict[str, np.ndarray], scheme: Scheme) -> str | None:
    """The face that landmarks are on."""
    errors = {who: float(point_errors(points, truth, normaliser_length(truth, scheme)).mean()) for who, truth in faces.items()}
    nearest = min(errors, key=lambda who: errors[who], default=None)
    return nearest if nearest is not None and errors[nearest] <= WRONG else None


def _ends(visible: list[set[str]]) -> list[int]:
    """The frames in which a face is not visible any more."""
    return [t for t in range(1, len(visible)) if visible[t - 1] - visible[t]]


def _starts(who: str, visible: list[set[str]]) -> list[int]:
    return [t for t in range(len(visible)) if who in visible[t] and (t == 0 or who not in visible[t - 1])]


def _run(values: np.ndarray) -> int:
    """How many of the first values are true."""
    return len(values) if values.all() else int(values.argmin())


def _wait(who: str, start: int, visible: list[set[str]], seen: list[dict[str, int]]) -> int:
    t = start
    while t < len(visible) and who in visible[t] and who not in seen[t]:
        t += 1
    return t - start


def smoothing_rows(clips: Iterable[Clip], tracker: Tracker) -> list[ResultRow]:
    """One row per clip and kind, ``unfiltered`` or ``smoothed``; boxes follow from the first frame's.

    ``nme`` and ``jitter`` are in percent of the normaliser. ``lag``, in frames, is minus the regression of the error on the
    true motion since the frame before. A filter that shows the last frame's landmarks has a lag of 1.
    """
    rows = []
    for clip in clips:
        found = np.array(list(tracker.track((clip.frame(t) for t in range(len(clip))), clip.boxes[0])))
        smooth = OneEuroFilter()
        smoothed = np.array([smooth(points, t / RATE) for t, points in enumerate(found)])
        length = normaliser_length(clip.landmarks, clip.scheme)
        motion = np.diff(clip.landmarks, axis=0)
        for kind, points in (("unfiltered", found), ("smoothed", smoothed)):
            error = (points - clip.landmarks)[1:]
            row = {"clip": clip.name, "person": clip.person, "frames": len(clip), "kind": kind}
            row["nme"] = round(100 * float(point_errors(points, clip.landmarks, length).mean()), 4)
            row["jitter"] = round(100 * float(jitter(points, clip.landmarks, length).mean()), 4)
            rows.append(row | {"lag": round(-float((error * motion).sum() / np.square(motion).sum()), 4)})
    return rows
