"""Trackers of one recipe that have each left out other people: on each clip answers one that has not met its person.

A tracker makes smaller errors on people whom it was trained on. A player that attacks it there learns where errors stay large
on such people. Cross-fitting shows the player the errors on people whom its victim has not met.
"""

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from srn_core.checkpoints import WEIGHTS, load_card, load_pretrained
from srn_core.data.clip import Clip
from srn_core.errors import UserError
from srn_core.tracking.tracker import Tracker
from srn_core.training.fold import recipe

CROSSFIT = "crossfit:"


class CrossFitted:
    """The trackers of all K folds that ``srn train --fold k/K`` wrote, see :class:`srn_core.victims.protocol.ClipVictim`.

    Attributes:
        trackers: of fold 1 to K.

    Args:
        name: ``crossfit:DIR``, DIR with one checkpoint in each of K subfolders.
        device: of the trackers.

    Raises:
        UserError: a fold is missing or there twice, a checkpoint belongs to no fold, or recipes differ.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        self.name = name
        cards = _cards_by_fold(name)
        self.trackers = tuple(Tracker(load_pretrained(folder), str(device)) for folder in cards)
        first = self.trackers[0]
        self.scheme, self.crop, self.patch_size, self.device = first.scheme, first.crop, first.patch_size, first.device
        self.key = f"{zlib.crc32(' '.join(tracker.key for tracker in self.trackers).encode()):08x}"
        self._unmet = {person: k for k, card in enumerate(cards.values()) for person in card["fold"]["left_out"]}

    def for_clips(self, clips: Sequence[Clip]) -> list[int]:
        """The place in :attr:`trackers` of the one that was trained without the clip's person, for each clip.

        Raises:
            UserError: a person is not among the people that the cards name, so who has met whom is not known.
        """
        for clip in clips:
            if clip.person not in self._unmet:
                raise UserError(
                    f"victim '{self.name}': the cards of its trackers do not name '{clip.person}', the person of clip "
                    f"'{clip.name}', so it is not known which of them have met that person; play clips of the data of their "
                    "training, or against another tracker"
                )
        return [self._unmet[clip.person] for clip in clips]

    def start(self, batch: int) -> Tensor:
        """See :meth:`Victim.start`; the trackers' memories have one size."""
        return self.trackers[0].start(batch)

    def step(self, frames: Tensor, boxes: Tensor, state: Tensor) -> NoReturn:
        """Refused: which tracker answers depends on the clip."""
        raise UserError(f"victim '{self.name}': which tracker answers depends on the clip; only games can be played against it")


def fold_weights(name: str) -> list[Path]:
    """The files with the weights of ``crossfit:DIR``."""
    return sorted(Path(name.removeprefix(CROSSFIT)).glob(f"*/{WEIGHTS}"))


def _cards_by_fold(name: str) -> dict[Path, dict[str, Any]]:
    """The checkpoints' folders and cards, in the order of their folds."""
    cards = {file.parent: load_card(file.parent) for file in fold_weights(name)}
    if not cards:
        raise UserError(f"victim '{name}': no checkpoints; expected crossfit:DIR with one of each fold in subfolders of DIR")
    for folder, card in cards.items():
        if "fold" not in card:
            raise UserError(f"victim '{name}': {folder} belongs to no fold; expected what srn train --fold k/K wrote")
    ordered = dict(sorted(cards.items(), key=lambda item: item[1]["fold"]["number"]))
    folds = [(card["fold"]["number"], card["fold"]["parts"]) for card in ordered.values()]
    count = folds[0][1]
    if folds != [(number, count) for number in range(1, count + 1)]:
        held = ", ".join(f"{number}/{of} ({folder.name})" for (number, of), folder in zip(folds, ordered, strict=True))
        raise UserError(f"victim '{name}': holds the folds {held}; expected each of 1/{count} to {count}/{count} once")
    recipes = [recipe(card) for card in ordered.values()]
    for found in recipes:
        if differing := sorted(key for key in found.keys() | recipes[0].keys() if found.get(key) != recipes[0].get(key)):
            options = ", ".join(f"--{key.replace('_', '-')}" for key in differing)
            raise UserError(f"victim '{name}': its folds were trained with different {options}; train all folds alike")
    return ordered
