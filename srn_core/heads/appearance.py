"""Random looks of one person: tones, hair style, clothes, and the paint of the face.

Colours are linear-light RGB in 0..1; hex strings are sRGB.
"""

from dataclasses import dataclass

import numpy as np

from srn_core.heads.paint import linear, paint_face, rgb

# Ten sRGB skin tones from light to dark.
SKIN_TONES = ("f3d3c1", "eac4ab", "e3b899", "d4a17b", "c08a62", "a4704b", "875838", "69432b", "4c3021", "39241b")
HAIR_COLOURS = ("0e0b0a", "1c1310", "33221a", "4d3322", "6e4a2c", "94683c", "c09a5e", "7a2f18", "8c8a88", "d4d2ce")
IRIS_COLOURS = ("2a160c", "3d2210", "5a3a1c", "6b6034", "4d6b4a", "5d7d94", "7f98a6")
SHIRT_COLOURS = ("22262e", "e8e6e0", "7d1f24", "27496d", "3b5f41", "c9a84c", "8a6f9e", "b7653b", "9aa5ad", "4a3b33")


@dataclass(frozen=True)
class HairStyle:
    """Hair as a displacement of the scalp and an optional curtain behind the head.

    Attributes:
        hairline: canonical y (dm) of the hair's lower edge at azimuth 0 (front), 25, 45, 60, 75, 95, 120, 180 degrees.
        parting: sideways tilt of the front hairline, dm per dm.
        top, sides: thickness in dm over the crown and at the sides.
        curl: 0 straight strands to 1 curls.
        coverage: how much of the scalp's colour the hair hides, 0 to 1.
        length: how far down long hair falls behind the face, canonical y, or None for short hair.
        colour: linear RGB.
    """

    hairline: tuple[float, ...]
    parting: float
    top: float
    sides: float
    curl: float
    coverage: float
    length: float | None
    colour: np.ndarray


@dataclass(frozen=True)
class Appearance:
    """Everything about a person that is not geometry.

    Attributes:
        skin, lips, iris, shirt: linear RGB.
        hair: see :class:`HairStyle`.
        atlas: ``(H, W, 4)`` float32: linear RGB paint and its opacity, canonical front view.
        blotch: strength of uneven pigmentation, 0 to 1.
        shine: strength of skin highlights.
        collar: canonical y of the shirt's neckline at the throat.
        noise: ``(32, 32, 32)`` lattice for the procedural textures, in -1..1.
    """

    skin: np.ndarray
    lips: np.ndarray
    iris: np.ndarray
    shirt: np.ndarray
    hair: HairStyle
    atlas: np.ndarray
    blotch: float
    shine: float
    collar: float
    noise: np.ndarray


def _between(colours: tuple[str, ...], position: float) -> np.ndarray:
    """Colour at ``position`` in 0..1 along a list of sRGB colours."""
    place = min(max(position, 0.0), 1.0) * (len(colours) - 1)
    low = min(int(place), len(colours) - 2)
    return (1 - (place - low)) * linear(colours[low]) + (place - low) * linear(colours[low + 1])


def _sample_hair(rng: np.random.Generator, masculine: float, darkness: float, tone: float) -> HairStyle:
    # Dark skin mostly goes with dark hair; greys and reds stay possible for all.
    place = tone * 0.99 if tone > 0.8 else tone * (1.0 - 0.7 * darkness)
    m = masculine
    odds = np.array([0.05 + 0.35 * m, 0.25, 0.05 + 0.4 * darkness, 0.02 + 0.15 * m, 0.2 - 0.1 * m, 0.2 * m, 0.7 * (1 - m)])
    style = rng.choice(["crop", "medium", "afro", "shaved", "fringe", "receding", "long"], p=odds / odds.sum())
    line = np.array([7.97, 7.95, 7.82, 7.62, 7.36, 7.42, 6.95, 6.75]) + rng.normal(0.0, 0.025, 8)
    parting, curl = rng.normal(0.0, 0.05), rng.random() * 0.4
    top, sides, coverage, length = rng.uniform(0.05, 0.11), rng.uniform(0.02, 0.05), 1.0, None
    if style == "medium":
        top, sides = rng.uniform(0.12, 0.22), rng.uniform(0.08, 0.13)
    elif style == "afro":
        top, sides, curl = rng.uniform(0.2, 0.38), rng.uniform(0.14, 0.3), 1.0
    elif style == "shaved":
        top, sides, coverage = 0.012, 0.01, rng.uniform(0.35, 0.75)
    elif style == "receding":
        line += np.array([0.17, 0.24, 0.2, 0.1, 0.0, 0.0, 0.0, 0.0])
    elif style == "fringe":
        line[:3] = rng.uniform(7.62, 7.72) + np.array([0.0, 0.01, -0.02])
        top, sides = rng.uniform(0.12, 0.18), rng.uniform(0.09, 0.13)
    elif style == "long":
        top, sides, length = rng.uniform(0.1, 0.18), rng.uniform(0.1, 0.15), rng.uniform(5.1, 5.9)
        parting = rng.normal(0.0, 0.12)
    if style in ("fringe", "medium") and rng.random() < 0.9 - 1.3 * masculine:
        length = rng.uniform(5.5, 6.3)
    colour = linear(HAIR_COLOURS[int(place * len(HAIR_COLOURS))]) * rng.uniform(0.85, 1.2)
    return HairStyle(tuple(line), parting, top, sides, curl, coverage, length, colour)


def sample_appearance(rng: np.random.Generator, masculine: float, darkness: float, hair_tone: float) -> Appearance:
    """A random person.

    Args:
        rng: source of all randomness.
        masculine: 0 feminine to 1 masculine; sets the odds of beards and hair styles.
        darkness: 0 lightest to 1 darkest skin.
        hair_tone: from 0 black over brown to 0.8 blond; red and grey above.
    """
    skin = _between(SKIN_TONES, darkness) * rng.normal(1.0, 0.04, 3).astype(np.float32)
    hair = _sample_hair(rng, masculine, darkness, hair_tone)
    lips = skin * rgb(0.86, 0.55, 0.56) + rgb(0.03, 0.0, 0.004)
    if masculine < 0.4 and rng.random() < 0.6:
        lips = 0.5 * lips + 0.5 * linear(("8e2434", "b04a58", "6d1f3b", "c25a4e")[rng.integers(4)])
    iris = linear(IRIS_COLOURS[int(rng.integers(len(IRIS_COLOURS)) * (1.0 - 0.7 * darkness))])
    atlas = paint_face(rng, skin, lips, hair.colour, masculine)
    shirt = linear(SHIRT_COLOURS[rng.integers(len(SHIRT_COLOURS))])
    return Appearance(
        skin, lips, iris, shirt, hair, atlas,
        blotch=rng.uniform(0.3, 1.0),
        shine=rng.uniform(0.5, 1.2),
        collar=rng.uniform(5.5, 5.8),
        noise=rng.uniform(-1.0, 1.0, (32, 32, 32)).astype(np.float32),
    )  # fmt: skip
