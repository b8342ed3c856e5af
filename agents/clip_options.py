"""Options that name clips: each can be repeated on the command line; in Python one text or several can be given."""

from typing import TYPE_CHECKING, Annotated

import tyro

from srn_core.data.several import plain_specs

if TYPE_CHECKING:
    ClipSpecs = str | tuple[str, ...]
else:
    # tyro appends to tuples alone.
    ClipSpecs = Annotated[tuple[str, ...], tyro.conf.UseAppendAction]


def fill_in_clips(args: object, *names: str) -> None:
    """Write the specs of options in their one way (:func:`plain_specs`), and the default where an option was not given.

    The class's ``CLIP_DEFAULTS`` names the defaults; an option without one stays empty. A run of one spec so has the same
    arguments as a run of an earlier version, which knew one spec alone.
    """
    defaults: dict[str, str] = getattr(args, "CLIP_DEFAULTS", {})
    for name in names:
        # The dataclass is frozen; this runs in its __post_init__.
        object.__setattr__(args, name, plain_specs(getattr(args, name) or defaults.get(name, ())))
