"""Masks: one look a clip, on the lower face alone, from any landmarks; templates; never in training by accident."""

import dataclasses
import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srn_core.data import load_clips, parse_spec
from srn_core.data.masked import clip_style, mask_clip
from srn_core.errors import UserError
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.face.schemes import IBUG68
from srn_core.masks.cloth import MaskStyle
from srn_core.masks.draw import draw_mask
from srn_core.masks.fit import ThinPlate, right_share
from srn_core.masks.templates import ANCHORS, draw_template, load_templates
from srn_core.training.train import train
from tests.support.faces import DATA, real
from tests.support.training import small_args

FACE = 200 * np.array(MEAN_SHAPES["68"]) + 160
SKIN = np.full((320, 320, 3), (190, 150, 130), np.uint8)
PINS = {"a": 2, "b": 28, "c": 14, "d": 5, "e": 8, "f": 11}
relaxed = settings(deadline=None, max_examples=25)


def style(seed: int = 0) -> MaskStyle:
    return MaskStyle.draw(np.random.default_rng(seed))


def changed(image: np.ndarray, masked: np.ndarray) -> np.ndarray:
    return (image.astype(int) - masked).any(-1)


def hull(points: np.ndarray, shape: tuple[int, ...] = SKIN.shape) -> np.ndarray:
    region = np.zeros(shape[:2], np.uint8)
    cv2.fillConvexPoly(region, cv2.convexHull(np.rint(points).astype(np.int32)), 1)
    return region.astype(bool)


def turned(share: float) -> np.ndarray:
    """The mean face seen from the side: 0 is frontal, 1 a profile in which the right side has gone."""
    depth = 0.9 - 3.5 * ((FACE[:, 0] - 160) / 200) ** 2
    angle = share * np.pi / 2
    x = (FACE[:, 0] - 160) * np.cos(angle) - 100 * (depth - 0.5) * np.sin(angle)
    return np.column_stack([x + 160, FACE[:, 1]])


def write_templates(folder: Path, colour: tuple[int, int, int] = (30, 200, 60)) -> Path:
    """Two plain masks: ``plain`` from three sides, each of another brightness, and ``other`` from the front alone."""
    folder.mkdir(exist_ok=True)
    templates = {}
    for name, nose, light in (("plain", 60, 1.0), ("plain_left", 20, 0.8), ("plain_right", 100, 0.6), ("other", 60, 0.3)):
        picture = np.zeros((100, 120, 4), np.uint8)
        picture[5:95, 5:115] = (*(np.array(colour[::-1]) * light), 255)
        cv2.imwrite(str(folder / f"{name}.png"), picture)
        ends = {"a": [5, 20], "c": [115, 20], "d": [15, 70], "f": [105, 70]}
        templates[name] = {**ends, "b": [nose, 5], "e": [nose, 95]}
    (folder / ANCHORS).write_text(json.dumps({"landmarks": PINS, "templates": templates}))
    return folder


@pytest.mark.parametrize("seed", range(6))
def test_the_mask_covers_mouth_and_nose_and_leaves_eyes_and_brows(seed: int) -> None:
    touched = changed(SKIN, draw_mask(SKIN, FACE, style(seed)))
    for covered in (FACE[48:60], FACE[30:36], FACE[6:11]):
        assert touched[hull(covered)].mean() > 0.98
    for bare in (FACE[17:22], FACE[22:27], FACE[36:42], FACE[42:48], FACE[27:28]):
        assert not touched[hull(bare)].any()
    room = FACE.mean(0) + 1.25 * (FACE - FACE.mean(0))
    assert not touched[~hull(room)].any()
    assert 0.35 < touched[hull(FACE)].mean() < 0.75


def test_style_and_drawing_follow_the_seed_alone() -> None:
    assert style(3) == style(3) and style(3) != style(4)
    np.testing.assert_array_equal(draw_mask(SKIN, FACE, style(3)), draw_mask(SKIN.copy(), FACE.copy(), style(3)))
    assert changed(draw_mask(SKIN, FACE, style(3)), draw_mask(SKIN, FACE, style(4))).any()


def test_the_mask_moves_with_the_landmarks() -> None:
    still, moved = (draw_mask(SKIN, FACE + shift, style()) for shift in (np.zeros(2), np.array([24, 16])))
    np.testing.assert_allclose(still[40:280, 40:280].astype(int), moved[56:296, 64:304], atol=40)
    assert np.abs(still[40:280, 40:280].astype(int) - moved[56:296, 64:304]).mean() < 0.5


def test_a_mask_is_lit_as_the_face_is() -> None:
    cloth = hull(FACE[48:60])
    bright, dark = (draw_mask((SKIN * light).astype(np.uint8), FACE, style())[cloth].mean() for light in (1.0, 0.35))
    assert dark < 0.75 * bright
    side_light = (SKIN * np.linspace(0.3, 1.2, 320)[None, :, None]).astype(np.uint8)
    masked = draw_mask(side_light, FACE, dataclasses.replace(style(), pleats=(), depth=0.0))
    assert masked[200, 200].mean() > 1.2 * masked[200, 120].mean()
    grey = draw_mask(np.full_like(SKIN, 140), FACE, style())
    assert np.ptp(grey.astype(int), axis=-1).max() <= 1


