"""Data specs: ``KIND:PATH?key=value&key=value`` names clips anywhere (command line, env argument, Python)."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import unquote

from srn_core.data.clip import Clip
from srn_core.data.problems import Problem
from srn_core.data.splits import Fold, read_fold
from srn_core.errors import UserError

READERS: Mapping[str, str] = {
    "demo": "srn_core.data.readers.demo",
    "synthetic": "srn_core.data.readers.synthetic",
    "ytf68": "srn_core.data.readers.ytf68",
    "300w": "srn_core.data.readers.ibug_300w",
    "pts": "srn_core.data.readers.pts_folder",
    "300vw": "srn_core.data.readers.ibug_300vw",
    "cofw29": "srn_core.data.readers.cofw29",
    "cofw68": "srn_core.data.readers.cofw68",
    "wflw": "srn_core.data.readers.wflw",
    "ytf-npz": "srn_core.data.readers.ytf_npz",
    "packed": "srn_core.data.readers.packed",
}
"""Kind -> the module that reads it, a :class:`Reader`."""
CHOICES: Mapping[str, tuple[str, ...]] = {"skip_bad": ("0", "1"), "exif": ("stored", "turned")}


@dataclass(frozen=True)
class DataSpec:
    """A parsed spec.

    Attributes:
        kind: which reader.
        path: folder or file of the data; None for kinds that ship or are rendered.
        split: ``train``, ``val``, ``test`` or what the kind's protocol knows; None means everything present.
        fold: keep the people of this part of all people.
        limit: keep so many clips: the first, or a random draw where ``seed`` is given.
        frames: keep the first frames of each clip; for rendered clips: their length.
        motion: make of every frame a clip of so many frames, in which the still moves; None: leave the clips as they are.
        masked: every face wears a medical mask.
        masks: folder of mask templates; None: the masks are drawn from scratch.
        seed: of random choices: which clips ``limit`` keeps, motions, the looks of masks, the heads of ``synthetic``.
        skip_bad: leave out what is broken or implausible; otherwise such data are refused.
        exif: ``stored`` or ``turned``: how files that say how they are turned are read; None: pictures as stored, videos as
            players show them, unless the points speak against it, which is a problem.
        options: the remaining options, for the reader.
    """

    kind: str
    path: Path | None
    split: str | None = None
    fold: Fold | None = None
    limit: int | None = None
    frames: int | None = None
    motion: int | None = None
    masked: bool = False
    masks: Path | None = None
    seed: int | None = None
    skip_bad: bool = False
    exif: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The path of a kind that has one."""
        assert self.path is not None
        return self.path


class Reader(Protocol):
    """A module that reads a kind. A kind with special options also has ``OPTIONS``, their names.

    Attributes:
        SPLITS: the values of ``split=`` besides ``all``.
        PATH: what the path names: ``folder`` or ``file``; None for a kind without one.
        read: returns the clips, where their boxes come from, and a note for each absent subset. It adds to the problems what it
            cannot read, and raises a :class:`UserError` where nothing can be read.
    """

    SPLITS: tuple[str, ...]
    PATH: Literal["folder", "file"] | None
    read: Callable[[DataSpec, list[Problem]], tuple[list[Clip], str, list[str]]]


def parse_spec(text: str) -> DataSpec:
    """Take a spec apart. In paths ``%3F`` stands for ``?``, ``%26`` for ``&`` and ``%25`` for ``%``; see :func:`escape_path`.

    >>> parse_spec("demo?split=val&limit=3").split
    'val'

    Raises:
        UserError: an unknown kind, split or option, or a path that is missing or not wanted.
    """
    head, _, query = text.partition("?")
    kind, _, path = head.partition(":")
    if kind not in READERS:
        raise UserError(
            f"data spec '{text}': unknown kind '{kind}'; expected KIND:PATH?key=value with KIND one of {', '.join(READERS)}"
        )
    options, reader = split_query(query), reader_of(kind)
    known = {"split", "fold", "limit", "frames", "motion", "masked", "masks", "seed", *CHOICES, *getattr(reader, "OPTIONS", ())}
    if unknown := sorted(set(options) - known) or (["?" + query] if query and not options else []):
        raise UserError(f"data spec '{text}': unknown option '{unknown[0]}'; {kind} knows {', '.join(sorted(known))}")
    split = options.pop("split", None)
    _check_split(text, kind, split, reader)
    fold = options.pop("fold", None)
    part = None if fold is None else read_fold(fold, f"data spec '{text}': fold={fold}")
    path = unescape_path(path)
    _check_path(text, kind, path, reader)
    least = {"limit": 1, "frames": 1, "motion": 2, "seed": 0}
    limit, frames, motion, seed = (_whole_number(text, key, options.pop(key, None), least[key]) for key in least)
    masked, masks = _mask_options(text, options.pop("masked", "0"), options.pop("masks", None))
    skip_bad, exif = (_one_of(text, key, options.pop(key, None), known) for key, known in CHOICES.items())
    split = None if split == "all" else split
    place = Path(path) if path else None
    return DataSpec(kind, place, split, part, limit, frames, motion, masked, masks, seed, skip_bad == "1", exif, options)


