"""What the single and the batched environment have in common: spaces, infos and the check of the render mode."""

from typing import Any

import numpy as np
from gymnasium.spaces import Box

from srn_core.errors import UserError
from srn_gym.episodes import Episodes, Step
from srn_gym.game import OcclusionGame
from srn_gym.rules import Observation

RENDER_FPS = 10


def observation_space(game: OcclusionGame) -> Box:
    """The space of one env's observations."""
    return observation_box(game.rules.observation, game.observation_shape)


def observation_box(observation: Observation, shape: tuple[int, ...]) -> Box:
    """The space of a kind of observation: pixels, or vectors that only their type limits."""
    if observation in ("response", "change", "memory"):
        limit = np.finfo(np.float32).max
        return Box(0 if observation == "response" else -limit, limit, shape, np.float32)
    if observation == "features":
        limits = np.finfo(np.float16)
        return Box(limits.min, limits.max, shape, np.float16)
    return Box(0, 255, shape, np.uint8)


def reset_info(episodes: Episodes) -> dict[str, np.ndarray]:
    """Where the episodes stand, one entry per env: ``clip``, ``frame`` and ``landmark``, each ``(B,)`` int64."""
    return {name: getattr(episodes, name).cpu().numpy().copy() for name in ("landmark", "frame", "clip")}


def step_info(game: OcclusionGame, step: Step) -> dict[str, np.ndarray]:
    """What a step did, one entry per env, in fresh arrays; points ``(B, L, 2)`` are pixels of the original frames."""
    clip, frame = step.clip.cpu().numpy(), step.frame.cpu().numpy()
    return {
        "nme": step.response.nme.cpu().numpy().astype(np.float64),
        "landmark": step.landmark.cpu().numpy().copy(),
        "frame": frame.copy(),
        "clip": clip.copy(),
        "prediction": game.scene.to_frame_pixels(step.clip, step.frame, step.response.prediction),
        "ground_truth": np.stack([game.clips[c].landmarks[t] for c, t in zip(clip, frame, strict=True)]),
    }


def check_render_mode(render_mode: Any, known: tuple[str, ...]) -> Any:
    """Return ``render_mode`` if it is None or known, else raise a :class:`UserError`."""
    if render_mode is not None and render_mode not in known:
        raise UserError(f"render_mode '{render_mode}': unknown; expected one of {', '.join(known)} or None")
    return render_mode
