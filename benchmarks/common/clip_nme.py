"""The NME of each clip, with bare and with masked faces, and its jitter, as rows of a benchmark."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from srn_core.data import ClipSet, load_clips
from srn_core.data.spec import with_option
from srn_core.errors import UserError
from srn_core.evaluation.evaluate import Evaluation, evaluate
from srn_core.tracking.batch import Mode
from srn_core.tracking.step import Start
from srn_core.tracking.tracker import Tracker
from srn_core.training.args import refuse_masked
from srn_core.victims.own import OwnVictim

MASKED_SCHEME = "68"


def clean_and_masked(
    tracker: Tracker | OwnVictim, spec: str, mode: Mode, start: Start = "mean", with_jitter: bool = False
) -> Iterator[dict[str, Any]]:
    """The rows of ``clean`` and ``masked``, see :func:`clip_rows`: the mean NME of each clip over its frames.

    Args:
        with_jitter: also give the rows of ``jitter`` on the clean clips, from the same tracking.
    """
    for name, wanted in (("clean", spec), ("masked", masked_spec(spec))):
        found = evaluate(tracker, load_clips(wanted), mode, start=start)
        yield from clip_rows(name, spec, found.clip_set, clip_means(found))
        if with_jitter and name == "clean":
            yield from jitter_rows(spec, found)


def tracked_jitter(tracker: Tracker | OwnVictim, spec: str) -> list[dict[str, Any]]:
    """The rows of :func:`jitter_rows`, tracked with the memory; stills have none."""
    clip_set = load_clips(spec)
    if not any(clip.is_video for clip in clip_set.clips):
        return []
    return jitter_rows(spec, evaluate(tracker, clip_set, "track"))


def jitter_rows(spec: str, found: Evaluation) -> list[dict[str, Any]]:
    """The rows of ``jitter``, see :func:`clip_rows`: the mean of each continuous clip over its frames."""
    shaking = [steps.mean() if len(steps) else np.nan for steps in found.clip_jitter()]
    return clip_rows("jitter", spec, found.clip_set, np.array(shaking))


def check_measurable(specs: Iterable[str]) -> None:
    """Check, before anything is trained, that specs can be measured bare and masked.

    Raises:
        UserError: a spec does not load, is already masked, or does not have the 68 landmarks that masks are drawn from.
    """
    for spec in specs:
        refuse_masked((spec,), "it is measured with and without masks; leave out masked=1")
        scheme = load_clips(spec).clips[0].scheme
        if scheme.name != MASKED_SCHEME:
            raise UserError(
                f"data spec '{spec}': {scheme.num_landmarks} points; expected 68, because masks are drawn from them"
            )


def masked_spec(spec: str) -> str:
    """The same clips with masked faces.

    >>> masked_spec("demo"), masked_spec("demo?split=val")
    ('demo?masked=1', 'demo?split=val&masked=1')
    """
    return with_option(spec, "masked", "1")


def clip_means(found: Evaluation) -> np.ndarray:
    """Each clip's mean NME: ``(C,)`` fractions."""
    return np.bincount(found.clip_index, found.nme) / np.bincount(found.clip_index)


def clip_rows(name: str, spec: str, clip_set: ClipSet, values: np.ndarray) -> list[dict[str, Any]]:
    """One row per clip: set, data, clip, person, frames, and ``value``: percent of ``values`` ``(C,)``; no nan."""
    return [
        {
            "set": name,
            "data": spec,
            "clip": clip.name,
            "person": clip.person,
            "frames": len(clip),
            "value": round(100 * float(value), 5),
        }
        for clip, value in zip(clip_set.clips, values, strict=True)
        if not np.isnan(value)
    ]
