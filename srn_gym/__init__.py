"""Hard occluded face synthesis as a Gymnasium environment; importing this package registers ``OcclusionSynthesis-v0``."""

import srn_core.threads  # noqa: F401  before torch

from gymnasium.envs.registration import register

register(
    id="OcclusionSynthesis-v0",
    entry_point="srn_gym.env:OcclusionSynthesisEnv",
    vector_entry_point="srn_gym.vector_env:OcclusionSynthesisVectorEnv",
)
