"""Sound files of every kind, and how many damaged ones a test makes of them."""

import itertools
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from agents.baselines.hyper_parameters import SHIPPED
from srn_core.data.pack import load_to_pack, write_pack
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.io.tensors import load_tensors, save_tensors
from tests.support.face_sets import write_cofw, write_wflw
from tests.support.faces import write_checkpoint
from tests.support.small_data import write_data_root

CASES, LIMIT = 40, 1.5
Cases = Callable[[], Iterator[int]]


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sound file or folder for every reader."""
    root = tmp_path_factory.mktemp("sound")
    write_data_root(root)
    write_wflw(root / "wflw")
    write_checkpoint(root / "checkpoint", seed=0)
    write_pack(root / "faces.pack", load_to_pack([f"300w:{root / '300w'}"]))
    _write_cofw(root)
    (root / "run").mkdir()
    card = {
        "step": 3,
        "arguments": {
            "encoder": "", "gamma": 0.99, "landmark_only": False, "plan": "clip", "trunk": "frozen", "view": "change",
            "without_landmark_id": False,
        },
        "tracker_key": "a",
        "encoder_key": "b",
    }  # fmt: skip
    save_tensors(root / "run" / "policy.safetensors", load_tensors(root / "checkpoint" / "model.safetensors")[0], card)
    frames = np.random.default_rng(0).integers(0, 256, (3, 4, 40, 40, 3), np.uint8)
    (root / "npz").mkdir()
    corners, points = [[4, 4], [36, 4], [4, 36], [36, 36]], 30 * np.array(MEAN_SHAPES["68"]) + 20
    boxes, points = (np.repeat(np.array(values, float)[..., None], 4, -1) for values in (corners, points))
    np.savez(root / "npz" / "A_B_0.npz", colorImages=frames[0].transpose(1, 2, 3, 0), boundingBox=boxes, landmarks2D=points)
    cv2.imwrite(str(root / "a.png"), frames[0, 0])
    cv2.imwrite(str(root / "a.jpg"), frames[0, 0])
    cv2.imwrite(str(root / "a.webp"), frames[0, 0])
    shutil.copy(SHIPPED / "dqn.yml", root / "hparams.yml")
    return root


def _write_cofw(root: Path) -> None:
    """COFW as published, with 29 points, and its 68 points with predictions for them."""
    write_cofw(root / "cofw29" / "COFW_test_color.mat", "T", 2)
    points, hidden = 80 * np.array(MEAN_SHAPES["68"]) + 100, np.arange(68) < 5
    (root / "cofw68" / "test_annotations").mkdir(parents=True)
    for number in (1, 2):
        content = {"Points": points + number, "Occ": hidden[None].astype(np.uint8)}
        savemat(root / "cofw68" / "test_annotations" / f"{number}_points.mat", content)
    savemat(root / "cofw68" / "cofw68_test_bboxes.mat", {"bboxes": np.array([[60, 62, 80, 90]] * 2, np.int16)})
    rows = [" ".join(f"{value:.2f}" for value in axis) for axis in points.T] + [" ".join(["0"] * 68)]
    (root / "predictions.txt").write_text("\n".join(["1", *rows, "2", *rows]) + "\n")


@pytest.fixture
def cases(request: pytest.FixtureRequest) -> Iterator[Cases]:
    """The numbers of a test's cases until its time on the processor is up; then how many there were is printed."""
    made = 0

    def numbers() -> Iterator[int]:
        nonlocal made
        most, seconds = (
            (None, 60 * request.config.getoption("--minutes")) if request.config.getoption("--long") else (CASES, LIMIT)
        )
        until = time.process_time() + seconds
        for case in itertools.islice(itertools.count(), most):
            if time.process_time() > until:
                return
            made += 1
            yield case

    yield numbers
    print(f"{request.node.name}: {made} cases")
