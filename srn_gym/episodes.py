"""Where a batch of episodes stands in a game: reset, step and observation on tensors.

The single env is a batch of one, the vector env a batch of many. Agents that keep everything on the device use this class.
"""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from srn_core.devices import to_device
from srn_core.errors import UserError
from srn_core.values import python_value
from srn_gym.game import NO_OCCLUDER, OcclusionGame, Response
from srn_gym.memory import nothing_earned, remember

OPTIONS = ("clip", "frame", "landmark")


class Step(NamedTuple):
    """What a step did, one entry per env.

    Attributes:
        reward: ``(B,)`` float32, the response's.
        terminated: ``(B,)`` bool, the clip has ended.
        truncated: ``(B,)`` bool, the window has ended before the clip, or ``max_steps`` steps have been made.
        response: the tracker's.
        clip: ``(B,)`` int64.
        frame: ``(B,)`` int64, the frame that was covered.
        landmark: ``(B,)`` int64, the landmark that was covered; -1 for none.
    """

    reward: Tensor
    terminated: Tensor
    truncated: Tensor
    response: Response
    clip: Tensor
    frame: Tensor
    landmark: Tensor


class Episodes:
    """B episodes side by side; none resets by itself.

    Attributes:
        game: the rules.
        num_envs: B.
        window: longest episode in frames; in a longer clip it starts at a random frame. None plays clips to their end.
        max_steps: steps after which any episode is truncated, as by ``gymnasium.wrappers.TimeLimit``.
        clip: ``(B,)`` int64 clip number of each env.
        frame: ``(B,)`` int64 frame that is shown and will be covered next.
        landmark: ``(B,)`` int64 landmark that was covered last; at the start of an episode a random landmark.
        start: ``(B,)`` int64 frame on which the episode started.
        state: ``(B, D)`` the tracker's memory.
        earned: ``(B, 2, L)`` what the episode earned so far (:mod:`srn_gym.memory`); zeros unless it is remembered.
        last: the previous step; None before the first.
        returns: ``(B,)`` float64 sum of the episode's rewards so far.
        played: ``(B,)`` bool, whether the env has made a step since its reset, so that ``last`` belongs to its episode.
    """

    def __init__(
        self,
        game: OcclusionGame,
        num_envs: int,
        window: int | None = None,
        max_steps: int | None = None,
        remembers: bool = False,
    ) -> None:
        """Call :meth:`reset` on all envs before anything else. ``remembers``: :attr:`earned` is kept, as for ``memory``.

        Raises:
            UserError: ``num_envs``, ``window`` or ``max_steps`` is below 1.
        """
        num_envs, window, max_steps = map(python_value, (num_envs, window, max_steps))
        for name, value in (("num_envs", num_envs), ("window", window), ("max_episode_steps", max_steps)):
            if value is not None and (not isinstance(value, Integral) or isinstance(value, bool) or value < 1):
                raise UserError(f"{name} {value}: expected a whole number of at least 1")
        self.game, self.num_envs, self.window, self.max_steps = game, num_envs, window, max_steps
        self.clip, self.frame, self.landmark, self.start = torch.zeros(4, num_envs, dtype=torch.int64, device=game.device)
        self.state = game.tracker.start(num_envs)
        self.remembers = remembers or game.rules.observation == "memory"
        self.earned = nothing_earned(num_envs, game.num_landmarks, game.device)
        self.returns = torch.zeros(num_envs, dtype=torch.float64, device=game.device)
        self.played = torch.zeros(num_envs, dtype=torch.bool, device=game.device)
        self.last: Step | None = None

    def reset(
        self, index: Iterable[int], rngs: Sequence[np.random.Generator], options: Mapping[str, Any] | None = None
    ) -> None:
        """Start new episodes.

        Each env draws from its own generator, always in this order: clip, first frame (0 where the clip is not longer than
        the window), landmark. So an env's episodes do not depend on the other envs.

        Args:
            index: the envs to reset.
            rngs: one generator for each of the B envs.
            options: ``clip``, ``frame`` and ``landmark`` replace what was drawn: an int for all envs, or B ints.

        Raises:
            ValueError: an option is unknown, or its value is out of range.
        """
        envs = [int(i) for i in index]
        if not envs:
            return
        given = _read_options(options or {}, self.num_envs)
        places = [self._draw(rngs[i], {name: int(values[i]) for name, values in given.items()}) for i in envs]
        clip, frame, landmark = to_device(np.array(places), self.game.device).unbind(1)
        rows = (to_device(np.array(envs), self.game.device),)
        # Out of place, because the last step holds these tensors too.
        self.clip, self.landmark = self.clip.index_put(rows, clip), self.landmark.index_put(rows, landmark)
        self.frame, self.start = self.frame.index_put(rows, frame), self.start.index_put(rows, frame)
        self.state = self.state.index_put(rows, self.game.tracker.start(len(envs)))
        self.earned = self.earned.index_fill(0, rows[0], 0)
        self.returns = self.returns.index_fill(0, rows[0], 0)
        self.played = self.played.index_fill(0, rows[0], False)

    def step(self, actions: Tensor) -> Step:
        """Cover the previous, same or next landmark (actions 0, 1, 2; ``(B,)`` int64) on the shown frames; show the next."""
        return self.place(self.game.candidates(self.landmark).gather(1, actions[:, None])[:, 0])

    def place(self, targets: Tensor) -> Step:
        """Cover any landmarks ``(B,)`` int64 on the shown frames. -1 covers none and keeps the current landmark."""
        response = self.game.respond(self.clip, self.frame, targets, self.state, self.remembers)
        terminated = self.frame == self.game.lengths[self.clip] - 1
        truncated = torch.zeros_like(terminated)
        steps = self.frame - self.start + 1
        if self.window is not None:
            truncated = ~terminated & (steps >= self.window)
        if self.max_steps is not None:
            truncated = truncated | (steps >= self.max_steps)
        self.last = Step(response.reward, terminated, truncated, response, self.clip, self.frame, targets)
        if self.remembers:
            self.earned = remember(self.earned, targets, response.excess)
        self.frame = self.frame + (~terminated).long()
        self.landmark = torch.where(targets == NO_OCCLUDER, self.landmark, targets)
        self.state = response.state
        self.returns = self.returns + response.reward
        self.played = torch.ones_like(self.played)
        return self.last

    def observation(self, envs: Tensor | slice = slice(None)) -> Tensor:
        """What the envs see now: ``(B, 3, L, 3, P, P)`` uint8, or vectors (see :meth:`OcclusionGame.observe`)."""
        return self.game.observe(self.clip[envs], self.frame[envs], self.landmark[envs], self.earned[envs])

    def _draw(self, rng: np.random.Generator, given: Mapping[str, int]) -> tuple[int, int, int]:
        """One env's clip, first frame and landmark."""
        game = self.game
        clip = _choose("clip", int(rng.integers(len(game.clips))), given, len(game.clips))
        length = len(game.clips[clip])
        starts = 1 if self.window is None else max(length - self.window + 1, 1)
        frame = _choose("frame", int(rng.integers(starts)), given, length)
        landmark = _choose("landmark", int(rng.integers(game.num_landmarks)), given, game.num_landmarks)
        return clip, frame, landmark


def _choose(name: str, drawn: int, given: Mapping[str, int], count: int) -> int:
    value = given.get(name, drawn)
    if not 0 <= value < count:
        raise ValueError(f"reset option '{name}': {value} is out of range; expected 0 to {count - 1}")
    return value


def _read_options(options: Mapping[str, Any], num_envs: int) -> dict[str, np.ndarray]:
    """Every option as one int64 per env ``(B,)``."""
    if unknown := sorted(set(options) - set(OPTIONS)):
        raise ValueError(f"reset option '{unknown[0]}': unknown; expected {', '.join(OPTIONS)}")
    read = {}
    for name, value in options.items():
        array = np.asarray(value)
        if array.dtype.kind not in "iu" or array.shape not in ((), (num_envs,)):
            raise ValueError(
                f"reset option '{name}': {value!r}; expected a whole number, or one for each of the {num_envs} envs"
            )
        read[name] = np.broadcast_to(array, num_envs)
    return read
