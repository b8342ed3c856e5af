"""Games by name: what env arguments say, loaded once a process."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from srn_core.data import load_clips
from srn_core.tracker import load_tracker
from srn_gym.dynamics import Mode, OcclusionGame

DEFAULT_CLIPS, DEFAULT_TRACKER = "demo?split=train", "srn-small"


class NamedGame(OcclusionGame):
    """A game that travels to other processes as the names that made it, not as clips and weights."""

    def __init__(self, clips: str, tracker: str, device: str, mode: Mode, occluder_size: int, noise_seed: int) -> None:
        """See :func:`load_game`."""
        self.arguments = (clips, tracker, device, mode, occluder_size, noise_seed)
        super().__init__(
            load_clips(clips).clips,
            load_tracker(tracker, device),
            mode=mode,
            occluder_size=occluder_size,
            noise_seed=noise_seed,
        )

    def __reduce__(self) -> tuple[Callable[..., NamedGame], tuple[str | int, ...]]:
        return load_game, self.arguments


def load_game(
    clips: str = DEFAULT_CLIPS,
    tracker: str = DEFAULT_TRACKER,
    device: str = "auto",
    mode: Mode = "detect",
    occluder_size: int = 48,
    noise_seed: int = 0,
) -> NamedGame:
    """The game of a data spec and a tracker; envs of the same arguments share its crops and its memo.

    Args:
        clips: data spec (``srn_core.data``).
        tracker: a checkpoint's name or folder.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        mode: ``detect`` or ``track``, see :class:`OcclusionGame`.
        occluder_size: side of the noise square in pixels of a 224 px crop.
        noise_seed: seed of the noise.

    Raises:
        UserError: clips, tracker or another argument cannot be used.
    """
    return _load(clips, tracker, device, mode, occluder_size, noise_seed)


@lru_cache(maxsize=4)
def _load(clips: str, tracker: str, device: str, mode: Mode, occluder_size: int, noise_seed: int) -> NamedGame:
    return NamedGame(clips, tracker, device, mode, occluder_size, noise_seed)
