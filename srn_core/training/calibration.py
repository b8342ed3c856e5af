"""Calibrate the certainty head on held-out faces, so that its probabilities and errors mean what they say.

A network knows its training faces: on others it errs more than the head has learnt, and is less sure of what is hidden.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from srn_core.face.ranking import average_precision, rank_correlation, recall_at_precision
from srn_core.model import SRN
from srn_core.training.augment import Occlusion, draw_batch
from srn_core.training.pool import FacePool

BATCHES, BATCH = 8, 64
# Any seed that no training step has.
CALIBRATION_SEED = 2**31
# Temperatures tried: from 1/4 to 4, evenly on a logarithmic scale.
TEMPERATURES = torch.logspace(-2, 2, 161, base=2.0)


class HeldOut(NamedTuple):
    """What the head says of held-out faces and what is true, ``(N, L)`` each.

    Attributes:
        visible: logits.
        hidden: bool.
        expected: expected errors, normalisers.
        errors: true ones.
    """

    visible: Tensor
    hidden: Tensor
    expected: Tensor
    errors: Tensor


def calibrate(model: SRN, pool: FacePool, occlusion: Occlusion) -> dict[str, Any]:
    """Set the head's temperature and error factor on faces of ``pool`` with occluders as in training; changes the weights.

    The temperature minimises the cross-entropy of the flags (Guo et al. 2017). The factor makes the mean expected error the
    mean true one.

    Returns:
        Both, and how well the head ranks hidden points and errors on these faces, for the card.
    """
    assert model.certainty is not None
    seen = held_out(model, pool, occlusion)
    temperature = best_temperature(seen.visible, seen.hidden)
    factor = float(seen.errors.mean() / seen.expected.mean())
    model.certainty.calibrate(temperature, factor)
    scores, hidden = (-seen.visible).flatten().numpy(), seen.hidden.flatten().numpy()
    return {
        "occlusion": occlusion,
        "faces": len(seen.errors),
        "temperature": temperature,
        "error_factor": factor,
        "visibility_ap": average_precision(scores, hidden),
        "visibility_recall_at_80": recall_at_precision(scores, hidden, 0.8),
        "error_rank_correlation": rank_correlation(seen.expected.mean(1).numpy(), seen.errors.mean(1).numpy()),
        "error_rank_correlation_points": rank_correlation(seen.expected.flatten().numpy(), seen.errors.flatten().numpy()),
    }


@torch.inference_mode()
def held_out(model: SRN, pool: FacePool, occlusion: Occlusion) -> HeldOut:
    """Run the model over single faces, the same at every call."""
    found = []
    for number in range(BATCHES):
        batch = draw_batch(pool, model.config, (CALIBRATION_SEED, number), BATCH, 1, occlusion)
        images, boxes, truth, length, _, hidden = (values[0] for values in batch)
        shapes, _, raw = model.cascade(images, model.initial_shape(images, boxes), model.start(BATCH))
        assert raw is not None
        errors = (shapes[-1] - truth).norm(dim=-1) / length[:, None]
        found.append(HeldOut(raw.visible, hidden, raw.log_error.exp(), errors))
    return HeldOut(*(torch.cat(values).cpu() for values in zip(*found, strict=True)))


def best_temperature(visible: Tensor, hidden: Tensor) -> float:
    """The temperature by which logits ``(N, L)`` fit the flags best."""
    losses = [functional.binary_cross_entropy_with_logits(visible / t, (~hidden).float()) for t in TEMPERATURES]
    return float(TEMPERATURES[int(torch.stack(losses).argmin())])
