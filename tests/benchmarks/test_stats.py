"""Statistics over runs and clips: small cases by hand, and what must hold for any scores."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from benchmarks.common.stats import (
    interval,
    iqm,
    mean_difference,
    paired_difference,
    performance_profile,
    probability_of_improvement,
    resample_both,
    resample_runs,
    score_table,
)

SCORES = arrays(
    np.float64, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.integers(-50, 50).map(lambda x: x / 50)
)

# A busy machine is slow, not wrong.
UNHURRIED = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_iqm_leaves_a_quarter_out_at_either_end():
    assert iqm(np.array([5.0, 1.0, 2.0, 100.0])) == pytest.approx(3.5)
    assert iqm(np.array([-9.0, 1, 2, 3, 4, 99])) == pytest.approx((1 + 2 + 3 + 4) / 4)
    assert iqm(np.array([[1.0, 2.0, 6.0, 3.0, 0, 0]])).tolist() == pytest.approx([1.5])
    assert iqm(np.array([7.0, 8.0])) == pytest.approx(7.5)


@UNHURRIED
@given(SCORES, st.floats(-5, 5), st.randoms())
def test_iqm_of_a_constant_is_the_constant_and_order_does_not_matter(scores, constant, random):
    scores = scores.flatten()
    assert iqm(np.full_like(scores, constant)) == pytest.approx(constant)
    flat = scores.tolist()
    random.shuffle(flat)
    assert iqm(np.array(flat)) == pytest.approx(float(iqm(scores)))
    assert scores.min() - 1e-12 <= iqm(scores) <= scores.max() + 1e-12


@UNHURRIED
@given(SCORES)
def test_intervals_contain_the_estimate_and_repeat_with_the_seed(scores):
    low, high = interval(resample_runs(scores, rng(), 500).mean((1, 2)))
    assert low - 1e-9 <= scores.mean() <= high + 1e-9
    assert np.array_equal(resample_runs(scores, rng(), 20), resample_runs(scores, rng(), 20))


def test_whole_runs_are_resampled_and_clips_stay_in_place():
    drawn = resample_runs(np.arange(12.0).reshape(4, 3), rng(), 200)
    assert drawn.shape == (200, 4, 3)
    assert (np.diff(drawn, axis=-1) == 1).all()


def test_tables_do_not_depend_on_the_order_of_rows():
    rows = [{"seed": seed, "clip": clip, "value": 10 * seed + len(clip)} for clip in ("bb", "a") for seed in (3, 1)]
    assert score_table(rows).tolist() == score_table(rows[::-1]).tolist() == [[11, 12], [31, 32]]


def test_a_paired_difference_has_an_interval_over_seeds_and_clips_from_five_seeds_on():
    reference = np.random.default_rng(0).normal(size=(6, 40)) + 10
    seeds = np.linspace(-1, 1, 6)[:, None]
    found = paired_difference(reference + 1 + seeds, reference)
    low, high = found["ci95"]
    assert found["mean"] == pytest.approx(1) and found["relative"] == pytest.approx(100 / reference.mean())
    # Forty clips alone would leave no doubt; six seeds do.
    assert low < 0.6 and high > 1.4
    assert paired_difference(reference[:4] + 1, reference[:4])["ci95"] is None
    assert paired_difference(reference[:, :1] + 1, reference[:, :1])["ci95"] is None


def test_the_interval_of_a_mean_covers_as_it_says():
    draws = np.random.default_rng(1).normal(size=(300, 15, 1))
    hits = [low <= 0 <= high for low, high in (interval(resample_runs(x, rng(), 400).mean((1, 2))) for x in draws)]
    assert 0.88 < np.mean(hits) < 0.98


def test_profile_is_the_share_above_each_threshold():
    scores = np.array([[0.0, 0.5], [0.5, 1.0]])
    assert performance_profile(scores, np.array([-1, 0, 0.5, 0.7, 1])).tolist() == [1, 0.75, 0.25, 0.25, 0]
    assert performance_profile(np.stack([scores, scores + 1]), np.array([0.7])).tolist() == [[0.25], [1]]


def test_probability_of_improvement_by_hand():
    x, y = np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[2.0, 5.0]])
    assert probability_of_improvement(x, y) == pytest.approx((0.5 + 0.5) / 2)
    assert probability_of_improvement(x, y - 10) == 1
    assert probability_of_improvement(np.array([[1.0], [2.0], [3.0]]), np.array([[2.0], [0.0]])) == pytest.approx(4.5 / 6)


@UNHURRIED
@given(SCORES, SCORES)
def test_probability_of_improvement_is_antisymmetric(x, y):
    assert probability_of_improvement(x, x) == pytest.approx(0.5)
    clips = min(x.shape[1], y.shape[1])
    x, y = x[:, :clips], y[:, :clips]
    assert probability_of_improvement(x, y) + probability_of_improvement(y, x) == pytest.approx(1)


def test_differences_are_paired_by_clip():
    """Clips differ by far more than learners do: only drawing the same clips for both shows that one is better by 1."""
    level = np.array([10.0, 50.0, 90.0])
    difference, (low, high) = mean_difference(np.tile(level + 1, (3, 1)), np.tile(level, (2, 1)), rng())
    assert (difference, low, high) == pytest.approx((1, 1, 1))
    runs = np.array([[-1.0], [0], [1]])
    _, (low, high) = mean_difference(level + runs, level + runs, rng())
    assert -2 <= low < 0 < high <= 2


def test_two_way_draws_take_the_given_clips():
    scores = np.array([[0.0, 1.0], [10.0, 11.0]])
    drawn = resample_both(scores, rng(), np.array([[1, 1], [0, 1]]))
    assert drawn.shape == (2, 2, 2)
    assert (drawn % 10 == [[[1, 1]] * 2, [[0, 1]] * 2]).all()
