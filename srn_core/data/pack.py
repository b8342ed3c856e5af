"""Writing a pack: the faces of data specs in one small file (:mod:`srn_core.data.formats.pack_file` describes the format).

A packed frame is the part of the frame that training can see: the wide crop of the paper preset, which is the wider and finer
one. It covers the crops of all frames of its run (from a cut to the next), so that a video keeps its one frame of coordinates.
It has at least one pixel for each of the 224 px crop's; finer pictures are shrunk to that. A crop wider than the preset's sees
black beyond the region.
"""

import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import cv2
import numpy as np
from tqdm import tqdm

from srn_core.data.clip import Clip
from srn_core.data.formats.pack_file import BOXES, FORMAT, INDEX, LANDMARKS, VERSION, VISIBLE, frame_name
from srn_core.data.loading import ClipSet, load_clips
from srn_core.data.spec import parse_spec
from srn_core.errors import UserError
from srn_core.face.geometry import crop_region, wide_crop
from srn_core.io.files import write_atomically
from srn_core.model import SRNConfig

# WebP has JPEG's error (41 dB) in two thirds of the bytes.
QUALITY = 90
SEEN = wide_crop(SRNConfig.preset("paper").crop)


def load_to_pack(specs: Sequence[str]) -> list[ClipSet]:
    """The clips of data specs that fit into one pack.

    Raises:
        UserError: a spec cannot be loaded or has masked=1, or clips differ in scheme or share a name.
    """
    for spec in specs:
        if parse_spec(spec).masked:
            raise UserError(f"data spec '{spec}': a pack holds bare faces; leave masked=1 out; later use packed:FILE?masked=1")
    clip_sets = [load_clips(spec) for spec in specs]
    clips = [clip for clip_set in clip_sets for clip in clip_set.clips]
    if len({clip.scheme.name for clip in clips}) > 1:
        raise UserError(f"{', '.join(specs)}: several landmark schemes; expected one; write a pack for each")
    name, count = Counter(clip.name for clip in clips).most_common(1)[0]
    if count > 1:
        raise UserError(f"{', '.join(specs)}: {count} clips are called {name}; a pack needs different names; write two packs")
    return clip_sets


def write_pack(path: Path, clip_sets: Sequence[ClipSet], most: int | None = None, quality: int = QUALITY) -> None:
    """Write clips as one file, atomically.

    Args:
        path: the file.
        clip_sets: see :func:`load_to_pack`.
        most: keep at most this many frames of a run, evenly spaced; None: all.
        quality: of the images, 1 to 100.

    Raises:
        UserError: a frame cannot be read, or its face lies outside.
    """
    clips: list[Clip] = []
    index: dict[str, Any] = {"format": FORMAT, "version": VERSION, "scheme": None, "sets": [], "clips": []}
    for i, clip_set in enumerate(clip_sets):
        spec = parse_spec(clip_set.spec)
        origin = {"spec": clip_set.spec, "kind": spec.kind, "split": spec.split}
        index["sets"].append({**origin, "box_source": clip_set.box_source, "notes": list(clip_set.notes)})
        for clip in (thinned(clip, most) for clip in clip_set.clips):
            cuts = np.flatnonzero(clip.cuts).tolist()
            seen = {"frames": len(clip), "cuts": cuts, "visible": clip.visible is not None}
            index["clips"].append({"set": i, "name": clip.name, "person": clip.person, **seen})
            clips.append(clip)
    index["scheme"] = clips[0].scheme.name
    frames = sum(map(len, clips))

    def write(temporary: Path) -> None:
        landmarks: list[np.ndarray] = []
        boxes: list[np.ndarray] = []
        with ZipFile(temporary, "w") as file, tqdm(desc="packing", total=frames, unit="frame", disable=None) as bar:
            for clip in clips:
                for image, points, box in _cut_faces(clip):
                    file.writestr(ZipInfo(frame_name(len(boxes))), _encoded(image, quality))
                    landmarks.append(points)
                    boxes.append(box)
                    bar.update()
            file.writestr(ZipInfo(LANDMARKS), _array_file(np.stack(landmarks)))
            file.writestr(ZipInfo(BOXES), _array_file(np.stack(boxes)))
            if any(clip.visible is not None for clip in clips):
                file.writestr(ZipInfo(VISIBLE), _array_file(np.concatenate([_visible(clip) for clip in clips])))
            file.writestr(ZipInfo(INDEX), json.dumps(index))

    write_atomically(path, write)


def thinned(clip: Clip, most: int | None) -> Clip:
    """The clip with at most ``most`` frames of each run: its first, and every n-th after it with the smallest n that fits."""
    if most is None:
        return clip
    kept = np.concatenate([np.arange(start, end, -(-(end - start) // most)) for start, end in clip.runs()])
    return clip.chosen(kept.tolist())


def _cut_faces(clip: Clip) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Each frame's region, and landmarks ``(L, 2)`` and box ``(4,)`` in its pixels."""
    for start, end in clip.runs():
        region = crop_region(clip.boxes[start:end], SEEN)
        points = region.map.to_crop(clip.landmarks[start:end])
        boxes = region.map.to_crop(clip.boxes[start:end].reshape(-1, 2, 2)).reshape(-1, 4)
        for t in range(start, end):
            image = region.cut(clip.frame(t))
            if not image.size:
                raise UserError(f"clip {clip.name}, frame {t}: the face box is outside the picture; correct or remove the clip")
            yield image, points[t - start], boxes[t - start]


def _visible(clip: Clip) -> np.ndarray:
    """``(T, L)`` bool; all True if the annotation does not say. The index then has ``visible`` false."""
    return np.ones(clip.landmarks.shape[:2], bool) if clip.visible is None else clip.visible


def _encoded(image: np.ndarray, quality: int) -> bytes:
    _, data = cv2.imencode(".webp", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, quality])
    return data.tobytes()


def _array_file(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()
