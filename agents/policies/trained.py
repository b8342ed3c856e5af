"""The policy of a run's folder, whoever trained it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.baselines.extra import require
from agents.deepq.policy import LearnedPolicy
from agents.policies.protocol import Policy
from agents.run_folder import is_sb3_run
from srn_core.checkpoints import CARD
from srn_core.errors import UserError
from srn_core.io.files import read_json
from srn_core.io.tensors import load_tensors
from srn_gym.rules import GameRules, rules_of

if TYPE_CHECKING:
    pass
from agents.run_folder import POLICY


def load_policy(folder: Path) -> Policy:
    """The policy that a run has saved last, of agents/dqn.py or of agents/sb3.py.

    Raises:
        UserError: no run there, a damaged file, or a run of SB3 where that is not installed.
    """
    if is_sb3_run(folder):
        require("stable_baselines3")
        # Only here: SB3 is an extra.
        from agents.baselines.policy import load_sb3_policy

        return load_sb3_policy(folder)
    if not (folder / POLICY).is_file():
        raise UserError(f"policy '{folder}': unknown; expected a policy's name or a run's folder with {POLICY}")
    tensors, card = load_tensors(folder / POLICY)
    if "trunk" not in card.get("arguments", {}):
        raise UserError(f"{folder / POLICY}: not a policy of this package; expected one that agents/dqn.py wrote")
    return LearnedPolicy(folder, tensors, card)


def trained_rules(policy: str) -> dict[str, Any]:
    """The rules of the game that a trained policy was trained with, see :func:`rules_of`; for a named one the default ones."""
    folder, rules = Path(policy), rules_of(GameRules())
    if is_sb3_run(folder):
        arguments = read_json(folder / CARD).get("arguments", {})
    elif (folder / POLICY).is_file():
        arguments = load_tensors(folder / POLICY)[1].get("arguments", {})
    else:
        return rules
    return {name: arguments.get(name, value) for name, value in rules.items()} if isinstance(arguments, dict) else rules
