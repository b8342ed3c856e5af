"""From a data spec to its clips: read, checked, and changed as the spec's options say."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from srn_core.data.clip import Clip
from srn_core.data.masked import TemplateFolder, mask_clip
from srn_core.data.motion import move_clip
from srn_core.data.problems import Problem, find_problems, sum_up, without
from srn_core.data.spec import parse_spec, reader_of
from srn_core.data.splits import fold_of
from srn_core.errors import UserError
from srn_core.io.frames import turned_frames


@dataclass(frozen=True)
class ClipSet:
    """The clips of a spec, in a fixed order, and what a report must say about them.

    Attributes:
        spec: the text that named them.
        clips: the clips.
        box_source: ``detector`` or ``annotation-derived box``, for reports.
        notes: one line for each absent subset, each gap and each problem that was left out.
        problems: what was left out.
    """

    spec: str
    clips: tuple[Clip, ...]
    box_source: str
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def num_frames(self) -> int:
        return sum(len(clip) for clip in self.clips)


def load_clips(text: str | Path, skip_bad: bool = False) -> ClipSet:
    """The clips that a spec names; annotations are read and checked, frames stay on disk.

    Args:
        text: the spec.
        skip_bad: as ``skip_bad=1`` in the spec: decode every frame, and leave out what is broken or implausible. The spec's
            option also notes this on stderr.

    Raises:
        UserError: the spec is unknown, a file is broken or an annotation cannot be right (without ``skip_bad=1``), or there
            are no clips.
    """
    if not isinstance(text, str | Path):
        raise UserError(f"data spec of type {type(text).__name__}: expected a text, KIND:PATH?key=value; name clips one by one")
    text = str(text)
    spec = parse_spec(text)
    found = _examined(text, read=skip_bad or spec.skip_bad)
    if found.problems and not skip_bad:
        if not spec.skip_bad:
            raise UserError(
                f"{sum_up(found.problems)}; srn data lists all problems; --skip-bad, or skip_bad=1 in the data spec, leaves "
                "out what is bad"
            )
        tqdm.write(f"note: {text}: left out: {sum_up(found.problems)}; srn data lists all problems", file=sys.stderr)
    clips = list(found.clips)
    if spec.motion:
        clips = [moved for clip in clips for moved in move_clip(clip, spec.motion, spec.seed)]
    if spec.masked:
        templates = TemplateFolder(spec.masks.resolve()) if spec.masks else None
        clips = [mask_clip(clip, templates, spec.seed) for clip in clips]
    return replace(found, clips=tuple(clips))


def _examined(text: str, read: bool) -> ClipSet:
    """The sound clips that a spec names, without motion and masks, and the problems of the others.

    Args:
        text: the spec.
        read: also decode every frame.

    Raises:
        UserError: the spec is unknown, nothing can be read, or nothing is sound.
    """
    spec, problems = parse_spec(text), list[Problem]()
    clips, box_source, notes = reader_of(spec.kind).read(spec, problems)
    if spec.fold:
        clips = [clip for clip in clips if fold_of(clip.person, spec.fold.parts) == spec.fold.number]
    if spec.seed is not None and spec.limit is not None:
        chosen = np.random.default_rng(spec.seed).permutation(len(clips))[: spec.limit]
        clips = [clips[i] for i in sorted(chosen)]
    clips = [clip.head(spec.frames) for clip in clips[: spec.limit]]
    if spec.exif is not None:
        clips = [replace(clip, source=turned_frames(clip.source, spec.exif == "turned")) for clip in clips]
    sound: list[Clip] = []
    for clip, found in zip(clips, find_problems(clips, spec.exif is not None, read), strict=True):
        problems += found
        sound += filter(None, [without(clip, found)])
    if not sound and problems:
        raise UserError(f"{sum_up(problems)}; no clip is left")
    if not sound:
        raise UserError(f"data spec '{text}': no clips; expected at least one{'; ' + '; '.join(notes) if notes else ''}")
    if problems:
        notes = [*notes, f"left out: {len(problems)} problems", *(f"left out: {problem.text}" for problem in problems)]
    return ClipSet(text, tuple(sound), box_source, tuple(notes), tuple(problems))
