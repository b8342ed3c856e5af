"""``srn train --fold k/K``: a training that leaves out the people of fold k, and what its card says about them.

The K trackers of one recipe together are the victim ``crossfit:DIR`` (:mod:`srn_core.victims.crossfit`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from srn_core.checkpoints import load_card
from srn_core.data.clip import Clip
from srn_core.data.splits import Fold, fold_of
from srn_core.errors import UserError

# Arguments that may differ between the folds of one recipe; the recipe of --init is compared instead of its path.
PLACES = {"out", "fold", "init", "device", "resume"}

ClipsOf = Mapping[str, Sequence[Clip]]
"""The clips of each data spec."""


def leave_out(fold: Fold, data: Sequence[Clip], val: ClipsOf) -> tuple[list[Clip], dict[str, list[Clip]], list[str]]:
    """The clips of a fold's training.

    Args:
        fold: whose people are left out.
        data: to train on.
        val: for model selection; there too the people are left out, because selection looks at them.

    Returns:
        what remains of ``data`` and of ``val``, without specs of which nothing remains, and the people that are left out.

    Raises:
        UserError: nothing remains to train on.
    """
    everyone = {clip.person for clips in (data, *val.values()) for clip in clips}
    left_out = {person for person in everyone if fold_of(person, fold.parts) == fold.number}
    kept = [clip for clip in data if clip.person not in left_out]
    if not kept:
        raise UserError(f"--fold {fold}: leaves out all {len(left_out)} people of the data; give clips of more people")
    kept_val = {spec: [clip for clip in clips if clip.person not in left_out] for spec, clips in val.items()}
    return kept, {spec: clips for spec, clips in kept_val.items() if clips}, sorted(left_out)


def fold_card(fold: Fold, left_out: Sequence[str], init: str | None) -> dict[str, Any]:
    """What the card of a fold's tracker says under ``fold``: number, parts, the people, and the recipe of ``init``.

    Raises:
        UserError: the weights of ``init`` may have met the people.
    """
    card = load_card(init) if init else None
    before = card.get("fold") if card else None
    if card and (before is None or (before["number"], before["parts"]) != tuple(fold)):
        raise UserError(
            f"--fold {fold} with --init {init}: those weights may have met the people that the fold leaves out; expected "
            f"weights that srn train --fold {fold} wrote, or no --init"
        )
    found = {"number": fold.number, "parts": fold.parts, "left_out": list(left_out)}
    return {**found, "init": recipe(card) if card else None}


def recipe(card: Mapping[str, Any]) -> dict[str, Any]:
    """What the folds of one recipe have in common: the arguments of the training, and the recipe of its ``--init``."""
    arguments = {name: value for name, value in card["arguments"].items() if name not in PLACES}
    return {**arguments, "init": card["fold"]["init"]}