@pytest.mark.parametrize("share", [0.0, 0.3, -0.3, 0.6, 0.9, -0.9, 1.0, -1.0])
def test_turned_heads_wear_it_over_mouth_and_chin(share: float) -> None:
    points = turned(share)
    touched = changed(SKIN, draw_mask(SKIN, points, style()))
    assert touched[hull(points[48:60])].mean() > 0.95
    assert not touched[~hull(points.mean(0) + 1.6 * (points - points.mean(0)))].any()


@relaxed
@given(st.integers(0, 10**6), st.sampled_from([1e-9, 1, 60, 5e3, 1e8]), st.integers(-400, 400), st.integers(1, 70))
def test_any_points_and_any_image_size(seed: int, scale: float, shift: int, side: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (side, 1 + seed % 60, 3), dtype=np.uint8)
    for points in (rng.normal(0, scale, (68, 2)) + shift, np.array(MEAN_SHAPES["68"]) * scale + shift):
        before = image.copy()
        masked = draw_mask(image, points, style(seed))
        assert masked.shape == image.shape and masked.dtype == np.uint8
        np.testing.assert_array_equal(image, before)


def test_a_face_outside_the_image_changes_nothing() -> None:
    np.testing.assert_array_equal(draw_mask(SKIN, FACE + 2000, style()), SKIN)
    assert changed(SKIN, draw_mask(SKIN, FACE + (120, 60), style())).any()


def test_a_thin_plate_goes_through_its_knots() -> None:
    rng = np.random.default_rng(0)
    source, target = rng.uniform(0, 100, (9, 2)), rng.uniform(0, 50, (9, 2))
    np.testing.assert_allclose(ThinPlate.fit(source, target, 1e-9)(source), target, atol=1e-3)
    plate = ThinPlate.fit(source, source * 2 + 7, 0.1)
    ys, xs = np.mgrid[5:45, -3:61]
    np.testing.assert_allclose(plate.on_window((-3, 5, 61, 45)), np.stack([xs, ys], -1) * 2 + 7, atol=0.02)
    line = np.repeat(np.arange(9.0)[:, None], 2, 1)
    assert np.isfinite(ThinPlate.fit(line, target, 1e-3)(source)).all()


def test_a_masked_spec_changes_frames_and_nothing_else(clip_spec: str) -> None:
    bare, masked = load_clips(clip_spec).clips, load_clips(f"{clip_spec}?masked=1").clips
    for a, b in zip(bare, masked, strict=True):
        assert a.name == b.name and np.array_equal(a.landmarks, b.landmarks) and np.array_equal(a.boxes, b.boxes)
        for t in range(len(a)):
            np.testing.assert_array_equal(b.frame(t), draw_mask(a.frame(t), a.landmarks[t], clip_style(a.name)))
            assert changed(a.frame(t), b.frame(t))[hull(a.landmarks[t, 48:60], a.frame(t).shape)].mean() > 0.9
    assert len({clip_style(clip.name) for clip in masked}) == len(masked)
    assert len({clip_style("001", seed) for seed in (None, 0, 1)}) == 3
    [first, *_] = load_clips(f"{clip_spec}?masked=1&seed=1").clips
    np.testing.assert_array_equal(first.frame(0), draw_mask(bare[0].frame(0), bare[0].landmarks[0], clip_style("001", 1)))
    np.testing.assert_array_equal(load_clips(f"{clip_spec}?masked=0").clips[0].frame(0), bare[0].frame(0))


@pytest.mark.parametrize("options", ["masked=1", "masked=1&masks={}"])
def test_masked_clips_are_the_same_at_every_load_and_from_a_small_pickle(clip_spec: str, tmp_path: Path, options: str) -> None:
    spec = f"{clip_spec}?{options.format(write_templates(tmp_path / 'masks'))}"
    clip = load_clips(spec).clips[0]
    pickled = pickle.dumps(clip)
    assert len(pickled) < 20_000
    for again in (load_clips(spec).clips[0], pickle.loads(pickled)):
        for t in (3, 0):
            np.testing.assert_array_equal(again.frame(t), clip.frame(t))


def test_demo_clips_wear_masks() -> None:
    assert parse_spec("demo?masked=1").masked
    bare, masked = (load_clips(f"demo?limit=1&masked={flag}").clips[0] for flag in (0, 1))
    assert changed(bare.frame(0), masked.frame(0)).mean() > 0.02


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("masked=2", "masked=2; expected 0 or 1"),
        ("masked=", "expected 0 or 1"),
        ("masked=yes", "masked=yes"),
        ("masks=.", "add masked=1"),
        ("masked=0&masks=.", "add masked=1"),
        ("masked=1&masks=/no/such/folder", "/no/such/folder"),
    ],
)
def test_bad_options(clip_spec: str, options: str, named: str) -> None:
    with pytest.raises(UserError, match=named):
        load_clips(f"{clip_spec}?{options}")


