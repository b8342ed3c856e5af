"""Whether an annotation can be that of a face in its picture.

The limits were set on 28,000 real faces (300-W, talking heads, YouTube Faces, COFW, photos of all ages): none of them passes
half of a limit, but for one frame of YouTube Faces whose points are visibly wrong.
"""

from collections.abc import Sequence

import numpy as np

from srn_core.face.geometry import box_overlap, landmark_box
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.io.images import PictureFacts

# Tools write a missing point as 0,0 or -1,-1; files that count pixels from 1 then give -1,-1 or -2,-2.
MISSING = (0.0, -1.0, -2.0)
# In face sizes, where the mean shape fitted to the points has size 1.
FAR_FROM_FACE, FAR_OUTSIDE, APART = 1.2, 1.0, 0.07
# On a coarse grid: face sizes from its place, and as a multiple of what 95 % of the other points stay below.
OUT_OF_PLACE, OUT_OF_LINE = 0.25, 1.6
# How much better the mirrored mean shape fits, as a ratio of squared distances.
MIRRORED = 1.5
LEAST_SIZE = 4.0
LEAST_OVERLAP, LEAST_INSIDE, SAME_PLACE = 0.1, 0.25, 9
# So large a share of the coordinates differs from all others, unless they lie on a grid.
FINE = 0.75
# By how many degrees EXIF's orientation turns the stored pixels clockwise; the other values mirror them too.
TURNS = {3: 180, 6: 90, 8: 270}


def implausible_frames(
    points: np.ndarray, boxes: np.ndarray, sizes: Sequence[tuple[int, int] | None], scheme: str
) -> list[tuple[int, str]]:
    """The frames whose points or box cannot be right, and why: at most one reason each, in rising order.

    Args:
        points: ``(N, L, 2)`` landmarks of any frames, frame pixels.
        boxes: ``(N, 4)`` face boxes, frame pixels.
        sizes: width and height of each frame; None where they are not known.
        scheme: name of the landmark scheme.
    """
    # Absurd numbers must not overflow: they are what is looked for.
    boxes, points = boxes.astype(np.float64), points.astype(np.float64)
    overlap = box_overlap(boxes, landmark_box(points).astype(np.float64))
    size, far, number, mirrored = _fit(points, scheme)
    inside = ((points >= boxes[:, None, :2]) & (points <= boxes[:, None, 2:])).all(-1).mean(1)
    missing = np.any([(points == value).all(-1) for value in MISSING], axis=0)
    places = np.sort(points[..., 0] + 1j * points[..., 1], axis=1)
    doubled = (places[:, 1:] == places[:, :-1]).any(1)
    found = []
    for t in range(len(points)):
        if missing[t].any():
            x, y = points[t, missing[t].argmax()]
            text = f"point {missing[t].argmax()} is at {x:g},{y:g}, which stands for a missing point"
        elif size[t] < LEAST_SIZE:
            text = f"the face is {size[t]:.1f} px large; are its points in pixels?"
        elif mirrored[t] > MIRRORED:
            text = "the points are mirrored, or x and y are exchanged"
        elif far[t] > FAR_FROM_FACE:
            text = f"point {number[t]} is {far[t]:.1f} face sizes from its place"
        elif doubled[t] and (pair := _copied(points[t], scheme)):
            text = f"points {pair[0]} and {pair[1]} are at the same place"
        elif inside[t] < LEAST_INSIDE or overlap[t] < LEAST_OVERLAP:
            text = (
                f"the face box holds {round(inside[t] * points.shape[1])} of {points.shape[1]} points and overlaps them little"
            )
        else:
            text = _outside(points[t], size[t], sizes[t])
        if text:
            found.append((t, f"{text}; correct or remove the annotation"))
    return found


def turned_conflict(facts: PictureFacts, points: np.ndarray, scheme: str, turned: bool = False) -> str:
    """What is wrong between the points ``(L, 2)`` of a picture and its EXIF orientation; empty if nothing is.

    Args:
        facts: of the stored pixels; an orientation of videos counts likewise.
        points: frame pixels.
        scheme: of the points.
        turned: the pixels are read turned, as viewers show them; otherwise as they are stored.
    """
    if facts.orientation == 1:
        return ""
    stored = (facts.width, facts.height)
    shown = stored[::-1] if facts.orientation > 4 else stored
    said = "give exif=stored (points of the pixels in the file) or exif=turned (points of what a viewer shows)"
    said = f"the picture has EXIF orientation {facts.orientation}; {{}}; {said}, or save it without"
    fits = [bool(((points > -1) & (points < size)).all()) for size in (stored, shown)]
    if fits[0] != fits[1]:
        read = "as it is stored" if fits[0] else "when it is turned"
        return "" if fits[turned] else said.format(f"the points fit it only {read}")
    # A face is upright in what a viewer shows.
    roll = _roll(points.astype(np.float64)[None], scheme)[0] + (0 if turned else TURNS.get(facts.orientation, 0))
    if facts.orientation in TURNS and abs((roll + 180) % 360 - 180) < 45:
        return ""
    return said.format("the points fit it both as it is stored and when it is turned")


