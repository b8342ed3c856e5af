"""Render the demo clips that the package ships.

python -m srn_core.synthetic.build --out srn_core/demo_clips
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from srn_core.checkpoint import write_atomically
from srn_core.errors import COUNT, UserError, check_numbers, command
from srn_core.synthetic.clips import render_clip
from srn_core.synthetic.head import data_folder

NUM_CLIPS = 16
FRAMES_PER_SECOND = 25.0
LANDMARK_FILE = "landmarks.npz"


def clip_name(index: int) -> str:
    """Name of the clip that seed ``index`` gives; 0 to 11 are for training, 12 to 15 for validation."""
    return f"demo{index:03d}"


def write_video(path: Path, frames: np.ndarray, quality: int) -> None:
    """Write RGB uint8 ``frames (T, H, W, 3)``, H and W even, as Motion JPEG; the file appears only when complete.

    Args:
        path: an ``.avi`` file.
        frames: the clip.
        quality: of each JPEG image, 0 to 100, on the scale of OpenCV's own encoder (60 keeps about 45 dB).
    """
    height, width = frames.shape[1:3]

    def write(temporary: Path) -> None:
        writer = cv2.VideoWriter(
            str(temporary), cv2.CAP_OPENCV_MJPEG, cv2.VideoWriter.fourcc(*"MJPG"), FRAMES_PER_SECOND, (width, height)
        )
        if not writer.isOpened():
            raise UserError(f"cannot write {path}; expected a folder that can be written to: choose another --out")
        writer.set(cv2.VIDEOWRITER_PROP_QUALITY, quality)
        for frame in frames:
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        writer.release()

    write_atomically(path, write)


def write_landmarks(path: Path, landmarks: dict[str, np.ndarray]) -> None:
    """Write one float32 array ``(T, 68, 2)`` per clip name; the file appears only when complete."""
    write_atomically(path, lambda temporary: np.savez_compressed(temporary, **landmarks))  # type: ignore[arg-type]


def build(out: Path, num_clips: int = NUM_CLIPS, num_frames: int = 48, size: int = 192, quality: int = 60) -> None:
    """Render seeds ``0 .. num_clips - 1`` into ``out``: one ``.avi`` each and :data:`LANDMARK_FILE`."""
    data_folder()
    out.mkdir(parents=True, exist_ok=True)
    landmarks = {}
    for seed in tqdm(range(num_clips), desc="render", unit="clip"):
        clip = render_clip(seed, num_frames, size)
        write_video(out / f"{clip_name(seed)}.avi", clip.frames, quality)
        landmarks[clip_name(seed)] = clip.landmarks
    write_landmarks(out / LANDMARK_FILE, landmarks)


@command
def main() -> None:
    """Parse the command line and build."""
    parser = argparse.ArgumentParser(description="Render the synthetic demo clips.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--clips", type=int, default=NUM_CLIPS, help="how many clips, seeds from 0")
    parser.add_argument("--frames", type=int, default=48, help="frames per clip")
    parser.add_argument("--size", type=int, default=192, help="side of a frame in pixels, even")
    parser.add_argument("--quality", type=int, default=60, help="JPEG quality, 0 to 100")
    args = parser.parse_args()
    check_numbers(args, {"clips": COUNT, "frames": COUNT, "size": COUNT, "quality": (0, 100)})
    if args.size % 2:
        raise UserError(f"--size {args.size}: expected an even number")
    build(args.out, args.clips, args.frames, args.size, args.quality)


if __name__ == "__main__":
    main()
