"""The command ``srn``: train, evaluate, track, data."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated, Any

import cv2
import tyro

from srn_core.cli.data import DataArgs, show_data
from srn_core.cli.evaluate import EvaluateArgs, evaluate_command
from srn_core.cli.options import read_options
from srn_core.cli.track import TrackArgs, track_video
from srn_core.errors import command
from srn_core.training.args import TrainArgs
from srn_core.training.train import train

Command = (
    Annotated[TrainArgs, tyro.conf.subcommand("train")]
    | Annotated[EvaluateArgs, tyro.conf.subcommand("evaluate")]
    | Annotated[TrackArgs, tyro.conf.subcommand("track")]
    | Annotated[DataArgs, tyro.conf.subcommand("data")]
)
RUN: dict[type, Callable[[Any], None]] = {
    TrainArgs: train,
    EvaluateArgs: evaluate_command,
    TrackArgs: track_video,
    DataArgs: show_data,
}


@command
def main() -> None:
    """Facial landmarks that hold under occlusion: train, evaluate, track a video, look at data."""
    # OpenCV and FFmpeg report broken files on stderr by themselves, beside the one line that names the file.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    args = read_options(Command, main.__doc__, prog="srn")
    RUN[type(args)](args)


if __name__ == "__main__":
    main()
