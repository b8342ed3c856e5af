"""Colour of every visible surface sample: procedural albedo times light, in linear RGB."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import map_coordinates

from srn_core.heads.appearance import Appearance
from srn_core.heads.mesh import EYE, SKIN, TEETH, TONGUE, load_mesh
from srn_core.heads.paint import rgb, to_atlas
from srn_core.heads.person import CURTAIN, Person, above_hairline, ramp

IRIS_ANGLE, PUPIL_ANGLE = 0.42, 0.17


@dataclass(frozen=True)
class Light:
    """A key light and the sky around.

    Attributes:
        direction: unit vector towards the key light in view space (x right, y up, z to the camera).
        key: linear RGB of the key light.
        sky, ground: linear RGB of ambient light from above and below.
    """

    direction: np.ndarray
    key: np.ndarray
    sky: np.ndarray
    ground: np.ndarray


def sample_light(rng: np.random.Generator, exposure: float) -> Light:
    """A key light in front and above, warm or cool, soft or hard; ``exposure`` scales all light."""
    azimuth, height = rng.uniform(-1.1, 1.1), rng.uniform(0.15, 0.9)
    direction = np.array([np.sin(azimuth) * np.cos(height), np.sin(height), np.cos(azimuth) * np.cos(height)])
    warmth = rng.uniform(-0.08, 0.16)
    tint = rgb(1.0 + warmth, 1.0, 1.0 - warmth)
    contrast = rng.uniform(0.35, 0.75)
    level = exposure * rng.uniform(0.95, 1.2)
    return Light(
        direction.astype(np.float32),
        level * 1.25 * contrast * tint,
        level * (1.12 - contrast) * (2.0 - tint),
        level * 0.65 * (1.12 - contrast) * rgb(1.0, 0.95, 0.9),
    )


@dataclass(frozen=True)
class Samples:
    """N surface samples to be coloured.

    Attributes:
        canonical: ``(N, 3)`` places on the neutral mesh.
        normal: ``(N, 3)`` unit normals, view space.
        towards: ``(N, 3)`` unit vectors to the camera.
        material: ``(N,)``.
        behind, ear, light: ``(N,)`` interpolated attributes of :class:`Person`.
        shadow: ``(N,)`` share of the key light that arrives.
    """

    canonical: np.ndarray
    normal: np.ndarray
    towards: np.ndarray
    material: np.ndarray
    behind: np.ndarray
    ear: np.ndarray
    light: np.ndarray
    shadow: np.ndarray


def _noise(lattice: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Trilinear value noise ``(N,)`` in -1..1; the lattice repeats."""
    return map_coordinates(lattice, points.T, order=1, mode="grid-wrap", prefilter=False)


