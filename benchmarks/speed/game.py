"""Speed of the game and of learning it, and the memory of its replay: rows of ``benchmarks/throughput.py``."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from torch import Tensor

from agents.baselines.processes import playing_processes
from agents.deepq.args import DQNArgs
from agents.deepq.learner import Learner
from agents.deepq.replay import TRANSITION
from benchmarks.speed.timing import Load, SpeedRow, arithmetic, time_calls, time_together
from srn_gym.cache.memo import batch_size
from srn_gym.env import OcclusionSynthesisEnv
from srn_gym.features import FrozenFeatures
from srn_gym.game import NUM_ACTIONS, OcclusionGame
from srn_gym.games import load_game
from srn_gym.vector_env import OcclusionSynthesisVectorEnv

STEPS = 4


def env_rows(load: Load, device: torch.device) -> Iterator[SpeedRow]:
    """Env steps per second, NumPy in and out, beside what users have: single envs in one process and in one process each.

    In ``track`` mode the tracker runs at every step; in ``detect`` mode its answers are cached, and here all are known.
    Processes (SB3's ``SubprocVecEnv``, spawned, one thread each) are measured on a CPU, in ``track`` mode.
    """
    for mode in ("track",) if load.quick else ("track", "detect"):
        options: dict[str, Any] = {
            "clips": first_clip(load.clips),
            "tracker": load.tracker,
            "device": str(device),
            "mode": mode,
        }
        if mode == "detect":
            load_game(**options).nme_table(0)
        for count in load.sizes.envs:
            ours = OcclusionSynthesisVectorEnv(count, **options)
            single = [partial(OcclusionSynthesisEnv, **options)] * count
            plays = {"": _playing(ours), "single envs": _playing(SyncVectorEnv(single, autoreset_mode=AutoresetMode.SAME_STEP))}
            with contextlib.ExitStack() as stack:
                if count > 1 and mode == "track" and device.type == "cpu":
                    plays["a process each"] = stack.enter_context(playing_processes(count, STEPS, options))
                stack.enter_context(arithmetic("float32", device))
                timing, *others = time_together(list(plays.values()), device, load.budget)
            done = STEPS * count
            for way, plain in zip(list(plays)[1:], others, strict=True):
                yield SpeedRow(
                    "env", f"{mode}, {count} envs", "float32", done / timing.seconds, "steps/s", 1e3 * timing.seconds / STEPS,
                    done / plain.seconds, way,
                )  # fmt: skip


def _playing(envs: gym.vector.VectorEnv) -> Callable[[], None]:
    """A function that plays some steps, always with the same actions."""
    envs.reset(seed=0)
    actions = np.random.default_rng(0).integers(NUM_ACTIONS, size=(STEPS, envs.num_envs))

    def play() -> None:
        for chosen in actions:
            envs.step(chosen)

    return play


class FreshFeatures(FrozenFeatures):
    """The same features without a cache: computed from all patches at every call. This is the plain way."""

    @torch.no_grad()
    def __call__(self, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        """``(B,)`` indices -> ``(B, F)`` float32."""
        parts = zip(*(index.split(batch_size(clip.device)) for index in (clip, frame, target)), strict=True)
        return torch.cat([self.encode(self.model, self.model.patch_features(self.patches(*part))) for part in parts])


def dqn_rows(load: Load, device: torch.device) -> Iterator[SpeedRow]:
    """Updates of the DQN per second with all features cached; the plain way computes the features of each batch."""
    learner = filled_learner(load, device)
    game, frames = learner.game, torch.arange(len(learner.game.clips[0]), device=device)
    frame = frames.repeat_interleave(game.num_landmarks)
    with arithmetic("float32", device):
        learner.features(torch.zeros_like(frame), frame, torch.arange(len(frame), device=device) % game.num_landmarks)
        timing = time_calls(learner.update, device, load.budget)
        learner.features = FreshFeatures(game.scene, learner.features.model, learner.features.encode)
        plain = time_calls(learner.update, device, load.budget)
    yield SpeedRow(
        "dqn", f"update on {load.sizes.dqn_batch}", "float32", 1 / timing.seconds, "updates/s", 1e3 * timing.seconds,
        1 / plain.seconds, "features computed", timing.memory_mib,
    )  # fmt: skip


def filled_learner(load: Load, device: torch.device) -> Learner:
    """A learner with transitions of the first clip in its replay."""
    game = load_game(first_clip(load.clips), load.tracker, str(device), reward="excess")
    args = DQNArgs(clips=first_clip(load.clips), tracker=load.tracker, batch_size=load.sizes.dqn_batch, device=str(device))
    learner, rng = Learner(args, game), np.random.default_rng(0)
    rows = np.zeros(2 * load.sizes.dqn_batch, TRANSITION)
    rows["frame"] = rng.integers(max(len(game.clips[0]) - 1, 1), size=len(rows))
    rows["landmark"], rows["next_landmark"] = rng.integers(game.num_landmarks, size=(2, len(rows)))
    rows["action"], rows["steps"] = rng.integers(NUM_ACTIONS, size=len(rows)), 1
    rows["reward"] = rng.normal(0, 0.01, len(rows))
    learner.observe_rewards(rows["reward"], rows["reward"], rows["landmark"])
    learner.replay.add(rows)
    return learner


def replay_rows(load: Load, device: torch.device) -> Iterator[SpeedRow]:
    """Bytes of a transition in the replay; the plain way stores the observations before and after it."""
    learner = filled_learner(load, device)
    stored = learner.replay.state()["data"]
    places = DQNArgs.queues * DQNArgs.capacity
    value, plain = stored.nbytes / places, _pixel_bytes(learner.game)
    yield SpeedRow("replay", "a transition", "", value, "bytes", plain=plain, plain_way="two observations")


def _pixel_bytes(game: OcclusionGame) -> float:
    """Bytes of two observations, an int64 action, a float32 reward and a bool."""
    zero = torch.zeros(1, dtype=torch.int64, device=game.device)
    return 2 * game.observe(zero, zero, zero).cpu().numpy().nbytes + 8 + 4 + 1


def first_clip(spec: str) -> str:
    return f"{spec}{'&' if '?' in spec else '?'}limit=1"
