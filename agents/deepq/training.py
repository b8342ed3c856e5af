"""A trained DQN for fine-tuning and comparisons: it is trained only if its folder does not hold it yet."""

import dataclasses
from pathlib import Path

from agents.deepq.args import DQNArgs
from agents.deepq.run_files import check_arguments, check_tracker
from agents.dqn import train_dqn
from agents.run_folder import POLICY, STATE
from srn_core.errors import UserError
from srn_core.io.tensors import load_tensors
from srn_gym.cache.store import Store
from srn_gym.games import SHARED


def trained_dqn(args: DQNArgs, store: Store = SHARED) -> Path:
    """Train a DQN, or finish its training; returns the run's folder.

    Raises:
        UserError: the folder holds a run with more steps, other arguments, or another tracker.
    """
    assert args.run_dir is not None
    card = load_tensors(args.run_dir / POLICY)[1] if (args.run_dir / POLICY).is_file() else {}
    step = card.get("step", 0)
    if step >= args.total_steps + args.num_envs:
        raise UserError(f"{args.run_dir}: holds a DQN of {step} steps; expected {args.total_steps}; give another --out")
    if step >= args.total_steps:
        check_arguments(args.run_dir, card, args)
        check_tracker(args.run_dir, card, store.tracker(args.tracker, args.device))
        return args.run_dir
    return train_dqn(dataclasses.replace(args, resume=(args.run_dir / STATE).is_file()), store)
