"""The compiled hourglass: the same landmarks, and one clear line without a compiler."""

import copy
import shutil

import numpy as np
import pytest
import torch

from srn_core import SRN, SRNConfig
from srn_core.errors import UserError
from srn_core.tracking.tracker import Tracker


@pytest.fixture
def model() -> SRN:
    torch.manual_seed(0)
    model = SRN(SRNConfig.preset("small").override(["initial_shape=hourglass", "hourglass_width=16"]))
    # Its last layer starts as zeros, and then the hourglass would have no say.
    torch.nn.init.normal_(model.hourglass.head[-1].weight, std=0.1)
    return model


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
def test_compiled_landmarks_are_those_of_the_eager_network_for_any_batch_size(model):
    eager, compiled = Tracker(copy.deepcopy(model), "cpu"), Tracker(model, "cpu", compiled=True)
    assert compiled.key == eager.key
    images = np.random.default_rng(0).integers(0, 256, (3, 60, 60, 3), np.uint8)
    boxes = np.array([[10, 10, 50, 50]] * 3)
    for count in (3, 2):
        found, expected = (tracker.detect(images[:count], boxes[:count]) for tracker in (compiled, eager))
        assert np.abs(found - expected).max() < 1e-2


def test_without_a_compiler_one_line_says_so(model, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UserError, match="install g\\+\\+"):
        Tracker(model, "cpu", compiled=True)
