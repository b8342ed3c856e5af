"""Pose, project and draw one frame.

View space: x right, y up, z to the camera, dm. Image: x right, y down, pixel centres at integers.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from srn_core.heads.jaw import slide_to_silhouette
from srn_core.heads.mesh import LOWER_LIDS, UPPER_LIDS, deform, load_mesh
from srn_core.heads.motion import Motion
from srn_core.heads.person import Person, surface_normals
from srn_core.heads.raster import Fragments, depth_map, rasterise, view_axes
from srn_core.heads.shading import Light, Samples, shade

DISTANCE = 11.0
PIVOT = np.array([0.0, 6.5, 0.35])
# Pixels per dm in a frame of 1 pixel: a face 1.4 dm wide takes half of the frame.
RELATIVE_SCALE = 0.35
SUPERSAMPLE = 2
BODY_SHARE = 0.2
# The camera follows the face: this share of its swing is not seen in the picture.
TRACKING = 0.7


@dataclass(frozen=True)
class View:
    """A posed and projected person.

    Attributes:
        vertices: ``(V, 3)`` in view space.
        points: ``(V, 2)`` image pixels.
        depth: ``(V,)`` distance along the optical axis, dm.
    """

    vertices: np.ndarray
    points: np.ndarray
    depth: np.ndarray


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """``(3, 3)`` rotation in view space, signs as in :class:`Motion`: pitch first, then yaw, then roll."""
    (cy, sy), (cp, sp), (cr, sr) = ((np.cos(angle), np.sin(angle)) for angle in (yaw, pitch, roll))
    turn = np.array([[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]])
    nod = np.array([[1.0, 0.0, 0.0], [0.0, cp, -sp], [0.0, sp, cp]])
    tilt = np.array([[cr, sr, 0.0], [-sr, cr, 0.0], [0.0, 0.0, 1.0]])
    return tilt @ turn @ nod


def pose(person: Person, motion: Motion, frame: int, size: int) -> View:
    """Deform, rotate and project; ``size`` is the side of the image in pixels."""
    mesh = load_mesh()
    shape = person.shape.copy()
    count = len(mesh.canonical)
    shape[:count] = deform(shape[:count], motion.expression(frame))
    angles = motion.yaw[frame], motion.pitch[frame], motion.roll[frame]
    centred = shape - PIVOT
    head = centred @ rotation(*angles).T
    body = centred @ rotation(*(BODY_SHARE * angle for angle in angles)).T
    follow = person.follow[:, None]
    vertices = follow * head + (1.0 - follow) * body
    rest = mesh.landmarks(person.shape).mean(0) - PIVOT
    vertices -= rest + TRACKING * (mesh.landmarks(vertices).mean(0) - rest)
    depth = DISTANCE / motion.zoom[frame] - vertices[:, 2]
    focal = RELATIVE_SCALE * size * DISTANCE
    points = vertices[:, :2] * [1.0, -1.0] * (focal / depth)[:, None]
    return View(vertices, points + (size - 1) / 2 + motion.shift[frame] * size, depth)


def landmarks(view: View, roll: float) -> np.ndarray:
    """``(68, 2)`` float32 image pixels, iBUG order, jaw line on the visible contour."""
    points = load_mesh().landmarks(view.points)
    points[:17] = slide_to_silhouette(view.points, roll)
    down = np.array([-np.sin(roll), np.cos(roll)])
    for upper, lower in zip(np.ravel(UPPER_LIDS), np.ravel(LOWER_LIDS), strict=True):
        # Where closed lids overlap, the visible seam is the upper lid's margin.
        if (points[lower] - points[upper]) @ down < 0.0:
            points[lower] = points[upper]
    return points.astype(np.float32)


def _shadow(view: View, triangles: np.ndarray, places: np.ndarray, light: Light) -> np.ndarray:
    """Share ``(N,)`` of the key light at ``places (N, 3)`` in view space, from a depth map seen from the light."""
    axes = view_axes(light.direction)
    scale, reach = 90.0, 1.6
    width = int(2 * reach * scale)
    local = view.vertices @ axes.T
    depth = depth_map(local[:, :2] * [scale, -scale] + reach * scale, 20.0 - local[:, 2], triangles, (width, width))
    seen = places @ axes.T
    x, y = (seen[:, :2] * [scale, -scale] + reach * scale).T
    share = np.zeros(len(places), np.float32)
    for across, down in ((-1.2, -0.5), (0.5, -1.2), (1.2, 0.5), (-0.5, 1.2), (0.0, 0.0)):
        column = np.clip(np.rint(x + across), 0, width - 1).astype(int)
        row = np.clip(np.rint(y + down), 0, width - 1).astype(int)
        share += np.clip((depth[row, column] + 0.07 - 20.0 + seen[:, 2]) / 0.03, 0.0, 1.0)
    return share / 5.0


def _samples(view: View, person: Person, drawn: Fragments, light: Light) -> Samples:
    normals = surface_normals(view.vertices, person.triangles, person.material)
    packed = np.concatenate(
        [person.canonical, normals, view.vertices, person.behind[:, None], person.ear[:, None], person.light[:, None]], axis=1
    ).astype(np.float32)
    values = drawn.interpolate(packed, person.triangles)
    normal = values[:, 3:6] / np.maximum(np.linalg.norm(values[:, 3:6], axis=1, keepdims=True), 1e-6)
    towards = np.array([0.0, 0.0, DISTANCE], np.float32) - values[:, 6:9]
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    behind, ear, sky = values[:, 9:].T
    shadow = _shadow(view, person.triangles, values[:, 6:9], light)
    return Samples(values[:, :3], normal, towards, person.material[drawn.triangle], behind, ear, sky, shadow)


def draw(view: View, person: Person, light: Light, backdrop: np.ndarray) -> np.ndarray:
    """Render over ``backdrop (H, W, 3)``, linear RGB; returns linear RGB of the same shape."""
    height, width = backdrop.shape[:2]
    # Pixel (x, y) is the mean of sub-pixels whose centres lie symmetrically round it.
    fine = (view.points + 0.5) * SUPERSAMPLE - 0.5
    drawn = rasterise(fine, view.depth, person.triangles, (width * SUPERSAMPLE, height * SUPERSAMPLE))
    canvas = np.repeat(np.repeat(backdrop, SUPERSAMPLE, 0), SUPERSAMPLE, 1)
    canvas.reshape(-1, 3)[drawn.pixel] = shade(_samples(view, person, drawn, light), person, light)
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
