"""Videos that are read and written: whole, with their times, in forked processes, under any name."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srn_core.errors import UserError
from srn_core.io.frames import VideoFrames
from srn_core.io.videos import write_video

FRAMES = [np.full((41, 51, 3), 20 * t, np.uint8) for t in range(6)]


@pytest.mark.parametrize("ending", [".mp4", ".avi"])
def test_odd_sizes_lose_nothing(tmp_path: Path, ending: str) -> None:
    write_video(tmp_path / f"odd{ending}", FRAMES, 25)
    video = VideoFrames(tmp_path / f"odd{ending}")
    assert (video.count(), video.counted(), video.size()) == (6, 6, (52, 42))
    for t, frame in enumerate(FRAMES):
        assert np.abs(video(t)[:41, :51].astype(int) - frame).max() < 12
        assert video.time(t) == pytest.approx(t / 25)


def test_times_of_a_variable_frame_rate(tmp_path: Path) -> None:
    pictures = [Image.fromarray(frame) for frame in FRAMES]
    pictures[0].save(tmp_path / "v.gif", save_all=True, append_images=pictures[1:], duration=[40, 200, 40, 500, 40, 40])
    video = VideoFrames(tmp_path / "v.gif")
    assert [round(video.time(t), 2) for t in range(6)] == [0, 0.04, 0.24, 0.28, 0.78, 0.82]


def test_a_forked_process_reads_on(tmp_path: Path) -> None:
    write_video(tmp_path / "v.avi", FRAMES, 25)
    video = VideoFrames(tmp_path / "v.avi")
    before = video(2)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(video(2), before) and video(3).mean() > before.mean() else 1)
    assert os.waitpid(child, 0)[1] == 0 and video(3).mean() > before.mean()


def test_names_and_diagnoses(tmp_path: Path) -> None:
    write_video(tmp_path / "v.avi", FRAMES, 25)
    name = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9:%03d?.avi"))
    name.write_bytes((tmp_path / "v.avi").read_bytes())
    assert np.array_equal(VideoFrames(name)(3), VideoFrames(tmp_path / "v.avi")(3))
    pictures = [Image.fromarray(frame) for frame in FRAMES]
    pictures[0].save(tmp_path / "a.webp", save_all=True, append_images=pictures[1:])
    (tmp_path / "e.mp4").write_bytes(b"")
    for file, said in (("a.webp", "animated WebP"), ("e.mp4", "empty file"), ("none.mp4", "no such file")):
        with pytest.raises(UserError, match=said):
            VideoFrames(tmp_path / file)(0)
