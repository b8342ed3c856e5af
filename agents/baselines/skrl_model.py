"""skrl's double DQN on the batched environment. Needs the extra ``skrl``."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from skrl.agents.torch.ddqn import DDQN, DDQN_CFG
from skrl.envs.wrappers.torch import wrap_env
from skrl.memories.torch import RandomMemory
from skrl.models.torch import DeterministicMixin, Model
from skrl.trainers.torch import SequentialTrainer
from skrl.utils import set_seed
from torch import Tensor, nn

from srn_core.devices import pick_device
from srn_gym.vector_env import OcclusionSynthesisVectorEnv

HIDDEN = 128
# Steps of all envs that the replay holds, and steps with random actions before the first update.
MEMORY, RANDOM_STEPS = 1_000, 64


class ActionValues(DeterministicMixin, Model):
    """One small network values each action by the features of the frame that it would lead to: ``(B, 3 F)`` -> ``(B, 3)``."""

    def __init__(self, observation_space: gym.spaces.Box, action_space: gym.spaces.Discrete, device: torch.device) -> None:
        Model.__init__(self, observation_space=observation_space, action_space=action_space, device=device)
        DeterministicMixin.__init__(self)
        self.shape = observation_space.shape
        layers = (nn.LayerNorm(self.shape[1]), nn.Linear(self.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
        self.values = nn.Sequential(*layers).to(device)

    def compute(self, inputs: dict[str, Any], role: str = "") -> tuple[Tensor, dict[str, Any]]:
        """The values of the flat observations that skrl gives."""
        features = inputs["observations"].float().unflatten(1, self.shape)
        return self.values(features)[..., 0], {}


class RecordRewards(gym.vector.VectorWrapper):
    """Keeps the mean reward of each step in ``rewards``."""

    def __init__(self, env: gym.vector.VectorEnv) -> None:
        super().__init__(env)
        self.rewards: list[float] = []

    def step(self, actions: np.ndarray) -> Any:
        """A step of all envs."""
        result = self.env.step(actions)
        self.rewards.append(float(result[1].mean()))
        return result


def build_trainer(
    clips: str,
    tracker: str,
    device: str,
    num_envs: int,
    steps: int,
    lr: float,
    gamma: float,
    batch_size: int,
    seed: int,
    run_dir: Path,
) -> tuple[SequentialTrainer, list[float]]:
    """A trainer of ``steps`` steps of all envs, and the list that the mean reward of each step goes to."""
    set_seed(seed)
    where = pick_device(device)
    # Whole clips: skrl values the frame after a truncated episode, which would be the first of the next one.
    plain = OcclusionSynthesisVectorEnv(num_envs, clips, tracker, device, observation="features", reward="excess")
    recorded = RecordRewards(plain)
    env = wrap_env(recorded, wrapper="gymnasium", verbose=False)
    spaces = {"observation_space": env.observation_space, "action_space": env.action_space, "device": where}
    config = DDQN_CFG(
        batch_size=batch_size, learning_rate=lr, discount_factor=gamma, polyak=0.01, target_update_interval=1,
        random_timesteps=RANDOM_STEPS, learning_starts=RANDOM_STEPS,
        exploration_scheduler=lambda step, total: max(0.05, 1 - 2 * step / total),
    )  # fmt: skip
    config.experiment.directory, config.experiment.experiment_name = str(run_dir.parent), run_dir.name
    agent = DDQN(
        models={"q_network": ActionValues(**spaces), "target_q_network": ActionValues(**spaces)},
        memory=RandomMemory(memory_size=min(MEMORY, steps), num_envs=num_envs, device=where),
        cfg=config,
        **spaces,
    )
    trainer = {"timesteps": steps, "headless": True, "close_environment_at_exit": False}
    return SequentialTrainer(env=env, agents=agent, cfg=trainer), recorded.rewards
