"""The head for certainty: it moves no point, learns what is hidden, and comes out beside the landmarks."""

import dataclasses

import numpy as np
import pytest
import torch

from srn_core import SRN, Tracker, load_pretrained
from srn_core.checkpoints import load_card, save_pretrained, starting_model
from srn_core.data import load_clips
from srn_core.errors import UserError
from srn_core.evaluation.evaluate import evaluate
from srn_core.model.certainty import RawCertainty
from srn_core.training.augment import draw_batch
from srn_core.training.calibration import best_temperature, held_out
from srn_core.training.losses import CERTAINTY_WEIGHT, cascade_loss, certainty_loss
from srn_core.training.pool import FacePool
from srn_core.training.train import train
from tests.support.faces import TINY
from tests.support.training import small_args

SURE = dataclasses.replace(TINY, certainty="on")


@pytest.fixture(scope="module")
def trained(clip_spec: str, tiny_checkpoint: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny checkpoint after a training of the head alone."""
    out = tmp_path_factory.mktemp("heads") / "run"
    changes = {"steps": 30, "val_every": 30, "batch": 16, "lr": 1e-2, "ema": 0.9, "sequence_every": 3, "warmup": 5}
    train(small_args(clip_spec, tiny_checkpoint, out, heads_only=True, **changes))
    return str(out)


def test_with_one_seed_the_cascade_starts_the_same_with_and_without_the_head() -> None:
    torch.manual_seed(0)
    bare = SRN(TINY).state_dict()
    torch.manual_seed(0)
    sure = SRN(SURE).state_dict()
    assert all(torch.equal(sure[name], value) for name, value in bare.items())
    assert {name.partition(".")[0] for name in sure.keys() - bare.keys()} == {"certainty"}


def test_training_the_head_moves_no_point(trained: str, tiny_checkpoint: str, clip_spec: str) -> None:
    before, after = load_pretrained(tiny_checkpoint), load_pretrained(trained)
    assert after.config.certainty == "on"
    assert all(torch.equal(after.state_dict()[name], value) for name, value in before.state_dict().items())
    clips = load_clips(clip_spec)
    found, expected = (evaluate(Tracker(model, "cpu"), clips, "track") for model in (after, before))
    np.testing.assert_array_equal(found.predictions, expected.predictions)
    assert found.certainty is not None and expected.certainty is None
    assert found.summary()["error_rank_correlation"] is not None and expected.summary()["error_rank_correlation"] is None


def test_the_head_learns_what_occluders_hide(trained: str, clip_spec: str) -> None:
    model = load_pretrained(trained)
    pool = FacePool(load_clips(clip_spec).clips, model.config, torch.device("cpu"))
    seen = held_out(model, pool, "varied")
    shown, hidden = seen.visible[~seen.hidden].mean(), seen.visible[seen.hidden].mean()
    assert float(shown - hidden) > 0.1
    # Calibrated on these faces: no other temperature fits them better, and errors are right on average.
    assert best_temperature(seen.visible, seen.hidden) == pytest.approx(1, abs=0.03)
    assert float(seen.expected.mean() / seen.errors.mean()) == pytest.approx(1, abs=0.02)
    card = load_card(trained)["certainty"]
    assert card["faces"] == len(seen.hidden) and float(seen.hidden.float().mean()) < card["visibility_ap"] <= 1


def test_no_gradient_of_the_heads_loss_reaches_the_cascade(clip_spec: str) -> None:
    pool = FacePool(load_clips(clip_spec).clips, SURE, torch.device("cpu"))
    batch = draw_batch(pool, SURE, (0, 0), 4, 2, "varied")
    assert batch.hidden.shape == (2, 4, 68) and batch.hidden.any() and not batch.hidden.all()
    torch.manual_seed(0)
    sure = SRN(SURE)
    bare = SRN(TINY)
    bare.load_state_dict({name: value for name, value in sure.state_dict().items() if name in bare.state_dict()})
    losses = [cascade_loss(model, batch) for model in (sure, bare)]
    for loss in losses:
        loss.backward()
    assert losses[0] != losses[1] and CERTAINTY_WEIGHT > 0
    gradients = dict(sure.named_parameters())
    assert all(torch.equal(gradients[name].grad, value.grad) for name, value in bare.named_parameters())
    assert all(value.grad.abs().sum() > 0 for name, value in gradients.items() if name.startswith("certainty.face"))


def test_the_loss_is_lowest_at_the_mean_error_and_at_the_share_of_visible_points() -> None:
    errors, hidden = torch.tensor([[0.01, 0.02, 0.09]]), torch.tensor([[False, False, True]])

    def loss(visible: float, expected: float) -> float:
        full = torch.full((1, 3), visible), torch.full((1, 3), expected).log()
        return float(certainty_loss(RawCertainty(*full), errors, hidden))

    best = loss(np.log(2), 0.04)
    assert best < min(loss(np.log(2), 0.035), loss(np.log(2), 0.045), loss(0.5, 0.04), loss(0.9, 0.04))


def test_mirrored_flags_follow_their_landmarks(clip_spec: str) -> None:
    """The jaw's right end is hidden in the annotation: in a mirrored face it is the left end."""
    flags = np.arange(68)[None] > 0
    clips = [dataclasses.replace(clip, visible=flags.repeat(len(clip), 0)) for clip in load_clips(clip_spec).clips]
    pool = FacePool(clips, TINY, torch.device("cpu"))
    hidden = draw_batch(pool, TINY, (0, 0), 64, 1, "none").hidden[0]
    inside = hidden[:, 1:16].any(1).logical_not()
    assert (hidden[inside][:, [0, 16]].sum(1) >= 1).all()
    assert hidden[:, 0].any() and hidden[:, 16].any() and not hidden[inside][:, 17:].any()


def test_detect_and_track_give_it_where_asked(trained: str, tiny_checkpoint: str, clip_spec: str) -> None:
    clip = load_clips(clip_spec).clips[1]
    frames = [clip.frame(t) for t in range(len(clip))]
    tracker, plain = Tracker(load_pretrained(trained), "cpu", batch_size=3), Tracker(load_pretrained(tiny_checkpoint), "cpu")
    landmarks, certainty = tracker.detect(frames, clip.boxes, certainty=True)
    np.testing.assert_array_equal(landmarks, tracker.detect(frames, clip.boxes))
    assert certainty is not None and certainty.visibility.shape == certainty.expected_error.shape == (4, 68)
    assert ((certainty.visibility > 0) & (certainty.visibility < 1)).all() and (certainty.expected_error > 0).all()
    tracked = list(tracker.track(frames, clip.boxes, certainty=True))
    np.testing.assert_allclose(tracked[0][1].visibility, certainty.visibility[0], atol=1e-5)
    assert not np.allclose(tracked[3][1].visibility, certainty.visibility[3], atol=1e-5)
    _, mirrored = tracker.detect(frames, clip.boxes, certainty=True, mirror=True)
    turned = [np.ascontiguousarray(frame[:, ::-1]) for frame in frames]
    boxes = clip.boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [143, 0, 143, 0]
    _, flipped = tracker.detect(turned, boxes, certainty=True, mirror=True)
    np.testing.assert_allclose(flipped.visibility[:, tracker.scheme.mirror.tolist()], mirrored.visibility, atol=0.02)
    assert plain.detect(frames, clip.boxes, certainty=True)[1] is None
    assert next(plain.track(frames, clip.boxes, certainty=True))[1] is None
    nothing, empty = tracker.detect([], np.zeros((0, 4)), certainty=True)
    assert nothing.shape == (0, 68, 2) and empty is not None and empty.visibility.shape == (0, 68)


def test_the_head_comes_and_goes_with_its_config(trained: str, tiny_checkpoint: str, tmp_path) -> None:
    assert starting_model("small", tiny_checkpoint, ["certainty=on"]).certainty is not None
    assert starting_model("small", trained, ["certainty=off"]).certainty is None
    save_pretrained(load_pretrained(trained), tmp_path, {}, half=True)
    assert load_pretrained(tmp_path).config.certainty == "on"
    with pytest.raises(UserError, match="--heads-only without --init"):
        train(dataclasses.replace(small_args("demo", tiny_checkpoint, tmp_path / "x", heads_only=True), init=None))
