"""A folder with small data sets under the names that the documentation uses."""

from pathlib import Path

import cv2
import numpy as np

from srn_core.face.mean_shapes import MEAN_SHAPES
from tests.support.faces import write_clip, write_pts

SIDE = 120
PHOTOS = {"afw": 2, "helen/trainset": 2, "helen/testset": 1, "lfpw/trainset": 1, "lfpw/testset": 1, "ibug": 1}


def write_data_root(root: Path) -> None:
    """``talk`` (the layout of 300VW), ``300w`` and ``ytf68``; no face in them is real."""
    rng = np.random.default_rng(0)
    for number, length in enumerate((3, 2, 2, 2, 2), 1):
        write_clip(root / "talk" / f"{number:03d}", length, rng)
    points = np.array(MEAN_SHAPES["68"]) * 60 + SIDE / 2
    picture = cv2.resize(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    for subset, count in PHOTOS.items():
        folder = root / "300w" / subset
        folder.mkdir(parents=True)
        for number in range(count):
            cv2.imwrite(str(folder / f"{number}.jpg"), picture)
            write_pts(folder / f"{number}.pts", points + number)
    frames = root / "ytf68" / "frames"
    frames.mkdir(parents=True)
    rows = []
    for person in range(3):
        for still in range(2):
            name = f"clip{person:04d}_0{still}.jpg"
            cv2.imwrite(str(frames / name), picture)
            rows.append(",".join([name, *(f"{value:.2f}" for value in (points + still).ravel())]))
    (root / "ytf68" / "keypoints.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
