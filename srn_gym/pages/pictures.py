"""What a clip shows in the game, as pictures for a page: its faces, and the occluders alone."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from srn_core.occluders.squares import square_corner
from srn_gym.game import NO_OCCLUDER, OcclusionGame


def clip_frames(game: OcclusionGame, clip: int) -> tuple[Tensor, Tensor]:
    """Clip numbers and frame numbers ``(T,)`` of all frames of a clip."""
    frames = torch.arange(len(game.clips[clip]), device=game.device)
    return torch.full_like(frames, clip), frames


def pictures(game: OcclusionGame, clip: int, path: Sequence[int]) -> np.ndarray:
    """A clip's crops ``(T, S, S, 3)`` uint8 RGB with the occluder on the landmarks of ``path`` (T of them, -1 for none)."""
    covered = game.scene.occlude(*clip_frames(game, clip), torch.tensor(path, device=game.device))
    return covered.permute(0, 2, 3, 1).cpu().numpy()


def occluders(game: OcclusionGame, clip: int, path: Sequence[int]) -> tuple[list[list[int] | None], list[np.ndarray]]:
    """The occluder on each frame of a clip.

    Returns:
        The T corners ``[x, y]``, crop pixels, None where nothing is covered, and the T squares ``(n, n, 3)`` uint8 RGB.
    """
    scene, rows = game.scene, game.scene.row(*clip_frames(game, clip))
    side, targets = scene.occluder_side, torch.tensor(path, device=game.device)
    centres = scene.landmarks[rows, targets.clamp(min=0)]
    corners = square_corner(centres, side, scene.crop.size).tolist()
    squares = [image[y : y + side, x : x + side] for image, (x, y) in zip(pictures(game, clip, path), corners, strict=True)]
    return [corner if target != NO_OCCLUDER else None for corner, target in zip(corners, path, strict=True)], squares
