"""Games by the names of their clips and tracker, as env arguments give them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from srn_core.checkpoints import given_name
from srn_core.data.several import Specs, plain_specs
from srn_gym.cache.store import Store
from srn_gym.game import OcclusionGame
from srn_gym.rules import Rules, read_rules

DEFAULT_CLIPS, DEFAULT_TRACKER = "demo?split=train", "srn-small"
SHARED = Store()
"""The default store. ``gym.make`` can pass only names, so its envs share clips, crops and answers through this store."""


class NamedGame(OcclusionGame):
    """A game that travels to other processes as the names that made it, not as clips and weights.

    Attributes:
        notes: remarks of the clips' reader, such as one line for each absent subset.
    """

    def __init__(self, clips: Specs, tracker: str, device: str, rules: Rules, store: Store = SHARED) -> None:
        """See :func:`load_game`."""
        clips, tracker, device = plain_specs(clips), given_name(tracker), str(device)
        self.arguments = (clips, tracker, device, rules)
        found = store.clips(clips)
        self.notes = found.notes
        super().__init__(found.clips, store.tracker(tracker, device), store, tracker, **dataclasses.asdict(rules))

    def __reduce__(self) -> tuple[Callable[..., NamedGame], tuple[str | tuple[str, ...], str, str, Rules]]:
        """The copy uses the :data:`SHARED` store of its process, so what this game remembers is not sent."""
        return NamedGame, self.arguments


def load_game(
    clips: Specs = DEFAULT_CLIPS, tracker: str = DEFAULT_TRACKER, device: str = "auto", store: Store = SHARED, **rules: Any
) -> NamedGame:
    """The game of a data spec and a tracker.

    Args:
        clips: data spec (``srn_core.data``), or a list of data specs, whose clips are one set
            (:func:`srn_core.data.several.load_all_clips`).
        tracker: name of the victim (``srn_core.victims.registry``): a checkpoint's name or folder, ``onnx:PATH?...``,
            ``constant`` or ``MODULE:FUNCTION``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        store: what games share; a new :class:`Store` shares nothing with other games.
        rules: the fields of :class:`srn_gym.rules.Rules`.

    Raises:
        UserError: clips, tracker or another argument cannot be used.
    """
    return NamedGame(clips, tracker, device, read_rules(rules), store)
