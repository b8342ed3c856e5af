"""What data specs hold: a table, a contact sheet, and all of it as one file (``srn data``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from srn_core.checkpoint import check_outputs, write_atomically
from srn_core.data.clip import Clip
from srn_core.data.cofw68 import NoPicture
from srn_core.data.spec import ClipSet, load_clips, parse_spec
from srn_core.drawing import TRUTH, draw_box, draw_landmarks
from srn_core.errors import UserError
from srn_core.geometry import CropSpec, boxes_in_crop, crop_image, crop_map
from srn_core.packing import QUALITY, load_to_pack, write_pack

TILE = CropSpec(160, 1.8)
COLUMNS, MOST_TILES = 8, 48
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg")


@dataclass
class DataArgs:
    """Show what data specs hold; every clip's first frame is read and checked."""

    spec: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Data specs, KIND:PATH?key=value&key=value."""
    sheet: Path | None = None
    """Write a contact sheet (.png or .jpg): faces with landmarks (yellow) and boxes (blue)."""
    pack: Path | None = None
    """Write the faces of all specs as one file, for machines that cannot see the folders: the data spec packed:FILE."""
    most: int | None = None
    """Pack at most this many frames of continuous video between two cuts, evenly spaced; all where not given."""
    quality: int = QUALITY
    """Of the packed pictures (WebP), 1 to 100."""


def describe(clip_set: ClipSet, progress: bool = False) -> dict[str, str]:
    """Label -> text of everything that a report on the data has to state.

    Raises:
        UserError: a clip's first frame cannot be read.
    """
    lengths = [len(clip) for clip in clip_set.clips]
    pictured = [clip for clip in clip_set.clips if not isinstance(clip.source, NoPicture)]
    sizes = [clip.frame(0).shape for clip in tqdm(pictured, "reading", unit="clip", disable=None if progress else True)]
    sides = np.concatenate([np.sqrt(np.prod(clip.boxes[:, 2:] - clip.boxes[:, :2], axis=1)) for clip in clip_set.clips])
    return {
        "clips": str(len(clip_set)),
        "frames": str(clip_set.num_frames),
        "frames a clip": _span(lengths),
        "cuts inside clips": str(sum(int(clip.cuts[1:].sum()) for clip in clip_set.clips)),
        "points": ", ".join(sorted({str(clip.scheme.num_landmarks) for clip in clip_set.clips})),
        "box source": clip_set.box_source,
        "box side, px": _span(np.rint(sides).astype(int).tolist()),
        "frame width, px": _span([width for _, width, _ in sizes]) if sizes else "no pictures",
        "frame height, px": _span([height for height, _, _ in sizes]) if sizes else "no pictures",
    }


def contact_sheet(clips: Sequence[Clip]) -> np.ndarray:
    """Up to 48 faces, spread evenly over all frames, with landmarks and boxes: one ``(H, W, 3)`` uint8 RGB image."""
    owners = [(clip, t) for clip in clips for t in range(len(clip))]
    picks = np.unique(np.linspace(0, len(owners) - 1, MOST_TILES).round().astype(int))
    tiles = [_tile(*owners[i]) for i in picks]
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = np.zeros((rows * columns, TILE.size, TILE.size, 3), np.uint8)
    sheet[: len(tiles)] = tiles
    grid = sheet.reshape(rows, columns, TILE.size, TILE.size, 3).swapaxes(1, 2)
    return grid.reshape(rows * TILE.size, columns * TILE.size, 3)


def show_data(args: DataArgs) -> None:
    """The command ``srn data``."""
    _check(args)
    clip_sets = load_to_pack(args.spec) if args.pack else [load_clips(spec) for spec in args.spec]
    console = Console(markup=False, highlight=False)
    for clip_set in clip_sets:
        table = Table("", clip_set.spec, title="Data", title_justify="left")
        for label, text in describe(clip_set, progress=True).items():
            table.add_row(label, text)
        console.print(table)
        for note in clip_set.notes:
            console.print(f"note: {note}")
    if args.sheet:
        _write_image(args.sheet, contact_sheet([clip for clip_set in clip_sets for clip in clip_set.clips]))
        console.print(f"wrote {args.sheet}")
    if args.pack:
        write_pack(args.pack, clip_sets, args.most, args.quality, progress=True)
        console.print(f"wrote {args.pack}, {args.pack.stat().st_size / 1e6:.1f} MB")


def _check(args: DataArgs) -> None:
    if not args.spec:
        raise UserError("no data spec; expected at least one, KIND:PATH?key=value")
    if args.sheet and args.sheet.suffix.lower() not in IMAGE_ENDINGS:
        raise UserError(f"--sheet {args.sheet}: unknown ending; expected one of {', '.join(IMAGE_ENDINGS)}")
    check_outputs((args.sheet, args.pack), (parse_spec(spec).path for spec in args.spec))
    if args.most is not None and args.most < 1:
        raise UserError(f"--most {args.most}; expected at least 1 frame")
    if not 1 <= args.quality <= 100:
        raise UserError(f"--quality {args.quality}; expected 1 to 100")


def _write_image(path: Path, image: np.ndarray) -> None:
    def write(temporary: Path) -> None:
        if not cv2.imwrite(str(temporary), cv2.cvtColor(image, cv2.COLOR_RGB2BGR)):
            raise UserError(f"{path}: cannot be written; expected a place with room and the right to write")

    write_atomically(path, write)


def _tile(clip: Clip, t: int) -> np.ndarray:
    image = crop_image(clip.frame(t), clip.boxes[t], TILE)
    points = crop_map(clip.boxes[t], TILE).to_crop(clip.landmarks[t])
    return draw_box(draw_landmarks(image, points, clip.scheme, TRUTH), boxes_in_crop(clip.boxes[t], TILE))


def _span(values: list[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} - {high} (median {np.median(values):g})"
