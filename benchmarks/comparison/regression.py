"""An upper reference for value learners: their network, fitted to the true rewards of the training clips.

It is not a fair competitor: no other trained policy sees the true rewards of all landmarks.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from agents.deepq.features import network_features
from agents.deepq.network import HIDDEN, QNet
from agents.deepq.policy import LearnedPolicy
from agents.policies.paths import Planned
from agents.policies.protocol import Policy
from benchmarks.comparison.args import RegressionArgs
from srn_core.io.files import plain
from srn_gym.features import FrozenFeatures
from srn_gym.game import OcclusionGame

# Entries from which the mean and deviation of the network's inputs are taken; entries to predict at once.
INPUT_SAMPLE, CHUNK = 1024, 8192


def excess_table(game: OcclusionGame, clip: int) -> np.ndarray:
    """Each landmark's reward minus the reward of the clean frame: ``(T, L)``. Only this part depends on the choice."""
    table = game.nme_table(clip).numpy()
    return np.asarray(table[:, :-1] - table[:, -1:])


def fit(network: QNet, features: FrozenFeatures, tables: Sequence[np.ndarray], args: RegressionArgs) -> None:
    """Train ``network`` by squared error on standardised rewards.

    Args:
        network: untrained, on the features' device.
        features: its input.
        tables: each clip's rewards ``(T, L)``.
        args: steps, batch, learning rate and seed.
    """
    device = network.head.mean.device
    rows = [np.stack([np.full(table.size, clip), *np.indices(table.shape).reshape(2, -1)]) for clip, table in enumerate(tables)]
    entries = torch.from_numpy(np.concatenate(rows, 1)).to(device)
    rewards = torch.from_numpy(np.concatenate([table.ravel() for table in tables])).float().to(device)
    rewards = (rewards - rewards.mean()) / rewards.std().clamp(min=1e-9)
    generator = torch.Generator().manual_seed(args.seed)
    sample = torch.randint(len(rewards), (INPUT_SAMPLE,), generator=generator).to(device)
    network.head.standardise_by(network.see(features, *entries[:, sample]))
    optimiser = torch.optim.Adam(network.parameters(), lr=args.lr)
    for _ in range(args.steps):
        batch = torch.randint(len(rewards), (args.batch_size,), generator=generator).to(device)
        kept = torch.rand(2, len(batch), HIDDEN, generator=generator).to(device) >= args.dropout
        loss = functional.mse_loss(network(features, *entries[:, batch], kept / (1 - args.dropout)), rewards[batch])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()


@torch.no_grad()
def predicted(network: QNet, features: FrozenFeatures, clip: int) -> np.ndarray:
    """The standardised rewards that ``network`` predicts for a clip: ``(T, L)``."""
    scene = features.scene
    length, landmarks = len(scene.clips[clip]), scene.scheme.num_landmarks
    cells = torch.arange(length * landmarks, device=scene.device).split(CHUNK)
    values = [network(features, torch.full_like(part, clip), part // landmarks, part % landmarks) for part in cells]
    return torch.cat(values).view(length, landmarks).cpu().numpy()


def explained_share(predictions: np.ndarray, truth: np.ndarray) -> float:
    """r^2 inside frames: the share of the variance of the rewards over a frame's landmarks that the predictions explain.

    Both are ``(T, L)`` in the same units. Each frame's mean is taken off, because it does not change any choice.
    """
    wanted = truth - truth.mean(1, keepdims=True)
    error = wanted - (predictions - predictions.mean(1, keepdims=True))
    return float(1 - (error**2).sum() / (wanted**2).sum())


class RewardModel:
    """A regression of the rewards of a game's clips; it plays, and is scored, on any game."""

    def __init__(self, args: RegressionArgs, training: OcclusionGame) -> None:
        """Fit to the clips of ``training``.

        Raises:
            UserError: the game's mode is ``track``, which has no table of rewards.
        """
        self.args = args
        tables = [excess_table(training, clip) for clip in range(len(training.clips))]
        self.deviation = float(np.concatenate(tables).std())
        features = self._features(training)
        self.encoder_key = features.key
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(args.seed)
            self.network = QNet(features, view=args.view).to(training.device)
        fit(self.network, features, tables, args)

    def predicted(self, game: OcclusionGame, clip: int) -> np.ndarray:
        """See :func:`predicted`."""
        return predicted(self.network, self._features(game), clip)

    def explained_share(self, game: OcclusionGame, clip: int) -> float:
        """See :func:`explained_share`; of one clip."""
        return explained_share(self.predicted(game, clip) * self.deviation, excess_table(game, clip))

    def policies(self, label: str) -> dict[str, Policy]:
        """``LABEL`` takes the candidate of the highest prediction; ``LABEL-planned`` the best path through the predictions."""
        fixed = {"trunk": "frozen", "landmark_only": False, "without_landmark_id": False, "plan": "none"}
        arguments = {**plain(self.args), **fixed}
        card = {"arguments": arguments, "encoder_key": self.encoder_key}
        planned = Planned(lambda game, clip, _: self.predicted(game, clip))
        return {label: LearnedPolicy(label, self.network.state_dict(), card), f"{label}-planned": planned}

    def _features(self, game: OcclusionGame) -> FrozenFeatures:
        return network_features(game, self.args.encoder, self.args.view)
