"""Clips whose faces wear a medical mask: the options ``masked=1`` and ``masks=DIR`` of every data spec. For evaluation.

A clip's mask follows from the clip's name, and the spec's ``seed`` if it has one: all its frames wear the same one, at every
load and on every machine.
"""

from __future__ import annotations

import dataclasses
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from srn_core.data.clip import Clip
from srn_core.errors import UserError
from srn_core.face.schemes import IBUG68
from srn_core.io.frames import FrameSource
from srn_core.masks.draw import MaskStyle, draw_mask
from srn_core.masks.templates import draw_template, load_templates


@dataclass(frozen=True)
class MaskedFrames:
    """Another source's frames with a mask drawn on the face; a pickle holds no pictures.

    Attributes:
        source: reads the bare frames.
        landmarks: ``(T, 68, 2)`` frame pixels.
        name: the clip's name, from which the mask's look is drawn.
        templates: folder of RGBA templates; None: the mask is drawn from scratch.
        seed: gives the clip another look.
    """

    source: FrameSource
    landmarks: np.ndarray = field(repr=False)
    name: str
    templates: Path | None = None
    seed: int | None = None

    def __call__(self, t: int) -> np.ndarray:
        image, points = self.source(t), self.landmarks[t]
        if self.templates is None:
            return draw_mask(image, points, clip_style(self.name, self.seed))
        masks = load_templates(self.templates)
        return draw_template(image, points, masks[int(_generator(self.name, self.seed).integers(len(masks)))])


def mask_clip(clip: Clip, templates: Path | None = None, seed: int | None = None) -> Clip:
    """The same clip (name, landmarks, boxes, cuts) with masked faces.

    Args:
        clip: of the 68-point scheme.
        templates: folder of RGBA templates (see ``mask_templates``); None: masks are drawn from scratch.
        seed: gives every clip another look.

    Raises:
        UserError: another scheme, or a folder that is not as ``mask_templates`` says.
    """
    if clip.scheme.name != IBUG68.name:
        raise UserError(
            f"masked=1: clip {clip.name} has the {clip.scheme.name}-point scheme; "
            f"a mask is drawn from {IBUG68.num_landmarks} points; leave masked=1 out"
        )
    if templates is not None:
        templates = templates.resolve()
        load_templates(templates)
    return dataclasses.replace(clip, source=MaskedFrames(clip.source, clip.landmarks, clip.name, templates, seed))


@lru_cache(maxsize=4096)
def clip_style(name: str, seed: int | None = None) -> MaskStyle:
    """The look of the mask that the clip of this name wears."""
    return MaskStyle.draw(_generator(name, seed))


def _generator(name: str, seed: int | None) -> np.random.Generator:
    look = f"mask/{name}" if seed is None else f"mask/{name}/{seed}"
    return np.random.default_rng(zlib.crc32(look.encode()))
