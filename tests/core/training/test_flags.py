"""What the data call hidden is learnt as hidden, also in the mirror image."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from srn_core import SRNConfig
from srn_core.data import load_clips
from srn_core.face.schemes import COFW29
from srn_core.training.augment import draw_batch
from srn_core.training.pool import FacePool

pytest.importorskip("h5py")

BATCH, SEED = 200, (0, 3)


def test_flags_of_the_data_are_hidden_landmarks_of_training_batches(tmp_path: Path) -> None:
    from tests.support.face_sets import write_cofw

    write_cofw(tmp_path / "COFW_train_color.mat", "Tr", 10)
    config = dataclasses.replace(SRNConfig.preset("small"), scheme="29")
    pool = FacePool(load_clips(f"cofw29:{tmp_path}").clips, config, torch.device("cpu"))
    # Face i hides its first i points.
    np.testing.assert_array_equal(pool.hidden.sum(1), np.arange(10))
    batch = draw_batch(pool, config, SEED, BATCH, 1, "none")
    rng = np.random.default_rng(SEED)
    rng.integers(2**62)
    flags = pool.hidden[pool.draw(rng, BATCH, 1)[0]]
    points, hidden = batch.truth[0].numpy(), batch.hidden[0].numpy()
    outside = ((points < -0.5) | (points >= config.image_size - 0.5)).any(-1)
    plain, turned = flags | outside, flags[:, COFW29.mirror] | outside
    as_given, as_mirrored = ((hidden == wanted).all(1) for wanted in (plain, turned))
    assert (as_given | as_mirrored).all()
    assert 0.3 < as_given[(plain != turned).any(1)].mean() < 0.7
