"""The ``val`` split: a fixed part of the training data that is held out for model selection."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

# Any text would do. This one leaves the three clips in val that an earlier rule had drawn from the talking heads.
SALT = "val 939: "

T = TypeVar("T")


def hold_out(names: Collection[str], fraction: float) -> set[str]:
    """The names (of people, clips or photos) that make up ``val``: about ``fraction`` of them, at least one.

    Each name is in or out by its own SHA-256 hash, so adding or removing other names moves none. The one exception: the name
    with the lowest hash is always in, so that small sets have a ``val``.
    """
    places = {name: _place(name) for name in names}
    lowest = min(places.values(), default=0.0)
    return {name for name, place in places.items() if place < fraction or place == lowest}


def _place(name: str) -> float:
    """Evenly spread over [0, 1)."""
    return int.from_bytes(hashlib.sha256((SALT + name).encode()).digest()[:4]) / 2**32


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
