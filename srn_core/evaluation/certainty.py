"""How well a model knows which landmarks are hidden and how far off it is."""

from collections.abc import Sequence

import numpy as np

from srn_core.data.clip import Clip
from srn_core.face.ranking import average_precision, rank_correlation, recall_at_precision
from srn_core.model.certainty import Certainty

# COFW's benchmark reports the recall at this precision.
PRECISION = 0.8


def certainty_figures(certainty: Certainty | None, clips: Sequence[Clip], errors: np.ndarray) -> dict[str, float | None]:
    """The figures of a report, JSON-able; those that the model or the annotation cannot give are None.

    ``hidden_share``, ``visibility_ap`` and ``visibility_recall_at_80`` are in percent, over all points of the faces whose
    annotation says which are hidden. ``error_rank_correlation`` is Spearman's, of each face's mean expected and mean true
    error; ``error_rank_correlation_points`` that of all single points.

    Args:
        certainty: of all frames, ``(N, L)`` each; None for a model without that head.
        clips: what was measured.
        errors: ``(N, L)`` distances from the truth over the normaliser.
    """
    figures: dict[str, float | None] = {"hidden_share": None, "visibility_ap": None, "visibility_recall_at_80": None}
    if certainty is None:
        return {**figures, "error_rank_correlation": None, "error_rank_correlation_points": None}
    known = np.concatenate([np.full(len(clip), clip.visible is not None) for clip in clips])
    if known.any():
        hidden = ~np.concatenate([clip.visible for clip in clips if clip.visible is not None]).ravel()
        unseen = 1 - certainty.visibility[known].ravel()
        figures["hidden_share"] = 100 * float(hidden.mean())
        figures["visibility_ap"] = _percent(average_precision(unseen, hidden))
        figures["visibility_recall_at_80"] = _percent(recall_at_precision(unseen, hidden, PRECISION))
    expected = certainty.expected_error
    figures["error_rank_correlation"] = rank_correlation(expected.mean(1), errors.mean(1))
    figures["error_rank_correlation_points"] = rank_correlation(expected.ravel(), errors.ravel())
    return figures


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
