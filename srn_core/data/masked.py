"""Clips whose faces wear a medical mask: the options ``masked=1`` and ``masks=DIR`` of every data spec. For evaluation.

The look of a clip's mask follows from the clip's name, and from the spec's ``seed`` if it has one. All frames of a clip wear
the same mask, at every load and on every machine.
"""

import dataclasses
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from srn_core.data.clip import Clip
from srn_core.errors import UserError
from srn_core.face.schemes import IBUG68
from srn_core.io.frames import FrameSource
from srn_core.masks.cloth import MaskStyle
from srn_core.masks.draw import draw_mask, hidden_by_mask
from srn_core.masks.templates import MaskTemplate, draw_template, hidden_by_template, load_templates


class TemplateFolder:
    """A folder of RGBA mask templates (see :mod:`srn_core.masks.templates`), read once; a pickle holds the path alone."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return TemplateFolder, (self.path,)

    @cached_property
    def masks(self) -> tuple[MaskTemplate, ...]:
        """The templates of the folder, ordered by name."""
        return load_templates(self.path)


@dataclass(frozen=True)
class MaskedFrames:
    """Another source's frames with a mask drawn on the face.

    Attributes:
        source: reads the bare frames.
        landmarks: ``(T, 68, 2)`` frame pixels.
        name: the clip's name, which decides the mask's look.
        templates: the masks; None: the mask is drawn from scratch.
        seed: gives the clip another look.
    """

    source: FrameSource
    landmarks: np.ndarray = field(repr=False)
    name: str
    templates: TemplateFolder | None = None
    seed: int | None = None

    def __call__(self, t: int) -> np.ndarray:
        image, points = self.source(t), self.landmarks[t]
        if self.templates is None:
            return draw_mask(image, points, clip_style(self.name, self.seed))
        return draw_template(image, points, self._template(self.templates))

    def hidden(self) -> np.ndarray:
        """Which landmarks lie under the mask: ``(T, 68)`` bool."""
        if self.templates is None:
            style = clip_style(self.name, self.seed)
            return np.array([hidden_by_mask(points, style) for points in self.landmarks])
        template = self._template(self.templates)
        return np.array([hidden_by_template(points, template) for points in self.landmarks])

    def _template(self, templates: TemplateFolder) -> MaskTemplate:
        return templates.masks[int(_generator(self.name, self.seed).integers(len(templates.masks)))]


def mask_clip(clip: Clip, templates: TemplateFolder | None = None, seed: int | None = None) -> Clip:
    """The same clip (name, landmarks, boxes, cuts) with masked faces. Landmarks under the mask are not visible.

    Args:
        clip: of the 68-point scheme.
        templates: the masks; None: masks are drawn from scratch.
        seed: gives every clip another look.

    Raises:
        UserError: another scheme, or the folder of templates is broken.
    """
    if clip.scheme.name != IBUG68.name:
        raise UserError(
            f"masked=1: clip {clip.name} has the {clip.scheme.name}-point scheme; "
            f"a mask is drawn from {IBUG68.num_landmarks} points; leave masked=1 out"
        )
    source = MaskedFrames(clip.source, clip.landmarks, clip.name, templates, seed)
    visible = ~source.hidden()
    return dataclasses.replace(clip, source=source, visible=visible if clip.visible is None else visible & clip.visible)


def clip_style(name: str, seed: int | None = None) -> MaskStyle:
    """The look of the mask that the clip of this name wears."""
    return MaskStyle.draw(_generator(name, seed))


def _generator(name: str, seed: int | None) -> np.random.Generator:
    look = f"mask/{name}" if seed is None else f"mask/{name}/{seed}"
    return np.random.default_rng(zlib.crc32(look.encode()))
