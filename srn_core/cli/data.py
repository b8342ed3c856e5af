"""Show what data specs hold, draw a contact sheet, or pack the faces into one file.

srn data demo --sheet sheet.png
srn data "300w:DIR?split=train" "ytf68:DIR" --pack faces.pack
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import tyro
from rich.console import Console
from rich.table import Table

from srn_core.cli.options import read_options
from srn_core.data import ClipSet
from srn_core.data.loading import load_clips
from srn_core.data.pack import QUALITY, load_to_pack, write_pack
from srn_core.data.problems import sum_up
from srn_core.data.sheet import contact_sheet, describe
from srn_core.data.spec import escape_path, parse_spec
from srn_core.errors import COUNT, UserError, check_numbers
from srn_core.io.files import check_outputs, is_stream, report_stream, write_atomically
from srn_core.io.images import IMAGE_ENDINGS


@dataclass(frozen=True, kw_only=True)
class DataArgs:
    """What to show and what to write. Every frame is read and checked; problems are listed, and the exit status is then 2."""

    spec: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="SPEC ...")]
    """Data specs, KIND:PATH?key=value&key=value."""
    sheet: Path | None = None
    """Write a contact sheet here (.png or .jpg): faces with landmarks (yellow) and boxes (blue)."""
    pack: Path | None = None
    """Write the faces of all specs into this one file, for machines without the folders. Its data spec is packed:FILE."""
    most: int | None = None
    """Most frames to pack of each uncut piece of video; they are evenly spaced. Default: all frames."""
    quality: int = QUALITY
    """Quality of the packed pictures (WebP), 1 to 100. A lower value makes a smaller file."""


def run(words: Sequence[str]) -> None:
    """The command ``srn data``."""
    args = read_options(DataArgs, __doc__, "srn data", words)
    _check(args)
    clip_sets = load_to_pack(args.spec) if args.pack else [load_clips(spec, skip_bad=True) for spec in args.spec]
    # Files first: whoever reads the standard output may stop reading (| head).
    written = _write(args, clip_sets)
    console = Console(markup=False, highlight=False, soft_wrap=True, file=report_stream((args.sheet, args.pack)))
    for clip_set in clip_sets:
        table = Table("", clip_set.spec, title="Data", title_justify="left")
        for label, text in describe(clip_set).items():
            table.add_row(label, text)
        console.print(table)
        for note in clip_set.notes:
            console.print(f"note: {note}")
    for line in written:
        console.print(line)
    refused = [problem for clip_set in clip_sets if not parse_spec(clip_set.spec).skip_bad for problem in clip_set.problems]
    if refused:
        raise UserError(
            f"{sum_up(refused)}; correct the data, or leave out what is bad with --skip-bad or skip_bad=1 in the data spec"
        )


def _write(args: DataArgs, clip_sets: list[ClipSet]) -> list[str]:
    """Write the files that were asked for; one line about each."""
    written = []
    if args.sheet:
        image = contact_sheet([clip for clip_set in clip_sets for clip in clip_set.clips])
        data = cv2.imencode(args.sheet.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
        write_atomically(args.sheet, lambda temporary: temporary.write_bytes(data))
        written.append(f"wrote {args.sheet}")
    if args.pack:
        write_pack(args.pack, clip_sets, args.most, args.quality)
        line = f"wrote {args.pack}"
        if not is_stream(args.pack):  # A stream has no size, and cannot be read again.
            line += f", {args.pack.stat().st_size / 1e6:.1f} MB; its data spec is packed:{escape_path(args.pack)}"
        written.append(line)
    return written


def _check(args: DataArgs) -> None:
    if not args.spec:
        raise UserError("no data spec; expected at least one, KIND:PATH?key=value")
    if args.sheet and args.sheet.suffix.lower() not in IMAGE_ENDINGS:
        raise UserError(f"--sheet {args.sheet}: unknown ending; expected one of {', '.join(IMAGE_ENDINGS)}")
    check_outputs((args.sheet, args.pack), (parse_spec(spec).path for spec in args.spec))
    check_numbers(args, {"most": COUNT, "quality": (1, 100)})
