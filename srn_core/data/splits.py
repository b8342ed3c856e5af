"""The ``val`` split: a fixed part of the training data that is held out for model selection."""

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

import numpy as np

VAL_SEED = 20220101

T = TypeVar("T")


def hold_out(names: Collection[str], fraction: float) -> set[str]:
    """The names (of people, clips or photos) that make up ``val``: a fixed draw of ``fraction``, rounded up.

    Data leak: the draw depends on all names. Where names are added or missing, ``val`` may hold what weights trained before on.
    """
    ordered = sorted(set(names))
    count = int(np.ceil(fraction * len(ordered)))
    chosen = np.random.default_rng(VAL_SEED).permutation(len(ordered))[:count]
    return {ordered[i] for i in chosen}


def keep_split(items: Sequence[T], split: str | None, fraction: float, owner: Callable[[T], str]) -> list[T]:
    """The items of ``split`` ``train`` or ``val``; for any other split all items.

    Args:
        items: the whole training part.
        split: ``train``, ``val`` or another.
        fraction: of the owners that ``val`` holds.
        owner: an item's person, clip or photo, which is never cut in two.
    """
    if split not in ("train", "val"):
        return list(items)
    held_out = hold_out([owner(item) for item in items], fraction)
    return [item for item in items if (owner(item) in held_out) == (split == "val")]
