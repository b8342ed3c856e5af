"""Faces in one file, for machines without the data folders: ``packed:FILE?kind=ytf68&split=val``.

``srn data SPEC [SPEC ...] --pack FILE`` writes it. ``kind`` and ``split`` choose among the specs that the pack was made from:
the clips of those with that kind and that split are read.
"""

from functools import partial
from typing import Any

import numpy as np

from srn_core.data.clip import Clip
from srn_core.data.formats.pack_file import BOXES, INDEX, LANDMARKS, VISIBLE, Pack
from srn_core.data.problems import Problem
from srn_core.data.readers import ibug_300vw, ibug_300w, wflw
from srn_core.data.spec import DataSpec
from srn_core.errors import UserError
from srn_core.face.schemes import SCHEMES

# The splits of all kinds together.
SPLITS = tuple(dict.fromkeys((*ibug_300vw.SPLITS, *ibug_300w.SPLITS, *wflw.SPLITS)))
OPTIONS = ("kind",)
PATH = "file"


def read(spec: DataSpec, problems: list[Problem]) -> tuple[list[Clip], str, list[str]]:
    """The chosen clips, in the order in which they were packed."""
    pack = Pack(spec.root)
    try:
        return _clips(pack, pack.index(), spec)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise UserError(f"{spec.root}: {INDEX} is damaged ({error!r}); write the pack again") from None


def _clips(pack: Pack, index: dict[str, Any], spec: DataSpec) -> tuple[list[Clip], str, list[str]]:
    scheme, entries, kind = SCHEMES[index["scheme"]], index["clips"], spec.options.get("kind")
    lengths = [int(entry["frames"]) for entry in entries]
    landmarks = pack.array(LANDMARKS, (sum(lengths), scheme.num_landmarks, 2))
    boxes = pack.array(BOXES, (sum(lengths), 4))
    visible = None
    if any(entry["visible"] for entry in entries):
        visible = pack.array(VISIBLE, landmarks.shape[:2], np.bool_)
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
            seen = visible[here] if visible is not None and entry["visible"] else None
            source = partial(_frame, pack, first)
            clips.append(Clip(entry["name"], landmarks[here], boxes[here], source, cuts, scheme, seen, entry.get("person", "")))
        first += length
    sets = [s for s, wanted in zip(index["sets"], chosen, strict=True) if wanted]
    sources = dict.fromkeys(s["box_source"] for s in sets)
    return clips, ", ".join(sources), [note for s in sets for note in s["notes"]]


def _frame(pack: Pack, first: int, t: int) -> np.ndarray:
    """Frame ``t`` of a clip that begins at ``first`` in the pack."""
    return pack.image(first + t)
