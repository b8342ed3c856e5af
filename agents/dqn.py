"""A deep Q-network that learns where to put the occluder (METHOD 3, eq. 11, 12).

python agents/dqn.py                                                      # the clips that ship
python agents/dqn.py --clips "300vw:DIR?split=train" --tracker srn-small --seed 1 --run-dir runs/dqn
python agents/dqn.py ... --resume                                         # goes on where it was stopped
tensorboard --logdir runs
"""

from __future__ import annotations

import dataclasses
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

if __package__ in (None, ""):
    # Run as a file, the folder above is not on the path unless the package is installed.
    sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from agents.evaluate import check_evaluation, evaluate_run, evaluation_of
from agents.learner import Learner
from agents.replay import MAX_N_STEP, TRANSITION, NStep
from agents.run_files import load_run, save_run, start_run_dir
from srn_core.command_line import read_options
from srn_core.errors import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, UserError, check_numbers, command
from srn_gym.episodes import Episodes
from srn_gym.games import load_game
from srn_gym.rules import TrainingRules, rules_of


@dataclass(frozen=True)
class DQNArgs(TrainingRules):
    """Train a multi-queue DQN on the occlusion game, save it, and evaluate what was saved."""

    clips: str = "demo?split=train"
    """Data spec of the clips to train on."""
    val_clips: str | None = None
    """Data spec to evaluate on; the training spec with split=val where not given."""
    tracker: str = "srn-small"
    """The tracker to attack: a checkpoint's name or folder, onnx:PATH?..., constant or MODULE:FUNCTION."""
    encoder: str = ""
    """The SRN that the Q-network sees through; the tracker's if that has one, else srn-small, where not given."""
    seed: int = 1
    """Seeds weights, exploration, episodes and sampling."""
    total_steps: int = 60_000
    """Env steps (frames played)."""
    num_envs: int = 32
    """Episodes side by side."""
    window: int | None = 64
    """Frames of an episode at most; longer clips start at a random frame."""
    lr: float = 1e-3
    """Learning rate of Adam."""
    gamma: float = 0.99
    """Discount a frame. Of 0.9, 0.97 and 0.99 the last was best on unseen talking heads."""
    n_step: int = 1
    """Rewards summed before the bootstrap."""
    double: bool = True
    """Double DQN: the online network chooses the next action, the target network values it."""
    loss: Literal["huber", "squared"] = "huber"
    """Of the TD error, in standard deviations of the reward; huber goes over into the absolute error at 1."""
    trunk: Literal["frozen", "tuned"] = "frozen"
    """Whether the SRN's patch trunk learns with the head. frozen: its answers are computed once; tuned: for a GPU."""
    trunk_lr: float = 1e-5
    """Learning rate of a tuned trunk."""
    batch_size: int = 256
    """Transitions an update."""
    updates_per_step: int = 2
    """Updates after each step of all envs."""
    target_rate: float = 0.01
    """The target network follows by this share an update."""
    learning_starts: int = 2_000
    """Env steps played at random before the first update; half of --total-steps where that is less."""
    queues: int = 256
    """M: clips that the replay remembers."""
    capacity: int = 4_096
    """Transitions a queue."""
    single_queue: bool = False
    """One FIFO of queues x capacity transitions in place of the queues, of which only as many fill as there are clips."""
    priority: float = 0.0
    """Exponent of the TD error by which transitions are drawn inside a queue; 0: uniformly."""
    epsilon_end: float = 0.05
    """Share of random actions at the end of the decay, which starts at 1."""
    epsilon_decay: float = 0.5
    """Share of the run over which epsilon falls."""
    epsilon_spread: float = 0.0
    """How much less later envs explore: env i of B has epsilon ** (1 + this * i / (B - 1)). 0: all alike; Ape-X has 7."""
    above_clean: bool = False
    """Show the network how much more the SRN would move the landmarks than on the clean frame, not the candidate alone. Share
    on unseen talking heads, ten seeds: 0.21 against 0.19; on those of the training 0.44 against 0.45."""
    blind: bool = False
    """Show the network nothing but the covered landmark's number: what is won without looking at faces."""
    unnamed: bool = False
    """Do not tell the network the covered landmark's number, but show it the picture alone, as the SB3 baselines see it."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    eval_episodes: int = 48
    """Episodes of the evaluation of the saved policy; 0: none."""
    save_every: int = 20_000
    """Env steps between checkpoints."""
    run_dir: Path | None = None
    """Folder for logs and checkpoints; runs/dqn-SEED where not given."""
    resume: bool = False
    """Go on from the checkpoint in the run's folder."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, LIMITS)
        if self.blind and self.unnamed:
            raise UserError("--blind with --unnamed: nothing is left to learn from; leave one out")

    @property
    def first_update(self) -> int:
        """Env steps before the first update."""
        return min(self.learning_starts, -(-self.total_steps // 2))


LIMITS = {
    **dict.fromkeys(("total_steps", "num_envs", "batch_size", "updates_per_step"), COUNT),
    **dict.fromkeys(("learning_starts", "queues", "capacity", "save_every"), COUNT),
    **dict.fromkeys(("priority", "eval_episodes", "epsilon_spread"), NOT_NEGATIVE),
    **dict.fromkeys(("gamma", "target_rate", "epsilon_end", "epsilon_decay"), SHARE),
    "seed": (0, 2**63 - 1),
    "lr": (POSITIVE[0], 1),
    "trunk_lr": SHARE,
    "n_step": (1, MAX_N_STEP),
}


def train(args: DQNArgs) -> Path:
    """Train, save and return the run's folder."""
    game = load_game(args.clips, args.tracker, args.device, **rules_of(args, TrainingRules))
    if not args.single_queue and args.queues < (least := min(args.num_envs, len(game.clips))):
        raise UserError(
            f"--queues {args.queues}: {least} clips are played at once, each has its own; expected at least {least}"
        )
    learner = Learner(args, game)
    run_dir = start_run_dir(args.run_dir or Path("runs") / f"dqn-{args.seed}", args.resume)
    episodes = Episodes(game, args.num_envs, args.window)
    rngs = [np.random.default_rng((args.seed, 10, i)) for i in range(args.num_envs)]
    n_step = NStep(args.n_step, args.gamma)
    episodes.reset(range(args.num_envs), rngs)
    step = load_run(run_dir, learner, episodes, rngs, n_step) if args.resume else 0
    writer = SummaryWriter(str(run_dir), purge_step=step)
    writer.add_text("hyper-parameters", "\n".join(f"    {k} = {v}" for k, v in dataclasses.asdict(args).items()))
    progress = tqdm(total=args.total_steps, initial=step, desc="dqn", unit="step")
    began, first_step = time.time(), step
    while step < args.total_steps:
        # act: one coin an env
        epsilon = epsilon_at(step, args)
        started = np.zeros(args.num_envs, TRANSITION)
        for name in ("clip", "frame", "landmark"):
            started[name] = getattr(episodes, name).cpu().numpy()
        actions = learner.act(episodes.clip, episodes.frame, episodes.landmark, epsilon)
        started["action"] = actions.cpu().numpy()
        # step
        played = episodes.step(actions)
        reward, terminated = played.reward.cpu().numpy(), played.terminated.cpu().numpy()
        done = terminated | played.truncated.cpu().numpy()
        # store
        learner.observe_rewards(reward)
        learner.replay.add(n_step.push(started, reward, played.landmark.cpu().numpy(), terminated, done))
        for env in np.flatnonzero(done):
            writer.add_scalar("play/episodic_return", episodes.returns[env], step)
        episodes.reset(np.flatnonzero(done), rngs)
        step += args.num_envs
        # learn, and let the target network follow
        if step >= args.first_update and len(learner.replay):
            for _ in range(args.updates_per_step):
                losses = learner.update()
            if step // args.num_envs % 20 == 0:
                for name, value in losses.items():
                    writer.add_scalar(f"learn/{name}", value, step)
                writer.add_scalar("play/epsilon", epsilon.mean(), step)
                writer.add_scalar("play/steps_per_second", (step - first_step) / (time.time() - began), step)
        progress.update(args.num_envs)
        if step // args.save_every != (step - args.num_envs) // args.save_every or step >= args.total_steps:
            save_run(run_dir, step, learner, episodes, rngs, n_step)
    progress.close()
    writer.close()
    return run_dir


def epsilon_at(step: int, args: DQNArgs) -> np.ndarray:
    """Each env's share of random actions ``(B,)``: 1 until learning starts, then a straight line to ``epsilon_end``.

    Env i takes that to the power ``1 + epsilon_spread * i / (B - 1)`` (Horgan et al. 2018, https://arxiv.org/abs/1803.00933).
    """
    decay = args.epsilon_decay * (args.total_steps - args.first_update)
    share = (step - args.first_update) / max(decay, 1)
    epsilon = np.clip(1 - (1 - args.epsilon_end) * share, args.epsilon_end, 1)
    return np.asarray(epsilon ** np.linspace(1, 1 + args.epsilon_spread, args.num_envs))


@command
def main() -> None:
    args = read_options(DQNArgs, __doc__)
    check_evaluation(args)
    run_dir = train(args)
    if args.eval_episodes:
        evaluate_run(evaluation_of(run_dir, args), args.reward)


if __name__ == "__main__":
    main()
