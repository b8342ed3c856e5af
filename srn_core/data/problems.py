"""What is wrong with data: how it is collected while clips are read, and left out.

A problem belongs to a clip, or to one of its frames. ``srn data`` lists all; other commands refuse the data, or leave the bad
frames out with ``--skip-bad``, or where the spec says ``skip_bad=1``.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from srn_core.data.clip import Clip
from srn_core.data.plausible import implausible_frames, turned_conflict
from srn_core.errors import UserError
from srn_core.io.frames import NoFrames, size_of_frame, stored_frame

T = TypeVar("T")


@dataclass(frozen=True)
class Problem:
    """Something that is wrong.

    Attributes:
        clip: the clip's name.
        text: a sentence that names file or clip and frame.
        frames: the frames that it makes unusable; None: the whole clip.
    """

    clip: str
    text: str
    frames: tuple[int, ...] | None = None


def build_clips(items: Iterable[T], build: Callable[[T], Clip], problems: list[Problem]) -> list[Clip]:
    """The clips of items (names, files, rows); an item that cannot be read is added to the problems instead."""
    clips = []
    for item in items:
        try:
            clips.append(build(item))
        except UserError as error:
            problems.append(Problem(str(item), str(error)))
    return clips


def find_problems(clips: Sequence[Clip], oriented: bool, read: bool) -> list[list[Problem]]:
    """What is wrong with each of the clips that could be built.

    Args:
        clips: their annotations are checked against themselves and against the sizes of the pictures.
        oriented: the user has said how EXIF orientations are to be taken.
        read: also decode every frame.
    """
    shown = [_look(clip, oriented, read) for clip in tqdm(clips, "reading", unit="clip", disable=None if read else True)]
    found = [dict(texts) for _, texts in shown]
    for scheme in {clip.scheme.name for clip in clips}:
        chosen = [i for i, clip in enumerate(clips) if clip.scheme.name == scheme]
        owners = [(i, t) for i in chosen for t in range(len(clips[i]))]
        points, boxes = (np.concatenate([getattr(clips[i], name) for i in chosen]) for name in ("landmarks", "boxes"))
        for n, text in implausible_frames(points, boxes, [shown[i][0][t] for i, t in owners], scheme):
            i, t = owners[n]
            found[i].setdefault(t, f"clip '{clips[i].name}', frame {t}: {text}")
    return [_joined(clip.name, sorted(texts.items())) for clip, texts in zip(clips, found, strict=True)]


def _look(clip: Clip, oriented: bool, read: bool) -> tuple[list[tuple[int, int] | None], dict[int, str]]:
    """The size of each frame, as far as it is known without reading it, and what is wrong with frames."""
    found: dict[int, str] = {}
    sizes: list[tuple[int, int] | None] = [None] * len(clip)
    for t in range(len(clip)):
        try:
            sizes[t] = size_of_frame(clip.source, t)
            if not oriented and (stored := stored_frame(clip.source, t)):
                path, facts, turned = stored
                if text := turned_conflict(facts, clip.landmarks[t], clip.scheme.name, turned):
                    found[t] = f"{path}: {text}"
                    continue
            if read and not isinstance(clip.source, NoFrames):
                clip.frame(t)
        except UserError as error:
            found[t] = str(error)
    return sizes, found


def _joined(name: str, found: Sequence[tuple[int, str]]) -> list[Problem]:
    """One problem for frames that share a text, as the frames of a video that cannot be opened do."""
    frames: dict[str, list[int]] = {}
    for t, text in found:
        frames.setdefault(text, []).append(t)
    return [Problem(name, text, tuple(where)) for text, where in frames.items()]


def sum_up(problems: Sequence[Problem]) -> str:
    """The first problem, and how many more there are."""
    more = len(problems) - 1
    return problems[0].text + (f"; {more} more problem{'s' if more > 1 else ''}" if more else "")


def without(clip: Clip, problems: Sequence[Problem]) -> Clip | None:
    """The clip without its bad frames, with a cut where frames are missing; None where nothing is left."""
    if any(problem.frames is None for problem in problems):
        return None
    bad = {t for problem in problems for t in problem.frames or ()}
    if not bad:
        return clip
    kept = [t for t in range(len(clip)) if t not in bad]
    if not kept:
        return None
    starts = np.searchsorted(kept, np.flatnonzero(clip.cuts))
    chosen = clip.chosen(kept)
    cuts = np.diff(kept, prepend=-2) > 1
    # A run whose first frame is left out starts at its next one.
    cuts[starts[starts < len(kept)]] = True
    return replace(chosen, cuts=cuts)
