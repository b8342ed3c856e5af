"""Training: faces, augmentation, the loop, resuming."""

import dataclasses

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from srn_core.checkpoints import load_card, load_pretrained
from srn_core.data import load_clips
from srn_core.errors import UserError
from srn_core.face.geometry import crop_map
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.io.tensors import load_tensors
from srn_core.occluders.shapes import masklike_occluders, varied_occluders
from srn_core.training import train as train_module
from srn_core.training.augment import draw_batch
from srn_core.training.losses import cascade_loss
from srn_core.training.pool import FacePool
from srn_core.training.train import train
from tests.support.faces import TINY, stopped_at_its_first_save
from tests.support.training import small_args


@pytest.fixture(scope="module")
def pool(clip_spec) -> FacePool:
    return FacePool(load_clips(clip_spec).clips, TINY, torch.device("cpu"))


@pytest.mark.parametrize("lr", [1e30, 1e8])
def test_a_training_that_diverges_ends_with_one_line_and_no_weights(lr, clip_spec, tiny_checkpoint, tmp_path):
    args = small_args(clip_spec, tiny_checkpoint, tmp_path / "run", steps=3, val_every=1, lr=lr, warmup=0)
    with pytest.raises(UserError, match="(is|are) nan or infinite|loss is nan|validation error is (nan|inf).*lower --lr"):
        train(args)
    for file in args.out.glob("*.safetensors"):
        assert all(tensor.isfinite().all() for tensor in load_tensors(file)[0].values())


def test_a_resumed_run_keeps_its_curves(clip_spec, tiny_checkpoint, tmp_path):
    args = small_args(clip_spec, tiny_checkpoint, tmp_path / "run", steps=2, val_every=1)
    train(args)
    train(dataclasses.replace(args, steps=3, resume=True))
    events = EventAccumulator(str(args.out)).Reload()
    [curve] = [name for name in events.Tags()["scalars"] if name.startswith("val/")]
    for name in (curve, "train/loss"):
        assert [event.step for event in events.Scalars(name)] == [1, 2, 3]


def test_truth_stays_on_the_face_through_turn_mirror_and_box(pool):
    """Paint each landmark of a blank pool bright, in one colour per side of the face: augmented truth must lie on the paint."""
    painted = FacePool.__new__(FacePool)
    painted.__dict__.update(pool.__dict__)
    painted.crops = torch.zeros_like(pool.crops)
    for image, points in zip(painted.crops, pool.landmarks, strict=True):
        for x, y in np.round(points).astype(int):
            image[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = 255
    batch = draw_batch(painted, TINY, (0, 0), 32, 1, "none")
    clean = batch.truth[0]
    inside = ((clean > 2) & (clean < TINY.image_size - 3)).all(-1)
    x, y = (clean + 0.5).long().clamp(0, TINY.image_size - 1).unbind(-1)
    seen = batch.images[0].mean(1)[torch.arange(32)[:, None], y, x]
    background = batch.images[0].flatten(1).median(1).values[:, None].expand_as(seen)
    assert inside.float().mean() > 0.8
    assert (seen > background + 0.05)[inside].float().mean() > 0.95


def test_mirrored_faces_keep_their_landmark_order(pool):
    """Landmark 36 is the eye in the left of the picture, whichever way the face was flipped."""
    batch = draw_batch(pool, TINY, (0, 3), 64, 1, "none")
    assert (batch.truth[0, :, 36, 0] < batch.truth[0, :, 45, 0]).all()
    assert (batch.truth[0, :, 0, 0] < batch.truth[0, :, 16, 0]).all()


def test_faces_turn_as_far_as_rotation_says(pool):
    def leans(rotation: float) -> torch.Tensor:
        """How far the line from eye to eye leans, degrees: ``(64,)``."""
        batch = draw_batch(pool, TINY, (0, 3), 64, 1, "none", rotation=rotation)
        x, y = (batch.truth[0, :, 45] - batch.truth[0, :, 36]).unbind(-1)
        return torch.rad2deg(torch.atan2(y, x))

    upright = leans(0)
    turned = (leans(30) - upright).abs()
    assert turned.median() < 10 < turned.quantile(0.8) < 60


def test_a_batch_depends_on_seed_and_step_alone(pool):
    first, again, other = (draw_batch(pool, TINY, seed, 8, 2, "varied") for seed in ((0, 1), (0, 1), (0, 2)))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.images, other.images)
    assert first.images.shape == (2, 8, 3, 56, 56)
    assert first.images.abs().max() <= 0.5


