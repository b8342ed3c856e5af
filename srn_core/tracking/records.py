"""What ``srn track`` and ``srn detect`` write beside pictures: JSON, JSON lines and CSV."""

import csv
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TextIO

import numpy as np

from srn_core.errors import UserError
from srn_core.io.files import is_stream, json_text, write_atomically
from srn_core.tracking.video import TrackedFace

JSON_ENDINGS = (".json", ".jsonl")
# A landmark counts as visible from this probability on.
VISIBLE = 0.5
DECIMALS = 2


def face_record(face: TrackedFace | None) -> dict[str, Any]:
    """One face as JSON: ``box``, ``landmarks``, ``confidence``, ``visible``; all null where no face is tracked.

    ``visible`` says of each landmark whether it can be seen. It is null where the model does not say; else ``expected_error``
    follows, in percent of the scheme's normaliser.
    """
    if face is None:
        return dict.fromkeys(("box", "landmarks", "confidence", "visible"))
    visible = None if face.visibility is None else (face.visibility >= VISIBLE).tolist()
    record = {
        "box": _rounded(face.box),
        "landmarks": _rounded(face.landmarks),
        "confidence": round(face.confidence, 3),
        "visible": visible,
    }
    if face.expected_error is not None:
        record["expected_error"] = _rounded(100 * face.expected_error)
    return record


class Records:
    """The records of all frames or pictures, kept in a temporary file until they are written: a video may be long.

    Args:
        what: what a record is of, the key of the list in the JSON: ``frames`` or ``pictures``.
        all_faces: records hold a list ``faces``, each with its ``id``; else one face.
    """

    def __init__(self, what: str, all_faces: bool) -> None:
        self.what, self.all_faces = what, all_faces
        self._lines: TextIO = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()

    def add(self, place: Mapping[str, Any], faces: tuple[TrackedFace, ...]) -> None:
        """Add a frame or picture; ``place`` says which, in the first keys of its record."""
        if self.all_faces:
            found: dict[str, Any] = {"faces": [{"id": face.number, **face_record(face)} for face in faces]}
        else:
            found = face_record(faces[0] if faces else None)
        self._lines.write(json_text(f"{self.what} {place}", {**place, **found}) + "\n")

    def lines(self) -> Iterator[str]:
        """One JSON text per record, with its line end."""
        self._lines.seek(0)
        yield from self._lines

    def write_json(self, path: Path) -> None:
        """Write ``{"frames": [...]}`` to a .json file, or one record per line to a .jsonl file."""
        write_atomically(path, self._fill_lines if path.suffix.lower() == ".jsonl" else self._fill_json)

    def write_csv(self, path: Path) -> None:
        """Write one row per face: where it was, face, box, confidence, points and, if known, which of them are visible."""
        write_atomically(path, self._fill_csv)

    def _fill_lines(self, path: Path) -> None:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(self.lines())

    def _fill_json(self, path: Path) -> None:
        with path.open("w", encoding="utf-8") as file:
            file.write(f'{{"{self.what}": [\n')
            for i, line in enumerate(self.lines()):
                file.write(",\n" * (i > 0) + line.rstrip("\n"))
            file.write("\n]}\n")

    def _fill_csv(self, path: Path) -> None:
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            writer = csv.writer(file)
            header: list[str] = []
            for record in map(json.loads, self.lines()):
                place = {key: value for key, value in record.items() if not isinstance(value, list | dict) and key in PLACES}
                faces = record["faces"] if self.all_faces else [{"id": 0, **record}] if record["box"] else []
                for face in faces:
                    row = {**place, **_csv_row(face)}
                    if not header:
                        header = list(row)
                        writer.writerow(header)
                    writer.writerow([row[name] for name in header])


# The keys that say which frame or picture a record is of.
PLACES = ("picture", "frame", "time")


def _csv_row(face: Mapping[str, Any]) -> dict[str, Any]:
    row = {"face": face["id"], **dict(zip(("box_x0", "box_y0", "box_x1", "box_y1"), face["box"], strict=True))}
    row["confidence"] = face["confidence"]
    for i, (x, y) in enumerate(face["landmarks"]):
        row |= {f"x{i}": x, f"y{i}": y}
    return row | {f"visible{i}": int(seen) for i, seen in enumerate(face["visible"] or ())}


def check_endings(json_file: Path | None, csv_file: Path | None) -> None:
    """Raise a :class:`UserError` if a file's ending says something else than its contents."""
    if json_file is not None and not is_stream(json_file) and json_file.suffix.lower() not in JSON_ENDINGS:
        raise UserError(f"--json {json_file}: unknown ending; expected .json, .jsonl for one record per line, or -")
    if csv_file is not None and not is_stream(csv_file) and csv_file.suffix.lower() != ".csv":
        raise UserError(f"--csv {csv_file}: unknown ending; expected .csv or -")


def _rounded(values: np.ndarray) -> list[Any]:
    return list(np.round(np.asarray(values, np.float64), DECIMALS).tolist())
