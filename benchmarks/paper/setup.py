"""What the paper's tables are measured with: trackers by scheme, clips or notes of what is missing, and cells.

In every spec, DATA stands for the folder of all data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from benchmarks.common.tables import number_text
from benchmarks.paper.numbers import FACES
from benchmarks.paper.report import Cell, Found
from srn_core.data import ClipSet, load_clips, parse_spec
from srn_core.data.problems import Problem
from srn_core.data.spec import READERS
from srn_core.errors import UserError
from srn_core.evaluation.evaluate import Evaluation
from srn_core.tracking.tracker import Tracker

LAYOUTS: Mapping[str, str] = {
    "300w": "300-W: lfpw/testset, helen/testset and ibug, NAME.jpg beside NAME.pts",
    "300vw": "300VW: NNN/vid.avi and NNN/annot/000001.pts ..., NNN the organisers' numbers",
    "cofw29": "COFW_test_color.mat of COFW",
    "cofw68": "the COFW68 benchmark: test_annotations, cofw68_test_bboxes.mat, Results",
    "wflw": "WFLW: WFLW_annotations and WFLW_images",
}
TRAINED_ON: Mapping[str, str] = {"68": "300w", "29": "cofw29", "98": "wflw"}


@dataclass(frozen=True)
class Setup:
    """The trackers, and what they are measured on.

    Attributes:
        trackers: checkpoint as given -> its tracker.
        root: the folder of all data; None if not given.
        mirror: average with the mirror image, on stills.
        seconds: time per figure of speed.
    """

    trackers: Mapping[str, Tracker]
    root: Path | None
    mirror: bool
    seconds: float

    def of_scheme(self, scheme: str, found: Found) -> dict[str, Tracker]:
        """The trackers of a landmark scheme; notes it as missing if there is none."""
        fitting = {name: tracker for name, tracker in self.trackers.items() if tracker.scheme.name == scheme}
        if not fitting:
            kind = TRAINED_ON[scheme]
            command = f"srn train --data '{kind}:DATA/{kind}?split=train' --out DIR"
            found.lack(f"a --checkpoint of {scheme} points; {command} makes one")
        return fitting

    def load(self, spec: str, found: Found) -> ClipSet | None:
        """The clips of a spec, or None; notes what is missing.

        Raises:
            UserError: a file is broken.
        """
        kind = spec.partition(":")[0]
        expected = f"expected {LAYOUTS[kind]}"
        if self.root is None or not (self.root / kind).is_dir():
            found.lack(f"DATA/{kind}: {'no --data-root DATA given' if self.root is None else 'absent'}; {expected}")
            return None
        text = spec.replace("DATA", str(self.root))
        try:
            clip_set: ClipSet | None = load_clips(text)
        except UserError:
            # Reading raises the error again, unless the only problem is that there are no clips.
            problems: list[Problem] = []
            clips, _, notes = import_module(READERS[kind]).read(parse_spec(text), problems)
            if clips or problems:
                raise
            clip_set = None
            found.lack(f"{spec}: none of these exists; {expected}")
        for note in clip_set.notes if clip_set else notes:
            found.lack(note.replace(f"{self.root}/", "DATA/"))
        return clip_set


def nme_cell(measured: Evaluation, spec: str, column: str, found: Found) -> Cell:
    """The mean NME with its interval and the number of faces; notes if the paper has more faces."""
    summary = {**measured.summary(), "data": spec}
    faces = summary["n_faces"]
    if faces < FACES.get(column, 0):
        found.lack(f"{column}: {faces} of the paper's {FACES[column]} faces")
    return Cell(f"{number_text(summary['nme_mean'], summary['nme_ci95'], '.2f')}, {faces} faces", summary)


def count_parameters(tracker: Tracker) -> int:
    """How many weights a tracker has."""
    return sum(parameter.numel() for parameter in tracker.model.parameters())


def how(tracker: Tracker, measured: Evaluation) -> str:
    """A note on a measured row: the network's size, the source of the boxes, how it ran."""
    assert measured.run is not None
    words = [f"{count_parameters(tracker) / 1e6:.1f} M parameters", f"boxes: {measured.clip_set.box_source}"]
    words += ["SRN+HG"] * (tracker.model.config.initial_shape == "hourglass")
    words += ["mirror averaging"] * measured.run.mirror + ["memory running"] * (measured.run.mode == "track")
    return ", ".join(words)
