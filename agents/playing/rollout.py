"""Playing whole clips with a policy: the same seed gives every policy the same clips, first landmarks and noise."""

from dataclasses import dataclass

import numpy as np
import torch

from agents.policies.protocol import Policy, Position
from srn_gym.game import NO_OCCLUDER, OcclusionGame
from srn_gym.memory import nothing_earned, remember


@dataclass(frozen=True)
class Rollout:
    """Episodes that were played.

    Attributes:
        clip: ``(E,)`` clip numbers.
        first: ``(E,)`` first landmarks.
        targets: ``(E, T)`` covered landmarks, -1 for none and after a clip's end; T is the length of the longest clip.
        nme: ``(E, T)`` the tracker's error as a fraction, nan after a clip's end.
    """

    clip: np.ndarray
    first: np.ndarray
    targets: np.ndarray
    nme: np.ndarray

    @property
    def returns(self) -> np.ndarray:
        """``(E,)`` undiscounted sums of rewards."""
        return np.asarray(np.nansum(self.nme, 1))

    @property
    def mean_nme(self) -> np.ndarray:
        """``(E,)`` mean per-frame errors."""
        return np.asarray(np.nanmean(self.nme, 1))


def episode_starts(game: OcclusionGame, episodes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """``(E,)`` clips, which take turns, and ``(E,)`` random first landmarks.

    With more clips than episodes, the next seed continues with the next clips.
    """
    rng = np.random.default_rng((seed, 1))
    first = seed * episodes if len(game.clips) > episodes else 0
    clip = np.array([(first + episode) % len(game.clips) for episode in range(episodes)])
    return clip, rng.integers(game.num_landmarks, size=episodes)


def play(
    game: OcclusionGame, policy: Policy, episodes: int, seed: int, first: np.ndarray | None = None, measured: bool = True
) -> Rollout:
    """Play ``episodes`` whole clips with ``policy``.

    Args:
        game: what is played.
        policy: who plays.
        episodes: how many; clips take turns.
        seed: of the first landmarks and of the policy's random choices.
        first: ``(E,)`` first landmarks; None: random.
        measured: False: the tracker answers only where ``track`` mode or the policy's memory needs it; the other errors
            stay nan.
    """
    clips, drawn = episode_starts(game, episodes, seed)
    starts = clips, drawn if first is None else first
    clip, landmark = (torch.from_numpy(part).to(game.device) for part in starts)
    policy.begin(game, clip, landmark, [np.random.default_rng((seed, 2, e)) for e in range(episodes)])
    remembers: bool = getattr(policy, "remembers", False)
    state, earned = game.tracker.start(episodes), nothing_earned(episodes, game.num_landmarks, game.device)
    longest = int(game.lengths[clip].max())
    targets = np.full((episodes, longest), NO_OCCLUDER)
    errors = np.full((episodes, longest), np.nan, np.float32)
    for t in range(longest):
        running = t < game.lengths[clip]
        frame = torch.full_like(clip, t)
        chosen = policy.targets(Position(clip, frame, landmark, state, earned), running)
        live = running.nonzero()[:, 0]
        rows = live.cpu().numpy()
        targets[rows, t] = chosen[live].cpu().numpy()
        learns = remembers and t + 1 < longest
        if measured or learns or game.mode == "track":
            response = game.respond(clip[live], frame[live], chosen[live], state[live], learns)
            errors[rows, t] = response.nme.cpu().numpy()
            if learns:
                earned = earned.index_copy(0, live, remember(earned[live], chosen[live], response.excess))
            state = state.index_copy(0, live, response.state)
        landmark = torch.where(running & (chosen != NO_OCCLUDER), chosen, landmark)
    return Rollout(*starts, targets, errors)
