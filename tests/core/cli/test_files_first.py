"""A command writes its files first, whether or not somebody reads the standard output."""

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from srn_core.cli.main import main
from srn_core.errors import UserError, command
from srn_core.io.videos import write_video


class NobodyReads(io.TextIOWrapper):
    """A pipe whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


@contextlib.contextmanager
def nobody_reads(folder: Path) -> Iterator[None]:
    with open(folder / ".pipe", "wb") as file, contextlib.redirect_stdout(NobodyReads(file)):
        yield


@pytest.mark.parametrize(
    ("words", "files"),
    [
        (("evaluate", "--checkpoint", "CHECKPOINT", "--data", "SPEC", "--json", "a.json", "--rows", "a.jsonl"), 2),
        (("data", "SPEC", "--sheet", "a.png"), 1),
    ],
)
def test_files_are_written_before_the_output(
    words: tuple[str, ...],
    files: int,
    tiny_checkpoint: str,
    clip_spec: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places = {"CHECKPOINT": tiny_checkpoint, "SPEC": f"{clip_spec}?limit=1"}
    given = [str(tmp_path / word) if word.startswith("a.") else places.get(word, word) for word in words]
    monkeypatch.setattr(sys, "argv", ["srn", *given])
    with pytest.raises(SystemExit), nobody_reads(tmp_path):
        main()
    assert len(list(tmp_path.glob("a.*"))) == files


def test_a_reader_that_has_gone_is_no_traceback(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped, nobody_reads(tmp_path):
        command(lambda: print("x"))()
    assert stopped.value.code == 1 and capfd.readouterr().err == ""


@pytest.mark.parametrize("ending", ["mp4", "avi"])
def test_a_video_that_lost_frames_is_an_error(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = cv2.VideoWriter

    class Loses:
        """OpenCV's writer on a disk that is full after six frames: it says nothing."""

        fourcc = whole.fourcc

        def __init__(self) -> None:
            self.writer, self.count = whole(), 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self.writer, name)

        def write(self, image: np.ndarray) -> None:
            self.count += 1
            if self.count <= 6:
                self.writer.write(image)

    frames = np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3), np.uint8)
    write_video(tmp_path / f"whole.{ending}", frames, 10)
    monkeypatch.setattr(cv2, "VideoWriter", Loses)
    with pytest.raises(UserError, match="40 frames could not be written completely .6 can be read"):
        write_video(tmp_path / f"cut.{ending}", frames, 10)
