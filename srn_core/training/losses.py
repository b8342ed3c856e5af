"""The losses of training, as functions of the errors in units of the normaliser.

``l2`` is the paper's (eq. 8). The others act on each coordinate. Their sources give lengths in pixels of faces whose eyes are
about 100 px apart, so one of those pixels is 1 % of the normaliser.
"""

import math
from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from srn_core.face.metrics import nme
from srn_core.model import SRN
from srn_core.model.certainty import RawCertainty
from srn_core.tracking.step import Start
from srn_core.training.augment import TrainingBatch

Loss = Literal["l2", "wing", "smooth-l1", "adaptive-wing"]
SMOOTH_L1_BETA = 0.01
WING_WIDTH, WING_EPSILON = 0.10, 0.02
# The source's exponent is 2.1 minus a heat map's value; that is 1 on a landmark, and a coordinate is always on one.
ADAPTIVE_EXPONENT = 2.1 - 1
# Adam does not see the scale of a loss, but gradients are clipped together: the head's should not shrink the cascade's.
CERTAINTY_WEIGHT = 0.1


def cascade_loss(model: SRN, batch: TrainingBatch, loss: Loss = "l2", start: Start = "mean") -> Tensor:
    """Eq. 8 over a batch of sequences: the loss of every cascade step, summed over steps, mean over faces and frames.

    A learnt initial shape (SRN+HG) is one more term of the sum, on the frames that start from it. With ``start`` ``previous``
    only the first frame of a sequence does. The others start with the error at the end of the frame before, on a face that
    has moved: each frame has its own box and crop, so the landmarks of the previous frame do not fit it.

    The head for certainty adds :func:`certainty_loss` of the last step. It reads detached features, so no gradient of that
    term reaches the cascade.
    """
    memory, error = model.start(batch.images.shape[1]), None
    losses = []
    for images, boxes, truth, length, motion, hidden in zip(*batch, strict=True):
        if start == "previous" and error is not None:
            shapes, memory, raw = model.cascade(images, truth + error + motion, memory)
            scored = shapes
        else:
            initial = model.initial_shape(images, boxes)
            shapes, memory, raw = model.cascade(images, initial, memory)
            scored = shapes if model.hourglass is None else torch.cat([initial[None], shapes])
        error = (shapes[-1] - truth).detach()
        losses.append(landmark_loss(scored, truth, length, loss).sum(0).mean())
        if raw is not None:
            losses[-1] = losses[-1] + CERTAINTY_WEIGHT * certainty_loss(raw, error.norm(dim=-1) / length[:, None], hidden)
    return torch.stack(losses).mean()


def certainty_loss(raw: RawCertainty, errors: Tensor, hidden: Tensor) -> Tensor:
    """What the head for certainty minimises, the mean over faces and landmarks.

    Cross-entropy of the visibility, and the likelihood of the error ``r`` under a Laplace distribution in the plane with the
    density ``exp(-2 r / m)`` times a constant, whose mean distance is ``m``: ``r / m + log m``.

    Args:
        raw: the head's outputs.
        errors: ``(B, L)`` distances from the truth, normalisers; no gradient flows through them.
        hidden: ``(B, L)`` bool.
    """
    unseen = functional.binary_cross_entropy_with_logits(raw.visible, (~hidden).float())
    return unseen + (errors.detach() * torch.exp(-raw.log_error) + raw.log_error).mean()


def landmark_loss(predicted: Tensor, truth: Tensor, length: Tensor, loss: Loss = "l2") -> Tensor:
    """The loss ``(...)`` of each face, the mean over its landmarks: for ``l2`` the NME, else the sum over x and y.

    ``predicted`` and ``truth`` are ``(..., L, 2)``, ``length`` ``(...)`` is the normaliser, all in the same pixels.
    """
    if loss == "l2":
        return nme(predicted, truth, length)
    errors = (predicted - truth) / length[..., None, None]
    return COORDINATE_LOSSES[loss](errors).sum(-1).mean(-1)


def wing(errors: Tensor) -> Tensor:
    """``w ln(1 + |x| / eps)`` for ``|x| < w``, else ``|x| - C`` so that both meet; elementwise (Feng et al. 2018)."""
    size = errors.abs()
    offset = WING_WIDTH - WING_WIDTH * math.log1p(WING_WIDTH / WING_EPSILON)
    return torch.where(size < WING_WIDTH, WING_WIDTH * torch.log1p(size / WING_EPSILON), size - offset)


def smooth_l1(errors: Tensor) -> Tensor:
    """``x^2 / (2 beta)`` for ``|x| < beta``, else ``|x| - beta / 2``; elementwise (Girshick 2015)."""
    return functional.smooth_l1_loss(errors, torch.zeros_like(errors), reduction="none", beta=SMOOTH_L1_BETA)


def adaptive_wing(errors: Tensor) -> Tensor:
    """``w ln(1 + |x / eps|^p)`` for ``|x| < w``, else the line that continues it; elementwise (Wang et al. 2019).

    The source's widths are for heat maps; those of the wing loss replace them. The exponent is the source's: the slope falls to
    zero with the error.
    """
    size = errors.abs()
    knee = (WING_WIDTH / WING_EPSILON) ** ADAPTIVE_EXPONENT
    slope = WING_WIDTH / (1 + knee) * ADAPTIVE_EXPONENT * knee / WING_WIDTH
    curve = WING_WIDTH * torch.log1p((size / WING_EPSILON) ** ADAPTIVE_EXPONENT)
    return torch.where(size < WING_WIDTH, curve, slope * (size - WING_WIDTH) + WING_WIDTH * math.log1p(knee))


COORDINATE_LOSSES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "wing": wing,
    "smooth-l1": smooth_l1,
    "adaptive-wing": adaptive_wing,
}