def _check_split(text: str, kind: str, split: str | None, reader: Reader) -> None:
    if split is None or split in (*reader.SPLITS, "all"):
        return
    # A command that takes another split of the given clips cannot know that this kind has none.
    remedy = "" if reader.SPLITS else "; name clips for training or validation (--train-clips, --val-clips, --val)"
    known = ", ".join((*reader.SPLITS, "all"))
    raise UserError(f"data spec '{text}': unknown split '{split}'; {kind} knows {known}{remedy}")


def _check_path(text: str, kind: str, path: str, reader: Reader) -> None:
    if reader.PATH and not path:
        raise UserError(f"data spec '{text}': no path; expected {kind}:PATH, the {reader.PATH} that holds the data")
    if path and not reader.PATH:
        raise UserError(f"data spec '{text}': {kind} takes no path; write {kind}?key=value")
    if path and not (Path(path).is_file() if reader.PATH == "file" else Path(path).is_dir()):
        raise UserError(f"data spec '{text}': {path}: no such {reader.PATH}; expected the {reader.PATH} that holds {kind} data")


def split_query(query: str) -> dict[str, str]:
    """``key=value&key=value`` as a mapping of texts; a part without ``=`` is a key with an empty value.

    >>> split_query("split=val&masks=a+b")
    {'split': 'val', 'masks': 'a+b'}
    """
    parts = (part.partition("=") for part in query.split("&") if part)
    return {key: value for key, _, value in parts}


def escape_path(path: str | Path) -> str:
    """A path as a spec can hold it.

    >>> escape_path("50% of/who?")
    '50%25 of/who%3F'
    """
    return str(path).replace("%", "%25").replace("?", "%3F").replace("&", "%26")


def unescape_path(path: str) -> str:
    """The inverse of :func:`escape_path`; other bytes may also be written as ``%NN``."""
    return unquote(path, errors="surrogateescape")


def skipping_bad(spec: str) -> str:
    """A spec that leaves out what is bad, unless it says itself what to do with that.

    >>> skipping_bad("pts:faces?split=val"), skipping_bad("pts:faces?skip_bad=0")
    ('pts:faces?split=val&skip_bad=1', 'pts:faces?skip_bad=0')
    """
    return spec if "skip_bad" in split_query(spec.partition("?")[2]) else with_option(spec, "skip_bad", "1")


def with_option(spec: str, key: str, value: str) -> str:
    """A spec with one more option, which replaces one of this name.

    >>> with_option("pts:faces?split=val", "fold", "1/2"), with_option("demo?fold=2/2", "fold", "1/2")
    ('pts:faces?split=val&fold=1/2', 'demo?fold=1/2')
    """
    head, _, query = spec.partition("?")
    return f"{head}?" + "&".join(f"{name}={given}" for name, given in (split_query(query) | {key: value}).items())


def spec_label(spec: str) -> str:
    """A spec without its path, for tables and curves.

    >>> spec_label("ytf68:data/faces?split=val&limit=3")
    'ytf68 split=val limit=3'
    """
    head, _, query = spec.partition("?")
    return " ".join([head.partition(":")[0], *filter(None, query.split("&"))])


def spec_labels(specs: Iterable[str]) -> dict[str, str]:
    """Each spec's label, or the whole spec where two labels would be the same.

    >>> list(spec_labels(["demo?split=val", "ytf68:a?split=val", "ytf68:b?split=val"]).values())
    ['demo split=val', 'ytf68:a?split=val', 'ytf68:b?split=val']
    """
    labels = {spec: spec_label(spec) for spec in specs}
    counts = Counter(labels.values())
    return {spec: label if counts[label] == 1 else spec for spec, label in labels.items()}


def _one_of(text: str, key: str, value: str | None, known: Sequence[str]) -> str | None:
    if value is not None and value not in known:
        raise UserError(f"data spec '{text}': {key}={value}; expected {' or '.join(known)}")
    return value


def _whole_number(text: str, key: str, value: str | None, least: int) -> int | None:
    if value is None:
        return None
    if not value.isdecimal() or int(value) < least:
        raise UserError(f"data spec '{text}': {key}={value}; expected a whole number of at least {least}")
    return int(value)


def _mask_options(text: str, masked: str, masks: str | None) -> tuple[bool, Path | None]:
    if masked not in ("0", "1"):
        raise UserError(f"data spec '{text}': masked={masked}; expected 0 or 1")
    if masks is not None and masked == "0":
        raise UserError(f"data spec '{text}': masks={masks} without masked=1; add masked=1, or leave masks out")
    masks = masks and unescape_path(masks)
    if masks is not None and not Path(masks).is_dir():
        raise UserError(f"data spec '{text}': masks={masks}: no such folder; expected mask templates and their anchors.json")
    return masked == "1", Path(masks) if masks is not None else None


def reader_of(kind: str) -> Reader:
    """The module that reads a kind of :data:`READERS`."""
    return import_module(READERS[kind])
