"""The command ``srn``: train, evaluate, track, data."""

import os
from collections.abc import Callable
from typing import Annotated, Any

import cv2
import tyro

from srn_core.cli.data import DataArgs, show_data
from srn_core.cli.evaluate import EvaluateFacesArgs, evaluate_command
from srn_core.cli.options import read_options
from srn_core.cli.track import TrackArgs, track_video
from srn_core.errors import command
from srn_core.training.args import TrainArgs
from srn_core.training.train import train

Command = (
    Annotated[TrainArgs, tyro.conf.subcommand("train")]
    | Annotated[EvaluateFacesArgs, tyro.conf.subcommand("evaluate")]
    | Annotated[TrackArgs, tyro.conf.subcommand("track")]
    | Annotated[DataArgs, tyro.conf.subcommand("data")]
)
RUN: dict[type, Callable[[Any], None]] = {
    TrainArgs: train,
    EvaluateFacesArgs: evaluate_command,
    TrackArgs: track_video,
    DataArgs: show_data,
}


@command
def main() -> None:
    """Facial landmarks under occlusion: train and evaluate trackers, track a video, show data."""
    # OpenCV and FFmpeg also report broken files on stderr. Our own line that names the file is enough.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    args = read_options(Command, main.__doc__, prog="srn")
    RUN[type(args)](args)


if __name__ == "__main__":
    main()
