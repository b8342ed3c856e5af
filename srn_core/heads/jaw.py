"""The 300-W jaw line is the contour of the *visible* face: it slides over the cheek when a head turns."""

from functools import lru_cache

import numpy as np

from srn_core.heads.mesh import SKIN, load_mesh
from srn_core.heads.raster import rasterise

NUM_JAW = 17
STEPS = 28
# How far towards the middle of the face a point may slide: past the cheekbone, short of the nose.
REACH = 0.55
_PIXELS_PER_DM = 250.0
_LEFT, _TOP = -1.0, 8.4
_SIZE = (500, 625)


# It depends on the head model alone.
@lru_cache(maxsize=1)
def slide_paths() -> tuple[np.ndarray, np.ndarray]:
    """Surface points that each jaw landmark may take: vertices ``(17, STEPS, 3)`` and their barycentric weights.

    Each path starts at the landmark's frontal place. In the canonical front view it runs towards the middle of the face at the
    landmark's height; around the chin it runs towards the mouth.
    """
    mesh = load_mesh()
    skin, canonical = mesh.triangles[mesh.material == SKIN], mesh.canonical
    view = (canonical[:, :2] - [_LEFT, _TOP]) * [_PIXELS_PER_DM, -_PIXELS_PER_DM]
    drawn = rasterise(view, 20.0 - canonical[:, 2], skin, _SIZE)
    fragment = np.full(_SIZE[0] * _SIZE[1], -1)
    fragment[drawn.pixel] = np.arange(len(drawn.pixel))
    start = mesh.landmarks(canonical)[:NUM_JAW, None, :2]
    goal = np.concatenate([np.zeros((NUM_JAW, 1, 1)), np.maximum(start[..., 1:], 6.65)], 2)
    steps = np.linspace(0.0, REACH, STEPS)[:, None]
    pixel = np.rint(((1 - steps) * start + steps * goal - [_LEFT, _TOP]) * [_PIXELS_PER_DM, -_PIXELS_PER_DM])
    rows = fragment[(pixel[..., 1] * _SIZE[0] + pixel[..., 0]).astype(int)]
    vertices, weights = skin[drawn.triangle[rows]], drawn.weights[rows].astype(np.float64)
    # The frontal place is an exact vertex, and the front view may miss it where the surface turns away.
    landmark, step = np.nonzero((rows < 0) | (np.arange(STEPS) == 0))
    vertices[landmark, step] = mesh.picks[landmark, :1]
    weights[landmark, step] = [1.0, 0.0, 0.0]
    return vertices, weights


def slide_to_silhouette(projected: np.ndarray, roll: float) -> np.ndarray:
    """Jaw landmarks ``(17, 2)`` on the visible contour, pixels: the outermost point of each landmark's path.

    Args:
        projected: ``(V, 2)`` all vertices in image pixels.
        roll: rotation of the face in the image plane, radians, positive as x turns towards y.
    """
    vertices, weights = slide_paths()
    paths = (projected[vertices] * weights[..., None]).sum(2)
    mesh = load_mesh()
    start = mesh.landmarks(mesh.canonical)[:NUM_JAW, :2]
    outward = start - np.stack([np.zeros(NUM_JAW), np.maximum(start[:, 1], 6.65)], 1)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    outward[:, 1] *= -1.0
    turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    reach = (paths * (outward @ turn)[:, None]).sum(2)
    return paths[np.arange(NUM_JAW), reach.argmax(1)]
