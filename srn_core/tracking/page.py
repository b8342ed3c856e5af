"""The page of ``srn track --report``: the frames of a video with the tracked points, least sure first."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from srn_core.face.schemes import Scheme
from srn_core.io.frames import FrameSource
from srn_core.pages.faces import SPREAD, WORST, ShownFace, chosen_faces, faces_section
from srn_core.pages.page import versions, write_page
from srn_core.pages.sections import facts, panel, plots
from srn_core.tracking.video import TrackedFace


def write_tracking_page(
    path: Path,
    title: str,
    source: FrameSource,
    faces: Sequence[tuple[int, TrackedFace]],
    scheme: Scheme,
    run: Mapping[str, Any],
) -> None:
    """Write the page.

    Args:
        path: of the page.
        title: of the page.
        source: reads the video's frames again, of which few are shown.
        faces: frame number and face, in the order of the frames; at least one.
        scheme: of the landmarks.
        run: what was run, name -> value.

    Raises:
        UserError: a frame cannot be read, or the page would be too large.
    """
    doubt = np.array([100 * (1 - face.confidence) for _, face in faces])
    shown = [_shown(source, *faces[i]) for i in chosen_faces(doubt)]
    note = (
        f"{len(shown)} of {len(faces)} tracked faces: the {min(WORST, len(faces))} that the tracker is least sure of, and up "
        f"to {SPREAD} spread evenly over the others."
    )
    lines = {}
    for number in dict.fromkeys(face.number for _, face in faces):
        sure = [(t, 100 * face.confidence) for t, face in faces if face.number == number]
        lines[f"face {number}"] = np.array(sure)[:, 0], np.array(sure)[:, 1]
    sections = [
        faces_section(
            "Faces, least sure first", note, shown, scheme, f"expected error, % of the {scheme.normaliser} normaliser"
        ),
        plots("How sure the tracker is that it follows a face", [panel("", "frame", "confidence, %", lines)]),
        facts("What was run", {**run, **versions()}),
    ]
    write_page(path, title, sections)


def _shown(source: FrameSource, frame: int, face: TrackedFace) -> ShownFace:
    errors = None if face.expected_error is None else 100 * face.expected_error
    name = f"frame {frame}, face {face.number}, sure by {100 * face.confidence:.0f} %"
    return ShownFace(name, source, frame, face.landmarks, None, errors)