def test_another_scheme_is_refused(clip_spec: str) -> None:
    clip = load_clips(clip_spec).clips[0]
    other = dataclasses.replace(clip, scheme=dataclasses.replace(IBUG68, name="29", num_landmarks=29))
    with pytest.raises(UserError, match="29-point scheme"):
        mask_clip(other)


@pytest.mark.parametrize("share", [-0.7, -0.5, 0.0, 0.5, 0.7])
def test_the_view_follows_the_turn_of_the_head(tmp_path: Path, share: float) -> None:
    other, plain = load_templates(write_templates(tmp_path / "masks"))
    assert (other.name, len(other.views), plain.name, len(plain.views)) == ("other", 1, "plain", 3)
    points = turned(share)
    masked = draw_template(SKIN, points, plain)
    light = masked[tuple(np.rint(points[[62, 66]].mean(0)).astype(int)[::-1])][1] / 200
    lights = {view.turn: brightness for view, brightness in zip(plain.views, (1.0, 0.8, 0.6), strict=True)}
    expected = lights[min(lights, key=lambda turn: abs(turn - right_share(*points[[2, 28, 14]], np.array([1.0, 0.0]))))]
    assert expected == (1.0 if share == 0 else 0.8 if share > 0 else 0.6)
    assert light == pytest.approx(expected, abs=0.08)


def test_a_template_lies_on_its_landmarks_and_nowhere_else(tmp_path: Path) -> None:
    plain = load_templates(write_templates(tmp_path / "masks"))[1]
    touched = changed(SKIN, draw_template(SKIN, FACE, plain))
    assert touched[hull(FACE[48:60])].all() and not touched[hull(FACE[36:42])].any() and not touched[hull(FACE[17:22])].any()
    assert not touched[~hull(FACE.mean(0) + 1.5 * (FACE - FACE.mean(0)))].any()
    np.testing.assert_array_equal(draw_template(SKIN, FACE + 2000, plain), SKIN)


@relaxed
@given(st.integers(0, 10**6), st.sampled_from([1e-9, 1, 60, 5e3]))
def test_templates_take_any_points(tmp_path_factory: pytest.TempPathFactory, seed: int, scale: float) -> None:
    plain = load_templates(write_templates(tmp_path_factory.getbasetemp() / "any-points"))[1]
    rng = np.random.default_rng(seed)
    assert draw_template(SKIN, rng.normal(0, scale, (68, 2)) + 160, plain).shape == SKIN.shape


def broken(content: dict, path: str, value: object) -> dict:
    *keys, last = path.split("/")
    inner = content
    for key in keys:
        inner = inner[key]
    inner[last] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("landmarks", {"a": 1}, "landmarks"),
        ("landmarks/a", 68, "landmark 68"),
        ("landmarks/a", "x", "landmark 'x'"),
        ("templates", {}, "no templates"),
        ("templates/plain", {"a": [1, 2]}, "'plain' is not complete"),
        ("templates/plain/e", [1], "plain"),
        ("templates/plain/e", ["x", 2], "plain"),
        ("templates/absent", {letter: [1, 2] for letter in PINS}, "absent.png"),
    ],
)
def test_broken_template_folders(clip_spec: str, tmp_path: Path, path: str, value: object, named: str) -> None:
    folder = write_templates(tmp_path / "masks")
    content = json.loads((folder / ANCHORS).read_text())
    (folder / ANCHORS).write_text(json.dumps(broken(content, path, value)))
    with pytest.raises(UserError, match=named) as caught:
        load_clips(f"{clip_spec}?masked=1&masks={folder}")
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("picture", [b"", b"no picture", cv2.imencode(".png", SKIN)[1].tobytes()])
def test_broken_template_pictures(tmp_path: Path, picture: bytes) -> None:
    folder = write_templates(tmp_path / "masks")
    (folder / "plain.png").write_bytes(picture)
    with pytest.raises(UserError, match=r"plain\.png"):
        load_templates(folder)
    with pytest.raises(UserError, match=ANCHORS):
        load_templates(tmp_path)


def test_training_on_masks_must_be_asked_for(clip_spec: str, tiny_checkpoint: str, tmp_path: Path) -> None:
    masked = f"{clip_spec}?masked=1"
    for wanted in ({"data": (masked,)}, {"val": (masked,)}):
        args = dataclasses.replace(small_args(clip_spec, tiny_checkpoint, tmp_path / "run", steps=1), **wanted)
        with pytest.raises(UserError, match="--allow-masked"):
            train(args)
        assert not (tmp_path / "run").exists()
    train(dataclasses.replace(args, data=(masked,), allow_masked=True))
    assert (tmp_path / "run").is_dir()


@real("masks")
def test_the_real_templates_cover_mouth_and_nose() -> None:
    (mask,) = load_templates(DATA / "masks")
    assert len(mask.views) == 3
    for share in (-0.6, 0.0, 0.6):
        points = turned(share)
        touched = changed(SKIN, draw_template(SKIN, points, mask))
        assert touched[hull(points[48:60])].mean() > 0.95
        assert not touched[hull(points[17:22])].any() and not touched[hull(points[22:27])].any()
