"""Options that name clips: each can be repeated on the command line; in Python one text or several can be given."""

from typing import TYPE_CHECKING, Annotated

import tyro

from srn_core.data.several import plain_specs

if TYPE_CHECKING:
    ClipSpecs = str | tuple[str, ...]
else:
    # tyro appends to tuples alone.
    ClipSpecs = Annotated[tuple[str, ...], tyro.conf.UseAppendAction]


def fill_in_clips(args: object, **defaults: str) -> None:
    """Write the specs of options in their one way (:func:`plain_specs`), and the default where an option was not given.

    An empty default leaves the option empty. A run of one spec so has the same arguments as a run of an earlier version, which
    knew one spec alone.
    """
    for name, default in defaults.items():
        given = getattr(args, name)
        # The dataclass is frozen; this runs in its __post_init__.
        object.__setattr__(args, name, plain_specs(given or default or ()))
