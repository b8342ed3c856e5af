"""Track faces through a video: an annotated video out, landmarks as JSON or CSV.

srn track VIDEO.mp4
srn track VIDEO.mp4 --box 120,80,200,200 --out tracked.mp4 --json landmarks.json
srn track VIDEO.mp4 --all-faces --csv landmarks.csv
srn track VIDEO.mp4 --occlude greedy
srn track 0 --frames 500
"""

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from tqdm import tqdm

from srn_core.cli.faces import FaceArgs, FaceFinder, draw_attack, draw_faces
from srn_core.cli.options import read_options
from srn_core.errors import COUNT, UserError, check_numbers
from srn_core.face.schemes import IBUG68
from srn_core.io.files import check_outputs, report_stream, write_atomically
from srn_core.io.videos import CODECS, write_video
from srn_core.pages.page import check_page_name
from srn_core.tracking.annotate import check_clip_folder, write_clip
from srn_core.tracking.attack import Attack, load_attack
from srn_core.tracking.page import FaceAlbum, write_tracking_page
from srn_core.tracking.records import Records
from srn_core.tracking.sources import VideoSource
from srn_core.tracking.video import track_frames


@dataclass(frozen=True, kw_only=True)
class TrackArgs(FaceArgs):
    """The video, the tracker, the faces, and the files to write."""

    video: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="VIDEO")]
    """A video file, the number of a camera (0 is the first), or a folder or pattern of frames ('frames/*.png')."""
    frames: int | None = None
    """Stop after this many frames. Default: at the end; a camera ends with Ctrl-C."""
    clip: Path | None = None
    """Write the video with these landmarks as its annotation into this new folder, in the layout of 300VW. Players can then
    attack it: python agents/evaluate.py --clips 300vw:PARENT, PARENT being the folder above."""
    report: Path | None = None
    """Write a page here (.html) that works offline: the faces with their points, least sure first."""
    occlude: str | None = None
    """Show an attack: this policy moves an occluder over the face, and the tracker's answer on the covered frames is drawn over
    that on the bare ones (yellow). A name such as random-walk or greedy, or the folder of a trained player, see
    agents/evaluate.py. JSON and CSV hold the landmarks of the bare frames."""
    smooth: bool = True
    """Smooth the landmarks over time (One Euro filter), drawn and written. Boxes follow the landmarks as they are."""


def run(words: Sequence[str]) -> None:
    """The command ``srn track``."""
    args = read_options(TrackArgs, __doc__, "srn track", words)
    check_numbers(args, {"frames": COUNT})
    if args.out is not None and args.out.suffix.lower() not in CODECS:
        raise UserError(f"--out {args.out}: unknown ending; expected one of {', '.join(CODECS)}")
    source = VideoSource(args.video)
    out = args.out or source.stem.with_name(f"{source.stem.name}_tracked.mp4")
    check_page_name("--report", args.report)
    check_outputs((out, args.json, args.csv, args.report), source.files)
    if args.clip is not None:
        check_clip_folder(args.clip, source.files)
        if args.frames is not None or args.all_faces:
            raise UserError(f"--clip {args.clip}: a clip is one face in a whole video; leave out --frames and --all-faces")
    if args.occlude is not None and (args.all_faces or args.clip is not None):
        raise UserError(f"--occlude {args.occlude}: attacks one face, and only in the video; leave out --all-faces and --clip")
    finder = FaceFinder(args)
    if args.clip is not None and finder.tracker.scheme is not IBUG68:
        raise UserError(
            f"--clip {args.clip}: checkpoint '{args.checkpoint}' has not the 68 points of 300VW; choose another one"
        )
    attack = None if args.occlude is None else load_attack(args.occlude, finder.tracker, args.checkpoint)
    with Records("frames", args.all_faces) as records:
        _track(source, finder, records, args, out, attack)


def _track(
    source: VideoSource, finder: FaceFinder, records: Records, args: TrackArgs, out: Path, attack: Attack | None
) -> None:
    frames, tracked, started = 0, 0, time.monotonic()
    album = FaceAlbum()
    moved: list[float] = []

    def annotated() -> Iterator[np.ndarray]:
        nonlocal frames, tracked
        read = itertools.islice(source.frames(), args.frames)
        first = next(read)
        count = source.count if args.frames is None else min(args.frames, source.count or args.frames)
        shown = tqdm(itertools.chain([first], read), "tracking", count, unit="frame", disable=None)
        for frame in track_frames(shown, finder.faces(first[0]), args.smooth):
            records.add({"frame": frames, "time": round(frame.time, 4)}, frame.faces)
            if args.report:
                album.add(frames, frame.image, frame.faces)
            frames, tracked = frames + 1, tracked + bool(frame.faces)
            if attack and frame.faces:
                attacked = attack(frame.image, frame.faces[0])
                moved.append(attacked.moved)
                yield draw_attack(attacked, frame.faces[0], finder.tracker.scheme)
            else:
                yield draw_faces(frame.image, frame.faces, finder.tracker.scheme, args.all_faces)

    def write(path: Path) -> None:
        write_video(path, annotated(), source.rate)
        if not tracked:
            raise UserError(f"{args.video}: no face found in {frames} frames; {finder.advice()}")

    write_atomically(out, write)
    rate = frames / (time.monotonic() - started)
    if args.json:
        records.write_json(args.json)
    if args.csv:
        records.write_csv(args.csv)
    if args.clip:
        write_clip(args.clip, source.files[0], records.lines())
    if args.report:
        run = {"video": args.video, "checkpoint": args.checkpoint, "frames": frames, "frames with a face": tracked}
        write_tracking_page(args.report, f"Tracked: {args.video}", album, finder.tracker.scheme, run)
    written = ", ".join(str(path) for path in (out, args.json, args.csv, args.clip, args.report) if path)
    said = f"{tracked} of {frames} frames tracked, {rate:.1f} frames a second; wrote {written}"
    console = Console(markup=False, highlight=False, soft_wrap=True, file=report_stream((args.json, args.csv)))
    console.print(said)
    if moved:
        console.print(
            f"{args.occlude}: the answers on the covered frames are {100 * np.mean(moved):.2f} % of the "
            f"{finder.tracker.scheme.normaliser} distance away from those on the bare frames (mean of {len(moved)})"
        )
