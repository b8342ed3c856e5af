"""Talking heads rendered on the fly: ``synthetic?seed=16&limit=4&frames=48``. Needs the extra ``synthetic``.

Clip ``i`` is the render of seed ``seed + i``. ``demo`` ships the renders of seeds 0 to 15; without ``seed`` the seeds begin
after them. ``frames`` is the length of a performance: another length is another performance.
"""

from functools import lru_cache, partial

import numpy as np

from srn_core.data.clip import Clip, continuous
from srn_core.data.problems import Problem
from srn_core.data.spec import DataSpec
from srn_core.face.boxes import annotation_boxes
from srn_core.face.schemes import IBUG68
from srn_core.heads.clips import RenderedClip, render_clip

SPLITS = ()
PATH = None
FIRST_SEED, DEFAULT_CLIPS, DEFAULT_FRAMES = 16, 16, 48


def read(spec: DataSpec, problems: list[Problem]) -> tuple[list[Clip], str, list[str]]:
    """``limit`` clips (default 16), rendered at once: about 10 s per clip."""
    first = FIRST_SEED if spec.seed is None else spec.seed
    frames = spec.frames or DEFAULT_FRAMES
    seeds = range(first, first + (spec.limit or DEFAULT_CLIPS))
    return [_clip(seed, frames) for seed in seeds], "annotation-derived box", []


def _clip(seed: int, frames: int) -> Clip:
    points = _render(seed, frames).landmarks
    name = f"synthetic{seed:05d}"
    boxes = annotation_boxes(points, [f"{name}/{t}" for t in range(frames)])
    return Clip(name, points, boxes, partial(_frame, seed, frames), continuous(frames), IBUG68)


def _frame(seed: int, frames: int, t: int) -> np.ndarray:
    """Frame ``t`` of a clip; another process renders the clip again."""
    return _render(seed, frames).frames[t]


# A render depends on these two numbers alone, and takes 10 s.
@lru_cache(maxsize=64)
def _render(seed: int, frames: int) -> RenderedClip:
    return render_clip(seed, frames)
