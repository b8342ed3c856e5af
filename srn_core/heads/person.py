"""One person ready to be posed: identity, hair volume, skinning weights and ambient occlusion."""

from dataclasses import dataclass

import numpy as np

from srn_core.heads.appearance import Appearance, HairStyle, sample_appearance
from srn_core.heads.identity import sample_identity
from srn_core.heads.mesh import SKIN, load_mesh, target
from srn_core.heads.raster import depth_map, view_axes

CURTAIN = 4
AZIMUTHS = np.radians([0.0, 25.0, 45.0, 60.0, 75.0, 95.0, 120.0, 180.0])
_OCCLUSION_VIEWS = 28


@dataclass(frozen=True)
class Person:
    """Vertices of the head mesh, then those of the hair curtain (V in all).

    Attributes:
        appearance: colours and paint.
        shape: ``(V, 3)`` neutral face with hair volume, dm.
        canonical: ``(V, 3)`` where each vertex lies on the neutral mesh.
        triangles: ``(F, 3)``; material: ``(F,)``, as in :class:`HeadMesh`, or CURTAIN.
        follow: ``(V,)`` how far a vertex follows the head's rotation, 0 (shoulders) to 1.
        behind: ``(V,)`` dm that a vertex lies behind the foremost surface of the canonical front view.
        ear: ``(V,)`` 1 on the ears.
        light: ``(V,)`` share of the sky that reaches a vertex, 0 to 1.
    """

    appearance: Appearance
    shape: np.ndarray
    canonical: np.ndarray
    triangles: np.ndarray
    material: np.ndarray
    follow: np.ndarray
    behind: np.ndarray
    ear: np.ndarray
    light: np.ndarray


