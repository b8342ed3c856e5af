"""Several data specs as one set of clips. Wherever clips are named for the game, one text or a list of texts can stand."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from srn_core.data.clip import Clip
from srn_core.data.loading import ClipSet, load_clips
from srn_core.data.spec import spec_label
from srn_core.errors import UserError

Specs = str | Path | Sequence[str | Path]
"""A data spec, or several."""


def listed_specs(specs: Specs) -> tuple[str, ...]:
    """The specs one by one.

    Raises:
        UserError: one is neither a text nor a path.

    >>> listed_specs("demo?split=train")
    ('demo?split=train',)
    """
    one = isinstance(specs, str | Path) or not isinstance(specs, Iterable)
    several: tuple[Any, ...] = (specs,) if one else tuple(cast(Iterable[Any], specs))
    if not all(isinstance(spec, str | Path) for spec in several):
        raise UserError(f"data spec {specs!r:.60}: expected a text, KIND:PATH?key=value, or a list of such texts")
    return tuple(map(str, several))


def plain_specs(specs: Specs) -> str | tuple[str, ...]:
    """One way to write the same specs: a single one as a text, others as a tuple.

    >>> plain_specs(["demo"])
    'demo'
    """
    several = listed_specs(specs)
    return several[0] if len(several) == 1 else several


def specs_text(specs: Specs) -> str:
    """The specs as one line, for messages.

    >>> specs_text(["demo?split=train", "ytf68:faces"])
    'demo?split=train + ytf68:faces'
    """
    return " + ".join(listed_specs(specs))


def specs_label(specs: Specs) -> str:
    """The specs without their paths as one line, for tables and curves; see :func:`srn_core.data.spec.spec_label`."""
    return " + ".join(map(spec_label, listed_specs(specs)))


def load_all_clips(specs: Specs) -> ClipSet:
    """The clips of all specs, in their order, as one set.

    Names stay unique: a name that two specs use becomes ``LABEL/NAME``, where LABEL is its spec's label, with its place in the
    list if two labels are the same. Persons keep their names.

    Raises:
        UserError: no spec or one twice, a spec that cannot be loaded, or clips of different landmark schemes.
    """
    several = listed_specs(specs)
    if not several:
        raise UserError("no data spec; expected at least one, KIND:PATH?key=value")
    if twice := [spec for spec, count in Counter(several).items() if count > 1]:
        raise UserError(f"data spec '{twice[0]}': given twice; give each once")
    sets = [load_clips(spec) for spec in several]
    if len(sets) == 1:
        return sets[0]
    uses = Counter(clip.name for found in sets for clip in found.clips)
    labels = [spec_label(spec) for spec in several]
    clips: list[Clip] = []
    for place, (label, found) in enumerate(zip(labels, sets, strict=True), 1):
        prefix = label if labels.count(label) == 1 else f"{label} {place}"
        clips += [replace(clip, name=f"{prefix}/{clip.name}") if uses[clip.name] > 1 else clip for clip in found.clips]
    schemes = {clip.scheme.name: clip.name for clip in clips}
    if len(schemes) > 1:
        said = ", ".join(f"clip '{name}' has scheme '{scheme}'" for scheme, name in schemes.items())
        raise UserError(f"data specs {specs_text(specs)}: {said}; choose clips of one scheme")
    sources = dict.fromkeys(found.box_source for found in sets)
    notes = tuple(note for found in sets for note in found.notes)
    problems = tuple(problem for found in sets for problem in found.problems)
    return ClipSet(specs_text(specs), tuple(clips), ", ".join(sources), notes, problems)
