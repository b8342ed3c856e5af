"""The page of ``srn track --report``: the faces of a video with their tracked points, least sure first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from srn_core.face.geometry import crop_image, crop_map, landmark_box
from srn_core.face.schemes import Scheme
from srn_core.io.images import decode_image
from srn_core.pages.faces import THUMB, ShownFace, choice_text, chosen_faces, faces_section
from srn_core.pages.page import write_page
from srn_core.pages.sections import facts, panel, plots
from srn_core.tracking.video import TrackedFace
from srn_core.versions import versions

QUALITY = 90


@dataclass
class FaceAlbum:
    """Small pictures of tracked faces, taken as the frames pass: a camera's cannot be read again. A face takes about 4 kB.

    Attributes:
        faces: frame number, face, its landmarks in the picture ``(L, 2)``, and the picture as JPEG.
    """

    faces: list[tuple[int, TrackedFace, np.ndarray, bytes]] = field(default_factory=list)

    def add(self, frame: int, image: np.ndarray, faces: Sequence[TrackedFace]) -> None:
        """Take the faces of a frame ``(H, W, 3)`` uint8 RGB."""
        for face in faces:
            box = landmark_box(face.landmarks)
            picture = cv2.cvtColor(crop_image(image, box, THUMB), cv2.COLOR_RGB2BGR)
            _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
            self.faces.append((frame, face, crop_map(box, THUMB).to_crop(face.landmarks), data.tobytes()))


def write_tracking_page(path: Path, title: str, album: FaceAlbum, scheme: Scheme, run: Mapping[str, Any]) -> None:
    """Write the page.

    Args:
        path: of the page.
        title: of the page.
        album: at least one face.
        scheme: of the landmarks.
        run: what was run, name -> value.

    Raises:
        UserError: the page would be too large.
    """
    faces = album.faces
    doubt = np.array([1 - face.confidence for _, face, _, _ in faces])
    shown = [_shown(*faces[i]) for i in chosen_faces(doubt)]
    note = choice_text(len(faces), "those that the tracker is least sure of")
    lines = {}
    for number in dict.fromkeys(face.number for _, face, _, _ in faces):
        sure = np.array([(t, 100 * face.confidence) for t, face, _, _ in faces if face.number == number])
        lines[f"face {number}"] = sure[:, 0], sure[:, 1]
    sections = [
        faces_section(
            "Faces, least sure first", note, shown, scheme, f"expected error, % of the {scheme.normaliser} normaliser"
        ),
        plots("How sure the tracker is that it follows a face", [panel("", "frame", "confidence, %", lines)]),
        facts("What was run", {**run, **versions()}),
    ]
    write_page(path, title, sections)


def _shown(frame: int, face: TrackedFace, points: np.ndarray, picture: bytes) -> ShownFace:
    def source(_: int) -> np.ndarray:
        image = decode_image(picture)
        assert image is not None
        return image

    errors = None if face.expected_error is None else 100 * face.expected_error
    name = f"frame {frame}, face {face.number}, sure by {100 * face.confidence:.0f} %"
    return ShownFace(name, source, 0, points, None, errors)
