"""Train a deep Q-network that learns where to place the occluder (eq. 11, 12 of the paper).

python agents/dqn.py                                                      # the clips that ship
python agents/dqn.py --clips "300vw:DIR?split=train" --tracker srn-small --seed 1 --run-dir runs/dqn
python agents/dqn.py ... --resume                                         # continues a run that was stopped
tensorboard --logdir runs
"""

import dataclasses
import time
from collections import deque
from pathlib import Path

import srn_core.threads  # noqa: F401

import numpy as np
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from agents.deepq.args import DQNArgs
from agents.deepq.learner import Learner
from agents.deepq.replay import TRANSITION, NStep
from agents.deepq.run_files import load_run, save_run
from agents.playing.evaluation import check_evaluation, evaluate_run, evaluation_args
from agents.run_folder import claimed_run
from srn_core.cli.options import read_options
from srn_core.errors import UserError, command
from srn_core.io.files import plain
from srn_gym.cache.store import Store
from srn_gym.episodes import Episodes
from srn_gym.game import OcclusionGame
from srn_gym.games import SHARED, load_game
from srn_gym.rules import TrainingRules, rules_of

# Steps of all envs after which the plan takes in new mean rewards.
PLAN_EVERY = 50


def train_dqn(args: DQNArgs, store: Store = SHARED) -> Path:
    """Train, save and return the run's folder; ``store``: what the game shares with other games."""
    with claimed_run(args.run_dir or Path("runs") / f"dqn-{args.seed}", args.resume) as run_dir:
        game = load_game(args.clips, args.tracker, args.device, store, **rules_of(args, TrainingRules))
        if not args.single_queue and args.queues < (least := min(args.num_envs, len(game.clips))):
            problem = f"{least} clips are played at once, one queue each; expected at least {least}"
            raise UserError(f"--queues {args.queues}: {problem}")
        _train(args, game, run_dir)
    return run_dir


def _train(args: DQNArgs, game: OcclusionGame, run_dir: Path) -> None:
    learner = Learner(args, game)
    episodes = Episodes(game, args.num_envs, args.window, remembers=args.plans)
    rngs = [np.random.default_rng((args.seed, 10, i)) for i in range(args.num_envs)]
    n_step = NStep(args.n_step, args.gamma)
    episodes.reset(range(args.num_envs), rngs)
    step = load_run(run_dir, learner, episodes, rngs, n_step) if args.resume else 0
    writer = SummaryWriter(str(run_dir), purge_step=step)
    writer.add_text("hyper-parameters", "\n".join(f"    {k} = {v}" for k, v in dataclasses.asdict(args).items()))
    progress = tqdm(total=args.total_steps, initial=step, desc="dqn", unit="step")
    began, first_step = time.time(), step
    # Logged under the names of SB3, so that its curves and ours overlay.
    returns: deque[float] = deque(maxlen=100)
    while step < args.total_steps:
        # act: each env explores on its own
        epsilon = epsilon_at(step, args)
        started = np.zeros(args.num_envs, TRANSITION)
        for name in ("clip", "frame", "landmark"):
            started[name] = getattr(episodes, name).cpu().numpy()
        actions = learner.act(episodes.clip, episodes.frame, episodes.landmark, episodes.earned, epsilon)
        started["action"] = actions.cpu().numpy()
        # step
        played = episodes.step(actions)
        reward, terminated = played.reward.cpu().numpy(), played.terminated.cpu().numpy()
        done = terminated | played.truncated.cpu().numpy()
        # store
        landmark = played.landmark.cpu().numpy()
        excess = played.response.excess
        learner.observe_rewards(reward, reward if excess is None else excess.cpu().numpy(), landmark)
        learner.replay.add(n_step.push(started, reward, landmark, terminated, done))
        for env in np.flatnonzero(done):
            returns.append(float(episodes.returns[env]))
            writer.add_scalar("rollout/ep_rew", returns[-1], step)
            writer.add_scalar("rollout/ep_rew_mean", np.mean(returns), step)
        episodes.reset(np.flatnonzero(done), rngs)
        step += args.num_envs
        # learn; the target network follows
        if step >= args.first_update and len(learner.replay):
            if step // args.num_envs % PLAN_EVERY == 0 or step - args.num_envs < args.first_update:
                learner.plan_landmarks()
            for _ in range(args.updates_per_step):
                losses = learner.update()
            if step // args.num_envs % 20 == 0:
                for name, value in losses.items():
                    writer.add_scalar(f"train/{name}", value, step)
                writer.add_scalar("rollout/exploration_rate", epsilon, step)
                writer.add_scalar("time/fps", (step - first_step) / (time.time() - began), step)
        progress.update(args.num_envs)
        if step // args.save_every != (step - args.num_envs) // args.save_every or step >= args.total_steps:
            save_run(run_dir, step, learner, episodes, rngs, n_step)
    progress.close()
    writer.close()


def epsilon_at(step: int, args: DQNArgs) -> float:
    """The share of random actions: 1 until learning starts, then a straight line down to ``epsilon_end``."""
    decay = args.epsilon_decay * (args.total_steps - args.first_update)
    share = (step - args.first_update) / max(decay, 1)
    return max(args.epsilon_end, min(1.0, 1 - (1 - args.epsilon_end) * share))


@command
def main() -> None:
    args = read_options(DQNArgs, __doc__)
    check_evaluation(args)
    run_dir = train_dqn(args)
    if args.eval_episodes:
        evaluate_run(evaluation_args(run_dir, args), plain(args), args.total_steps)


if __name__ == "__main__":
    main()
