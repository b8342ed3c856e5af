"""The Q-network's learner: acts, and updates by eq. 11 and 12."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from agents.features import FrozenFeatures, load_encoder
from agents.qnet import QHead
from agents.replay import MultiQueueReplay, Sample
from srn_gym.dynamics import NUM_ACTIONS, OcclusionGame

if TYPE_CHECKING:
    from agents.dqn import DQNArgs


# Transitions that set mean and deviation of the network's inputs.
INPUT_SAMPLE = 1024


class Learner:
    """Online and target network, optimiser, replay and the generators they draw from."""

    def __init__(self, args: DQNArgs, game: OcclusionGame) -> None:
        self.args, self.game = args, game
        encoder = load_encoder(args.tracker, args.encoder).to(game.device)
        self.features = FrozenFeatures(game, encoder)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(args.seed)
            self.online = QHead(self.features.size, game.num_landmarks).to(game.device)
        self.target = copy.deepcopy(self.online)
        self.optimiser = torch.optim.Adam(self.online.parameters(), lr=args.lr)
        self.replay = MultiQueueReplay(args.queues, args.capacity, args.gamma, args.single_queue)
        self.rng = np.random.default_rng((args.seed, 11))
        # Rewards are NMEs of a few percent: standardised by those seen before learning starts. Episodes have a fixed
        # length, so an affine change of the reward leaves the order of policies as it is.
        self.reward_count, self.reward_mean, self.reward_square = 0, 0.0, 0.0

    def q_values(self, clip: Tensor, frame: Tensor, landmark: Tensor, network: QHead) -> Tensor:
        """Values of the three candidates round ``landmark``: ``(B,)`` indices -> ``(B, 3)``."""
        candidates = self.game.candidates(landmark)
        flat = candidates.flatten()
        features = self.features(clip.repeat_interleave(NUM_ACTIONS), frame.repeat_interleave(NUM_ACTIONS), flat)
        return network(features, flat).view(-1, NUM_ACTIONS)

    @torch.no_grad()
    def act(self, clip: Tensor, frame: Tensor, landmark: Tensor, epsilon: float) -> Tensor:
        """Epsilon-greedy actions ``(B,)``: one coin an env."""
        explore = self.rng.random(len(clip)) < epsilon
        random = self.rng.integers(NUM_ACTIONS, size=len(clip))
        actions = torch.from_numpy(random).to(clip.device)
        exploit = torch.from_numpy(~explore).to(clip.device).nonzero()[:, 0]
        if len(exploit):
            best = self.q_values(clip[exploit], frame[exploit], landmark[exploit], self.online).argmax(1)
            actions[exploit] = best
        return actions

    def observe_rewards(self, reward: np.ndarray) -> None:
        """Take rewards ``(B,)`` into the mean and deviation, until the first update."""
        if self.reward_count < self.args.learning_starts:
            self.reward_count += len(reward)
            self.reward_mean += float((reward - self.reward_mean).sum()) / self.reward_count
            self.reward_square += float((reward**2 - self.reward_square).sum()) / self.reward_count

    def update(self) -> dict[str, float]:
        """One gradient step on ``(r + gamma max_a' Q_target(s', a') - Q(s, a))`` (eq. 11, 12); returns what to log."""
        sample = self.replay.sample(self.args.batch_size, self.rng, self.game.device)
        if not self.online.standardised:
            self._standardise_inputs()
        with torch.no_grad():
            # the state behind a clip's end is never looked at: its discount is 0
            frame = sample.next_frame.minimum(self.game.lengths[sample.clip] - 1)
            # double DQN: the online network chooses, the target network values
            chosen = self.q_values(sample.clip, frame, sample.next_landmark, self.online).argmax(1, keepdim=True)
            future = self.q_values(sample.clip, frame, sample.next_landmark, self.target).gather(1, chosen)[:, 0]
            wanted = self._standardised(sample.reward, sample.next_frame - sample.frame) + sample.discount * future
        covered = self._covered(sample)
        value = self.online(self.features(sample.clip, sample.frame, covered), covered)
        loss = functional.smooth_l1_loss(value, wanted)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.online.parameters(), 10.0)
        self.optimiser.step()
        with torch.no_grad():
            for target, online in zip(self.target.parameters(), self.online.parameters(), strict=True):
                target.lerp_(online, self.args.target_rate)
        return {"td_loss": float(loss.detach()), "q_mean": float(value.detach().mean())}

    def _standardise_inputs(self) -> None:
        sample = self.replay.sample(INPUT_SAMPLE, self.rng, self.game.device)
        features = self.features(sample.clip, sample.frame, self._covered(sample))
        for network in (self.online, self.target):
            network.standardise_by(features)

    def _covered(self, sample: Sample) -> Tensor:
        """The landmark that a transition's action covers: ``(B,)``."""
        return self.game.candidates(sample.landmark).gather(1, sample.action[:, None])[:, 0]

    def _standardised(self, reward: Tensor, steps: Tensor) -> Tensor:
        """n-step sums of rewards as n-step sums of standardised rewards."""
        deviation = max(self.reward_square - self.reward_mean**2, 1e-12) ** 0.5
        weights = (1 - self.args.gamma**steps) / (1 - self.args.gamma)
        return (reward - self.reward_mean * weights) / deviation
