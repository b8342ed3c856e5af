"""Random faces: blends of the mesh's age, sex, ancestry and detail targets."""

from pathlib import Path

import numpy as np

from srn_core.heads.mesh import load_mesh, target

FACE_WIDTH = 1.40


def read_details() -> list[tuple[str, list[str], float]]:
    """Detail targets that change a face within the range of plausible heads: stem, ends and largest weight of each.

    A stem that starts with ``*`` stands for both sides, which get nearly the same weight.
    """
    lines = Path(__file__).with_name("details.csv").read_text(encoding="utf-8").splitlines()[1:]
    return [(stem, ends.split(), float(largest)) for stem, ends, largest in (line.split(",") for line in lines)]


def sample_identity(rng: np.random.Generator, masculine: float) -> np.ndarray:
    """A random neutral face: ``(V, 3)`` vertices in dm; ``masculine`` is 0 feminine to 1 masculine.

    It is scaled so that the jaw is :data:`FACE_WIDTH` wide. The mean of the landmarks stays at its canonical place.
    """
    mesh = load_mesh()
    folder, macro = "mpfb2/targets/", "mpfb2/targets/macrodetails/"
    shape = mesh.canonical.copy()
    ancestry = rng.dirichlet([0.5, 0.5, 0.5])
    old = float(np.clip(rng.beta(1.0, 1.8), 0.0, 0.85))
    for sex, sex_weight in (("male", masculine), ("female", 1.0 - masculine)):
        for age, age_weight in (("young", 1.0 - old), ("old", old)):
            weight = sex_weight * age_weight
            for race, share in zip(("african", "asian", "caucasian"), ancestry, strict=True):
                shape += weight * share * target(f"{macro}{race}-{sex}-{age}")
            shape += weight * target(f"{macro}universal-{sex}-{age}-averagemuscle-averageweight")
    for stem, ends, largest in read_details():
        end = ends[rng.integers(len(ends))]
        weight = largest * rng.beta(1.2, 1.8)
        names = [stem.format(end)] if stem[0] != "*" else [stem[1:].format(side, end) for side in "lr"]
        for name in names:
            shape += weight * rng.uniform(0.92, 1.08) * target(folder + name)
    # The mesh hides its upper teeth; people show them when they speak and smile.
    shape[mesh.upper_teeth, 1] -= 0.035
    points = mesh.landmarks(shape)
    width = np.linalg.norm(points[16] - points[0])
    return (shape - points.mean(0)) * (FACE_WIDTH / width) + mesh.landmarks(mesh.canonical).mean(0)
