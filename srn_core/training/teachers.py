"""``--teacher``: labels moved toward what other trackers see in the same pictures (distillation, Hinton et al. 2015).

Labels scatter around the true places, those of people and of machines. The mean answer of trackers that have learnt from many
of them scatters less. Each teacher looks at each face once, before the training, so a step costs what it costs without.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from srn_core.checkpoints import load_pretrained
from srn_core.data.clip import Clip, check_scheme
from srn_core.tracking.batch import RunOptions, run_clips
from srn_core.tracking.tracker import Tracker
from srn_core.training.processes import is_first

BATCH = 64


def taught(clips: Sequence[Clip], teachers: Sequence[str], share: float, device: str) -> list[Clip]:
    """The clips with the landmarks ``(1 - share) * label + share * answer``.

    The answer is the teachers' mean. A teacher sees each frame alone, and its mirror image. Boxes stay as they are.

    Args:
        clips: of the teachers' landmark scheme.
        teachers: checkpoints, names or folders; none: the clips stay as they are.
        share: of the answer, 0 to 1.
        device: where the teachers run.

    Raises:
        UserError: a checkpoint is missing or damaged, or has another scheme.
    """
    if not teachers:
        return list(clips)
    frames = [len(clip) for clip in clips]
    total = np.zeros((sum(frames), *clips[0].landmarks.shape[1:]))
    with tqdm(total=len(teachers) * len(total), desc="asking the teachers", unit="face", disable=not is_first()) as bar:
        for name in teachers:
            tracker = Tracker(load_pretrained(name), device)
            check_scheme(clips, tracker.scheme)
            total += run_clips(tracker, clips, RunOptions(mirror=True), BATCH, bar)[0]
    answers = np.split(total / len(teachers), np.cumsum(frames)[:-1])
    return [_moved(clip, answer, share) for clip, answer in zip(clips, answers, strict=True)]


def _moved(clip: Clip, answer: np.ndarray, share: float) -> Clip:
    landmarks = (1 - share) * clip.landmarks + share * answer
    return dataclasses.replace(clip, landmarks=landmarks.astype(np.float32))
