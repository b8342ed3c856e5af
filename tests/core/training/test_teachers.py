"""Labels that are mixed with the answers of teachers."""

import numpy as np
import pytest

from srn_core.checkpoints import load_card, load_pretrained
from srn_core.data import load_clips
from srn_core.errors import UserError
from srn_core.tracking.tracker import Tracker
from srn_core.training.teachers import taught
from srn_core.training.train import TrainingRun, train
from tests.support.faces import write_checkpoint
from tests.support.training import small_args


@pytest.fixture(scope="module")
def clips(clip_spec):
    return load_clips(clip_spec).clips


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> str:
    return write_checkpoint(tmp_path_factory.mktemp("other"), seed=1)


def answers(checkpoint: str, clip) -> np.ndarray:
    tracker = Tracker(load_pretrained(checkpoint), "cpu")
    return tracker.detect_crops(clip.crops(tracker.crop), clip.boxes, mirror=True)


def test_a_label_is_the_mean_of_itself_and_of_what_the_teachers_see(clips, tiny_checkpoint, other):
    for before, after in zip(clips, taught(clips, [tiny_checkpoint, other], 0.25, "cpu"), strict=True):
        mean = (answers(tiny_checkpoint, before) + answers(other, before)) / 2
        assert np.abs(mean - before.landmarks).max() > 1
        np.testing.assert_allclose(after.landmarks, 0.75 * before.landmarks + 0.25 * mean, atol=0.05)
        assert after.landmarks.dtype == np.float32
        np.testing.assert_array_equal(after.boxes, before.boxes)


def test_without_a_teacher_or_a_share_labels_stay(clips, tiny_checkpoint):
    untaught, unheard = taught(clips, [], 0.5, "cpu"), taught(clips, [tiny_checkpoint], 0, "cpu")
    for before, none, nothing in zip(clips, untaught, unheard, strict=True):
        assert none is before
        np.testing.assert_array_equal(nothing.landmarks, before.landmarks)


def test_a_run_trains_on_the_mixed_labels_and_validates_on_its_own(clip_spec, tiny_checkpoint, other, tmp_path):
    plain = TrainingRun(small_args(clip_spec, tiny_checkpoint, tmp_path / "plain"))
    run = TrainingRun(small_args(clip_spec, tiny_checkpoint, tmp_path / "run", teacher=(other,), teacher_share=1.0))
    assert np.abs(run.pool.landmarks - plain.pool.landmarks).max() > 1
    for spec, faces in run.faces.items():
        np.testing.assert_array_equal(faces.truth, plain.faces[spec].truth)
    plain.close_log()
    run.close_log()


def test_the_card_names_the_teachers(clip_spec, tiny_checkpoint, other, tmp_path):
    args = small_args(clip_spec, tiny_checkpoint, tmp_path / "run", teacher=(other,), steps=1, val_every=1)
    train(args)
    assert load_card(args.out)["arguments"]["teacher"] == [other]


def test_a_teacher_and_a_fold_exclude_each_other(clip_spec, other, tmp_path):
    with pytest.raises(UserError, match="--teacher with --fold"):
        TrainingRun(small_args(clip_spec, None, tmp_path / "run", teacher=(other,), fold="1/2"))
    assert not (tmp_path / "run").exists()
