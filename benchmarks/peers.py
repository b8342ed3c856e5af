"""srn-small beside the landmark models that people use today, on the same faces and boxes, with and without drawn masks.

python benchmarks/peers.py --data-root DIR --dlib
python benchmarks/peers.py --data-root DIR --mediapipe face_landmarker.task --onnx 'onnx:FILE?scheme=98&size=112'
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from benchmarks.common.commands import benchmark_command
from benchmarks.common.results import ResultRow, write_results
from benchmarks.common.tables import show_page
from benchmarks.others.measure import measure_models
from benchmarks.others.models import OtherModel, dlib_models, mediapipe_model, onnx_model, own_model
from benchmarks.others.report import others_page, plot_others, summarise_others
from srn_core.checkpoints import load_pretrained
from srn_core.cli.options import read_options
from srn_core.errors import COUNT, UserError, check_numbers, command
from srn_core.io.files import plain
from srn_core.tracking.tracker import Tracker
from srn_core.versions import versions


@dataclass(frozen=True, kw_only=True)
class PeersArgs:
    """Measure landmark models of other people beside ours. The packages are the extra peers; model files are yours."""

    data_root: Path
    """Folder that holds one or more of talk, talk2, faces, ytf68 and 300w."""
    checkpoint: str = "srn-small"
    """Our model: a checkpoint's name or folder. It is measured plain and averaged with the mirror image."""
    mediapipe: Path | None = None
    """face_landmarker.task, the model file of MediaPipe's face landmarker. The package does not bring it."""
    dlib: bool = False
    """Measure dlib's predictor of 68 points, from the package face_recognition_models: in boxes of its own detector, and in
    the given ones."""
    dlib_file: Path | None = None
    """Measure this file of dlib instead, for instance shape_predictor_68_face_landmarks_GTX.dat."""
    onnx: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """A network in an ONNX file, with the options of a victim: onnx:PATH?scheme=98&size=112&crop=1.2; repeat for several."""
    test: bool = False
    """Also measure the test sets (300-W common and challenging). Use it once, after all choices are made."""
    fit_faces: int = 300
    """Training faces of each kind of labels on which offsets are fitted. More is slower."""
    video_step: int = 5
    """Of videos, measure every so many frames."""
    limit: int | None = None
    """Measure so many faces of each set, spread over it. Default: all."""
    device: str = "cpu"
    """Of our model: auto, cpu, cuda or cuda:N. The other models run on the CPU."""
    out: Path = Path("runs/peers")
    """Folder for figures.json, rows.csv.gz, README.md and the error curves."""


def peers(args: PeersArgs) -> list[ResultRow]:
    """Measure, write and print; returns the figures."""
    check_numbers(args, {"fit_faces": COUNT, "video_step": COUNT, "limit": COUNT})
    if not args.data_root.is_dir():
        raise UserError(f"--data-root {args.data_root}: no such folder; expected a folder that holds talk2, faces, 300w ...")
    models = _models(args)
    names = [model.name for model in models]
    try:
        rows = list(measure_models(models, args.data_root, args.test, args.fit_faces, args.video_step, args.limit))
    finally:
        for model in models:
            model.close()
    record: dict[str, Any] = {"kind": "peers", "command": benchmark_command("peers", args), "settings": plain(args)}
    record |= {"versions": versions(), "models": names}
    figures = summarise_others(rows, names)
    record |= {"figures": figures, "curves": plot_others(args.out, rows, names)}
    page = others_page(record)
    write_results(args.out, record, page, rows=rows)
    show_page(page)
    return figures


def _models(args: PeersArgs) -> list[OtherModel]:
    others = [mediapipe_model(args.mediapipe)] if args.mediapipe else []
    others += dlib_models(args.dlib_file) if args.dlib or args.dlib_file else []
    others += [onnx_model(spec) for spec in args.onnx]
    if not others:
        raise UserError("no other model; expected at least one of --mediapipe FILE, --dlib and --onnx SPEC")
    tracker = Tracker(load_pretrained(args.checkpoint), args.device)
    name = Path(args.checkpoint).name
    models = [own_model(name, tracker, mirror=False), own_model(f"{name}, mirrored", tracker, mirror=True), *others]
    if len({model.name for model in models}) < len(models):
        raise UserError("--onnx: two models of one name; expected files of different names")
    return models


@command
def main() -> None:
    peers(read_options(PeersArgs, __doc__))


if __name__ == "__main__":
    main()
