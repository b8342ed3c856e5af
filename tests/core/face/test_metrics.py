"""Errors agree with their definitions, counted by hand or the slow way."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.face.metrics import auc, bootstrap_interval, failure_rate, nme, normaliser_length, point_errors
from srn_core.face.schemes import IBUG68

FACE = 100 * np.array(MEAN_SHAPES["68"])
relaxed = settings(deadline=None, max_examples=50)
errors = arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 0.3))


@pytest.mark.parametrize("normaliser", ["inter-ocular", "inter-pupil", "box"])
def test_error_of_a_shifted_face(normaliser) -> None:
    length = normaliser_length(FACE[None], IBUG68, normaliser)
    np.testing.assert_allclose(point_errors(FACE[None] + [3, 4], FACE[None], length), np.full((1, 68), 5 / length[0]))


def test_normalisers_by_hand() -> None:
    eyes = FACE[36:42].mean(0), FACE[42:48].mean(0)
    width, height = np.ptp(FACE, axis=0)
    assert normaliser_length(FACE, IBUG68) == pytest.approx(np.hypot(*(FACE[36] - FACE[45])))
    assert normaliser_length(FACE, IBUG68, "inter-pupil") == pytest.approx(np.hypot(*(eyes[0] - eyes[1])))
    assert normaliser_length(FACE, IBUG68, "box") == pytest.approx(np.sqrt(width * height), rel=1e-5)


def test_torch_nme_is_the_mean_of_point_errors() -> None:
    rng = np.random.default_rng(0)
    predicted, truth, length = rng.normal(size=(4, 68, 2)), rng.normal(size=(4, 68, 2)), rng.uniform(1, 2, 4)
    ours = nme(*map(torch.from_numpy, (predicted, truth, length)))
    np.testing.assert_allclose(ours.numpy(), point_errors(predicted, truth, length).mean(1))


@relaxed
@given(errors, st.floats(0.02, 0.2))
def test_auc_is_the_area_under_the_curve(errors: np.ndarray, threshold: float) -> None:
    grid = (np.arange(20000) + 0.5) / 20000 * threshold
    area = (errors[:, None] <= grid).mean()
    assert auc(errors, threshold) == pytest.approx(area, abs=1e-3)


def test_failures_are_above_the_threshold_not_at_it() -> None:
    assert failure_rate(np.array([0.05, 0.1, 0.2, 0.3]), 0.1) == 0.5


def test_interval_resamples_clusters() -> None:
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(20), 50)
    values = rng.normal(size=20)[clusters]
    low, high = bootstrap_interval(values, clusters, np.random.default_rng(0))
    narrow = bootstrap_interval(values, np.arange(1000), np.random.default_rng(0))
    assert low < values.mean() < high
    assert high - low > 4 * (narrow[1] - narrow[0])
    assert (low, high) == bootstrap_interval(values, clusters, np.random.default_rng(0))
    assert (low, high) != bootstrap_interval(values, clusters, np.random.default_rng(1))
