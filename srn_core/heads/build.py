"""Render the demo clips that the package ships.

python -m srn_core.heads.build --out srn_core/demo_clips
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from srn_core.errors import COUNT, UserError, check_numbers, command
from srn_core.heads.clips import render_clip
from srn_core.heads.head import data_folder
from srn_core.io.files import write_atomically
from srn_core.io.videos import write_video

NUM_CLIPS = 16
FRAMES_PER_SECOND = 25.0
LANDMARK_FILE = "landmarks.npz"


def clip_name(index: int) -> str:
    """Name of the clip that seed ``index`` gives; 0 to 11 are for training, 12 to 15 for validation."""
    return f"demo{index:03d}"


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
        video = partial(write_video, frames=clip.frames, fps=FRAMES_PER_SECOND, quality=quality)
        write_atomically(out / f"{clip_name(seed)}.avi", video)
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
