"""Random faces: blends of the mesh's age, sex, ancestry and detail targets."""

from __future__ import annotations

import numpy as np

from srn_core.heads.head import HeadMesh, load_mesh, target

FACE_WIDTH = 1.40

# Detail targets that change a face without leaving the range of plausible heads: (stem, ends, largest weight).
# A stem that starts with "*" stands for both sides, which get nearly the same weight.
DETAILS = (
    ("head/head-{}", ("oval", "round", "square", "rectangular", "triangular", "invertedtriangular", "diamond"), 0.7),
    ("head/head-fat-{}", ("incr", "decr"), 0.6),
    ("head/head-scale-horiz-{}", ("incr", "decr"), 0.35),
    ("head/head-scale-vert-{}", ("incr", "decr"), 0.35),
    ("forehead/forehead-trans-{}", ("forward", "backward"), 0.5),
    ("forehead/forehead-temple-{}", ("incr", "decr"), 0.6),
    ("chin/chin-width-{}", ("incr", "decr"), 0.7),
    ("chin/chin-height-{}", ("incr", "decr"), 0.6),
    ("chin/chin-prominent-{}", ("incr", "decr"), 0.6),
    ("chin/chin-jaw-drop-{}", ("incr", "decr"), 0.6),
    ("eyebrows/eyebrows-trans-{}", ("up", "down"), 0.5),
    ("eyebrows/eyebrows-angle-{}", ("up", "down"), 0.7),
    ("mouth/mouth-scale-horiz-{}", ("incr", "decr"), 0.6),
    ("mouth/mouth-upperlip-height-{}", ("incr", "decr"), 0.5),
    ("mouth/mouth-lowerlip-height-{}", ("incr", "decr"), 0.5),
    ("mouth/mouth-upperlip-volume-{}", ("incr", "decr"), 0.6),
    ("mouth/mouth-lowerlip-volume-{}", ("incr", "decr"), 0.6),
    ("mouth/mouth-trans-{}", ("up", "down"), 0.4),
    ("mouth/mouth-angles-{}", ("up", "down"), 0.4),
    ("nose/nose-scale-horiz-{}", ("incr", "decr"), 0.6),
    ("nose/nose-scale-vert-{}", ("incr", "decr"), 0.5),
    ("nose/nose-scale-depth-{}", ("incr", "decr"), 0.6),
    ("nose/nose-hump-{}", ("incr", "decr"), 0.7),
    ("nose/nose-curve-{}", ("concave", "convex"), 0.6),
    ("nose/nose-point-{}", ("up", "down"), 0.6),
    ("nose/nose-width1-{}", ("incr", "decr"), 0.6),
    ("nose/nose-flaring-{}", ("incr", "decr"), 0.6),
    ("*cheek/{}-cheek-bones-{}", ("incr", "decr"), 0.8),
    ("*cheek/{}-cheek-volume-{}", ("incr", "decr"), 0.8),
    ("*eyes/{}-eye-scale-{}", ("incr", "decr"), 0.5),
    ("*eyes/{}-eye-trans-{}", ("in", "out"), 0.5),
    ("*eyes/{}-eye-corner1-{}", ("up", "down"), 0.6),
    ("*eyes/{}-eye-corner2-{}", ("up", "down"), 0.6),
    ("*eyes/{}-eye-bag-{}", ("incr", "decr"), 0.6),
    ("*ears/{}-ear-wing-{}", ("incr", "decr"), 0.6),
    ("*ears/{}-ear-scale-{}", ("incr", "decr"), 0.6),
)


def sample_identity(rng: np.random.Generator, masculine: float) -> np.ndarray:
    """A random neutral face.

    Args:
        rng: source of all randomness.
        masculine: 0 feminine to 1 masculine.

    Returns:
        ``(V, 3)`` vertices in dm, scaled so that the jaw is :data:`FACE_WIDTH` wide and moved so that the mean of the
        landmarks stays at its canonical place.
    """
    mesh = load_mesh()
    folder = "mpfb2/targets/"
    macro = folder + "macrodetails/"
    shape = mesh.canonical.copy()
    ancestry = rng.dirichlet([0.5, 0.5, 0.5])
    old = float(np.clip(rng.beta(1.0, 1.8), 0.0, 0.85))
    for sex, sex_weight in (("male", masculine), ("female", 1.0 - masculine)):
        for age, age_weight in (("young", 1.0 - old), ("old", old)):
            weight = sex_weight * age_weight
            for race, share in zip(("african", "asian", "caucasian"), ancestry, strict=True):
                shape += weight * share * target(f"{macro}{race}-{sex}-{age}")
            shape += weight * target(f"{macro}universal-{sex}-{age}-averagemuscle-averageweight")
    for stem, ends, largest in DETAILS:
        end = ends[rng.integers(len(ends))]
        weight = largest * rng.beta(1.2, 1.8)
        names = [stem.format(end)] if stem[0] != "*" else [stem[1:].format(side, end) for side in "lr"]
        for name in names:
            shape += weight * rng.uniform(0.92, 1.08) * target(folder + name)
    # The mesh hides its upper teeth; people show them when they speak and smile.
    shape[mesh.upper_teeth, 1] -= 0.035
    return _normalised(shape, mesh)


def _normalised(shape: np.ndarray, mesh: HeadMesh) -> np.ndarray:
    points = mesh.landmarks(shape)
    width = np.linalg.norm(points[16] - points[0])
    return (shape - points.mean(0)) * (FACE_WIDTH / width) + mesh.landmarks(mesh.canonical).mean(0)
