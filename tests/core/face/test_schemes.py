"""The schemes of 29, 68 and 98 points: sound tables, mean shapes and boxes that fit real faces, SRNs of each."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from srn_core import SRN
from srn_core.data import Clip, load_clips
from srn_core.face.boxes import BOX_MEANS, box_from_description, draw_detector_boxes
from srn_core.face.geometry import from_box_units, mirror_points
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.face.metrics import nme, normaliser_length
from srn_core.face.schemes import SCHEMES, Scheme
from tests.support.faces import DATA, TINY, describe_box, real

FACES = {name: 60 * np.array(shape) + 60 for name, shape in MEAN_SHAPES.items()}
every_scheme = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=lambda scheme: scheme.name)


@every_scheme
def test_a_scheme_is_symmetric_and_draws_no_landmark_twice(scheme: Scheme) -> None:
    mirrored = {frozenset(scheme.mirror[list(group)].tolist()) for group in scheme.groups.values()}
    sided = {"right_cheek", "left_cheek"} & set(scheme.groups)
    assert {frozenset(scheme.groups[name]) for name in scheme.groups if name not in sided} <= mirrored
    assert set(scheme.adjacency) == set(scheme.neighbourhoods)
    assert scheme.mirror[scheme.eye_corners[0]] == scheme.eye_corners[1]
    assert {scheme.mirror[i] for i in scheme.pupils[0]} == set(scheme.pupils[1])
    drawn = [i for contour in scheme.contours for i in (contour[:-1] if contour[0] == contour[-1] else contour)]
    assert len(drawn) == len(set(drawn))
    contours = {frozenset(contour) for contour in scheme.contours}
    assert {frozenset(scheme.mirror[list(contour)].tolist()) for contour in scheme.contours} == contours


@every_scheme
def test_mirroring_twice_is_the_same_face_and_a_mean_shape_its_own_mirror_image(scheme: Scheme) -> None:
    points = torch.from_numpy(np.random.default_rng(0).normal(50, 20, (3, scheme.num_landmarks, 2)))
    twice = mirror_points(mirror_points(points, 112, scheme.mirror), 112, scheme.mirror)
    torch.testing.assert_close(twice, points)
    shape = torch.tensor(MEAN_SHAPES[scheme.name])
    assert shape.shape == (scheme.num_landmarks, 2)
    torch.testing.assert_close(mirror_points(shape, 1, scheme.mirror), shape, atol=1e-6, rtol=0)
    assert (shape[[right for right, _ in scheme.mirror_pairs], 0] < 0).all()


def test_the_schemes_agree_where_their_points_coincide() -> None:
    """Outer eye corners, nose tip, mouth corners and chin, in units of the distance of the eye corners."""
    same = {"68": [36, 45, 30, 48, 54, 8], "29": [8, 9, 20, 22, 23, 28], "98": [60, 72, 54, 76, 82, 16]}
    shapes = [np.array(MEAN_SHAPES[name])[index] for name, index in same.items()]
    placed = [(shape - shape[:2].mean(0)) / np.linalg.norm(shape[0] - shape[1]) for shape in shapes]
    np.testing.assert_allclose(placed[1:], [placed[0]] * 2, atol=0.01)


@every_scheme
def test_drawn_boxes_lie_like_those_of_the_scheme(scheme: Scheme) -> None:
    faces = np.repeat(FACES[scheme.name][None], 400, 0)
    described = describe_box(draw_detector_boxes(faces, np.random.default_rng(0), scheme=scheme.name), faces)
    np.testing.assert_allclose(described.mean(0), BOX_MEANS[scheme.name], atol=0.015)
    box = box_from_description(BOX_MEANS[scheme.name], FACES[scheme.name])
    placed = from_box_units(torch.tensor(MEAN_SHAPES[scheme.name]), torch.from_numpy(box))
    assert np.abs(placed.numpy() - FACES[scheme.name]).max() < 3


@every_scheme
def test_every_part_of_the_hierarchy_reaches_every_landmark(scheme: Scheme) -> None:
    torch.manual_seed(0)
    for changes in ({}, {"maps": "off"}, {"groups": "off"}, {"outputs": "own"}, {"outputs": "off"}, {"global_shape": "off"}):
        model = SRN(dataclasses.replace(TINY, scheme=scheme.name, **changes))
        boxes = torch.tensor([[8.0, 8.0, 48.0, 48.0]])
        shape = from_box_units(model.mean_shape, boxes)
        images = torch.randint(256, (1, 3, 56, 56), dtype=torch.uint8)
        shapes, memory = model(images, shape, model.start(1))
        assert shapes.shape == (2, 1, scheme.num_landmarks, 2) and memory.shape == (1, 32)
        assert (shapes[-1] != shape).all()


@real("cofw29")
def test_real_cofw29() -> None:
    clips = load_clips(f"cofw29:{DATA / 'cofw29'}").clips
    assert [clip.frame(0).shape for clip in clips] == [(322, 235, 3), (253, 352, 3)]
    assert [int((~clip.visible).sum()) for clip in clips if clip.visible is not None] == [6, 9]
    check_real_faces(clips)


@real("wflw")
def test_real_wflw() -> None:
    clip_set = load_clips(f"wflw:{DATA / 'wflw'}?split=test")
    assert len({clip.name for clip in clip_set.clips}) == 4
    check_real_faces(clip_set.clips)


def check_real_faces(clips: Sequence[Clip]) -> None:
    """Right is left in the picture, eyes over nose over mouth over chin, and the mean shape lies near in the face's box."""
    for clip in clips:
        points, scheme = clip.landmarks[0], clip.scheme
        right, left = np.array(scheme.mirror_pairs).T
        across = np.subtract(*points[list(scheme.eye_corners)[::-1]])
        assert ((points[left] - points[right]) @ across > 0).all()
        heights = [points[list(scheme.groups[name])].mean(0) for name in ("brow", "eye", "nose", "mouth")]
        down = np.array([-across[1], across[0]])
        assert (np.diff(heights, axis=0) @ down > 0).all()
        placed = from_box_units(torch.tensor(MEAN_SHAPES[scheme.name]), torch.from_numpy(clip.boxes[0]))
        length = torch.from_numpy(normaliser_length(clip.landmarks, scheme, "inter-ocular"))
        assert nme(placed, torch.from_numpy(points), length) < 0.35
        assert np.abs(describe_box(clip.boxes, clip.landmarks)[0] - BOX_MEANS[scheme.name]).max() < 0.02
