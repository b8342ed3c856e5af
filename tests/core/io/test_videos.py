"""Videos that are read and written: whole, with their times, in forked processes, under any name."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srn_core.errors import UserError
from srn_core.io.frames import KEPT_OPEN, VideoFrames
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


def test_threads_share_videos(tmp_path: Path) -> None:
    videos = []
    for number in range(KEPT_OPEN + 2):
        write_video(tmp_path / f"{number}.avi", FRAMES, 25)
        videos.append(VideoFrames(tmp_path / f"{number}.avi"))
    wanted = [(videos[i], int(t)) for i, t in np.random.default_rng(0).integers(0, (len(videos), 6), (300, 2))]
    with ThreadPoolExecutor(8) as threads:
        read = list(threads.map(lambda one: one[0](one[1]), [*wanted, *[(videos[0], t) for t in (5, 0, 3, 1) * 20]]))
    places = [t for _, t in wanted] + [5, 0, 3, 1] * 20
    assert all(np.abs(frame[:41, :51].astype(int) - FRAMES[t]).max() < 12 for frame, t in zip(read, places, strict=True))


def test_a_fork_while_threads_read(tmp_path: Path) -> None:
    write_video(tmp_path / "v.avi", FRAMES, 25)
    video, stop = VideoFrames(tmp_path / "v.avi"), threading.Event()

    def read() -> None:
        while not stop.is_set():
            video(5), video(0)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                os._exit(0 if video(3).mean() > video(1).mean() else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        thread.join()


def test_open_videos_are_closed_at_the_end_without_a_warning(tmp_path: Path) -> None:
    write_video(tmp_path / "v.avi", FRAMES, 25)
    script = "from pathlib import Path; from srn_core.io.frames import VideoFrames; VideoFrames(Path('v.avi'))(2)"
    words = [sys.executable, "-W", "error", "-c", script]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
