"""The memory of a process that goes through as many frames as 300VW has: a row of ``benchmarks/throughput.py``.

It is measured in a process of its own, because what other rows have used would count too.
"""

import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from benchmarks.speed.timing import Load, SpeedRow, peak_memory_mib
from srn_core import SRN, SRNConfig, Tracker
from srn_core.data import load_clips
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.tracking.batch import RunOptions, run_clips
from srn_gym.cache.crops import Crops

# 300VW has 114 videos.
VIDEO_FRAMES, SIDE, FACE = 833, 160, 80
GAME_BYTES = 64 << 20
CPU = torch.device("cpu")


def memory_rows(load: Load, device: torch.device) -> Iterator[SpeedRow]:
    """Peak memory after all frames; the plain value is the peak after a tenth of them, and the gain is 1 if memory is flat."""
    with tempfile.TemporaryDirectory() as folder:
        videos = write_videos(Path(folder), load.frames)
        command = [sys.executable, "-m", "benchmarks.speed.memory", folder]
        peaks = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    what = f"{load.frames} frames of {videos} videos, evaluated and shown by the game"
    yield SpeedRow("memory", what, "", peaks[-1], "MiB", None, peaks[max(videos // 10, 1) - 1], "after a tenth of them")


def write_videos(folder: Path, frames: int) -> int:
    """Videos in the layout of 300VW with ``frames`` frames together; returns their number.

    Two videos are written, one of the usual length and one of what is left. All others are links to the first, which are read
    like files of their own.
    """
    count, rest = divmod(frames, VIDEO_FRAMES)
    lengths = [VIDEO_FRAMES] * count + [rest] * (rest > 0)
    for number, length in enumerate(lengths):
        path = folder / f"{number:03d}"
        if 0 < number < count:
            path.symlink_to(folder / "000", target_is_directory=True)
        else:
            _write_video(path, length)
    return len(lengths)


def _write_video(folder: Path, frames: int) -> None:
    """A mean face that wanders over smooth noise."""
    (folder / "annot").mkdir(parents=True)
    rng = np.random.default_rng(0)
    texture = cv2.resize(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    video = cv2.VideoWriter(str(folder / "vid.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (SIDE, SIDE))
    shape = np.array(MEAN_SHAPES["68"]) * FACE + SIDE / 2
    for t in range(frames):
        video.write(np.roll(texture, t, 1))
        points = shape + 10 * np.sin(t / 20) + 1
        lines = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points)
        (folder / "annot" / f"{t + 1:06d}.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n", encoding="utf-8")
    video.release()


def peaks_of(folder: str) -> list[float]:
    """The process's peak memory after each clip, MiB.

    The network is tiny, because memory does not depend on its size, and the time does.
    """
    clips = load_clips(f"300vw:{folder}").clips
    small = dataclasses.replace(SRNConfig.preset("small"), image_size=56, patch_size=10, trunk=((3, 4), (3, 8)), steps=1)
    tracker = Tracker(SRN(small), "cpu")
    crops = Crops(clips, tracker.crop, CPU, GAME_BYTES)
    peaks = []
    for number, clip in enumerate(clips):
        run_clips(tracker, [clip], RunOptions(), 128, tqdm(disable=True))
        frames = torch.arange(len(clip))
        crops.gather(torch.full_like(frames, number), frames)
        peaks.append(peak_memory_mib())
    return peaks


if __name__ == "__main__":
    print(json.dumps(peaks_of(sys.argv[1])))
