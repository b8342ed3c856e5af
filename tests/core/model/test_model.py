"""The network does what its equations say, with every switch."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from srn_core import SRN, SRNConfig, Tracker
from srn_core.errors import UserError
from srn_core.face.geometry import from_box_units
from srn_core.model.nonlocal_block import NonLocalBlock
from srn_core.model.patches import extract_patches
from srn_core.model.trunk import CPU_PART, PatchTrunk
from tests.support.networks import run, seeded

SMALL = SRNConfig.preset("small")


@pytest.mark.parametrize(("preset", "millions"), [("paper", 20.8), ("small", 5.2), ("tiny", 2.3)])
def test_parameter_count(preset: str, millions: float) -> None:
    count = sum(parameter.numel() for parameter in SRN(SRNConfig.preset(preset)).parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.05)


def features_and_gradients(features: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    return [features, *torch.autograd.grad(features.square().sum(), inputs)]


def test_patches_in_parts_give_the_features_and_gradients_of_one_pass() -> None:
    """One full part and a smaller rest; the layers skip pixels that pooling drops."""
    torch.manual_seed(0)
    trunk = PatchTrunk(((3, 4), (3, 5)), 13)
    assert trunk.used == 10
    patches = torch.rand(CPU_PART + 7, 3, 13, 13, requires_grad=True)
    inputs = [patches, *trunk.parameters()]
    whole, parts = (features_and_gradients(way(patches), inputs) for way in (partial(trunk._layers, first=0), trunk))
    for expected, found in zip(whole, parts, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("layers", "size"), [(((5, 16), (3, 32)), 18), (((7, 8), (3, 8), (3, 4)), 36), (((2, 3),), 5)])
def test_one_first_layer_for_the_whole_image_gives_the_features_and_gradients_of_patches(layers, size, monkeypatch) -> None:
    """Points lie inside, at the border and far outside images that are not square; one part of two images and one of one."""
    torch.manual_seed(0)
    monkeypatch.setattr("srn_core.model.trunk.CPU_VALUES", 2 * 52 * 45 * layers[0][1])
    trunk = PatchTrunk(layers, size)
    images = (torch.rand(3, 3, 52, 45) - 0.5).requires_grad_()
    points = torch.rand(3, 40, 2) * 140 - 45
    points[0, :3] = torch.tensor([[-1e5, 1e5], [44.5, 51.5], [-0.5, 22.0]])
    inputs = [images, *trunk.parameters()]
    plain = trunk(extract_patches(images, points, size).flatten(0, 1)).unflatten(0, points.shape[:2])
    for found, expected in zip(
        features_and_gradients(trunk.read(trunk.survey(images), points), inputs),
        features_and_gradients(plain, inputs),
        strict=True,
    ):
        assert expected.abs().max() > 1e-2
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_cascade_is_that_of_patches_cut_at_each_step(precision: str) -> None:
    """In float32 the landmarks agree within 0.001 px; bfloat16 has only 8 bits."""
    model = seeded(SMALL)
    images = torch.randint(0, 256, (2, 3, 112, 112), dtype=torch.uint8)
    shape, memory = from_box_units(model.mean_shape, torch.tensor([[20.0, 20, 90, 90], [-30, 5, 60, 95]])), model.start(2)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        found, _ = model(images, shape, memory)
        for k in range(len(found)):
            features = model.patch_features(extract_patches(images, shape, SMALL.patch_size))
            update, memory = model.regress(features, memory)
            tolerance = 1e-3 if precision == "float32" else 0.05 * float(update.abs().max())
            torch.testing.assert_close(found[k], shape + update.float(), rtol=0, atol=tolerance)
            shape = found[k]


def test_relation_off_equals_a_block_that_is_the_identity() -> None:
    """The block starts as the identity: its last layer starts at zero."""
    model = seeded(SMALL)
    model.nonlocal_block.load_state_dict(SRN(SMALL).nonlocal_block.state_dict())
    torch.testing.assert_close(run(model), run(seeded(replace(SMALL, relation="off"))))


def test_memory_off_equals_groups_that_ignore_the_memory() -> None:
    model, off = seeded(SMALL), seeded(replace(SMALL, memory="off"))
    assert not torch.allclose(run(model), run(model, 0.5), atol=1e-3)
    with torch.no_grad():
        for layer in model.hsrm.groups.values():
            layer.weight[:, -SMALL.memory_dim :] = 0
    for memory in (0.0, 0.5):
        torch.testing.assert_close(run(off, memory), run(model), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("memory", ["running", "frame"])
def test_each_step_reads_the_memory_of_the_previous_step_or_of_the_previous_frame(memory: str) -> None:
    model = seeded(replace(SMALL, memory=memory))
    images = torch.randint(0, 256, (1, 3, 112, 112), dtype=torch.uint8)
    entering, shape = (
        torch.full((1, SMALL.memory_dim), 0.3),
        from_box_units(model.mean_shape, torch.tensor([[20.0, 20, 90, 90]])),
    )
    with torch.inference_mode():
        shapes, last = model(images, shape, entering)
        state = entering
        for found in shapes:
            x = model.patch_features(extract_patches(images, shape, SMALL.patch_size))
            update, state = model.regress(x, entering if memory == "frame" else state)
            shape = shape + update
            torch.testing.assert_close(found, shape)
    torch.testing.assert_close(last, state)


@pytest.mark.parametrize("form", ["dot_product", "embedded_gaussian"])
def test_the_non_local_block_is_the_double_sum_of_equation_3(form) -> None:
    torch.manual_seed(0)
    block = NonLocalBlock(4, form)
    torch.nn.init.normal_(block.w_z.weight)
    x = torch.randn(2, 6, 4)
    theta, phi, g = block.theta(x), block.phi(x), block.g(x)
    expected = torch.empty_like(x)
    for b in range(2):
        for i in range(6):
            products = torch.stack([theta[b, i] @ phi[b, j] for j in range(6)])
            weights = products / 6 if form == "dot_product" else products.exp() / products.exp().sum()
            expected[b, i] = x[b, i] + block.w_z(sum(weights[j] * g[b, j] for j in range(6)))
    torch.testing.assert_close(block(x), expected)


def naive_patch(image: np.ndarray, point: np.ndarray, size: int) -> np.ndarray:
    height, width = image.shape[1:]
    patch = np.empty((image.shape[0], size, size), image.dtype)
    x0, y0 = (int(np.floor(v + 0.5)) - size // 2 for v in point)
    for row in range(size):
        for column in range(size):
            patch[:, row, column] = image[:, min(max(y0 + row, 0), height - 1), min(max(x0 + column, 0), width - 1)]
    return patch


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 9),
    st.integers(3, 12),
    st.integers(3, 12),
    st.lists(st.tuples(*[st.floats(-1e6, 1e6, width=32) | st.floats(-15, 30, width=32)] * 2), min_size=1, max_size=4),
)
def test_patches_equal_a_plain_loop(size: int, height: int, width: int, points: list[tuple[float, float]]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, height, width), dtype=np.uint8)
    where = np.array(points, np.float32)
    patches = extract_patches(torch.from_numpy(image)[None], torch.from_numpy(where)[None], size)[0]
    for patch, point in zip(patches.numpy(), where, strict=True):
        np.testing.assert_array_equal(patch, naive_patch(image, point, size))


def test_no_gradient_flows_through_the_patches() -> None:
    model = SRN(SMALL)
    shape = from_box_units(model.mean_shape, torch.tensor([[20.0, 20.0, 90.0, 90.0]])).requires_grad_()
    shapes, _ = model(torch.zeros(1, 3, 112, 112), shape, model.start(1))
    shapes.sum().backward()
    assert shape.grad is None and model.hsrm.global_shape.weight.grad is not None


def test_one_frame_tracked_is_the_same_as_detected() -> None:
    tracker = Tracker(seeded(SMALL), "cpu")
    image = np.random.default_rng(0).integers(0, 256, (90, 110, 3), dtype=np.uint8)
    box = np.array([20, 10, 80, 75], np.float32)
    [tracked] = tracker.track([image], box)
    np.testing.assert_allclose(tracked, tracker.detect([image], box[None])[0], atol=1e-4)


def test_tracking_carries_memory_and_detecting_does_not() -> None:
    tracker = Tracker(seeded(SMALL), "cpu")
    image = np.random.default_rng(0).integers(0, 256, (90, 110, 3), dtype=np.uint8)
    boxes = np.array([[20, 10, 80, 75]] * 2, np.float32)
    first, second = tracker.track([image, image], boxes)
    assert not np.allclose(first, second, atol=1e-3)
    alone = tracker.detect([image, image], boxes)
    np.testing.assert_allclose(alone[0], alone[1], atol=1e-4)


def test_boxes_may_be_lists_or_arrays_and_bad_boxes_are_refused() -> None:
    tracker = Tracker(seeded(SMALL), "cpu")
    image = np.random.default_rng(0).integers(0, 256, (90, 110, 3), dtype=np.uint8)
    box = (20, 10, 80, 75)
    [tracked] = tracker.track([image], box)
    np.testing.assert_array_equal(tracked, next(tracker.track([image], np.array(box))))
    assert tracker.detect([], np.zeros((0, 4))).shape == (0, 68, 2)
    for boxes, message in (
        ([[20, 10, 80]], r"boxes of shape \(1, 3\)"),
        ([[20, 10, 20, 75]], "x0 < x1"),
        ([[20, 10, np.nan, 75]], "finite"),
    ):
        with pytest.raises(ValueError, match=message):
            tracker.detect([image], boxes)
        with pytest.raises(ValueError, match=message.replace("1, 3", "3,")):
            list(tracker.track([image], boxes))
    with pytest.raises(ValueError, match="fewer boxes than frames"):
        list(tracker.track([image, image], np.array([box])))


def test_pictures_that_are_not_uint8_rgb_are_refused() -> None:
    tracker = Tracker(seeded(SMALL), "cpu")
    image, box = np.zeros((90, 110, 3), np.uint8), np.array([20, 10, 80, 75])
    wrong = (
        (image[:0], r"\(0, 110, 3\)"),
        (image / 255, "float64"),
        (image[..., 0], r"\(90, 110\)"),
        (np.dstack([image, image[..., :1]]), r"\(90, 110, 4\)"),
    )
    for picture, message in wrong:
        with pytest.raises(ValueError, match=rf"image of shape .*{message}.*; expected \(H, W, 3\) uint8 RGB"):
            tracker.detect([picture], box[None])
        with pytest.raises(ValueError, match=message):
            list(tracker.track([picture], box))
    with pytest.raises(ValueError, match="2 images, 1 boxes; expected one box per image"):
        tracker.detect([image, image], box)


def test_unknown_starts_and_zero_steps_are_refused() -> None:
    tracker = Tracker(seeded(SMALL), "cpu")
    image, box = np.zeros((90, 110, 3), np.uint8), np.array([20, 10, 80, 75])
    for steps in (0, -1):
        with pytest.raises(ValueError, match=f"steps {steps}; expected at least 1"):
            tracker.detect([image], box[None], steps=steps)
    with pytest.raises(ValueError, match="start 'prev'; expected one of mean, previous"):
        list(tracker.track([image], box, start="prev"))  # type: ignore[arg-type]


def test_a_stored_config_gets_defaults_and_bad_ones_are_refused() -> None:
    assert SRNConfig.from_dict({"steps": 2}) == SRNConfig(steps=2)
    for values in ({"trunk": 5}, {"trunk": [5, 16]}, {"trunk": None}):
        with pytest.raises(UserError, match="SRN config"):
            SRNConfig.from_dict(values)
