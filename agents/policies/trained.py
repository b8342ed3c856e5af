"""The policy in the folder of a run, of agents/dqn.py or of agents/sb3.py."""

from pathlib import Path
from typing import Any

from agents.baselines.extra import require
from agents.deepq.policy import LearnedPolicy
from agents.policies.named import NAMES
from agents.policies.protocol import Policy
from agents.run_folder import POLICY, is_sb3_run
from srn_core.checkpoints import CARD
from srn_core.errors import UserError
from srn_core.io.files import read_json
from srn_core.io.tensors import load_tensors
from srn_gym.rules import GameRules, rules_of

# What a policy needs to know of its training.
ARGUMENTS = {"encoder", "gamma", "landmark_only", "plan", "trunk", "view", "without_landmark_id"}


def load_policy(folder: str | Path) -> Policy:
    """The policy that a run saved last.

    Raises:
        UserError: the folder holds no run, a file is damaged, or the run needs SB3 and that is not installed.
    """
    given, folder = folder, Path(folder)
    if is_sb3_run(folder):
        require("stable_baselines3")
        # Imported here because SB3 is an extra.
        from agents.baselines.policy import load_sb3_policy

        return load_sb3_policy(folder)
    if not (folder / POLICY).is_file():
        raise UserError(f"policy '{given}': unknown; expected {', '.join(NAMES)} or a run's folder with {POLICY}")
    tensors, card = load_tensors(folder / POLICY)
    arguments = card.get("arguments", {})
    # Options of other versions would be read as something else, in silence: plan was a switch once.
    if not arguments.keys() >= ARGUMENTS or not isinstance(arguments["plan"], str):
        raise UserError(f"{folder / POLICY}: not written by this version of agents/dqn.py; train the policy again")
    return LearnedPolicy(folder, tensors, card)


def trained_rules(policy: str) -> dict[str, Any]:
    """The rules that a trained policy was trained with, as :func:`rules_of` gives them; the default rules for a named one."""
    folder, rules = Path(policy), rules_of(GameRules())
    if policy in NAMES:
        return rules
    if is_sb3_run(folder):
        arguments = read_json(folder / CARD)["arguments"]
    elif (folder / POLICY).is_file():
        arguments = load_tensors(folder / POLICY)[1]["arguments"]
    else:
        return rules
    return {name: arguments[name] for name in rules}
