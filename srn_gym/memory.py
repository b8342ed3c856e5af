"""What a player earned on a clip so far: its memory of the landmarks where this face is weak.

A face's weak places last: what covering a landmark did to the tracker on one frame, it does in part on all later frames.
"""

import torch
from torch import Tensor


def nothing_earned(batch: int, num_landmarks: int, device: torch.device) -> Tensor:
    """The memory of B episodes at their start: zeros ``(B, 2, L)``.

    For each landmark it holds the sum of the excess errors for covering it (:class:`srn_gym.game.Response`), and their number.
    """
    return torch.zeros(batch, 2, num_landmarks, device=device)


def remember(earned: Tensor, landmark: Tensor, excess: Tensor | None) -> Tensor:
    """The memory ``(B, 2, L)`` after covering landmarks ``(B,)`` for excess errors ``(B,)``; -1, no occluder, adds nothing."""
    assert excess is not None
    added = torch.stack([excess, torch.ones_like(excess)], 1) * (landmark >= 0)[:, None]
    return earned.scatter_add(2, landmark.clamp(min=0)[:, None, None].expand(-1, 2, 1), added[..., None])
