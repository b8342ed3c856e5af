"""Whether a device gives the same results as the CPU, with the same weights and inputs (``benchmarks/throughput.py``)."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.speed.timing import arithmetic, precisions
from srn_core import SRN, Tracker
from srn_core.data import Clip
from srn_core.face.geometry import boxes_in_crop
from srn_core.tracking.batch import Mode
from srn_gym.episodes import Episodes
from srn_gym.game import NUM_ACTIONS
from srn_gym.games import load_game

CPU = torch.device("cpu")


def landmark_parity(
    models: Mapping[str, SRN], device: torch.device, clips: Sequence[Clip], frames: int
) -> Iterator[dict[str, Any]]:
    """The distance of landmarks to the CPU's landmarks in float32, in pixels of the crop: ``max_px``, ``p99_px``, ``mean_px``.

    Args:
        models: by name; they are not changed.
        device: the other device.
        clips: whose faces are tracked, side by side.
        frames: per clip; at most the length of the shortest.
    """
    frames = min([frames, *map(len, clips)])
    for name, model in models.items():
        ours, reference = Tracker(copy.deepcopy(model), str(device)), Tracker(copy.deepcopy(model), "cpu")
        crops = torch.from_numpy(np.stack([clip.crops(ours.crop)[:frames] for clip in clips], 1)).permute(0, 1, 4, 2, 3)
        boxes = torch.from_numpy(np.stack([boxes_in_crop(clip.boxes[:frames], ours.crop) for clip in clips], 1))
        for mode in ("detect", "track"):
            with arithmetic("float32", CPU):
                expected = _run(reference, crops, boxes, mode)
            for precision in precisions(device):
                with arithmetic(precision, device):
                    distance = (_run(ours, crops, boxes, mode) - expected).norm(dim=-1).flatten()
                yield {
                    "what": "landmarks", "on": f"{name}, {mode}", "precision": precision,
                    "faces": crops.shape[0] * crops.shape[1], "max_px": float(distance.max()),
                    "p99_px": float(distance.quantile(0.99)), "mean_px": float(distance.mean()),
                }  # fmt: skip


def _run(tracker: Tracker, crops: Tensor, boxes: Tensor, mode: Mode) -> Tensor:
    """Landmarks ``(T, B, L, 2)`` on the CPU of crops ``(T, B, 3, S, S)`` with boxes ``(T, B, 4)``."""
    state, found = tracker.start(crops.shape[1]), []
    for images, places in zip(crops.to(tracker.device), boxes.to(tracker.device), strict=True):
        points, after = tracker.step(images, places, state)
        state = after if mode == "track" else state
        found.append(points.float().cpu())
    return torch.stack(found)


def game_parity(spec: str, tracker: str, device: torch.device, num_envs: int, steps: int) -> Iterator[dict[str, Any]]:
    """Whether the game shows the same pixels, and the largest difference of its rewards, over steps of random actions."""
    for mode in ("detect", "track"):
        both = []
        for place in (CPU, device):
            game = load_game(spec, tracker, str(place), mode=mode)
            episodes = Episodes(game, num_envs)
            episodes.reset(range(num_envs), [np.random.default_rng(i) for i in range(num_envs)])
            both.append(episodes)
        actions = torch.from_numpy(np.random.default_rng(0).integers(NUM_ACTIONS, size=(steps, num_envs)))
        differing, rewards = 0, []
        with arithmetic("float32", device):
            for chosen in actions:
                expected, shown = (episodes.observation().cpu() for episodes in both)
                differing += int((shown != expected).sum())
                played = [episodes.step(chosen.to(episodes.game.device)).reward.cpu() for episodes in both]
                rewards.append((played[1] - played[0]).abs().max())
        yield {
            "what": "game", "on": f"{tracker}, {mode}", "precision": "float32", "steps": steps * num_envs,
            "observation_bytes_differing": differing, "reward_max_difference": float(torch.stack(rewards).max()),
        }  # fmt: skip