def _look_up(atlas: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Bilinear samples ``(N, C)`` of an image at ``places (N, 2)``; 0 outside."""
    # OpenCV limits the sides of a map to 32767, so the list is folded into rows.
    folded = np.full((-(-len(places) // 4096) * 4096, 2), -9.0, np.float32)
    folded[: len(places)] = places
    x, y = folded.reshape(-1, 4096, 2).transpose(2, 0, 1)
    found = cv2.remap(atlas, np.ascontiguousarray(x), np.ascontiguousarray(y), cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return found.reshape(-1, atlas.shape[2])[: len(places)]


def _hair_colour(points: np.ndarray, look: Appearance) -> np.ndarray:
    azimuth = np.arctan2(points[:, 0], points[:, 2] - 0.35)
    across = np.stack([azimuth * 26.0, points[:, 1] * 3.0, points[:, 2] * 3.0], 1)
    strands = 0.6 * _noise(look.noise, across) + 0.4 * _noise(look.noise, across * [2.3, 1.2, 1.2] + 7.0)
    curls = _noise(look.noise, points * 16.0)
    texture = (1.0 - look.hair.curl) * strands + look.hair.curl * curls
    return look.hair.colour * (1.0 + 0.55 * texture)[:, None] + 0.004


def _skin_colour(samples: Samples, look: Appearance) -> tuple[np.ndarray, np.ndarray]:
    """Albedo ``(N, 3)`` of skin, scalp and shirt, and how much of the skin's shine is left ``(N,)``."""
    points = samples.canonical
    blotch = _noise(look.noise, points * 5.0) * 0.07 + _noise(look.noise, points * 31.0) * 0.035
    albedo = look.skin * (1.0 + look.blotch * blotch[:, None] * rgb(0.7, 1.0, 1.0))
    paint = _look_up(look.atlas, to_atlas(points))
    # Below the chin the front view shows the neck, which carries no paint.
    visible = (1.0 - ramp(samples.behind, 0.04, 0.12)) * np.maximum(ramp(points[:, 1], 6.2, 6.5), ramp(points[:, 2], 0.85, 1.0))
    opacity = (paint[:, 3] * visible)[:, None]
    albedo = albedo * (1 - opacity) + paint[:, :3] * opacity
    near_mouth = (np.abs(points[:, 0]) < 0.32) & (np.abs(points[:, 1] - 6.625) < 0.225) & (points[:, 2] > 0.8)
    mouth = near_mouth * ramp(samples.behind, 0.05, 0.13)
    albedo = albedo * (1 - mouth[:, None]) + rgb(0.16, 0.03, 0.03) * mouth[:, None]
    azimuth = np.arctan2(points[:, 0], points[:, 2] - 0.35)
    fray = 0.04 * _noise(look.noise, np.stack([azimuth * 100.0, points[:, 1] * 6.0, 0 * azimuth], 1))
    fray += 0.03 * _noise(look.noise, points * 7.0)
    hair = ramp(above_hairline(points, look.hair) + fray, -0.035, 0.035) * (1 - samples.ear) * look.hair.coverage
    hairy = hair > 0
    albedo[hairy] += (_hair_colour(points[hairy], look) - albedo[hairy]) * hair[hairy, None]
    neckline = look.collar + 0.55 * np.abs(points[:, 0]) - 0.25 * (points[:, 2] - 0.6)
    cloth = ramp(neckline - points[:, 1], -0.01, 0.015)
    clad = cloth > 0
    weave = 1.0 + 0.12 * _noise(look.noise, points[clad] * 24.0)[:, None]
    albedo[clad] += (look.shirt * weave - albedo[clad]) * cloth[clad, None]
    return albedo, (1 - 0.7 * hair) * (1 - cloth) * (1 - mouth)


def _eye_colour(points: np.ndarray, look: Appearance) -> np.ndarray:
    mesh = load_mesh()
    ball = mesh.canonical[mesh.eyes[1]]
    centre = 0.5 * (ball.min(0) + ball.max(0))
    offset = points - centre * np.stack([np.sign(points[:, 0]), *np.ones((2, len(points)))], 1)
    angle = np.arctan2(np.hypot(offset[:, 0], offset[:, 1]), offset[:, 2])
    turn = np.arctan2(offset[:, 1], offset[:, 0])
    fibres = 1.0 + 0.35 * _noise(look.noise, np.stack([turn * 6.0, angle * 8.0, 0 * turn], 1))
    iris = look.iris * (fibres * (0.8 + 1.6 * ramp(angle, 0.4, 0.17)) * (1 - 0.75 * ramp(angle, 0.33, 0.43)))[:, None]
    white = rgb(0.56, 0.52, 0.49) * (1.0 - 0.4 * ramp(angle, 0.6, 1.3)[:, None] * rgb(0.3, 1.0, 1.0))
    outside = ramp(angle, IRIS_ANGLE - 0.03, IRIS_ANGLE + 0.03)[:, None]
    pupil = ramp(angle, PUPIL_ANGLE + 0.03, PUPIL_ANGLE - 0.02)[:, None]
    return (white * outside + iris * (1 - outside)) * (1 - pupil) + 0.004 * pupil


def shade(samples: Samples, person: Person, light: Light) -> np.ndarray:
    """Linear RGB ``(N, 3)``: wrapped Lambert (wider in red, as light bleeds through skin), sky light, highlights."""
    look, kind = person.appearance, samples.material
    albedo, shine = np.empty((len(kind), 3), np.float32), np.zeros(len(kind), np.float32)
    skin = kind == SKIN
    part = Samples(*(getattr(samples, name)[skin] for name in Samples.__dataclass_fields__))
    albedo[skin], shine[skin] = _skin_colour(part, look)
    albedo[kind == EYE] = _eye_colour(samples.canonical[kind == EYE], look)
    albedo[kind == TEETH], albedo[kind == TONGUE] = (0.6, 0.53, 0.42), (0.36, 0.1, 0.1)
    hanging = kind == CURTAIN
    albedo[hanging] = _hair_colour(samples.canonical[hanging], look)
    wet = kind == EYE
    open_sky = np.where(wet | (kind == TEETH), np.maximum(samples.light, 0.4), np.maximum(samples.light, 0.12)) ** 1.2
    cosine = samples.normal @ light.direction
    wrap = rgb(0.28, 0.14, 0.1) * shine[:, None]
    direct = np.maximum((cosine[:, None] + wrap) / (1.0 + wrap), 0.0)
    upward = 0.5 + 0.5 * samples.normal[:, 1:2]
    ambient = (light.sky * upward + light.ground * (1 - upward)) * open_sky[:, None]
    blocked = samples.shadow[:, None] * (0.35 + 0.65 * open_sky[:, None])
    colour = albedo * (light.key * direct * blocked + ambient)
    half = samples.towards + light.direction
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    gloss = np.maximum((samples.normal * half).sum(1), 0.0)
    grazing = 0.6 + 2.0 * (1.0 - np.clip((samples.normal * samples.towards).sum(1), 0, 1)) ** 3
    highlight = look.shine * shine * grazing * (0.05 * gloss**12 + 0.05 * gloss**45)
    highlight[wet] += 0.9 * gloss[wet] ** 250 + 0.1 * gloss[wet] ** 30
    highlight[hanging] += 0.04 * gloss[hanging] ** 8
    return colour + (highlight * (samples.shadow * open_sky))[:, None] * light.key
