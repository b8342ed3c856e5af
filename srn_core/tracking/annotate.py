"""A tracked video as a clip with annotations, in the layout of 300VW: what players attack and trackers are trained on."""

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from srn_core.data.formats.pts import write_pts
from srn_core.errors import UserError
from srn_core.io.files import STDOUT, check_writable, write_text
from srn_core.io.folders import new_folder


def check_clip_folder(folder: Path, videos: list[Path]) -> None:
    """Check before a video is tracked that it can become a clip.

    Raises:
        UserError: the input is no single video file, or the folder is not new, hidden, or cannot be made.
    """
    if len(videos) != 1 or not videos[0].is_file():
        raise UserError(f"--clip {folder}: the input is no video file; expected one, whose copy becomes the clip")
    if os.path.lexists(folder):
        raise UserError(f"--clip {folder}: already exists; give the name of a new folder")
    if folder == STDOUT or folder.name.startswith("."):
        raise UserError(f"--clip {folder}: data specs leave such a folder out; give a name that starts with a letter or digit")
    check_writable(folder)


def write_clip(folder: Path, video: Path, records: Iterable[str]) -> None:
    """Write ``vid.avi`` (a copy of the video), ``annot/000001.pts`` ..., and ``excluded.txt`` with the frames without a face.

    Args:
        folder: a new folder.
        video: the file that was tracked.
        records: one JSON text per frame, with ``landmarks``, or null.
    """
    landmarks = [json.loads(line)["landmarks"] for line in records]
    # The layout wants one annotation per frame; those of excluded frames are never read.
    last = next(points for points in landmarks if points is not None)
    with new_folder(folder) as partial:
        (partial / "annot").mkdir(parents=True)
        for number, points in enumerate(landmarks, 1):
            last = last if points is None else points
            write_pts(partial / "annot" / f"{number:06d}.pts", np.array(last))
        excluded = [str(number) for number, points in enumerate(landmarks, 1) if points is None]
        if excluded:
            write_text(partial / "excluded.txt", " ".join(excluded) + "\n")
        shutil.copyfile(video, partial / "vid.avi")
