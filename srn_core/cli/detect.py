"""Find faces and their landmarks in pictures: annotated pictures out, landmarks as JSON or CSV.

srn detect PHOTO.jpg
srn detect PHOTOS --all-faces --json landmarks.json
srn detect 'PHOTOS/*.jpg' --out annotated --csv landmarks.csv
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import tyro
from rich.console import Console
from tqdm import tqdm

from srn_core.cli.faces import FaceArgs, FaceFinder, draw_faces
from srn_core.cli.options import read_options
from srn_core.errors import UserError
from srn_core.io.files import check_outputs, is_stream, report_stream, write_atomically
from srn_core.io.images import IMAGE_ENDINGS, picture_facts, read_image
from srn_core.tracking.records import Records
from srn_core.tracking.sources import list_pictures


@dataclass(frozen=True, kw_only=True)
class DetectArgs(FaceArgs):
    """The pictures, the tracker, the faces, and the files to write. ``--out`` is a folder, or a file for one picture."""

    pictures: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PICTURE ...")] = ()
    """Picture files, folders or patterns ('photos/*.jpg')."""


def run(words: Sequence[str]) -> None:
    """The command ``srn detect``."""
    args = read_options(DetectArgs, __doc__, "srn detect", words)
    if not args.pictures:
        raise UserError("no picture; expected at least one file, folder or pattern")
    pictures = [picture for text in args.pictures for picture in list_pictures([text])]
    outputs = _outputs(args, pictures)
    check_outputs((*outputs, args.json, args.csv), pictures)
    # Before the first is drawn, so that a name that is none leaves nothing behind.
    for picture in pictures:
        picture_facts(picture)
    finder = FaceFinder(args)
    without = []
    with Records("pictures", args.all_faces) as records:
        for picture, out in zip(tqdm(pictures, "detecting", unit="picture", disable=None), outputs, strict=True):
            image = read_image(picture, turned=True)
            faces = finder.faces(image).step(image)
            records.add({"picture": str(picture)}, faces)
            if not faces:
                without.append(picture)
            _write_picture(out, draw_faces(image, faces, finder.tracker.scheme, args.all_faces))
        if args.json:
            records.write_json(args.json)
        if args.csv:
            records.write_csv(args.csv)
    if len(without) == len(pictures):
        raise UserError(f"{without[0]}: no face found in any of {len(pictures)} pictures; {finder.advice()}")
    console = Console(markup=False, highlight=False, soft_wrap=True, file=report_stream((args.out, args.json, args.csv)))
    for picture in without:
        console.print(f"no face found: {picture}")
    where = str(outputs[0]) if len(outputs) == 1 else f"{len(outputs)} pictures in {outputs[0].parent}"
    written = ", ".join([where, *(str(path) for path in (args.json, args.csv) if path)])
    console.print(f"{len(pictures) - len(without)} of {len(pictures)} pictures with a face; wrote {written}")


def _outputs(args: DetectArgs, pictures: Sequence[Path]) -> list[Path]:
    """The annotated pictures: in the folder ``--out``, else in FOLDER_detected beside the folder of the first picture; of one
    picture the file or stream ``--out``, else NAME_detected beside it."""
    if len(pictures) == 1 and not Path(args.pictures[0]).is_dir():
        beside = pictures[0].with_name(f"{pictures[0].stem}_detected.png")
        if args.out is None or is_stream(args.out) or args.out.suffix.lower() in IMAGE_ENDINGS:
            return [args.out or beside]
    elif args.out is not None and is_stream(args.out):
        raise UserError(f"--out {args.out}: is no folder; expected a folder for the {len(pictures)} annotated pictures")
    folder = pictures[0].resolve().parent
    folder = args.out or folder.with_name(f"{folder.name}_detected")
    names = [f"{picture.stem}.png" for picture in pictures]
    if len(set(names)) < len(names):
        # The same name in two folders, or with two endings.
        names = [f"{i:05d}_{name}" for i, name in enumerate(names)]
    return [folder / name for name in names]


def _write_picture(path: Path, image: np.ndarray) -> None:
    ending = ".png" if is_stream(path) else path.suffix
    data = cv2.imencode(ending, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
    write_atomically(path, lambda temporary: temporary.write_bytes(data))
