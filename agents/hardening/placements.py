"""Where a policy puts the occluder on training clips."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from agents.playing.evaluation import find_policy
from agents.playing.rollout import play
from agents.policies.protocol import Policy
from agents.policies.trained import trained_rules
from srn_core.data.clip import Clip
from srn_core.training.processes import is_first, process_count, process_rank
from srn_core.victims.protocol import Victim
from srn_gym.game import OcclusionGame
from srn_gym.rules import Mode

# A game keeps the crops and answers of its clips in memory. So many short clips fill a batch, and so many long ones still fit.
CLIPS_AT_ONCE = 16
# On a still, a policy has one move from a random landmark. So it plays the still this many times, and each time starts where
# the last move ended. That gives it time to reach the landmark that it prefers.
STILL_MOVES = 16


class Placement(NamedTuple):
    """Where the occluder lies on a frame.

    Attributes:
        clip: the clip's number.
        frame: the frame's number.
        target: the covered landmark, -1 for none.
        noise_seed: seed of the occluder's pixels when the policy played.
    """

    clip: int
    frame: int
    target: int
    noise_seed: int


def derived_seed(*numbers: int) -> int:
    """One seed out of several numbers, in [0, 2**32)."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def placements(
    clips: Sequence[Clip], tracker: Victim, policy: str, seed: int, number: int, mode: Mode = "detect"
) -> Iterator[Placement]:
    """One pass of a policy over all clips against the frozen tracker. Each pass has other noise and first landmarks.

    A trained policy plays by the rules that it was trained with. Of several processes, each plays its share of the clips.

    Args:
        clips: training clips.
        tracker: the frozen tracker.
        policy: a policy's name or the folder of a trained run.
        seed: the run's seed.
        number: the pass's number.
        mode: the game's mode.

    Yields:
        every frame of every clip of this process once; frames of one clip in order.

    Raises:
        UserError: the policy is unknown, or the game cannot be played on the clips.
    """
    noise_seed, found = derived_seed(seed, number), None
    rules = {**trained_rules(policy), "mode": mode, "noise_seed": noise_seed}
    parts = list(_parts(clips))[process_rank() :: process_count()]
    total = sum(len(part) for _, part in parts)
    with tqdm(total=total, desc=f"{policy} plays", unit="clip", leave=False, disable=not is_first()) as bar:
        for first, part in parts:
            game = OcclusionGame(part, tracker, **rules)
            found = found or find_policy(policy, game, lambda: OcclusionGame(clips, tracker, noise_seed=noise_seed))
            for clip, targets in enumerate(_played_targets(game, found, derived_seed(seed, number, first))):
                for frame in range(len(part[clip])):
                    yield Placement(first + clip, frame, int(targets[frame]), noise_seed)
            bar.update(len(part))


def _parts(clips: Sequence[Clip]) -> Iterator[tuple[int, Sequence[Clip]]]:
    """Neighbouring clips that are played together, stills apart from videos, each with its first clip's number."""
    first = 0
    for _, group in groupby(clips, lambda clip: len(clip) == 1):
        alike = list(group)
        for start in range(0, len(alike), CLIPS_AT_ONCE):
            yield first + start, alike[start : start + CLIPS_AT_ONCE]
        first += len(alike)


def _played_targets(game: OcclusionGame, policy: Policy, seed: int) -> np.ndarray:
    """What the policy covers on every frame of the game's clips, videos or stills: ``(C, T)``, -1 for none."""
    targets = play(game, policy, len(game.clips), seed, measured=False).targets
    if len(game.clips[0]) == 1:
        for move in range(1, STILL_MOVES):
            first = targets[:, 0].clip(min=0)
            targets = play(game, policy, len(game.clips), derived_seed(seed, move), first, measured=False).targets
    return targets
