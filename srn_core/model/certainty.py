"""How sure a network is of each landmark: a head beside the cascade that reads it and never moves a point.

It is learnt from detached features, alone or together with the cascade. So a cascade without the head gives the same points.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

# Widths of the head's two layers. Together they are about 0.3 M parameters.
LANDMARK_WIDTH, FACE_WIDTH = 24, 128
# A move of a tenth of the crop counts as 1.
MOVE_UNIT = 0.1
# Numbers per landmark that say where it is and how the cascade moved it.
MOVES = 6
# The error that an untrained head expects, normalisers.
FIRST_ERROR = 0.05


class Certainty(NamedTuple):
    """What users get beside the landmarks, NumPy ``(..., L)`` float32.

    Attributes:
        visibility: probability that the landmark can be seen, 0 to 1: that nothing in front of the face covers it.
        expected_error: expected distance of the landmark from the truth, as a share of the scheme's normaliser.
    """

    visibility: np.ndarray
    expected_error: np.ndarray

    def face(self, index: int) -> "Certainty":
        """Of one face ``(L,)`` out of ``(N, L)``."""
        return Certainty(*(values[index] for values in self))


class RawCertainty(NamedTuple):
    """The outputs of :class:`CertaintyHead`, float32 ``(B, L)``.

    Attributes:
        visible: logit of the probability that a landmark can be seen.
        log_error: logarithm of its expected error, normalisers.
    """

    visible: Tensor
    log_error: Tensor

    def with_mirrored(self, flipped: "RawCertainty", order: np.ndarray) -> "RawCertainty":
        """The mean with the outputs for the mirror image; ``order`` is the scheme's mirror."""
        return RawCertainty(*((ours + theirs[:, order.tolist()]) / 2 for ours, theirs in zip(self, flipped, strict=True)))

    def numpy(self) -> Certainty:
        """As users get it."""
        return Certainty(self.visible.sigmoid().cpu().numpy(), self.log_error.exp().cpu().numpy())


class CertaintyHead(nn.Module):
    """Two layers over what the last cascade step saw: each landmark's patch on its own, then the whole face.

    ``u_i = [relu(U x_i + a) ; moves of i]``, ``v = relu(V [u_1 ... u_L ; h] + b)``, ``outputs_i = W_i v + w u_i + c_i``: one
    logit and one logarithm per landmark. An occluder covers neighbours together, which V can use.

    Args:
        landmarks: L.
        features: F, numbers per patch.
        memory: H, width of the memory.
    """

    def __init__(self, landmarks: int, features: int, memory: int) -> None:
        super().__init__()
        self.patch = nn.Linear(features, LANDMARK_WIDTH)
        self.face = nn.Linear(landmarks * (LANDMARK_WIDTH + MOVES) + memory, FACE_WIDTH)
        self.alone = nn.Linear(LANDMARK_WIDTH + MOVES, 2, bias=False)
        self.together = nn.Linear(FACE_WIDTH, 2 * landmarks)
        with torch.no_grad():
            self.together.bias.view(-1, 2).copy_(torch.tensor([0.0, np.log(FIRST_ERROR)]))

    def forward(self, x: Tensor, memory: Tensor, moves: Tensor) -> RawCertainty:
        """Patch features X ``(B, L, F)``, the memory ``(B, H)`` and :func:`cascade_moves` -> the outputs."""
        each = torch.cat([torch.relu(self.patch(x)), moves.to(x.dtype)], 2)
        whole = torch.relu(self.face(torch.cat([each.flatten(1), memory], 1)))
        visible, log_error = (self.together(whole).unflatten(1, (-1, 2)) + self.alone(each)).float().unbind(2)
        return RawCertainty(visible, log_error)

    @torch.no_grad()
    def calibrate(self, temperature: float, error_factor: float) -> None:
        """Divide the logits by ``temperature`` and multiply expected errors by ``error_factor``, in the weights themselves."""
        weight, bias = self.together.weight.unflatten(0, (-1, 2)), self.together.bias.view(-1, 2)
        for values in (weight[:, 0], bias[:, 0], self.alone.weight[0]):
            values /= temperature
        bias[:, 1] += float(np.log(error_factor))


def cascade_moves(initial: Tensor, before: Tensor, last: Tensor, size: int) -> Tensor:
    """Where the landmarks are on the face, and their moves in the last step and in all steps: ``(B, L, 6)``.

    Args:
        initial: S_0 ``(B, L, 2)`` crop pixels.
        before: S_{K-1}.
        last: S_K.
        size: side of the crop, px.
    """
    parts = last - last.mean(1, keepdim=True), last - before, last - initial
    return torch.cat(parts, 2) / (MOVE_UNIT * size)