def test_occluders_change_pixels_of_most_faces_and_none_changes_nothing(pool):
    clean, square, varied = (draw_batch(pool, TINY, (0, 5), 64, 1, kind).images[0] for kind in ("none", "square", "varied"))
    changed = [(a - clean).abs().amax(1).gt(0.15).flatten(1).float().mean(1) for a in (square, varied)]
    size = round(56 * 48 / 224) ** 2 / 56**2
    assert (changed[0] > 0.4 * size).all()
    assert 0.5 < (changed[1] > 0.01).float().mean() < 0.95


def test_sequences_do_not_cross_clips_or_cuts(pool):
    rng = np.random.default_rng(0)
    ends = np.cumsum([len(c) for c in load_clips_lengths(pool)])
    index = pool.draw(rng, 200, 3)
    clip = np.searchsorted(ends, index, side="right")
    assert (clip == clip[0]).all()
    assert (np.diff(index, axis=0) >= 0).all()
    assert (np.diff(index, axis=0) > 0).any()


def load_clips_lengths(pool: FacePool) -> list[range]:
    starts = np.flatnonzero(np.concatenate([[True], pool.run[:-1] == 1]))
    return [range(a, b) for a, b in zip(starts, [*starts[1:], len(pool)], strict=True)]


def test_mean_shape_is_the_clips_mean_in_box_units(pool, clip_spec):
    clips = load_clips(clip_spec).clips
    expected = np.zeros((68, 2))
    for clip in clips:
        unit = crop_map(clip.boxes, dataclasses.replace(TINY, image_size=100, crop_factor=1.0).crop)
        expected += (unit.to_crop(clip.landmarks).mean(0) - 49.5) / 100 / len(clips)
    np.testing.assert_allclose(pool.mean_shape, expected, atol=1e-5)


def test_training_lowers_the_error(tiny_checkpoint, tmp_path):
    """On a rendered head: the made-up clips have no features to find."""
    spec = "demo?split=train&limit=1"
    changes = {"lr": 3e-3, "ema": 0.9, "occlusion": "none", "batch": 16}
    args = small_args(spec, tiny_checkpoint, tmp_path / "run", steps=120, val_every=40, **changes)
    train(args)
    before = train_module.TrainingRun(small_args(spec, tiny_checkpoint, tmp_path / "before", steps=1))
    before.validate_and_save(0)
    trained, untrained = (load_card(tmp_path / name)["val_nme_percent"][spec] for name in ("run", "before"))
    assert trained < 0.8 * untrained
    assert list((tmp_path / "run").glob("events.out.tfevents.*"))
    assert load_pretrained(tmp_path / "run").config == TINY


def test_a_run_trains_with_the_occluders_and_the_start_that_its_arguments_name(clip_spec, tiny_checkpoint, tmp_path):
    losses = {}
    for occlusion, start in (("varied", "mean"), ("masklike", "mean"), ("varied", "previous")):
        changes = {"occlusion": occlusion, "start": start, "batch": 8, "sequence": 2, "sequence_every": 1}
        run = train_module.TrainingRun(small_args(clip_spec, tiny_checkpoint, tmp_path / f"{occlusion}-{start}", **changes))
        batch = draw_batch(run.pool, run.config, (run.args.seed, 0), 4, 2, occlusion)
        expected = cascade_loss(run.model, batch, "l2", start).detach()
        losses[occlusion, start] = run.update(0)
        torch.testing.assert_close(losses[occlusion, start], expected)
    assert len({float(loss) for loss in losses.values()}) == 3