def _fit(points: np.ndarray, scheme: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The mean shape fitted to the points ``(T, L, 2)`` by a similarity.

    Returns four arrays ``(T,)``: the face's size in pixels, how many sizes the worst point is from its place, as the others
    have it, which point that is, and by how much the mirrored shape fits better.
    """
    mean = np.asarray(MEAN_SHAPES[scheme], np.float64)
    face, shape = points[..., 0] + 1j * points[..., 1], np.broadcast_to(mean[:, 0] + 1j * mean[:, 1], points.shape[:2])
    distances = _distances(face, shape, np.ones(face.shape))[1]
    worst = distances.argmax(1)
    others = np.ones(face.shape)
    others[np.arange(len(face)), worst] = 0
    scale, without_it = _distances(face, shape, others)
    with np.errstate(divide="ignore", invalid="ignore"):
        far = without_it.max(1) / scale
        mirrored = (distances**2).sum(1) / (_distances(face, shape.conj(), np.ones(face.shape))[1] ** 2).sum(1)
    return scale, np.nan_to_num(far), worst, np.nan_to_num(mirrored)


def _distances(face: np.ndarray, shape: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale ``(T,)`` of the best similarity from ``shape`` to ``face``, both ``(T, L)`` complex, and its errors ``(T, L)``."""
    total = weights.sum(1, keepdims=True)
    face = face - (face * weights).sum(1, keepdims=True) / total
    shape = shape - (shape * weights).sum(1, keepdims=True) / total
    factor = (face * shape.conj() * weights).sum(1, keepdims=True) / (abs(shape) ** 2 * weights).sum(1, keepdims=True)
    return abs(factor[:, 0]), abs(face - factor * shape)


def _roll(points: np.ndarray, scheme: str) -> np.ndarray:
    """By how many degrees faces are turned clockwise: ``(T,)``."""
    mean = np.asarray(MEAN_SHAPES[scheme], np.float64)
    face, shape = points[..., 0] + 1j * points[..., 1], mean[:, 0] + 1j * mean[:, 1]
    return np.degrees(np.angle(((face - face.mean(1, keepdims=True)) * (shape - shape.mean()).conj()).sum(1)))


def _copied(points: np.ndarray, scheme: str) -> tuple[int, int] | None:
    """Two points that cannot coincide but do. On a coarse grid (whole numbers) lips and profiles may."""
    _, first, counts = np.unique(points, axis=0, return_inverse=True, return_counts=True)
    first = first.ravel()
    if counts.max() == 1:
        return None
    coarse, mean = len(np.unique(points)) < FINE * points.size, np.asarray(MEAN_SHAPES[scheme])
    for place in np.flatnonzero(counts > 1):
        same = np.flatnonzero(first == place)
        apart = np.linalg.norm(mean[same[0]] - mean[same], axis=1).max()
        if len(same) >= SAME_PLACE or (apart > APART and (not coarse or _stands_out(points, same, scheme))):
            return int(same[0]), int(same[-1])
    return None


def _stands_out(points: np.ndarray, chosen: np.ndarray, scheme: str) -> bool:
    """Whether one of the chosen points is much farther from its place in the mean shape than the others are from theirs."""
    mean, weights = np.asarray(MEAN_SHAPES[scheme]), np.ones((1, len(points)))
    weights[0, chosen] = 0
    face, shape = ((xy[:, 0] + 1j * xy[:, 1])[None] for xy in (points, mean))
    size, distances = _distances(face, shape, weights)
    far = distances[0] / size[0]
    return bool(far[chosen].max() > max(OUT_OF_PLACE, OUT_OF_LINE * np.quantile(np.delete(far, chosen), 0.95)))


def _outside(points: np.ndarray, size: float, frame: tuple[int, int] | None) -> str:
    """What is wrong with the place of the points in the picture; empty where its size is not known or nothing is wrong."""
    if frame is None:
        return ""
    beyond = np.maximum(-points, points - frame).max(1)
    if np.mean(beyond > 0) <= 0.5 and beyond.max() <= FAR_OUTSIDE * size:
        return ""
    return f"{(beyond > 0).sum()} of {len(points)} points are outside the picture of {frame[0]} x {frame[1]} px"
