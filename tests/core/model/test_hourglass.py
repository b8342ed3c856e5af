"""SRN+HG: heat maps become landmarks, S_0 is trained with the cascade, and models without an hourglass are unaffected."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from srn_core import SRN, SRNConfig, Tracker, load_pretrained
from srn_core.checkpoints import starting_model
from srn_core.data import load_clips
from srn_core.evaluation.evaluate import evaluate
from srn_core.face.geometry import boxes_in_crop, crop_image, crop_map, from_box_units
from srn_core.face.metrics import nme, normaliser_length
from srn_core.model.hourglass import Hourglass, gaussian_prior, soft_argmax
from srn_core.training.args import TrainArgs
from srn_core.training.augment import TrainingBatch, draw_batch
from srn_core.training.losses import cascade_loss
from srn_core.training.pool import FacePool
from srn_core.training.train import TrainingRun, train
from tests.support.faces import TINY

OVERRIDES = tuple(
    f"{key}={getattr(TINY, key)}" for key in ("image_size", "patch_size", "steps", "memory_dim", "map_dim", "group_dim")
)
OVERRIDES += ("trunk=3x4,3x8", "initial_shape=hourglass", "hourglass_width=16")
HOURGLASS = SRNConfig.preset("small").override(OVERRIDES)
BOXES = torch.tensor([[8.0, 9.0, 46.0, 47.0], [10.0, 8.0, 47.0, 46.0]])


def built(seed: int = 0, **changes: object) -> SRN:
    """An SRN+HG whose heat maps are not flat."""
    torch.manual_seed(seed)
    model = SRN(dataclasses.replace(HOURGLASS, **changes)).eval()
    assert model.hourglass is not None
    torch.nn.init.normal_(model.hourglass.head[-1].weight)
    return model


def images(side: int = 56) -> Tensor:
    return torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("side", [40, 56, 57, 112])
def test_initial_shapes_have_the_right_shape_and_type_and_lie_in_the_crop(side: int) -> None:
    model = built(image_size=side)
    with torch.inference_mode():
        found = model.initial_shape(images(side), BOXES)
        as_floats = model.initial_shape(images(side).float() / 255 - 0.5, BOXES)
    assert found.shape == (2, 68, 2) and found.dtype == torch.float32
    assert (found >= 1.5).all() and (found <= side - 2.5).all()
    assert not torch.equal(found[0], found[1])
    torch.testing.assert_close(found, as_floats)


def test_the_small_hourglass_has_few_parameters() -> None:
    count = sum(parameter.numel() for parameter in Hourglass(SRNConfig.preset("small").hourglass_width, 68).parameters())
    assert count < 0.6e6
    assert SRNConfig.preset("paper").hourglass_width > SRNConfig.preset("small").hourglass_width


@given(st.integers(0, 27), st.integers(0, 19))
def test_a_one_hot_heat_map_is_the_centre_of_its_cell(row: int, column: int) -> None:
    heat = torch.full((1, 1, 28, 20), -1e4)
    heat[0, 0, row, column] = 0
    inside = torch.arange(4.0).mean()
    assert soft_argmax(heat)[0, 0].tolist() == [4 * column + inside, 4 * row + inside]


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.integers(-4, 4), st.integers(-4, 4))
def test_moving_the_heat_map_by_a_cell_moves_the_shape_by_a_cell(seed: int, down: int, right: int) -> None:
    heat = torch.full((1, 3, 14, 14), -1e4)
    heat[:, :, 4:10, 4:10] = 3 * torch.randn(1, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    moved = soft_argmax(heat.roll((down, right), (2, 3))) - soft_argmax(heat)
    torch.testing.assert_close(moved, torch.tensor([4.0 * right, 4.0 * down]).expand(1, 3, 2), atol=1e-4, rtol=0)


def test_a_cell_lies_in_the_middle_of_the_pixels_that_its_stem_sees() -> None:
    picture = torch.zeros(1, 3, 56, 56, requires_grad=True)
    Hourglass(16, 68).stem(picture)[0, :, 3, 8].sum().backward()
    rows, columns = picture.grad[0].abs().sum(0).nonzero().float().unbind(1)
    assert (columns.mean(), rows.mean()) == (4 * 8 + 1.5, 4 * 3 + 1.5)


def test_the_prior_is_highest_at_its_point_and_symmetric() -> None:
    prior = gaussian_prior(torch.tensor([[[21.5, 9.5]]]), 14)[0, 0]
    assert divmod(int(prior.argmax()), 14) == (2, 5) and prior[2, 5] == 0
    torch.testing.assert_close(prior[2, :5].flip(0), prior[2, 6:11])
    torch.testing.assert_close(prior[3, 5], prior[2, 6])


def test_an_untrained_hourglass_gives_almost_the_mean_shape_and_leaves_the_cascade_alone() -> None:
    models = []
    for initial_shape in ("mean", "hourglass"):
        torch.manual_seed(0)
        models.append(SRN(dataclasses.replace(HOURGLASS, initial_shape=initial_shape)).eval())
    mean, hourglass = models
    torch.testing.assert_close(hourglass.initial_shape(images(), BOXES), mean.initial_shape(images(), BOXES), atol=2.5, rtol=0)
    state = hourglass.state_dict()
    assert all(torch.equal(state[name], value) for name, value in mean.state_dict().items())


def test_bfloat16_stays_close_and_gives_float32() -> None:
    model = built()
    with torch.inference_mode():
        plain = model.initial_shape(images(), BOXES)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = model.initial_shape(images(), BOXES)
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, plain, atol=1.0, rtol=0)


def batch_of(spec: str, config: SRNConfig, frames: int = 1) -> TrainingBatch:
    pool = FacePool(load_clips(spec).clips, config, torch.device("cpu"))
    return draw_batch(pool, config, (0, 0), 8, frames, "none")


def test_the_hourglass_has_a_loss_term_of_its_own_and_gets_no_gradient_from_the_cascade(clip_spec: str) -> None:
    batch = batch_of(clip_spec, HOURGLASS)
    model = built()
    frame = TrainingBatch(*(values[0] for values in batch))
    initial = model.initial_shape(frame.images, frame.boxes)
    shapes, _ = model(frame.images, initial, model.start(8))
    alone = nme(initial, frame.truth, frame.length).mean()
    later = sum(nme(shape, frame.truth, frame.length).mean() for shape in shapes)
    whole = cascade_loss(model, batch)
    torch.testing.assert_close(whole, alone + later)
    parameters = list(model.hourglass.parameters())
    expected = torch.autograd.grad(alone, parameters)
    for gradient, wanted in zip(torch.autograd.grad(whole, parameters), expected, strict=True):
        torch.testing.assert_close(gradient, wanted)
    assert sum(float(gradient.abs().sum()) for gradient in expected) > 0


def tiny_args(spec: str, out: Path, **changes: object) -> TrainArgs:
    options = {"steps": 4, "batch": 8, "sequence": 2, "sequence_every": 2, "val_every": 2, "warmup": 2, "device": "cpu"}
    return TrainArgs(data=(spec,), out=out, config_override=OVERRIDES, **{**options, **changes})


def test_training_improves_the_initial_shape(tmp_path: Path) -> None:
    """On a rendered head, because the made-up clips have no features to find."""
    changes = {"steps": 100, "sequence_every": 0, "occlusion": "none", "ema": 0.9, "lr": 3e-3, "val_every": 100}
    args = tiny_args("demo?split=train&limit=1", tmp_path, **changes)

    def error(model: SRN) -> float:
        clip = load_clips(args.data[0]).clips[0]
        truth = torch.from_numpy(crop_map(clip.boxes, model.config.crop).to_crop(clip.landmarks))
        pictures = torch.from_numpy(clip.crops(model.config.crop)).permute(0, 3, 1, 2)
        boxes = torch.from_numpy(boxes_in_crop(clip.boxes, model.config.crop))
        length = torch.from_numpy(normaliser_length(truth.numpy(), clip.scheme))
        with torch.inference_mode():
            return float(nme(model.initial_shape(pictures, boxes), truth, length).mean())

    before = error(TrainingRun(args).averaged().eval())
    train(args)
    assert error(load_pretrained(tmp_path)) < 0.8 * before


@pytest.mark.parametrize("start", ["mean", "previous"])
def test_the_cascade_starts_at_the_hourglass_on_every_frame_or_on_the_first_one(clip_spec: str, start, monkeypatch) -> None:
    monkeypatch.setattr("srn_core.tracking.step.KEPT_OVERLAP", 0.0)
    tracker = Tracker(built(), "cpu")
    clip = load_clips(clip_spec).clips[0]
    model, memory, found = tracker.model, tracker.start(1), None
    expected = []
    for t, box in enumerate(clip.boxes[:, None]):
        image = torch.from_numpy(crop_image(clip.frame(t), box[0], tracker.crop)).permute(2, 0, 1)[None]
        with torch.inference_mode():
            if found is None or start == "mean":
                shape = model.initial_shape(image, torch.from_numpy(boxes_in_crop(box, tracker.crop)))
            else:
                shape = torch.from_numpy(crop_map(box, tracker.crop).to_crop(found))
            shapes, memory = model(image, shape, memory)
        found = crop_map(box, tracker.crop).to_frame(shapes[-1].numpy())
        expected.append(found[0])
    frames = [clip.frame(t) for t in range(len(clip))]
    np.testing.assert_allclose(list(tracker.track(frames, iter(clip.boxes), start=start)), expected, atol=0.05)
    several = evaluate(tracker, load_clips(clip_spec), "track", start=start)
    np.testing.assert_allclose(several.predictions[several.clip_index == 0], expected, atol=0.05)


def test_weights_without_an_hourglass_start_at_the_mean_shape_bit_for_bit(tiny_checkpoint: str) -> None:
    tracker = Tracker(load_pretrained(tiny_checkpoint), "cpu")
    assert tracker.model.config.initial_shape == "mean" and tracker.model.hourglass is None
    placed = from_box_units(tracker.model.mean_shape, BOXES)
    assert torch.equal(tracker.model.initial_shape(images(), BOXES), placed)
    points, memory = tracker.step(images(), BOXES, tracker.start(2))
    with torch.inference_mode():
        shapes, expected = tracker.model(images(), placed, tracker.start(2))
    assert torch.equal(points, shapes[-1]) and torch.equal(memory, expected)


def test_the_non_local_block_is_left_out_of_weights_that_have_one(tiny_checkpoint: str) -> None:
    given = load_pretrained(tiny_checkpoint)
    model = starting_model("small", tiny_checkpoint, ["relation=off"])
    assert model.config.relation == "off" and not any(name.startswith("nonlocal") for name in model.state_dict())
    assert all(torch.equal(value, given.state_dict()[name]) for name, value in model.state_dict().items())


def test_an_hourglass_is_added_to_weights_that_have_none(tiny_checkpoint: str) -> None:
    given = load_pretrained(tiny_checkpoint)
    model = starting_model("small", tiny_checkpoint, ["initial_shape=hourglass", "hourglass_width=16"])
    assert model.hourglass is not None
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in given.state_dict().items())
