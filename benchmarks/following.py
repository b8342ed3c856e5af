"""How soon a face is lost and found in video (black gaps, cuts, leaving, crossing), and the lag and jitter of smoothing.

python benchmarks/following.py                                      # on the clips that ship
python benchmarks/following.py --clips 300vw:DIR/talk2/val          # real people
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.common.commands import benchmark_command
from benchmarks.common.results import write_results
from benchmarks.common.tables import show_page
from benchmarks.scenes.compose import GAPS, SHOWN, compose
from benchmarks.scenes.measure import scene_row, smoothing_rows
from benchmarks.scenes.report import following_page, summarise_scenes, summarise_smoothing
from srn_core.checkpoints import load_pretrained
from srn_core.cli.options import read_options
from srn_core.data import load_clips
from srn_core.errors import UserError, command
from srn_core.io.files import plain
from srn_core.tracking.detectors import DEFAULT_DETECTOR, load_detector
from srn_core.tracking.tracker import Tracker
from srn_core.versions import versions


@dataclass(frozen=True, kw_only=True)
class FollowingArgs:
    """Measure lost and found faces, and smoothing."""

    clips: str = "demo?split=val"
    """Data spec of clips of 68 points. Scenes take the first clip of each person that has 40 frames; two people at least."""
    checkpoint: str = "srn-small"
    """The tracker: a checkpoint's name or folder."""
    detector: str = DEFAULT_DETECTOR
    """What finds faces, as for srn track."""
    gaps: tuple[int, ...] = GAPS
    """Lengths of the black gaps, frames."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    out: Path = Path("runs/following")
    """Folder for figures.json, the rows and README.md."""


def following(args: FollowingArgs) -> dict[str, Any]:
    """Measure, write and print; returns what was written."""
    clips = [clip for clip in load_clips(args.clips).clips if clip.is_video]
    people = list({clip.person: clip for clip in reversed(clips) if len(clip) >= 2 * SHOWN}.values())[::-1]
    if len(people) < 2:
        raise UserError(f"--clips {args.clips}: {len(people)} people with {2 * SHOWN} frames in a row; expected at least two")
    find, every = load_detector(args.detector), load_detector(args.detector, all_faces=True)
    tracker = Tracker(load_pretrained(args.checkpoint), args.device)
    count = len(people) * (len(args.gaps) + 6)
    scenes = tqdm(compose(people, args.gaps), "scenes", count, unit="scene", disable=None)
    rows = [scene_row(scene, tracker, every if scene.all_faces else find) for scene in scenes]
    smoothed = smoothing_rows(tqdm(clips, "smoothing", unit="clip", disable=None), tracker)
    record: dict[str, Any] = {"kind": "following", "command": benchmark_command("following", args), "settings": plain(args)}
    record |= {"versions": versions(), "scenes": summarise_scenes(rows), "smoothing": summarise_smoothing(smoothed)}
    page = following_page(record)
    write_results(args.out, record, page, scenes=rows, smoothing=smoothed)
    show_page(page)
    return record


@command
def main() -> None:
    following(read_options(FollowingArgs, __doc__))


if __name__ == "__main__":
    main()
