"""Each loss is its formula, smooth where it should be, and trains."""

import math

import pytest
import torch

from srn_core import SRN
from srn_core.data import load_clips
from srn_core.training.augment import draw_batch
from srn_core.training.losses import COORDINATE_LOSSES, cascade_loss, landmark_loss
from srn_core.training.pool import FacePool
from tests.support.faces import TINY

LOSSES = ["l2", *COORDINATE_LOSSES]


def wing(x: float) -> float:
    w, epsilon = 0.10, 0.02
    return w * math.log(1 + x / epsilon) if x < w else x - (w - w * math.log(1 + w / epsilon))


def smooth_l1(x: float) -> float:
    return x**2 / 2 / 0.01 if x < 0.01 else x - 0.005


def adaptive_wing(x: float) -> float:
    """With the constants A and C of the source: alpha - y = 1.1."""
    omega, epsilon, theta, power = 0.10, 0.02, 0.10, 1.1
    a = omega * (1 / (1 + (theta / epsilon) ** power)) * power * (theta / epsilon) ** (power - 1) / epsilon
    c = theta * a - omega * math.log(1 + (theta / epsilon) ** power)
    return omega * math.log(1 + (x / epsilon) ** power) if x < theta else a * x - c


@pytest.mark.parametrize(("name", "formula"), [("wing", wing), ("smooth-l1", smooth_l1), ("adaptive-wing", adaptive_wing)])
def test_a_coordinate_loss_is_its_formula(name: str, formula) -> None:
    sizes = [0.0, 0.003, 0.0099, 0.0101, 0.05, 0.0999, 0.1001, 0.4, 3.0]
    errors = torch.tensor([*sizes, *(-x for x in sizes)], dtype=torch.float64)
    expected = torch.tensor([formula(x) for x in sizes] * 2, dtype=torch.float64)
    torch.testing.assert_close(COORDINATE_LOSSES[name](errors), expected)


@pytest.mark.parametrize(("name", "knee"), [("wing", 0.1), ("smooth-l1", 0.01), ("adaptive-wing", 0.1)])
def test_the_two_pieces_meet_and_gradients_are_finite(name: str, knee: float) -> None:
    errors = torch.tensor([0.0, knee - 1e-9, knee + 1e-9], dtype=torch.float64, requires_grad=True)
    values = COORDINATE_LOSSES[name](errors)
    torch.testing.assert_close(values[1], values[2], atol=1e-7, rtol=0)
    (slope,) = torch.autograd.grad(values.sum(), errors)
    assert slope.isfinite().all() and slope[0] == 0
    if name != "wing":
        torch.testing.assert_close(slope[1], slope[2], atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", LOSSES)
def test_a_face_is_measured_in_units_of_its_normaliser(name: str) -> None:
    truth = torch.zeros(2, 5, 2, dtype=torch.float64)
    predicted = truth + torch.tensor([3.0, 4.0])
    length = torch.tensor([100.0, 50.0], dtype=torch.float64)
    found = landmark_loss(predicted, truth, length, name)
    if name == "l2":
        expected = torch.tensor([0.05, 0.10], dtype=torch.float64)
    else:
        per_axis = [COORDINATE_LOSSES[name](torch.tensor([3.0, 4.0], dtype=torch.float64) / d).sum() for d in (100, 50)]
        expected = torch.stack(per_axis)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", LOSSES)
def test_a_few_steps_lower_the_loss(name: str, clip_spec: str) -> None:
    pool = FacePool(load_clips(clip_spec).clips, TINY, torch.device("cpu"))
    batch = draw_batch(pool, TINY, (0, 0), 4, 1, "none")
    torch.manual_seed(0)
    model = SRN(TINY)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    values = []
    for _ in range(8):
        optimiser.zero_grad()
        value = cascade_loss(model, batch, name)
        value.backward()
        optimiser.step()
        values.append(float(value.detach()))
    assert values[-1] < 0.95 * values[0]


def test_from_the_second_frame_on_a_sequence_starts_where_the_frame_before_ended(clip_spec: str) -> None:
    """A model that moves nothing keeps its first error, on a face that moves by what is drawn for each frame."""
    pool = FacePool(load_clips(clip_spec).clips, TINY, torch.device("cpu"))
    model = SRN(TINY)
    torch.nn.init.zeros_(model.hsrm.global_shape.weight)
    torch.nn.init.zeros_(model.hsrm.global_shape.bias)
    batch = draw_batch(pool, TINY, (0, 0), 4, 3, "none")
    with torch.no_grad():
        found = cascade_loss(model, batch, start="previous")
        first = model.initial_shape(batch.images[0], batch.boxes[0]) - batch.truth[0]
        errors = torch.stack([first, first + batch.motion[1], first + batch.motion[1] + batch.motion[2]])
        lengths = errors.norm(dim=-1).mean(-1) / batch.length
        torch.testing.assert_close(found, TINY.steps * lengths.mean())
        assert not torch.isclose(found, cascade_loss(model, batch))
        alone = draw_batch(pool, TINY, (0, 0), 4, 1, "none")
        assert torch.equal(cascade_loss(model, alone, start="previous"), cascade_loss(model, alone))
    assert 0.02 < float((batch.motion / batch.length[..., None, None]).std()) < 0.04
