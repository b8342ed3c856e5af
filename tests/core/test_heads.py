"""The renderer repeats itself, its landmarks lie where they should, and the shipped clips are whole."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

import srn_core
from srn_core.errors import UserError
from srn_core.face.schemes import IBUG68

needs_head_model = pytest.mark.skipif(
    importlib.util.find_spec("anny") is None, reason="the head model (extra 'synthetic') is not installed"
)
DEMO_FOLDER = Path(srn_core.__path__[0]) / "demo_clips"
SIZE = 96


@needs_head_model
def test_same_seed_same_clip_and_other_seed_other_clip() -> None:
    from srn_core.heads.clips import render_clip

    first, again, other = (render_clip(seed, num_frames=1, size=SIZE) for seed in (3, 3, 4))
    assert first.frames.dtype == np.uint8 and first.frames.shape == (1, SIZE, SIZE, 3)
    assert first.landmarks.dtype == np.float32 and first.landmarks.shape == (1, 68, 2)
    np.testing.assert_array_equal(first.frames, again.frames)
    np.testing.assert_array_equal(first.landmarks, again.landmarks)
    assert np.abs(first.frames.astype(int) - other.frames).mean() > 5.0
    assert np.abs(first.landmarks - other.landmarks).max() > 1.0


def test_nearer_triangle_hides_the_farther_and_back_faces_are_culled() -> None:
    from srn_core.heads.raster import rasterise

    # Two counter-clockwise (y up) triangles over the same pixels, and one that faces away in front of both.
    points = np.array([[0, 9], [9, 9], [0, 0]] * 3, float)
    depth = np.repeat([5.0, 3.0, 1.0], 3)
    triangles = np.array([[0, 1, 2], [3, 4, 5], [8, 7, 6]])
    drawn = rasterise(points, depth, triangles, (10, 10))
    assert len(drawn.pixel) == 55 and set(drawn.triangle) == {1}
    np.testing.assert_allclose(drawn.depth, 3.0, rtol=1e-5)
    place = drawn.interpolate(points.astype(np.float32), triangles)
    np.testing.assert_allclose(place, np.stack([drawn.pixel % 10, drawn.pixel // 10], 1), atol=1e-4)


@needs_head_model
def test_neutral_landmarks_are_symmetric_and_in_ibug_order() -> None:
    from srn_core.heads.mesh import load_mesh

    mesh = load_mesh()
    points = mesh.landmarks(mesh.canonical)
    np.testing.assert_allclose(points[IBUG68.mirror] * [-1.0, 1.0, 1.0], points, atol=1e-6)
    assert points[0, 0] < points[36, 0] < points[39, 0] < 0.0 < points[42, 0] < points[45, 0] < points[16, 0]
    for top, bottom in ((19, 37), (37, 41), (41, 30), (30, 33), (33, 51), (51, 62), (62, 66), (66, 57), (57, 8)):
        assert points[top, 1] > points[bottom, 1], (top, bottom)


@needs_head_model
def test_blink_meets_the_lower_lid_and_jaw_opens_the_lips() -> None:
    from srn_core.heads.identity import sample_identity
    from srn_core.heads.mesh import deform, load_mesh

    mesh = load_mesh()
    neutral = sample_identity(np.random.default_rng(0), masculine=0.5)
    still = mesh.landmarks(deform(neutral, {}))
    blink = mesh.landmarks(deform(neutral, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}))
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        assert abs(blink[upper, 1] - blink[lower, 1]) < 0.3 * (still[upper, 1] - still[lower, 1])
    spoken = mesh.landmarks(deform(neutral, {"jawOpen": 0.6}))
    assert spoken[62, 1] - spoken[66, 1] > still[62, 1] - still[66, 1] + 0.1


@needs_head_model
@pytest.mark.parametrize("yaw", [-30.0, 0.0, 30.0])
def test_jaw_line_of_a_turned_head_is_the_outline(yaw: float) -> None:
    from srn_core.heads.jaw import slide_to_silhouette
    from srn_core.heads.mesh import load_mesh
    from srn_core.heads.render import rotation

    mesh = load_mesh()
    turned = mesh.canonical @ rotation(np.radians(yaw), 0.0, 0.0).T
    image = turned[:, :2] * [100.0, -100.0]
    frontal = mesh.landmarks(image)[:17]
    slid = slide_to_silhouette(image, 0.0)
    moved = np.linalg.norm(slid - frontal, axis=1)
    if yaw == 0.0:
        assert moved.max() < 3.0
        return
    far, near = (slice(0, 5), slice(12, 17)) if yaw < 0 else (slice(12, 17), slice(0, 5))
    assert moved[far].max() > 5.0 > moved[near].max()
    side = np.sign(yaw)
    assert (side * (slid[far, 0] - frontal[far, 0])).min() >= -1e-6


def test_missing_head_model_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from srn_core.heads.mesh import data_folder

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"srn-occlusion\[synthetic\]"):
        data_folder()


@needs_head_model
def test_build_writes_whole_files_only(tmp_path: Path) -> None:
    from srn_core.heads.build import build

    build(tmp_path, num_clips=1, num_frames=1, size=SIZE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo000.avi", "landmarks.npz"]


def _frames(path: Path) -> np.ndarray:
    video, frames = cv2.VideoCapture(str(path)), []
    while True:
        more, frame = video.read()
        if not more:
            return np.array(frames)
        frames.append(frame)


def test_shipped_clips_decode_and_hold_the_face() -> None:
    with np.load(DEMO_FOLDER / "landmarks.npz", allow_pickle=False) as file:
        landmarks = {name: file[name] for name in file.files}
    assert sorted(landmarks) == [f"demo{index:03d}" for index in range(16)]
    for name, points in landmarks.items():
        frames = _frames(DEMO_FOLDER / f"{name}.avi")
        assert frames.shape == (48, 192, 192, 3) and points.shape == (48, 68, 2) and points.dtype == np.float32
        assert points.min() > 8.0 and points.max() < 183.0, name
        extent = points.max(1) - points.min(1)
        assert extent[:, 0].min() > 65.0 and extent.max() < 135.0, name
        assert np.ptp(points.mean(1) - points[:, 30], axis=0).max() > 8.0, f"{name} hardly moves"
    assert sum(path.stat().st_size for path in DEMO_FOLDER.iterdir()) < 8e6


@needs_head_model
def test_the_data_spec_renders_what_the_renderer_renders() -> None:
    from srn_core.data import load_clips
    from srn_core.heads.clips import render_clip

    first, second = load_clips("synthetic?seed=3&limit=2&frames=1").clips
    assert (first.name, second.name, len(first)) == ("synthetic00003", "synthetic00004", 1)
    rendered = render_clip(4, 1)
    assert np.array_equal(second.frame(0), rendered.frames[0]) and np.array_equal(second.landmarks, rendered.landmarks)
    with pytest.raises(UserError, match="seed=x"):
        load_clips("synthetic?seed=x")
