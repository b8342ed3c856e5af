"""The pack: faces of many clips in one zip file, its members stored as they are.

``index.json`` says what the clips are. ``landmarks.npy`` ``(N, L, 2)`` and ``boxes.npy`` ``(N, 4)`` are float32, in pixels of
the packed frames. ``visible.npy`` ``(N, L)`` bool is there if a clip says which landmarks are visible. ``000000.webp`` ... are
the N frames of all clips, one clip after the other, each cut down to its face.
"""

import io
import json
import os
import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np

from srn_core.errors import UserError
from srn_core.io.images import decode_image

FORMAT, VERSION = "srn pack", 1
INDEX, LANDMARKS, BOXES, VISIBLE = "index.json", "landmarks.npy", "boxes.npy", "visible.npy"


def frame_name(number: int) -> str:
    """The member that holds a frame."""
    return f"{number:06d}.webp"


class Pack:
    """The members of a pack, read on demand; a pickle holds the path alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: ZipFile | None = None
        self._process = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return Pack, (self.path,)

    def read(self, name: str) -> bytes:
        """A member.

        Raises:
            UserError: the file cannot be read, is no zip file, lacks the member, or the member is damaged.
        """
        try:
            if self._file is None or self._process != os.getpid():
                # A forked process would share the position in the file with its parent.
                self._file, self._process = ZipFile(self.path), os.getpid()
            return self._file.read(name)
        except KeyError:
            raise UserError(f"{self.path}: no {name} in it; expected a pack that srn data --pack wrote") from None
        except (BadZipFile, OSError, EOFError, NotImplementedError, UnicodeDecodeError, zlib.error) as error:
            raise UserError(
                f"{self.path}: truncated or not a pack ({error}); expected a file that srn data --pack wrote; copy it again"
            ) from None

    def image(self, number: int) -> np.ndarray:
        """Frame ``number`` of the pack as ``(H, W, 3)`` uint8 RGB."""
        image = decode_image(self.read(frame_name(number)))
        if image is None:
            raise UserError(f"{self.path}: {frame_name(number)} is not an image; write the pack again")
        return image

    def index(self) -> dict[str, Any]:
        """The content of ``index.json``; see :func:`srn_core.data.pack.write_pack`."""
        try:
            index = json.loads(self.read(INDEX))
        except ValueError as error:
            raise UserError(f"{self.path}: {INDEX} is not JSON ({error}); write the pack again") from None
        if not isinstance(index, dict) or (index.get("format"), index.get("version")) != (FORMAT, VERSION):
            raise UserError(f"{self.path}: not a pack of version {VERSION}; write it again with srn data --pack")
        return index

    def array(self, name: str, shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
        """An array member."""
        try:
            values = np.load(io.BytesIO(self.read(name)), allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise UserError(f"{self.path}: {name} is not an array ({error}); write the pack again") from None
        if values.shape != shape or values.dtype != dtype:
            expected = f"expected {np.dtype(dtype)} {shape}; write the pack again"
            raise UserError(f"{self.path}: {name} is {values.dtype} {values.shape}; {expected}")
        return np.asarray(values)