def ramp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Smooth step from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((values - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals ``(V, 3)``."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    face = np.repeat(np.cross(b - a, c - a), 3, axis=0)
    normals = np.stack([np.bincount(triangles.ravel(), face[:, axis], len(vertices)) for axis in range(3)], 1)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def surface_normals(vertices: np.ndarray, triangles: np.ndarray, material: np.ndarray) -> np.ndarray:
    """Unit normals ``(V, 3)``; those of the two-sided curtain point away from the head."""
    normals = vertex_normals(vertices, triangles[material != CURTAIN])
    sheet = triangles[material == CURTAIN]
    outside = sheet[: len(sheet) // 2]
    rows = np.unique(outside)
    normals[rows] = vertex_normals(vertices, outside)[rows]
    return normals


def above_hairline(points: np.ndarray, hair: HairStyle) -> np.ndarray:
    """Signed height ``(N,)``, dm, of canonical ``points (N, 3)`` above the hairline; positive within the hair."""
    azimuth = np.arctan2(np.abs(points[:, 0]), points[:, 2] - 0.35)
    line = np.interp(azimuth, AZIMUTHS, hair.hairline)
    return points[:, 1] - line - hair.parting * points[:, 0] * (azimuth < np.pi / 2)


def _hair_volume(canonical: np.ndarray, hair: HairStyle, ear: np.ndarray) -> np.ndarray:
    """Thickness ``(V,)`` of the hair over every vertex, dm."""
    full = hair.sides + (hair.top - hair.sides) * ramp(canonical[:, 1], 7.6, 8.1)
    return full * ramp(above_hairline(canonical, hair), -0.02, 0.06 + 0.9 * hair.top) * (1.0 - ear)


def _curtain(hair: HairStyle, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Canonical vertices of hair that hangs round the back of the head, and its triangles: outer faces, then inner."""
    if hair.length is None:
        return np.zeros((0, 3)), np.zeros((0, 3), np.int64)
    columns, rows = 41, 16
    azimuth = np.linspace(np.radians(64.0), np.radians(296.0), columns)[None]
    ragged = 0.06 * np.sin(azimuth * 9.0) * np.linspace(0, 1, rows)[:, None]
    y = np.linspace(7.75, hair.length, rows)[:, None] + ragged
    wide = 0.71 + hair.sides * np.minimum(1.0, (7.75 - y) * 2.0 + 0.4) + 0.1 * ramp(7.3 - y, 0.0, 1.2)
    wave = 1.0 + 0.02 * np.sin(azimuth * 23.0) + 0.015 * np.sin(y * 11.0 + azimuth * 5.0)
    points = np.stack([wide * np.sin(azimuth) * wave, y + 0 * azimuth, 0.3 + (wide + 0.1) * np.cos(azimuth) * wave], 2)
    grid = first + np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]
    outside = np.concatenate([np.stack([c, b, a], 2).reshape(-1, 3), np.stack([d, c, a], 2).reshape(-1, 3)])
    return points.reshape(-1, 3), np.concatenate([outside, outside[:, ::-1]])


def _carry(points: np.ndarray, canonical: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Move canonical ``points`` as the nearest head vertex moved; points below the ears move as the ears do."""
    anchor = points.copy()
    anchor[:, 1] = np.maximum(anchor[:, 1], 7.2)
    nearest = ((anchor[:, None] - canonical[None, ::7]) ** 2).sum(2).argmin(1) * 7
    return points + shape[nearest] - canonical[nearest]


def _behind_front(canonical: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    view = (canonical[:, :2] - [-1.5, 8.5]) * [300.0, -300.0]
    column, row = np.clip(np.rint(view), 0, [899, 1199]).astype(int).T
    front = depth_map(view, 20.0 - canonical[:, 2], triangles, (900, 1200))[row, column].astype(np.float64)
    return np.where(np.isfinite(front), np.maximum(20.0 - canonical[:, 2] - front, 0.0), 0.0)


def _ambient(shape: np.ndarray, triangles: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Cosine-weighted share of an even spread of directions from which each vertex is seen."""
    middle = np.array([0.0, 7.0, 0.5])
    seen, total = np.zeros(len(shape)), np.full(len(shape), 1e-6)
    for i in range(_OCCLUSION_VIEWS):
        # Fibonacci sphere, without the directions from straight below.
        up = 1.0 - 1.7 * (i + 0.5) / _OCCLUSION_VIEWS
        turn = i * np.pi * (3.0 - 5.0**0.5)
        towards = np.array([np.cos(turn) * (1 - up * up) ** 0.5, up, np.sin(turn) * (1 - up * up) ** 0.5])
        local = (shape - middle) @ view_axes(towards).T
        view = local[:, :2] * [40.0, -40.0] + 80.0
        column, row = np.clip(np.rint(view), 0, 159).astype(int).T
        nearest = depth_map(view, 20.0 - local[:, 2], triangles, (160, 160))[row, column].astype(np.float64)
        lit = 20.0 - local[:, 2] < nearest + 0.05
        facing = np.maximum(normals @ towards, 0.0)
        seen += facing * lit
        total += facing
    return seen / total


def sample_person(rng: np.random.Generator, masculine: float, darkness: float, hair_tone: float) -> Person:
    """A random person; arguments as of :func:`sample_appearance`."""
    mesh = load_mesh()
    neutral = sample_identity(rng, masculine)
    look = sample_appearance(rng, masculine, darkness, hair_tone)
    ear = np.zeros(len(neutral))
    for side in "lr":
        moved = np.linalg.norm(target(f"mpfb2/targets/ears/{side}-ear-scale-incr"), axis=1)
        # The target also moves some scalp above the ear, where hair grows.
        ear = np.maximum(ear, ramp(moved / moved.max(), 0.12, 0.3) * ramp(mesh.canonical[:, 1], 7.43, 7.36))
    volume = _hair_volume(mesh.canonical, look.hair, ear)
    skin = mesh.triangles[mesh.material == SKIN]
    shape = neutral + volume[:, None] * vertex_normals(neutral, skin)
    hanging, sheet = _curtain(look.hair, len(neutral))
    canonical = np.concatenate([mesh.canonical, hanging])
    shape = np.concatenate([shape, _carry(hanging, mesh.canonical, neutral)])
    triangles = np.concatenate([mesh.triangles, sheet])
    material = np.concatenate([mesh.material, np.full(len(sheet), CURTAIN)])
    follow = ramp(canonical[:, 1] + 0.25 * (canonical[:, 2] - 0.4), 5.7, 6.35)
    follow[len(neutral) :] = np.maximum(follow[len(neutral) :], 0.6)
    behind, ear = (np.pad(values, (0, len(hanging))) for values in (_behind_front(mesh.canonical, skin), ear))
    light = _ambient(shape, triangles, surface_normals(shape, triangles, material))
    return Person(look, shape, canonical, triangles, material, follow, behind, ear, light)
