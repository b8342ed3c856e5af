"""The learner: a Q-network that acts, and is updated by eq. 11 and 12."""

import copy

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from agents.deepq.args import DQNArgs
from agents.deepq.features import network_features
from agents.deepq.network import HIDDEN, QNet, each_candidate
from agents.deepq.replay import MultiQueueReplay, Sample
from agents.policies.landmark_plan import LandmarkPlan
from srn_core.devices import to_device
from srn_gym.game import NUM_ACTIONS, OcclusionGame

# Transitions from which the mean and deviation of the network's inputs are taken.
INPUT_SAMPLE = 1024
# Excess errors of the mean size that are added to those of a landmark, so that few of them do not make it look good.
PLAN_SHRINKAGE = 10


class Learner:
    """Online and target network, optimiser, replay, and the generator of their random numbers."""

    def __init__(self, args: DQNArgs, game: OcclusionGame) -> None:
        self.args, self.game = args, game
        self.features = network_features(game, args.encoder, args.view)
        self.encoder_key = self.features.key
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(args.seed)
            self.online = QNet(
                self.features,
                args.trunk == "tuned",
                args.landmark_only,
                args.without_landmark_id,
                args.view,
                LandmarkPlan(game.neighbours, args.gamma, args.plan == "clip") if args.plans else None,
            ).to(game.device)
        self.target = copy.deepcopy(self.online)
        # Listed once, because each walk through the modules costs as much as a layer.
        self._weights, self._target_weights = list(self.online.parameters()), list(self.target.parameters())
        self.optimiser = torch.optim.Adam(self._parameter_groups(), lr=args.lr)
        # Remembered here, because to look at the head's tensors would make the CPU wait for a GPU at each update.
        self._standardised_inputs = False
        self.replay = MultiQueueReplay(args.queues, args.capacity, args.gamma, args.single_queue)
        self.rng = np.random.default_rng((args.seed, 11))
        # Rewards are NMEs of a few percent. They are standardised by the mean and deviation before learning starts. Episodes
        # have a fixed length, so this affine change of the reward keeps the order of policies.
        self.reward_count, self.reward_mean, self.reward_square = 0, 0.0, 0.0
        # Of each landmark: the sum of the excess errors for covering it, and their number; and the mean before learning starts.
        self.landmark_excess, self.excess_mean = np.zeros((2, game.num_landmarks)), 0.0

    def _parameter_groups(self) -> list[dict[str, object]]:
        groups: list[dict[str, object]] = [{"params": self.online.head.parameters()}]
        if self.online.encoder is not None:
            groups.append({"params": self.online.encoder.trunk.parameters(), "lr": self.args.trunk_lr})
        return groups

    @torch.no_grad()
    def act(self, clip: Tensor, frame: Tensor, landmark: Tensor, earned: Tensor, epsilon: float) -> Tensor:
        """Epsilon-greedy actions ``(B,)``; each env decides independently. ``earned``: see :mod:`srn_gym.memory`."""
        explore = self.rng.random(len(clip)) < epsilon
        random = self.rng.integers(NUM_ACTIONS, size=len(clip))
        actions = to_device(random, clip.device)
        if not explore.all():
            exploit = to_device(np.flatnonzero(~explore), clip.device)
            candidates = self.game.candidates(landmark[exploit])
            shown = clip[exploit], frame[exploit], candidates, earned[exploit]
            values = self.online.candidate_values(self.features, *shown)
            actions[exploit] = values.argmax(1)
        return actions

    def observe_rewards(self, reward: np.ndarray, excess: np.ndarray, landmark: np.ndarray) -> None:
        """Take rewards and excess errors ``(B,)`` for covering landmarks ``(B,)`` into the means that standardise and plan."""
        for total, values in zip(self.landmark_excess, (excess, np.ones_like(excess)), strict=True):
            np.add.at(total, landmark, values)
        if self.reward_count < self.args.first_update:
            self.reward_count += len(reward)
            self.excess_mean += float((excess - self.excess_mean).sum()) / self.reward_count
            self.reward_mean += float((reward - self.reward_mean).sum()) / self.reward_count
            self.reward_square += float((reward**2 - self.reward_square).sum()) / self.reward_count

    def update(self) -> dict[str, Tensor]:
        """One gradient step on ``(r + gamma max_a' Q_target(s', a') - Q(s, a))`` (eq. 11, 12); returns what to log: ``()``."""
        sample = self.replay.sample(self.args.batch_size, self.rng, self.game.device)
        if not self._standardised_inputs:
            self._standardise_inputs()
        covered = self._covered(sample)
        value = self.online(self.features, sample.clip, sample.frame, covered, self._kept(len(covered)))
        wanted = self._wanted(sample)
        loss = functional.smooth_l1_loss(value, wanted)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._weights, 10.0)
        self.optimiser.step()
        with torch.no_grad():
            for target, online in zip(self._target_weights, self._weights, strict=True):
                target.lerp_(online, self.args.target_rate)
        return {"loss": loss.detach(), "q_mean": value.detach().mean()}

    def plan_landmarks(self) -> None:
        """Give the plans of both networks the excess errors so far."""
        sums, counts = self.landmark_excess
        means = (sums + PLAN_SHRINKAGE * self.excess_mean) / (counts + PLAN_SHRINKAGE)
        for network in (self.online, self.target):
            if network.plan is not None:
                network.plan.learn(to_device(means, self.game.device), self.excess_mean, self._deviation)

    @torch.no_grad()
    def _wanted(self, sample: Sample) -> Tensor:
        """The target of eq. 11: ``r + gamma max_a' Q_target(s', a')``, ``(B,)``."""
        # The state after a clip's end has discount 0, so any frame will do for it.
        frame = sample.next_frame.minimum(self.game.lengths[sample.clip] - 1)
        after = each_candidate(sample.clip, frame, self.game.candidates(sample.next_landmark))
        seen = self.target.see(self.features, *after)
        future = chooser = self.target.value(seen, after[-1]).view(-1, NUM_ACTIONS)
        # Double DQN: the online network chooses, the target network values. With a frozen trunk, both see the same.
        if self.args.double:
            if self.online.encoder is not None:
                seen = self.online.see(self.features, *after)
            chooser = self.online.value(seen, after[-1]).view(-1, NUM_ACTIONS)
        best = future.gather(1, chooser.argmax(1, keepdim=True))[:, 0]
        return self._standardised(sample.reward, sample.next_frame - sample.frame) + sample.discount * best

    def _kept(self, batch: int) -> Tensor | None:
        """Dropout as factors ``(2, B, H)`` of the hidden units; drawn here, so that a resumed run draws the same."""
        share = 1 - self.args.dropout
        if share == 1:
            return None
        kept = self.rng.random((2, batch, HIDDEN), dtype=np.float32) < share
        return to_device(kept, self.game.device) / share

    @torch.no_grad()
    def _standardise_inputs(self) -> None:
        """Before the first update of a run; a resumed run has loaded the mean and deviation."""
        self._standardised_inputs = True
        if self.online.head.standardised:
            return
        sample = self.replay.sample(INPUT_SAMPLE, self.rng, self.game.device)
        features = self.online.see(self.features, sample.clip, sample.frame, self._covered(sample))
        for network in (self.online, self.target):
            network.head.standardise_by(features)

    def _covered(self, sample: Sample) -> Tensor:
        """The landmark that a transition's action covers: ``(B,)``."""
        return self.game.candidates(sample.landmark).gather(1, sample.action[:, None])[:, 0]

    def _standardised(self, reward: Tensor, steps: Tensor) -> Tensor:
        """n-step sums of rewards as n-step sums of standardised rewards."""
        gamma = self.args.gamma
        weights = steps if gamma == 1 else (1 - gamma**steps) / (1 - gamma)
        return (reward - self.reward_mean * weights) / self._deviation

    @property
    def _deviation(self) -> float:
        return float(max(self.reward_square - self.reward_mean**2, 1e-12) ** 0.5)
