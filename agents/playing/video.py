"""An episode as a video: the covered frames with the tracker's landmarks (pink) and the true ones (green)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from agents.playing.rollout import Rollout
from srn_core.io.files import write_atomically
from srn_core.io.videos import write_video
from srn_gym.episodes import Episodes
from srn_gym.game import OcclusionGame
from srn_gym.render import draw_env

FPS = 12


def episode_pictures(game: OcclusionGame, rollout: Rollout, episode: int) -> Iterator[np.ndarray]:
    """The frames of an episode as they were played: ``T`` pictures ``(H, W, 3)`` uint8 RGB, one at a time."""
    clip = int(rollout.clip[episode])
    episodes = Episodes(game, 1)
    options = {"clip": clip, "frame": 0, "landmark": int(rollout.first[episode])}
    episodes.reset([0], [np.random.default_rng(0)], options)
    for target in rollout.targets[episode, : len(game.clips[clip])]:
        episodes.place(torch.tensor([int(target)], device=game.device))
        yield draw_env(episodes, 0)


def write_episode(game: OcclusionGame, rollout: Rollout, episode: int, path: Path) -> None:
    """Write an episode as ``.mp4``, atomically."""
    pictures = episode_pictures(game, rollout, episode)
    write_atomically(path, lambda temporary: write_video(temporary, pictures, FPS))
