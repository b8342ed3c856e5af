"""Baselines of Stable-Baselines3 on the same game, with the flags of agents/dqn.py: DQN, PPO, QR-DQN.

python agents/sb3.py --algo ppo                                          # the clips that ship; pip install --editable '.[sb3]'
python agents/sb3.py --algo dqn --observation patches --hparams FILE.yml --seed 1 --run-dir runs/sb3
python agents/evaluate.py --policy runs/sb3-ppo-1 --optimal
tensorboard --logdir runs

A run cannot be resumed: SB3's checkpoints leave out where the episodes stand.
"""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

if __package__ in (None, ""):
    # Run as a file, the folder above is not on the path unless the package is installed.
    sys.path.insert(0, str(Path(__file__).parents[1]))


from agents.evaluate import check_evaluation, evaluate_run, evaluation_of
from agents.run_files import start_run_dir
from agents.sb3_extra import find_algorithm, require
from agents.sb3_hparams import SHIPPED, Hparams, read_hparams
from srn_core.command_line import read_options
from srn_core.errors import COUNT, NOT_NEGATIVE, UserError, check_numbers, command
from srn_gym.rules import Observation, TrainingRules


@dataclass(frozen=True)
class SB3Args(TrainingRules):
    """Train a baseline of Stable-Baselines3 on the occlusion game, save it, and evaluate what was saved."""

    algo: Literal["dqn", "ppo", "qrdqn"]
    """The algorithm; qrdqn is sb3-contrib's."""
    hparams: Path | None = None
    """YAML file of hyper-parameters in rl_zoo3's layout; agents/hparams/ALGO.yml where not given."""
    clips: str = "demo?split=train"
    """Data spec of the clips to train on."""
    val_clips: str | None = None
    """Data spec to evaluate on; the training spec with split=val where not given."""
    tracker: str = "srn-small"
    """The tracker to attack: a checkpoint's name or folder, onnx:PATH?..., constant or MODULE:FUNCTION."""
    observation: Observation = "features"
    """features: what an SRN tracker makes of the patches, small; patches: pixels, seen through the SRN's trunk."""
    numbered: bool = False
    """Also tell which landmark each candidate covers, one-hot, as agents/dqn.py tells its network. For features."""
    train_trunk: bool = False
    """Let the trunk learn too; it is frozen otherwise. For patches."""
    seed: int = 1
    """Seeds weights, exploration, episodes and sampling."""
    total_steps: int | None = None
    """Env steps (frames played); those of the hyper-parameters where not given."""
    num_envs: int | None = None
    """Episodes side by side; those of the hyper-parameters where not given."""
    window: int | None = 64
    """Frames of an episode at most; longer clips start at a random frame."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    eval_episodes: int = 48
    """Episodes of the evaluation of the saved policy; 0: none."""
    run_dir: Path | None = None
    """Folder for logs and the model; runs/sb3-ALGO-SEED where not given."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, LIMITS)
        if self.numbered and self.observation != "features":
            raise UserError(f"--numbered with --observation {self.observation}: expected features; leave one out")


LIMITS = {
    "seed": (0, 2**32 - 1),
    "eval_episodes": NOT_NEGATIVE,
    **dict.fromkeys(("total_steps", "num_envs"), COUNT),
}


def train(args: SB3Args) -> Path:
    """Train, save and return the run's folder.

    Raises:
        UserError: SB3 is not installed, or an argument or a hyper-parameter cannot be used.
    """
    require("stable_baselines3")
    find_algorithm(args.algo)
    # Only here: SB3 is an extra.
    from stable_baselines3.common.logger import configure

    from agents.sb3_model import Progress, build_envs, build_model
    from agents.sb3_policy import save_sb3_run

    hparams = chosen_hparams(args)
    envs = build_envs(args, hparams)
    run_dir = start_run_dir(args.run_dir or Path("runs") / f"sb3-{args.algo}-{args.seed}", resume=False)
    model = build_model(args, hparams, envs)
    model.set_logger(configure(str(run_dir), ["tensorboard"]))
    text = dataclasses.asdict(args) | {"hparams": dataclasses.asdict(hparams)}
    model.logger.record("hyper-parameters", "\n".join(f"    {k} = {v}" for k, v in text.items()))
    model.logger.dump(0)
    model.learn(hparams.n_timesteps, callback=Progress(args.algo))
    model.logger.close()
    save_sb3_run(run_dir, model, dataclasses.asdict(args), hparams)
    return run_dir


def chosen_hparams(args: SB3Args) -> Hparams:
    """The file's hyper-parameters, with what the command line says instead."""
    hparams = read_hparams(args.hparams or SHIPPED / f"{args.algo}.yml", args.observation)
    return dataclasses.replace(
        hparams, n_timesteps=args.total_steps or hparams.n_timesteps, n_envs=args.num_envs or hparams.n_envs
    )


@command
def main() -> None:
    args = read_options(SB3Args, __doc__)
    check_evaluation(args)
    run_dir = train(args)
    if args.eval_episodes:
        evaluate_run(evaluation_of(run_dir, args), args.reward)


if __name__ == "__main__":
    main()
