"""The command ``srn``. Each subcommand is a module here, imported when it is called: torch takes seconds."""

import os
import sys
from importlib import import_module

import cv2

from srn_core.errors import UserError, command

COMMANDS = {
    "train": "train a tracker on clips with landmarks",
    "evaluate": "measure a tracker's errors on clips with landmarks",
    "track": "track faces through a video",
    "detect": "find faces and their landmarks in pictures",
    "export": "write a tracker as an ONNX file",
    "data": "show what data specs hold",
}
HELP = """usage: srn COMMAND ...

Facial landmarks under occlusion: train and evaluate trackers, track videos, show data.

{}

srn COMMAND --help lists a command's options."""


@command
def main() -> None:
    name, *words = sys.argv[1:] or [""]
    if name in ("-h", "--help"):
        print(HELP.format("\n".join(f"  {known:<10}{said}" for known, said in COMMANDS.items())))
        return
    if name not in COMMANDS:
        given = f"unknown command '{name}'" if name else "no command given"
        raise UserError(f"srn: {given}; expected one of {', '.join(COMMANDS)}, or --help")
    # OpenCV and FFmpeg also report broken files on stderr. Our own line that names the file is enough.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    import_module(f"srn_core.cli.{name}").run(words)


if __name__ == "__main__":
    main()
