"""Stills that move (motion=T): points and picture move together, smoothly, and the same at every load."""

import numpy as np

from srn_core.data import load_clips
from srn_core.data.motion import move_clip, sway


def test_points_and_pixels_move_together() -> None:
    still = load_clips("demo?split=val&limit=1&frames=1").clips[0]
    image = np.zeros((120, 160, 3), np.uint8)
    x, y = 70, 50
    image[y - 1 : y + 2, x - 1 : x + 2] = 255
    marked = type(still)(
        "one",
        still.landmarks * 0 + [x, y] + still.landmarks * 0.01,
        still.boxes * 0 + [40, 20, 100, 80],
        lambda t: image,
        still.cuts,
        still.scheme,
    )
    moved = move_clip(marked, 24)[0]
    for t in range(0, 24, 6):
        rows, columns = np.nonzero(moved.frame(t)[..., 0] > 120)
        offset = (marked.landmarks[0] - [x, y]).mean(0)
        np.testing.assert_allclose([columns.mean(), rows.mean()], moved.landmarks[t].mean(0) - offset, atol=0.8)


def test_a_motion_is_smooth_repeats_itself_and_differs_between_people() -> None:
    box = np.array([0.0, 0.0, 100.0, 100.0])
    first = sway("a", box, 48)
    assert np.array_equal(first, sway("a", box, 48)) and np.array_equal(first[:10], sway("a", box, 10))
    assert not np.allclose(first, sway("b", box, 48))
    corners = np.array([[0, 0, 1], [100, 0, 1], [50, 50, 1]]).T
    places = first @ corners
    assert np.abs(np.diff(places, axis=0)).max() < 6 and np.ptp(places, axis=0).max() > 2


def test_any_spec_takes_motion() -> None:
    clips = load_clips("demo?split=val&limit=2&frames=3&motion=8").clips
    assert [len(clip) for clip in clips] == [8] * 6
    assert len({clip.name for clip in clips}) == 6
    assert all(clip.is_video and clip.frame(7).shape == clip.frame(0).shape for clip in clips)
    masked = load_clips("demo?split=val&limit=1&frames=1&motion=4&masked=1").clips[0]
    assert len(masked) == 4 and not np.array_equal(masked.frame(0), clips[0].frame(0))
