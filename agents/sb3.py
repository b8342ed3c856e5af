"""Train a baseline of Stable-Baselines3 on the same game: DQN, PPO or QR-DQN.

python agents/sb3.py --algo ppo                                          # the clips that ship; pip install --editable '.[sb3]'
python agents/sb3.py --algo dqn --observation patches --hparams FILE.yml --seed 1 --run-dir runs/sb3
python agents/evaluate.py --policy runs/sb3-ppo-1 --optimal
tensorboard --logdir runs

A run cannot be resumed, because SB3's checkpoints do not hold the state of the episodes.
"""

import dataclasses
from pathlib import Path

from agents.baselines.args import SB3Args
from agents.baselines.extra import find_algorithm, require
from agents.baselines.hyper_parameters import SHIPPED, Hparams, read_hparams
from agents.playing.evaluation import check_evaluation, evaluate_run, evaluation_args
from agents.run_folder import claimed_run
from srn_core.cli.options import read_options
from srn_core.errors import command
from srn_core.io.files import plain
from srn_gym.cache.store import Store
from srn_gym.games import SHARED


def train_sb3(args: SB3Args, store: Store = SHARED) -> Path:
    """Train, save and return the run's folder; ``store``: what the game shares with other games.

    Raises:
        UserError: SB3 is not installed, or an argument or a hyper-parameter cannot be used.
    """
    require("stable_baselines3")
    find_algorithm(args.algo)
    # Imported here because SB3 is an extra.
    from stable_baselines3.common.logger import configure

    from agents.baselines.model import Progress, build_envs, build_model
    from agents.baselines.policy import save_sb3_run

    hparams = chosen_hparams(args)
    with claimed_run(args.run_dir or Path("runs") / f"sb3-{args.algo}-{args.seed}", resume=False) as run_dir:
        model = build_model(args, hparams, build_envs(args, hparams, store))
        model.set_logger(configure(str(run_dir), ["tensorboard"]))
        text = dataclasses.asdict(args) | {"hparams": dataclasses.asdict(hparams)}
        model.logger.record("hyper-parameters", "\n".join(f"    {k} = {v}" for k, v in text.items()))
        model.logger.dump(0)
        model.learn(hparams.n_timesteps, callback=Progress(args.algo))
        model.logger.close()
        save_sb3_run(run_dir, model, args, hparams)
    return run_dir


def chosen_hparams(args: SB3Args) -> Hparams:
    """The hyper-parameters of the file; options on the command line take precedence."""
    hparams = read_hparams(args.hparams or SHIPPED / f"{args.algo}.yml", args.observation)
    return dataclasses.replace(
        hparams, n_timesteps=args.total_steps or hparams.n_timesteps, n_envs=args.num_envs or hparams.n_envs
    )


@command
def main() -> None:
    args = read_options(SB3Args, __doc__)
    check_evaluation(args)
    run_dir = train_sb3(args)
    if args.eval_episodes:
        evaluate_run(evaluation_args(run_dir, args), plain(args), chosen_hparams(args).n_timesteps)


if __name__ == "__main__":
    main()
