"""Masks from pictures: RGBA templates with six anchors that are pinned on six landmarks (as MaskTheFace does).

A folder holds ``anchors.json`` and a ``NAME.png`` for each template that it lists::

    {"landmarks": {"a": 2, "b": 28, "c": 14, "d": 5, "e": 8, "f": 11},
     "templates": {"NAME": {"a": [x, y], ..., "f": [x, y]}, "NAME_left": {...}, "NAME_right": {...}}}

``a``, ``b``, ``c`` lie along the upper edge (right side, nose, left side), ``d``, ``e``, ``f`` along the lower edge. Anchors
are template pixels. Templates whose names differ only in ``_left`` or ``_right`` are views of one mask. A face wears the view
whose nose lies between its sides as the face's own nose does.
Source: https://github.com/aqeelanwar/MaskTheFace.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from srn_core.errors import UserError
from srn_core.face.schemes import IBUG68
from srn_core.io.files import read_json
from srn_core.io.folders import below
from srn_core.io.images import decode_image
from srn_core.masks.fit import FaceAxes, ThinPlate, face_axes, right_share
from srn_core.masks.light import lay_on, sample, shrink_level, window_of

ANCHORS = "anchors.json"
LETTERS = "abcdef"
VIEWS = ("_left", "_right")
STIFFNESS = 1e-3
# How far a picture may reach beyond its anchors, face units.
REACH = 0.5
# The pins of the right and of the left half, clockwise. A half smaller than LEAST_CHEEK, face units squared, is hidden.
SIDES, LEAST_CHEEK = ([0, 1, 4, 3], [1, 2, 5, 4]), 0.03


@dataclass(frozen=True)
class TemplateView:
    """One picture of a mask.

    Attributes:
        pyramid: the picture at 1, 1/2, 1/4 ... of its size, ``(h, w, 4)`` uint8 RGBA each, RGB already times alpha.
        anchors: ``(6, 2)`` pixels of the first picture.
        turn: the share of its width on the right of its nose anchor, 0-1.
    """

    pyramid: tuple[np.ndarray, ...]
    anchors: np.ndarray
    turn: float


@dataclass(frozen=True)
class MaskTemplate:
    """A mask seen from one or more sides.

    Attributes:
        name: the template's name without the view.
        landmarks: the six landmarks that the anchors are pinned on.
        views: the pictures.
    """

    name: str
    landmarks: tuple[int, ...]
    views: tuple[TemplateView, ...]


def draw_template(image: np.ndarray, points: np.ndarray, template: MaskTemplate) -> np.ndarray:
    """A copy of the image ``(H, W, 3)`` uint8 RGB in which the face wears the mask of a template.

    ``points`` ``(68, 2)`` are landmarks in pixels of this image; they may lie outside.
    """
    axes = face_axes(points)
    pins, view, held = _pinned(points, template, axes)
    window = window_of(pins, image.shape, REACH * axes.unit)
    if window is None:
        return np.array(image)
    # Diagonals of the tight boxes.
    texels, pixels = (float(np.linalg.norm(np.ptp(positions, axis=0))) for positions in (view.anchors, pins))
    level = shrink_level(texels / max(pixels, 1.0), len(view.pyramid) - 1)
    at = ThinPlate.fit(pins[held], (view.anchors[held] + 0.5) / 2**level - 0.5, STIFFNESS).on_window(window)
    picture = sample(view.pyramid[level], at, cv2.BORDER_CONSTANT).astype(np.float32)
    coverage = picture[..., 3] / 255
    cloth = picture[..., :3] / np.maximum(coverage, 1 / 255)[..., None]
    return lay_on(image, window, cloth, coverage, axes)


def hidden_by_template(points: np.ndarray, template: MaskTemplate) -> np.ndarray:
    """Which landmarks the mask of :func:`draw_template` covers by more than half: ``(68, 2)`` pixels -> ``(68,)`` bool."""
    pins, view, held = _pinned(points, template, face_axes(points))
    alpha = view.pyramid[0][..., 3]
    x, y = np.floor(ThinPlate.fit(pins[held], view.anchors[held], STIFFNESS)(points) + 0.5).astype(int).T
    inside = (x >= 0) & (x < alpha.shape[1]) & (y >= 0) & (y < alpha.shape[0])
    return np.asarray(inside & (alpha[y.clip(0, alpha.shape[0] - 1), x.clip(0, alpha.shape[1] - 1)] > 127))


def _pinned(points: np.ndarray, template: MaskTemplate, axes: FaceAxes) -> tuple[np.ndarray, TemplateView, list[int]]:
    """The landmarks ``(6, 2)`` that hold the mask, the view that fits the head's turn, and which pins hold."""
    pins = np.asarray(points[list(template.landmarks)], np.float64)
    turn = right_share(pins[0], pins[1], pins[2], axes.across)
    view = min(template.views, key=lambda candidate: abs(candidate.turn - turn))
    return pins, view, _held(pins, axes.unit)


