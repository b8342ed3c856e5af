"""Many environments as one batch in one process, on the CPU or a GPU."""

import operator
from collections.abc import Sequence
from typing import Any, Literal

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Discrete
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from srn_core.data.several import Specs
from srn_core.devices import to_device
from srn_core.errors import UserError
from srn_core.values import python_value
from srn_gym.cache.store import Store
from srn_gym.common import RENDER_FPS, check_render_mode, observation_space, reset_info, step_info
from srn_gym.episodes import Episodes
from srn_gym.game import NUM_ACTIONS
from srn_gym.games import DEFAULT_CLIPS, DEFAULT_TRACKER, SHARED, load_game
from srn_gym.render import draw_env

Infos = dict[str, Any]


class OcclusionSynthesisVectorEnv(gym.vector.VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """``num_envs`` copies of :class:`srn_gym.env.OcclusionSynthesisEnv` that step as one batch.

    The results equal those of ``gymnasium.vector.SyncVectorEnv`` over single envs: spaces, layout of infos, the three autoreset
    modes, and ``reset(seed=s)``, which seeds env ``i`` with ``s + i``. Arrays are NumPy's; :attr:`episodes` is the same batch
    on tensors.

    Attributes:
        game: the rules.
        episodes: positions and the tensor-level ``step``, ``place`` and ``observation``.
    """

    def __init__(
        self,
        num_envs: int = 1,
        clips: Specs = DEFAULT_CLIPS,
        tracker: str = DEFAULT_TRACKER,
        device: str = "auto",
        window: int | None = None,
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        render_mode: Literal["rgb_array"] | None = None,
        store: Store = SHARED,
        **rules: Any,
    ) -> None:
        """Arguments that are not listed here are as in :class:`srn_gym.env.OcclusionSynthesisEnv`.

        Args:
            num_envs: B.
            max_episode_steps: from ``make_vec``; an episode is truncated after this many steps, as by ``TimeLimit``.
            autoreset_mode: ``SameStep``, ``NextStep`` (Gymnasium's default) or ``Disabled``.
            render_mode: ``rgb_array`` or None.
            store: what the game shares with others, see :mod:`srn_gym.games`.
            rules: the fields of :class:`srn_gym.rules.Rules`.

        Raises:
            UserError: an argument cannot be used.
        """
        self.autoreset_mode = _read_autoreset_mode(autoreset_mode)
        self.render_mode = check_render_mode(render_mode, ("rgb_array",))
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": RENDER_FPS, "autoreset_mode": self.autoreset_mode}
        self.game = load_game(clips, tracker, device, store, **rules)
        self.episodes = Episodes(self.game, num_envs, window, max_episode_steps)
        self.num_envs = num_envs = self.episodes.num_envs
        self.single_observation_space, self.single_action_space = observation_space(self.game), Discrete(NUM_ACTIONS)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._rngs = [np_random()[0] for _ in range(num_envs)]
        self._started = np.zeros(num_envs, bool)
        self._ended = np.zeros(num_envs, bool)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, Infos]:
        """Start new episodes.

        Args:
            seed: ``s`` seeds env ``i`` with ``s + i``. Or one seed for each env. None keeps the generators as they are.
            options: ``clip``, ``frame``, ``landmark``: an int for all envs, or one for each. ``reset_mask``: ``(B,)`` bool, the
                envs to reset; the others stay where they are.

        Raises:
            ValueError: a seed, mask or option has the wrong size or range.
        """
        options = dict(options or {})
        mask = _read_mask(options.pop("reset_mask", np.ones(self.num_envs, bool)), self.num_envs)
        for i, value in enumerate(_read_seeds(seed, self.num_envs)):
            if mask[i] and value is not None:
                self._rngs[i] = np_random(value)[0]
        infos = self._restart(mask, {}, options)
        return self._observations(), infos

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, Infos]:
        """Cover the shown frames by ``(B,)`` actions, and reset the envs that have ended as the autoreset mode says.

        Returns:
            observations ``(B, 3, L, 3, P, P)`` uint8 or vectors ``(B, 3, F)``, rewards ``(B,)`` float64, terminations
            and truncations ``(B,)`` bool, infos. With ``SameStep``, the infos of envs that ended hold ``final_obs`` and
            ``final_info``.

        Raises:
            ResetNeeded: an env has no episode, or, with ``Disabled``, one that has ended.
            ValueError: the actions are unknown.
        """
        chosen = self._read_actions(actions)
        restarting = self._ended & (self.autoreset_mode is AutoresetMode.NEXT_STEP)
        step = self.episodes.step(to_device(chosen, self.game.device))
        results = [tensor.cpu().numpy() for tensor in (step.reward, step.terminated, step.truncated)]
        rewards, terminated, truncated = (np.where(restarting, np.zeros((), x.dtype), x) for x in results)
        self._ended = terminated | truncated
        played, infos = step_info(self.game, step), {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self._ended.any():
            infos = self._final_infos(played)
            restarting = self._ended
        _merge(infos, played, ~restarting)
        infos = self._restart(restarting, infos, {})
        return self._observations(), rewards.astype(np.float64), terminated, truncated, infos

    def render(self) -> tuple[np.ndarray, ...] | None:
        """The picture of each env, as the single env draws it; None without a render mode.

        Raises:
            ResetNeeded: an env has no episode yet.
        """
        if self.render_mode is None:
            gym.logger.warn("render() without a render_mode; make the env with render_mode='rgb_array'")
            return None
        if not self._started.all():
            raise ResetNeeded("render() before reset(); call reset() first")
        return tuple(draw_env(self.episodes, i) for i in range(self.num_envs))

    def _restart(self, mask: np.ndarray, infos: Infos, options: dict[str, Any]) -> Infos:
        """Reset the envs of ``mask`` ``(B,)`` and add their infos."""
        self.episodes.reset(mask.nonzero()[0], self._rngs, options)
        self._started = self._started | mask
        self._ended = self._ended & ~mask
        _merge(infos, reset_info(self.episodes), mask)
        return infos

    def _final_infos(self, played: dict[str, np.ndarray]) -> Infos:
        """``final_obs`` and ``final_info`` of the envs that ended, in gymnasium's layout."""
        ended = to_device(np.flatnonzero(self._ended), self.game.device)
        last = self.episodes.observation(ended).cpu().numpy()
        final_obs = np.full(self.num_envs, None, object)
        for i, observation in zip(np.flatnonzero(self._ended), last, strict=True):
            final_obs[i] = observation
        final_info: Infos = {}
        _merge(final_info, played, self._ended)
        found: Infos = {"final_obs": final_obs, "final_info": final_info}
        return found | {f"_{name}": self._ended.copy() for name in found}

    def _observations(self) -> np.ndarray:
        return np.asarray(self.episodes.observation().cpu().numpy())

    def _read_actions(self, actions: np.ndarray) -> np.ndarray:
        if not self._started.all():
            raise ResetNeeded("step() before reset(); call reset() first")
        if self.autoreset_mode is AutoresetMode.DISABLED and self._ended.any():
            ended = self._ended.nonzero()[0].tolist()
            raise ResetNeeded(f"envs {ended} have ended; call reset(options={{'reset_mask': mask}}) before step()")
        array = np.asarray(actions)
        if array.dtype.kind not in "iu" or array.shape != (self.num_envs,) or ((array < 0) | (array >= NUM_ACTIONS)).any():
            raise ValueError(f"actions {actions!r}: expected {self.num_envs} integers, each 0, 1 or 2")
        return array.astype(np.int64)


def _merge(infos: Infos, values: dict[str, np.ndarray], mask: np.ndarray) -> None:
    """Add the masked entries of ``values``. Elsewhere a key holds zeros; ``_key`` tells which envs have an entry."""
    if not mask.any():
        return
    for name, array in values.items():
        merged = infos.setdefault(name, np.zeros_like(array))
        merged[mask] = array[mask]
        infos[f"_{name}"] = infos.get(f"_{name}", np.zeros_like(mask)) | mask


def _read_autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    try:
        return AutoresetMode(mode)
    except ValueError:
        known = ", ".join(known.value for known in AutoresetMode)
        raise UserError(f"autoreset_mode '{mode}': unknown; expected one of {known}") from None


def _read_seeds(seed: int | Sequence[int | None] | None, num_envs: int) -> list[int | None]:
    seed = python_value(seed)
    if seed is None or isinstance(seed, int):
        return [None if seed is None else seed + i for i in range(num_envs)]
    if len(seed) != num_envs:
        raise ValueError(f"seed: {len(seed)} values; expected one for each of the {num_envs} envs")
    return [None if value is None else operator.index(value) for value in seed]


def _read_mask(mask: np.ndarray, num_envs: int) -> np.ndarray:
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (num_envs,) or not mask.any():
        raise ValueError(f"reset_mask {mask!r}: expected a NumPy array of {num_envs} bools, at least one of them true")
    return mask
