"""Coordinates survive their round trips, and a crop shows what its map says."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from srn_core.face.geometry import (
    CropSpec,
    boxes_in_crop,
    crop_image,
    crop_map,
    from_box_units,
    landmark_box,
    to_box_units,
)
from srn_core.face.schemes import IBUG68, SCHEMES

relaxed = settings(deadline=None, max_examples=50)
numbers = st.floats(-400, 900, width=32)
points = arrays(np.float32, (3, 5, 2), elements=numbers)
corners = arrays(np.float32, (3, 2), elements=st.floats(-200, 400, width=32))
sizes = arrays(np.float32, (3, 2), elements=st.floats(8, 500, width=32))
specs = st.builds(CropSpec, st.integers(16, 256), st.floats(0.8, 3))


def boxes_of(corner: np.ndarray, size: np.ndarray) -> np.ndarray:
    return np.concatenate([corner, corner + size], -1)


@relaxed
@given(points, corners, sizes, specs)
def test_crop_and_back(points: np.ndarray, corner: np.ndarray, size: np.ndarray, spec: CropSpec) -> None:
    mapping = crop_map(boxes_of(corner, size), spec)
    np.testing.assert_allclose(mapping.to_frame(mapping.to_crop(points)), points, atol=0.01)


@relaxed
@given(points, corners, sizes)
def test_box_units_and_back(points: np.ndarray, corner: np.ndarray, size: np.ndarray) -> None:
    boxes = boxes_of(corner, size)
    back = from_box_units(torch.from_numpy(to_box_units(points, boxes)), torch.from_numpy(boxes))
    np.testing.assert_allclose(back.numpy(), points, atol=0.01)


@relaxed
@given(corners, sizes, specs)
def test_a_box_lies_in_the_middle_of_its_crop(corner: np.ndarray, size: np.ndarray, spec: CropSpec) -> None:
    inside = boxes_in_crop(boxes_of(corner, size), spec)
    centre, extent = (inside[:, :2] + inside[:, 2:]) / 2, inside[:, 2:] - inside[:, :2]
    np.testing.assert_allclose(centre, (spec.size - 1) / 2, atol=0.05)
    np.testing.assert_allclose(np.linalg.norm(extent, axis=1), 2**0.5 * spec.size / spec.factor, rtol=1e-3)


def test_default_factor_maps_the_diagonal_to_198_px() -> None:
    inside = boxes_in_crop(np.array([[10, 20, 70, 120]]), CropSpec(224, 1.6))[0]
    assert np.linalg.norm(inside[2:] - inside[:2]) == pytest.approx(198, abs=0.1)


@pytest.mark.parametrize("scale", [0.1, 0.35, 1, 2.3])
def test_a_dot_is_seen_where_the_map_says(scale: float) -> None:
    image = np.zeros((900, 900, 3), np.uint8)
    dot = np.array([[430.0, 512.0]])
    cv2.circle(image, (430, 512), round(6 / min(scale, 1)), (255, 255, 255), -1)
    spec = CropSpec(128, 1.0)
    side = spec.size / scale
    box = np.array([450 - side / 2, 500 - side / 2, 450 + side / 2, 500 + side / 2])
    bright = np.argwhere(crop_image(image, box, spec)[..., 0] > 127)
    np.testing.assert_allclose(bright.mean(0)[::-1], crop_map(box, spec).to_crop(dot)[0], atol=0.6)


def test_outside_the_frame_is_black() -> None:
    crop = crop_image(np.full((40, 40, 3), 255, np.uint8), np.array([30, 30, 50, 50]), CropSpec(64, 1.6))
    assert crop[0, 0].min() == 255 and crop[-1, -1].max() == 0


@relaxed
@given(points)
def test_landmark_box_is_tight(points: np.ndarray) -> None:
    boxes = landmark_box(points)
    assert (points >= boxes[:, None, :2]).all() and (points <= boxes[:, None, 2:]).all()
    for side, extreme in enumerate(
        (points[..., 0].min(1), points[..., 1].min(1), points[..., 0].max(1), points[..., 1].max(1))
    ):
        np.testing.assert_array_equal(boxes[:, side], extreme)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=lambda scheme: scheme.name)
def test_a_scheme_is_sound(scheme) -> None:
    everyone = np.arange(scheme.num_landmarks)
    np.testing.assert_array_equal(scheme.mirror[scheme.mirror], everyone)
    np.testing.assert_array_equal(sorted(i for group in scheme.groups.values() for i in group), everyone)
    united = sorted(component for components in scheme.neighbourhoods.values() for component in components)
    assert united == sorted(scheme.groups)
    paired = [i for pair in scheme.mirror_pairs for i in pair]
    assert len(paired) == len(set(paired))


def test_mirror_of_the_68_points() -> None:
    swaps = {0: 16, 8: 8, 17: 26, 27: 27, 36: 45, 39: 42, 41: 46, 48: 54, 60: 64, 67: 65, 57: 57}
    assert {i: int(IBUG68.mirror[i]) for i in swaps} == swaps
