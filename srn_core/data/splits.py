"""The ``val`` split: a part of the training data that is held out for model selection. And folds: equal parts of all people."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, TypeVar

from srn_core.errors import UserError

# Any text would do. This one leaves the three clips in val that an earlier rule had drawn from the talking heads.
SALT = "val 939: "
# Another text, so that folds cut val too.
FOLD_SALT = "fold 939: "

T = TypeVar("T")


def hold_out(names: Collection[str], fraction: float) -> set[str]:
    """The names (of people, clips or photos) that make up ``val``: about ``fraction`` of them, at least one.

    Each name is in or out by its own SHA-256 hash, so adding or removing other names moves none. The one exception: the name
    with the lowest hash is always in, so that small sets have a ``val``.
    """
    places = {name: _place(name) for name in names}
    lowest = min(places.values(), default=0.0)
    return {name for name, place in places.items() if place < fraction or place == lowest}


def _place(name: str, salt: str = SALT) -> float:
    """Evenly spread over [0, 1)."""
    return int.from_bytes(hashlib.sha256((salt + name).encode()).digest()[:4]) / 2**32


class Fold(NamedTuple):
    """One of several equal parts of all people, by number from 1."""

    number: int
    parts: int

    def __str__(self) -> str:
        return f"{self.number}/{self.parts}"


def read_fold(text: str, option: str) -> Fold:
    """A fold as an option gives it.

    >>> read_fold("2/3", "--fold 2/3")
    Fold(number=2, parts=3)

    Args:
        text: such as 2/3.
        option: the option and its value, for the error.

    Raises:
        UserError: another text.
    """
    number, _, parts = text.partition("/")
    if not (number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts) and int(parts) >= 2):
        raise UserError(f"{option}: expected k/K with K of at least 2 and k from 1 to K, such as 1/2")
    return Fold(int(number), int(parts))


def fold_of(person: str, parts: int) -> int:
    """The fold that a person is in: 1 to ``parts``, by the person's own SHA-256 hash, as :func:`hold_out`."""
    return 1 + int(_place(person, FOLD_SALT) * parts)


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
