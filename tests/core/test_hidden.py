"""What is hidden: one definition under occluders and masks, and the figures of how well a model knows it."""

import numpy as np
import pytest
import torch

from srn_core.data import load_clips
from srn_core.data.masked import clip_style
from srn_core.evaluation.certainty import certainty_figures
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.face.ranking import average_precision, rank_correlation, recall_at_precision
from srn_core.masks.draw import draw_mask, hidden_by_mask
from srn_core.masks.templates import draw_template, hidden_by_template, load_templates
from srn_core.model.certainty import Certainty
from srn_core.occluders.cover import hidden_points
from srn_core.occluders.shapes import masklike_occluders, square_occluder, varied_occluders
from tests.support.faces import DATA, real

FACE = np.array(MEAN_SHAPES["68"]) * 200 + 150


def images_and_points(faces: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.rand(2, faces, 3, 112, 112, generator=torch.Generator().manual_seed(1))
    points = (60 * torch.tensor(MEAN_SHAPES["68"], dtype=torch.float32) + 56).expand(2, faces, -1, -1)
    return images, points


@pytest.mark.parametrize("draw", [square_occluder, varied_occluders, masklike_occluders])
def test_the_covered_pixels_are_those_that_changed(draw) -> None:
    images, points = images_and_points()
    drawn, covered = draw(images, points, torch.Generator().manual_seed(0))
    changed = (drawn != images).any(2, keepdim=True)
    assert not (changed & ~covered).any()
    # A filling may equal the picture in a pixel by chance, a blurred one nowhere.
    assert (changed & covered).sum() > 0.99 * covered.sum() > 0


def test_a_landmark_is_hidden_by_what_covers_its_pixel_or_outside_the_picture() -> None:
    covered = torch.zeros(1, 5, 8, dtype=torch.bool)
    covered[0, 2, 6] = True
    points = torch.tensor([[[6.4, 1.6], [6.6, 2], [6, 2.5], [-0.6, 2], [7.4, 4.4], [8, 4], [0, 5]]])
    assert hidden_points(covered, points).tolist() == [[True, False, False, True, False, True, True]]


def grain() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)


def replaced(before: np.ndarray, after: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Whether the grain round each landmark has gone: a shadow keeps it."""
    kept = []
    for x, y in np.round(points).astype(int):
        window = np.s_[y - 3 : y + 4, x - 3 : x + 4]
        kept.append(np.corrcoef(before[window].ravel(), after[window].ravel())[0, 1])
    return np.array(kept) < 0.7


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_a_drawn_mask_hides_the_landmarks_under_its_cloth(name: str) -> None:
    image, style = grain(), clip_style(name)
    hidden = hidden_by_mask(FACE, style)
    assert hidden[[30, 33, *range(48, 68)]].all() and not hidden[[0, 16, *range(17, 28), *range(36, 48)]].any()
    drawn = replaced(image, draw_mask(image, FACE, style), FACE)
    assert (drawn == hidden).mean() > 0.93


@real("masks")
def test_a_template_hides_the_landmarks_under_it() -> None:
    image = grain()
    for template in load_templates(DATA / "masks"):
        hidden = hidden_by_template(FACE, template)
        assert hidden[48:].all() and not hidden[17:27].any()
        assert (replaced(image, draw_template(image, FACE, template), FACE) == hidden).mean() > 0.93


def test_masked_clips_say_what_is_hidden_and_keep_what_was(clip_spec: str) -> None:
    masked = load_clips(f"{clip_spec}?masked=1").clips[1]
    assert masked.visible is not None and masked.visible.shape == (4, 68)
    assert not masked.visible[:, 48:].any() and masked.visible[:, 36:48].all()
    assert load_clips(clip_spec).clips[1].visible is None


def test_rankings_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(200) < 0.3
    scores = (rng.integers(0, 30, 200) + 15 * positive) / 30
    best, total, before = 0.0, 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        chosen = scores >= threshold
        precision, recall = positive[chosen].mean(), positive[chosen].sum() / positive.sum()
        total, before = total + precision * (recall - before), recall
        best = max(best, recall) if precision >= 0.4 else best
    assert average_precision(scores, positive) == pytest.approx(total)
    assert recall_at_precision(scores, positive, 0.4) == pytest.approx(best) and best > 0
    assert recall_at_precision(-positive.astype(float), positive, 0.99) == 0
    assert average_precision(scores, np.ones(200, bool)) is None and recall_at_precision(scores, scores > 2, 0.8) is None
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([1.0, 8, 27])) == 1
    assert rank_correlation(np.ones(3), np.arange(3.0)) is None


def test_figures_come_from_the_faces_whose_flags_are_known(clip_spec: str) -> None:
    flagged, bare = load_clips(f"{clip_spec}?masked=1").clips[4], load_clips(clip_spec).clips[3]
    assert flagged.visible is not None
    errors = np.random.default_rng(0).random((4, 68))
    told = np.concatenate([flagged.visible * 0.8 + 0.1, np.full((1, 68), 0.5)])
    figures = certainty_figures(Certainty(told, errors**2), (flagged, bare), errors)
    assert figures["visibility_ap"] == figures["visibility_recall_at_80"] == pytest.approx(100)
    assert figures["hidden_share"] == pytest.approx(100 * (1 - flagged.visible.mean()))
    assert figures["error_rank_correlation_points"] == pytest.approx(1)
    wrong = certainty_figures(Certainty(1 - told, -errors), (flagged, bare), errors)
    assert wrong["visibility_recall_at_80"] == 0 and wrong["error_rank_correlation"] == pytest.approx(-1)
    none = certainty_figures(None, (flagged, bare), errors)
    assert none.keys() == figures.keys() and set(none.values()) == {None}
    unknown = certainty_figures(Certainty(told[3:], errors[3:]), (bare,), errors[3:])
    assert unknown["visibility_ap"] is None
