"""Track one face through a video file.

srn track VIDEO --checkpoint srn-small --box 120,80,200,200 --out tracked.mp4
srn track VIDEO --checkpoint srn-small --detector yunet:FILE.onnx --out tracked.mp4 --json landmarks.json
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from rich.console import Console
from tqdm import tqdm

from srn_core.checkpoints import load_pretrained
from srn_core.cli.options import read_options
from srn_core.errors import UserError
from srn_core.face.drawing import draw_box, draw_landmarks
from srn_core.io.files import check_outputs, write_atomically, write_json
from srn_core.io.frames import VideoFrames
from srn_core.io.videos import CODECS, write_video
from srn_core.tracking.detectors import Detector, load_detector
from srn_core.tracking.tracker import Tracker
from srn_core.tracking.video import read_to_end, track_frames


@dataclass(frozen=True, kw_only=True)
class TrackArgs:
    """The video, the tracker, the face in the first frame, and the files to write."""

    video: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="VIDEO")]
    """Any video file that OpenCV can decode."""
    checkpoint: str
    """The tracker: a checkpoint's name or folder."""
    out: Path
    """Write the annotated video here (.mp4 or .avi)."""
    box: str | None = None
    """The face in the first frame, X,Y,W,H: left, top, width and height in pixels. Give this or --detector."""
    detector: str | None = None
    """Find the largest face: yunet:PATH (an ONNX file of YuNet) or dlib. The detector looks again every 10 frames. If it then
    finds faces, but none at the tracked place, the tracker switches to the largest."""
    json: Path | None = None
    """Write {"frames": [{"frame", "box", "landmarks"}]} here, all in pixels. A box is x0, y0, x1, y1. Both are null before the
    first face is found."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""


def run(words: Sequence[str]) -> None:
    """The command ``srn track``."""
    args = read_options(TrackArgs, __doc__, "srn track", words)
    if args.out.suffix.lower() not in CODECS:
        raise UserError(f"--out {args.out}: unknown ending; expected one of {', '.join(CODECS)}")
    check_outputs((args.out, args.json), (args.video,))
    find = _face_finder(args)
    tracker = Tracker(load_pretrained(args.checkpoint), args.device)
    video = VideoFrames(args.video)
    frames = tqdm(read_to_end(video), "tracking", max(video.count(), 0) or None, unit="frame", disable=None)
    records: list[dict[str, Any]] = []

    def annotated() -> Iterator[np.ndarray]:
        for number, frame in enumerate(track_frames(frames, tracker, find, look_again=args.detector is not None)):
            records.append(frame.record(number))
            if frame.box is None or frame.landmarks is None:
                yield frame.image
            else:
                yield draw_box(draw_landmarks(frame.image, frame.landmarks, tracker.scheme), frame.box)

    def write(path: Path) -> None:
        write_video(path, annotated(), video.fps())
        if not any(record["box"] for record in records):
            raise UserError(f"{args.video}: no face found in {len(records)} frames; give the face in frame 0 as --box X,Y,W,H")

    write_atomically(args.out, write)
    if args.json:
        write_json(args.json, {"frames": records})
    found = sum(record["box"] is not None for record in records)
    Console(markup=False, highlight=False).print(f"{found} of {len(records)} frames tracked; wrote {args.out}")


def _parse_box(text: str) -> np.ndarray:
    """``X,Y,W,H`` -> ``(4,)`` float32 ``x0, y0, x1, y1``."""
    try:
        x, y, width, height = (float(word) for word in text.split(","))
    except ValueError:
        raise UserError(f"--box {text}: expected four numbers X,Y,W,H in pixels, for example 120,80,200,200") from None
    if not (np.isfinite([x, y]).all() and 0 < width < np.inf and 0 < height < np.inf):
        raise UserError(f"--box {text}: expected finite numbers with width and height above 0")
    return np.array([x, y, x + width, y + height], np.float32)


def _face_finder(args: TrackArgs) -> Detector:
    if (args.box is None) == (args.detector is None):
        given = "neither --box nor --detector" if args.box is None else "both --box and --detector"
        raise UserError(f"{given}; give one: --box X,Y,W,H of the face in frame 0, or --detector yunet:PATH or dlib")
    if args.detector is not None:
        return load_detector(args.detector)
    box = _parse_box(args.box or "")

    def face(image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        if not ((box[2:] > 0).all() and (box[:2] < (width, height)).all()):
            raise UserError(f"--box {args.box}: outside the picture of {width} x {height} px; expected a face in it")
        return box[None]

    return face
