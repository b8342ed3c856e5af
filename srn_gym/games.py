"""Games by name: what env arguments say, loaded once a process."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from srn_core.data import load_clips
from srn_core.victims.registry import load_victim
from srn_gym.game import OcclusionGame
from srn_gym.rules import Rules, read_rules

DEFAULT_CLIPS, DEFAULT_TRACKER = "demo?split=train", "srn-small"


class NamedGame(OcclusionGame):
    """A game that travels to other processes as the names that made it, not as clips and weights.

    Attributes:
        notes: what the clips' reader has to say: one line for each absent subset.
    """

    def __init__(self, clips: str, tracker: str, device: str, rules: Rules) -> None:
        """See :func:`load_game`."""
        self.arguments = (clips, tracker, device, rules)
        found = load_clips(clips)
        self.notes = found.notes
        super().__init__(found.clips, load_victim(tracker, device), **dataclasses.asdict(rules))

    def __reduce__(self) -> tuple[Callable[..., NamedGame], tuple[str, str, str, Rules]]:
        return _load, self.arguments


def load_game(clips: str = DEFAULT_CLIPS, tracker: str = DEFAULT_TRACKER, device: str = "auto", **rules: Any) -> NamedGame:
    """The game of a data spec and a tracker; envs of the same arguments share its crops and its memo.

    Args:
        clips: data spec (``srn_core.data``).
        tracker: name of the victim (``srn_core.victims.registry``): a checkpoint's name or folder, ``onnx:PATH?...``,
            ``constant`` or ``MODULE:FUNCTION``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        rules: the fields of :class:`srn_gym.rules.Rules`.

    Raises:
        UserError: clips, tracker or another argument cannot be used.
    """
    return _load(clips, tracker, device, read_rules(rules))


@lru_cache(maxsize=4)
def _load(clips: str, tracker: str, device: str, rules: Rules) -> NamedGame:
    return NamedGame(clips, tracker, device, rules)


def forget_games() -> None:
    """Drop this process's games with all that they remember, so that the next one is played from cold."""
    _load.cache_clear()
