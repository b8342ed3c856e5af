"""Stable-Baselines3 is an optional dependency, the extra ``sb3``: without it, one clear line says what to install."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

from srn_core.errors import UserError

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

# A run's model, and "library" in its card. They stand here because a run must be recognised without importing SB3.
MODEL, LIBRARY = "model.zip", "stable-baselines3"
ALGORITHMS = {"dqn": ("stable_baselines3", "DQN"), "ppo": ("stable_baselines3", "PPO"), "qrdqn": ("sb3_contrib", "QRDQN")}
"""Package and class of each algorithm."""


def require(package: str, extra: str = "sb3") -> ModuleType:
    """Import a package of an extra.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise UserError(
            f"{package}: cannot be imported ({error}); it needs the extra '{extra}': pip install --editable '.[{extra}]'"
        ) from None


def find_algorithm(name: str) -> type[BaseAlgorithm]:
    """The class of one of :data:`ALGORITHMS`.

    Raises:
        UserError: its package is not installed.
    """
    package, class_name = ALGORITHMS[name]
    found: Any = getattr(require(package), class_name)
    return found
