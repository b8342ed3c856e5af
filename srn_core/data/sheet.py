"""A table and a contact sheet of what data specs hold (``srn data``)."""

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from srn_core.data.clip import Clip
from srn_core.data.loading import ClipSet
from srn_core.face.drawing import TRUTH, draw_box, draw_landmarks
from srn_core.face.geometry import CropSpec, boxes_in_crop, crop_image, crop_map
from srn_core.io.frames import NoFrames

TILE = CropSpec(160, 1.8)
COLUMNS, MOST_TILES = 8, 48


def describe(clip_set: ClipSet) -> dict[str, str]:
    """Label -> text of all figures in a report on the data.

    Raises:
        UserError: a clip's first frame cannot be read.
    """
    lengths = [len(clip) for clip in clip_set.clips]
    pictured = [clip for clip in clip_set.clips if not isinstance(clip.source, NoFrames)]
    sizes = [clip.frame(0).shape for clip in tqdm(pictured, "reading", unit="clip", disable=None)]
    sides = np.concatenate([np.sqrt(np.prod(clip.boxes[:, 2:] - clip.boxes[:, :2], axis=1)) for clip in clip_set.clips])
    return {
        "clips": str(len(clip_set)),
        "frames": str(clip_set.num_frames),
        "frames per clip": _span(lengths),
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


def _tile(clip: Clip, t: int) -> np.ndarray:
    image = crop_image(clip.frame(t), clip.boxes[t], TILE)
    points = crop_map(clip.boxes[t], TILE).to_crop(clip.landmarks[t])
    return draw_box(draw_landmarks(image, points, clip.scheme, TRUTH), boxes_in_crop(clip.boxes[t], TILE))


def _span(values: list[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} - {high} (median {np.median(values):g})"
