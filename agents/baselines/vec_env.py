"""The batched environment as a ``VecEnv``: Stable-Baselines3 does not accept Gymnasium's vector envs."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn
from torch import Tensor
from torch.nn.functional import one_hot

from srn_core.errors import UserError
from srn_gym.common import observation_box
from srn_gym.game import OcclusionGame
from srn_gym.vector_env import OcclusionSynthesisVectorEnv

Info = dict[str, Any]


class SB3VecEnv(VecEnv):
    """``B`` envs that step as one batch.

    Observations are ``(B, *shape)``, rewards ``(B,)`` float32. An env that has ended starts again in the same step. Its info
    then holds ``terminal_observation``, and ``TimeLimit.truncated`` says whether only the window ended.
    """

    def __init__(self, envs: OcclusionSynthesisVectorEnv, with_landmark_id: bool = False) -> None:
        """Wrap ``envs``; ``with_landmark_id``: observations pass through :func:`add_landmark_ids`.

        Raises:
            UserError: the envs have another autoreset mode than SB3 expects.
        """
        if envs.autoreset_mode is not AutoresetMode.SAME_STEP:
            raise UserError(f"autoreset_mode '{envs.autoreset_mode.value}': SB3 expects 'SameStep'; make the envs with that")
        self.envs, self.with_landmark_id = envs, with_landmark_id
        space = envs.single_observation_space
        if with_landmark_id:
            candidates, size = envs.game.observation_shape
            space = observation_box(envs.game.rules.observation, (candidates, size + envs.game.num_landmarks))
        super().__init__(envs.num_envs, space, envs.single_action_space)

    def reset(self) -> np.ndarray:
        """Start new episodes with the seeds and options of :meth:`seed` and :meth:`set_options`."""
        observations, infos = self.envs.reset(seed=self._seeds, options=_joined(self._options))
        self.reset_infos = env_infos(infos, self.num_envs)
        self._reset_seeds()
        self._reset_options()
        return self._shown(observations, self.reset_infos)

    def step_async(self, actions: np.ndarray) -> None:
        """Keep ``(B,)`` actions for :meth:`step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Step; returns observations, rewards, dones ``(B,)`` bool, and one info per env."""
        observations, rewards, terminated, truncated, infos = self.envs.step(self._actions)
        dones = terminated | truncated
        final_observations = infos.pop("final_obs", None)
        final = env_infos(infos.pop("final_info", {}), self.num_envs)
        rows = env_infos(infos, self.num_envs)
        observations = self._shown(observations, rows)
        for i in np.flatnonzero(dones):
            # For an env that has ended, the batched env returns the infos of its reset.
            self.reset_infos[i], rows[i] = rows[i], final[i]
            rows[i]["terminal_observation"] = self._shown(final_observations[i][None], [rows[i]])[0]
        for row, cut in zip(rows, truncated & ~terminated, strict=True):
            row["TimeLimit.truncated"] = bool(cut)
        return observations, rewards.astype(np.float32), dones, rows

    def _shown(self, observations: np.ndarray, infos: Sequence[Info]) -> np.ndarray:
        """The observations as SB3 sees them; the infos name the landmark that each env covered last."""
        if not self.with_landmark_id:
            return observations
        landmark = torch.tensor([int(info["landmark"]) for info in infos], device=self.envs.game.device)
        return add_landmark_ids(observations, self.envs.game, landmark)

    def close(self) -> None:
        """Release what the envs hold."""
        self.envs.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        """The picture of each env; None without a render mode."""
        return self.envs.render() or [None] * self.num_envs

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of the batched env, once per index."""
        return [getattr(self.envs, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Refused: the envs share one object."""
        raise AttributeError(f"set_attr('{attr_name}'): the envs are one batch; set it on SB3VecEnv.envs")

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        """Refused: the envs share one object."""
        raise AttributeError(f"env_method('{method_name}'): the envs are one batch; call it on SB3VecEnv.envs")

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """No env of the batch is wrapped."""
        return [False for _ in self._get_indices(indices)]


def add_landmark_ids(observations: np.ndarray, game: OcclusionGame, landmark: Tensor) -> np.ndarray:
    """Append the landmark that each candidate covers, one-hot: ``(B, A, F)`` -> ``(B, A, F + L)`` of the same type.

    ``landmark`` ``(B,)`` int64 are the landmarks covered before.
    """
    number = one_hot(game.candidates(landmark), game.num_landmarks).cpu().numpy()
    return np.concatenate([observations, number.astype(observations.dtype)], axis=2)


def env_infos(infos: Info, num_envs: int) -> list[Info]:
    """Gymnasium's infos of a batch, an array and a mask per entry, as one dict per env."""
    rows: list[Info] = [{} for _ in range(num_envs)]
    for name, values in infos.items():
        if f"_{name}" in infos:
            for i in np.flatnonzero(infos[f"_{name}"]):
                rows[i][name] = values[i]
    return rows


def _joined(options: Sequence[Info]) -> Info:
    """The options of all envs as one dict of arrays ``(B,)``."""
    names = {name for row in options for name in row}
    for name in names:
        if not all(name in row for row in options):
            raise ValueError(f"reset option '{name}': given for some envs; expected it for all of them or none")
    return {name: np.array([row[name] for row in options]) for name in names}