def load_templates(folder: Path) -> tuple[MaskTemplate, ...]:
    """All masks of a folder, ordered by name.

    Raises:
        UserError: the folder has no ``anchors.json``, or that or a picture is not as the module's text says.
    """
    path = folder / ANCHORS
    content = read_json(path)
    landmarks = _six(path, content, "landmarks")
    for index in landmarks:
        if not isinstance(index, int) or not 0 <= index < IBUG68.num_landmarks:
            raise UserError(f"{path}: landmark {index!r}; expected a whole number from 0 to {IBUG68.num_landmarks - 1}")
    templates = content.get("templates")
    if not isinstance(templates, dict) or not templates:
        raise UserError(f"{path}: no templates; expected 'templates': a name with six anchors {', '.join(LETTERS)} for each")
    masks: dict[str, list[TemplateView]] = {}
    for name in sorted(templates):
        stem = next((name.removesuffix(view) for view in VIEWS if name.endswith(view)), name)
        masks.setdefault(stem, []).append(_view(folder, name, _six(path, templates, name)))
    return tuple(MaskTemplate(name, tuple(landmarks), tuple(views)) for name, views in sorted(masks.items()))


def _six(path: Path, content: Any, key: str) -> list[Any]:
    values = content.get(key) if isinstance(content, dict) else None
    if not isinstance(values, dict) or not set(LETTERS) <= values.keys():
        raise UserError(f"{path}: '{key}' is not complete; expected an entry for each of {', '.join(LETTERS)}")
    return [values[letter] for letter in LETTERS]


def _view(folder: Path, name: str, anchors: list[Any]) -> TemplateView:
    try:
        positions = np.array(anchors, np.float64)
    except (TypeError, ValueError):
        positions = np.zeros(0)
    if positions.shape != (6, 2) or not np.isfinite(positions).all():
        raise UserError(f"{folder / ANCHORS}: the anchors of '{name}' are not positions; expected [x, y] for each")
    turn = right_share(positions[0], positions[1], positions[2], np.array([1.0, 0.0]))
    return TemplateView(_pyramid(below(folder, f"{name}.png", folder / ANCHORS)), positions, turn)


def _pyramid(path: Path) -> tuple[np.ndarray, ...]:
    picture = decode_image(path.read_bytes() if path.is_file() else b"", cv2.IMREAD_UNCHANGED)
    if picture is None or picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 4:
        raise UserError(f"{path}: missing or not an RGBA picture, but {ANCHORS} names it; expected a PNG, 4 x 8 bits")
    rgba = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA))
    rgba[..., :3] = rgba[..., :3] * (rgba[..., 3:] / 255) + 0.5
    levels = [rgba]
    while min(levels[-1].shape[:2]) > 32:
        height, width = (side // 2 * 2 for side in levels[-1].shape[:2])
        whole = levels[-1][:height, :width]
        levels.append(np.asarray(cv2.resize(whole, (width // 2, height // 2), interpolation=cv2.INTER_AREA)))
    return tuple(levels)


def _held(pins: np.ndarray, unit: float) -> list[int]:
    """The pins that hold the mask: not those of a cheek that the nose hides, where the picture would fold over."""
    for side, others in zip(SIDES, SIDES[::-1], strict=True):
        if _area(pins[side]) < LEAST_CHEEK * unit**2 < _area(pins[others]):
            return others
    return list(range(len(pins)))


def _area(corners: np.ndarray) -> float:
    """The area of a polygon ``(N, 2)``, positive if its corners run clockwise in the image."""
    x, y = corners.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
