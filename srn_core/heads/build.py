"""Render the demo clips that the package ships.

python -m srn_core.heads.build --out srn_core/demo_clips
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from srn_core.errors import command
from srn_core.heads.clips import render_clip
from srn_core.heads.mesh import data_folder
from srn_core.io.files import write_atomically
from srn_core.io.videos import write_video

FRAMES_PER_SECOND = 25.0
JPEG_QUALITY = 60


def build(out: Path, num_clips: int = 16, num_frames: int = 48, size: int = 192) -> None:
    """Render seeds ``0 .. num_clips - 1`` into ``out``: a video each, and all landmarks, ``(T, 68, 2)`` float32 per clip."""
    data_folder()
    out.mkdir(parents=True, exist_ok=True)
    landmarks = {}
    for seed in tqdm(range(num_clips), desc="render", unit="clip"):
        clip, name = render_clip(seed, num_frames, size), f"demo{seed:03d}"
        video = partial(write_video, frames=clip.frames, fps=FRAMES_PER_SECOND, quality=JPEG_QUALITY)
        write_atomically(out / f"{name}.avi", video)
        landmarks[name] = clip.landmarks
    write_atomically(out / "landmarks.npz", lambda temporary: np.savez_compressed(temporary, **landmarks))  # type: ignore[arg-type]


@command
def main() -> None:
    """Parse the command line and build."""
    parser = argparse.ArgumentParser(description="Render the synthetic demo clips.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    build(parser.parse_args().out)


if __name__ == "__main__":
    main()