@pytest.mark.parametrize("muon_lr", [0.0, 1e-2])
def test_resumed_training_equals_uninterrupted_bit_for_bit(clip_spec, tiny_checkpoint, tmp_path, monkeypatch, muon_lr):
    train(small_args(clip_spec, tiny_checkpoint, tmp_path / "whole", muon_lr=muon_lr))
    with stopped_at_its_first_save(monkeypatch):
        train(small_args(clip_spec, tiny_checkpoint, tmp_path / "parts", muon_lr=muon_lr))
    train(small_args(clip_spec, tiny_checkpoint, tmp_path / "parts", muon_lr=muon_lr, resume=True))
    whole, parts = (load_tensors(tmp_path / name / "state.safetensors")[0] for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert any("momentum_buffer" in name for name in whole) == bool(muon_lr)


def test_two_seeds_differ(clip_spec, tmp_path, tiny_checkpoint):
    for seed in (0, 1):
        train(small_args(clip_spec, tiny_checkpoint, tmp_path / str(seed), steps=2, seed=seed))
    first, second = (load_tensors(tmp_path / str(seed) / "state.safetensors")[0] for seed in (0, 1))
    assert not torch.equal(first["model.hsrm.global_shape.weight"], second["model.hsrm.global_shape.weight"])


def test_every_validation_set_has_its_curve(clip_spec, tiny_checkpoint, tmp_path):
    specs = (f"{clip_spec}?limit=1", f"{clip_spec}?limit=2")
    train(small_args(clip_spec, tiny_checkpoint, tmp_path, val=specs, steps=2, batch=4, val_every=1))
    events = EventAccumulator(str(tmp_path)).Reload()
    curves = [tag for tag in events.Tags()["scalars"] if tag.startswith("val/nme_percent/")]
    assert len(curves) == 2 and all([event.step for event in events.Scalars(tag)] == [1, 2] for tag in curves)


def test_faces_that_do_not_fit_into_memory_are_drawn_from_a_file(pool, clip_spec, monkeypatch):
    monkeypatch.setattr("srn_core.training.pool.MEMORY_BYTES", 1000)
    filed = FacePool(load_clips(clip_spec).clips, TINY, torch.device("cpu"))
    assert torch.equal(filed.crops, pool.crops)
    for ours, theirs in zip(
        draw_batch(filed, TINY, (0, 0), 4, 2, "varied"), draw_batch(pool, TINY, (0, 0), 4, 2, "varied"), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_masklike_occluders_cover_mouths_and_spare_eyes_on_half_of_the_faces():
    """Beside what varied occluders do, which is the same for both; the 68 points lie as on the mean face."""
    points = (60 * torch.tensor(MEAN_SHAPES["68"], dtype=torch.float32) + 56).expand(1, 200, -1, -1)
    images = torch.rand(1, 200, 3, 112, 112, generator=torch.Generator().manual_seed(1))
    covered = {}
    for draw in (varied_occluders, masklike_occluders):
        drawn, _ = draw(images, points, torch.Generator().manual_seed(0))
        changed = (drawn != images).any(2)[0]
        at = points[0].round().long()
        covered[draw] = changed[torch.arange(200)[:, None], at[..., 1], at[..., 0]].float()
    more = covered[masklike_occluders] - covered[varied_occluders]
    mouth, eyes = more[:, 48:].mean(), more[:, 36:48].mean()
    assert 0.2 < mouth < 0.6 and eyes < 0.05


def test_a_run_is_not_overwritten_and_nothing_is_not_resumed(clip_spec, tiny_checkpoint, tmp_path):
    args = small_args(clip_spec, tiny_checkpoint, tmp_path / "run", steps=1)
    train(args)
    with pytest.raises(UserError, match="--resume"):
        train(args)
    with pytest.raises(UserError, match="nothing to resume"):
        train(small_args(clip_spec, tiny_checkpoint, tmp_path / "nothing", resume=True))
    with pytest.raises(UserError, match="started with muon-lr 0.0, loss l2; resume it with the same"):
        train(dataclasses.replace(args, muon_lr=0.1, loss="wing", steps=2, resume=True))
    with pytest.raises(UserError, match="multiple"):
        train(small_args(clip_spec, tiny_checkpoint, tmp_path / "odd", batch=7))


def test_a_loss_may_be_read_late(clip_spec, tiny_checkpoint, tmp_path):
    """A GPU is not waited for at every step: what later steps do must not change a loss that was not yet read."""
    early, late = (train_module.TrainingRun(small_args(clip_spec, tiny_checkpoint, tmp_path / name)) for name in "ab")
    read = [float(early.update(step)) for step in range(4)]
    kept = [late.update(step) for step in range(4)]
    assert read == [float(loss) for loss in kept] and len(set(read)) == 4
    assert all(torch.equal(a, b) for a, b in zip(early.model.parameters(), late.model.parameters(), strict=True))
