"""Faces in one file, for machines that cannot see the data folders: ``packed:FILE?kind=ytf68&split=val``.

``srn data SPEC [SPEC ...] --pack FILE`` writes it (:mod:`srn_core.data.pack`). A pack is a zip file, its members stored as they
are: ``index.json``, ``landmarks.npy`` ``(N, L, 2)`` and ``boxes.npy`` ``(N, 4)``, both float32 and in the packed frames'
pixels, ``visible.npy`` ``(N, L)`` bool where clips say so, and ``000000.webp`` ..., the N frames of all clips one after the
other, each cut down to its face.

``split`` and ``kind`` choose the clips of the specs with that split and kind among those that the pack was made from.
"""

from __future__ import annotations

import io
import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np

from srn_core.data.clip import Clip
from srn_core.data.readers import vw300, w300, wflw
from srn_core.data.spec import DataSpec
from srn_core.errors import UserError
from srn_core.face.schemes import SCHEMES
from srn_core.io.images import decode_image

# Those of all kinds that are cut.
SPLITS = tuple(dict.fromkeys((*vw300.SPLITS, *w300.SPLITS, *wflw.SPLITS)))
OPTIONS = ("kind",)
PATH = "file"
FORMAT, VERSION = "srn pack", 1
INDEX, LANDMARKS, BOXES, VISIBLE = "index.json", "landmarks.npy", "boxes.npy", "visible.npy"


def frame_name(number: int) -> str:
    """The member that holds a frame."""
    return f"{number:06d}.webp"


class Pack:
    """The members of a pack, read when asked for; a pickle holds the path alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: ZipFile | None = None

    def __getstate__(self) -> dict[str, Path]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.__init__(state["path"])  # type: ignore[misc]

    def read(self, name: str) -> bytes:
        """A member.

        Raises:
            UserError: the file cannot be read, is no zip file, lacks the member, or the member is damaged.
        """
        try:
            if self._file is None:
                self._file = ZipFile(self.path)
            return self._file.read(name)
        except KeyError:
            raise UserError(f"{self.path}: no {name} in it; expected a pack that srn data --pack wrote") from None
        except (BadZipFile, OSError, EOFError, NotImplementedError, zlib.error) as error:
            raise UserError(
                f"{self.path}: truncated or no pack ({error}); expected a file that srn data --pack wrote; copy it again"
            ) from None

    def image(self, number: int) -> np.ndarray:
        """Frame ``number`` of the pack as ``(H, W, 3)`` uint8 RGB."""
        image = decode_image(self.read(frame_name(number)))
        if image is None:
            raise UserError(f"{self.path}: {frame_name(number)} is no image; write the pack again")
        return image

    def index(self) -> dict[str, Any]:
        """What ``index.json`` says; see :func:`srn_core.data.pack.write_pack`."""
        try:
            index = json.loads(self.read(INDEX))
        except ValueError as error:
            raise UserError(f"{self.path}: {INDEX} is no JSON ({error}); write the pack again") from None
        if not isinstance(index, dict) or (index.get("format"), index.get("version")) != (FORMAT, VERSION):
            raise UserError(f"{self.path}: no pack of version {VERSION}; write it again with srn data --pack")
        return index

    def array(self, name: str, shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
        """An array member."""
        try:
            values = np.load(io.BytesIO(self.read(name)), allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise UserError(f"{self.path}: {name} is no array ({error}); write the pack again") from None
        if values.shape != shape or values.dtype != dtype:
            expected = f"expected {np.dtype(dtype)} {shape}; write the pack again"
            raise UserError(f"{self.path}: {name} is {values.dtype} {values.shape}; {expected}")
        return np.asarray(values)


@dataclass(frozen=True)
class PackedFrames:
    """The frames of a clip, which begin at ``first`` in the pack."""

    pack: Pack = field(repr=False)
    first: int

    def __call__(self, t: int) -> np.ndarray:
        return self.pack.image(self.first + t)


def read(spec: DataSpec) -> tuple[list[Clip], str, list[str]]:
    """The chosen clips, in the order in which they were packed."""
    assert spec.path is not None
    pack = Pack(spec.path)
    try:
        return _clips(pack, pack.index(), spec)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise UserError(f"{spec.path}: {INDEX} is damaged ({error!r}); write the pack again") from None


def _clips(pack: Pack, index: dict[str, Any], spec: DataSpec) -> tuple[list[Clip], str, list[str]]:
    scheme, entries = SCHEMES[index["scheme"]], index["clips"]
    lengths = [int(entry["frames"]) for entry in entries]
    landmarks = pack.array(LANDMARKS, (sum(lengths), scheme.num_landmarks, 2))
    boxes = pack.array(BOXES, (sum(lengths), 4))
    known = any(entry["visible"] for entry in entries)
    visible = pack.array(VISIBLE, landmarks.shape[:2], np.bool_) if known else None
    kind = spec.options.get("kind")
    chosen = [kind in (None, s["kind"]) and spec.split in (None, s["split"]) for s in index["sets"]]
    if not any(chosen):
        held = ", ".join(f"kind={s['kind']} split={s['split'] or 'all'}" for s in index["sets"])
        raise UserError(f"{pack.path}: no clips of kind={kind or 'any'} split={spec.split or 'all'}; expected one of {held}")
    clips, first = [], 0
    for entry, length in zip(entries, lengths, strict=True):
        here = slice(first, first + length)
        if chosen[entry["set"]]:
            cuts = np.zeros(length, bool)
            cuts[entry["cuts"]] = True
            source, seen = PackedFrames(pack, first), visible[here] if visible is not None and entry["visible"] else None
            clips.append(Clip(entry["name"], landmarks[here], boxes[here], source, cuts, scheme, seen))
        first += length
    sets = [s for s, wanted in zip(index["sets"], chosen, strict=True) if wanted]
    sources = dict.fromkeys(s["box_source"] for s in sets)
    return clips, ", ".join(sources), [note for s in sets for note in s["notes"]]
