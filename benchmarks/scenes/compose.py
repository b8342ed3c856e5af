"""Scenes made of clips of one face each, and where each face is in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from srn_core.data import Clip

GAPS = (5, 25, 60, 300)
# Frames of a face before and after something happens to it.
SHOWN = 20
# A face counts as visible where at least this share of its landmarks is in the picture and not behind another face.
VISIBLE_SHARE = 0.5
BLACK = 0


@dataclass(frozen=True)
class SceneFrame:
    """One frame.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB.
        faces: who is visible -> landmarks ``(L, 2)`` pixels.
        partly: the same of faces of which less is seen, but something: they may be tracked or not.
    """

    image: np.ndarray
    faces: dict[str, np.ndarray]
    partly: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class ComposedScene:
    """A composed video.

    Attributes:
        name: what happens in it.
        frames: in order.
        all_faces: whether it is tracked with all faces.
    """

    name: str
    frames: list[SceneFrame]
    all_faces: bool = False


def compose(clips: Sequence[Clip], gaps: Sequence[int] = GAPS) -> Iterator[ComposedScene]:
    """All scenes; ``clips`` show one person each, at least two, and have at least 40 frames."""
    for clip in clips:
        for gap in gaps:
            yield black_gap(clip, gap)
        yield black_gap(clip, 5, elsewhere=True)
        yield black_gap(clip, 25, elsewhere=True)
        yield leaving(clip)
        yield texture_cut(clip)
    for first, second in zip(clips, [*clips[1:], clips[0]], strict=True):
        yield cuts(first, second)
        yield crossing(first, second)


def black_gap(clip: Clip, gap: int, elsewhere: bool = False) -> ComposedScene:
    """The face, black frames, the face; with ``elsewhere`` on the other side of a wider picture."""
    width = clip.frame(0).shape[1]
    wide, moved = (2 * width, width) if elsewhere else (width, 0)
    before = [_placed(clip, t, wide, 0) for t in range(SHOWN)]
    dark = [SceneFrame(np.full_like(before[0].image, BLACK), {}) for _ in range(gap)]
    after = [_placed(clip, t, wide, moved) for t in range(SHOWN, 2 * SHOWN)]
    return ComposedScene(
        f"black gap of {gap} frames{', then the face is elsewhere' if elsewhere else ''}", before + dark + after
    )


def leaving(clip: Clip) -> ComposedScene:
    """The picture moves until the face has left it, and back."""
    width = clip.frame(0).shape[1]
    path = np.concatenate(
        [np.zeros(5), np.linspace(0, -width, 13), np.full(4, -width), np.linspace(-width, 0, 13), np.zeros(5)]
    )
    frames = [_placed(clip, t, width, round(x)) for t, x in enumerate(path)]
    return ComposedScene("the face leaves the picture and comes back", frames)


def texture_cut(clip: Clip) -> ComposedScene:
    """A cut to a smooth texture, and back."""
    rng = np.random.default_rng(0)
    frames = [_placed(clip, t, clip.frame(0).shape[1], 0) for t in range(2 * SHOWN)]
    height, width = frames[0].image.shape[:2]
    coarse = rng.integers(0, 256, (height // 20 + 2, width // 20 + 2, 3), dtype=np.uint8)
    texture = np.repeat(np.repeat(coarse, 20, 0), 20, 1)[:height, :width]
    return ComposedScene(
        "cut to a pattern for 10 frames and back", frames[:SHOWN] + [SceneFrame(texture, {})] * 10 + frames[SHOWN:]
    )


def cuts(first: Clip, second: Clip) -> ComposedScene:
    """Every 10 frames a cut to the other person."""
    both = [first, second, first, second]
    frames = [_placed(clip, 10 * i + t, clip.frame(0).shape[1], 0) for i, clip in enumerate(both) for t in range(10)]
    return ComposedScene("cuts to another person every 10 frames", frames)


def crossing(first: Clip, second: Clip) -> ComposedScene:
    """Two people move across each other; the first passes in front."""
    (height, width), (low, wide) = first.frame(0).shape[:2], second.frame(0).shape[:2]
    canvas_width = 2 * max(width, wide)
    frames = []
    for t, share in enumerate(np.linspace(0, 1, 2 * SHOWN)):
        image = np.full((max(height, low), canvas_width, 3), 128, np.uint8)
        back = round((1 - share) * (canvas_width - wide))
        front = round(share * (canvas_width - width))
        image[:low, back : back + wide] = second.frame(t)
        image[:height, front : front + width] = first.frame(t)
        behind = second.landmarks[t] + (back, 0)
        covered = (behind[:, 0] >= front) & (behind[:, 0] < front + width)
        seen = {first.person: (first.landmarks[t] + (front, 0), 1.0), second.person: (behind, float((~covered).mean()))}
        frames.append(SceneFrame(image, *_by_share(seen)))
    return ComposedScene("two people cross (all faces)", frames, all_faces=True)


def _placed(clip: Clip, t: int, wide: int, moved: int) -> SceneFrame:
    """A frame of a clip in a black picture of another width, moved to the right."""
    source = clip.frame(t)
    image = np.full((source.shape[0], wide, 3), BLACK, np.uint8)
    left, right = max(moved, 0), min(moved + source.shape[1], wide)
    if right > left:
        image[:, left:right] = source[:, left - moved : right - moved]
    points = clip.landmarks[t] + (moved, 0)
    inside = ((points >= 0) & (points < (wide, source.shape[0]))).all(-1)
    return SceneFrame(image, *_by_share({clip.person: (points, float(inside.mean()))}))


def _by_share(faces: dict[str, tuple[np.ndarray, float]]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Faces and the shares of them that are seen -> the visible and the partly visible ones."""
    visible = {who: points for who, (points, share) in faces.items() if share >= VISIBLE_SHARE}
    return visible, {who: points for who, (points, share) in faces.items() if 0 < share < VISIBLE_SHARE}
