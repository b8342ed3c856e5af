"""Damaged files end with a UserError of one line or are read; never with a traceback, and within ten seconds.

Every reader gets the same damaged inputs at each run, until its time is up. ``pytest tests/robustness --long`` gives each
reader ten minutes.
"""

import itertools
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from agents.baselines.hyper_parameters import SHIPPED, read_hparams
from agents.policies.trained import load_policy
from srn_core.checkpoints import load_card, load_pretrained
from srn_core.data.formats.predictions import read_predictions
from srn_core.data.formats.pts import read_pts
from srn_core.data.pack import load_to_pack, write_pack
from srn_core.data.spec import load_clips
from srn_core.errors import UserError
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.io.files import read_json
from srn_core.io.images import read_image
from srn_core.io.tensors import load_tensors, save_tensors
from srn_core.victims.onnx import parse_options
from srn_core.victims.registry import load_victim
from tests.support.face_sets import WFLW_LIST, write_wflw
from tests.support.faces import write_checkpoint
from tests.support.mutations import mutated
from tests.support.small_data import write_data_root

CASES, LIMIT, SLOWEST = 40, 2.5, 10.0
LONG_CASES, LONG_LIMIT = 10**9, 600.0


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sound file or folder for every reader."""
    root = tmp_path_factory.mktemp("sound")
    write_data_root(root)
    write_wflw(root / "wflw")
    write_checkpoint(root / "checkpoint", seed=0)
    write_pack(root / "faces.pack", load_to_pack([f"300w:{root / '300w'}"]))
    rows = [" ".join(map(str, range(1, 69)))] * 2 + [" ".join(["0"] * 68)]
    (root / "predictions.txt").write_text("\n".join(["1", *rows, "2", *rows]) + "\n")
    (root / "run").mkdir()
    card = {"step": 3, "arguments": {"landmark_only": False, "trunk": "frozen"}, "tracker_key": "a", "encoder_key": "b"}
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


def clips(spec: str) -> None:
    """Load the clips of a spec, and see the first frame of each."""
    for clip in load_clips(spec).clips:
        clip.frame(0)


READERS: dict[str, tuple[str, str, Callable[[Path], object]]] = {
    # what is read: the file or folder that is copied, the file in it that is damaged, and the reader of the copy
    "pts": ("300w/afw/0.pts", "", lambda path: read_pts(path, 68)),
    "photos": ("300w", "afw/0.pts", lambda path: clips(f"300w:{path}")),
    "video": ("talk", "001/vid.avi", lambda path: clips(f"300vw:{path}")),
    "csv": ("ytf68", "keypoints.csv", lambda path: clips(f"ytf68:{path}")),
    "list": ("wflw", WFLW_LIST.format("test"), lambda path: clips(f"wflw:{path}?split=test")),
    "npz": ("npz", "A_B_0.npz", lambda path: clips(f"ytf-npz:{path}")),
    "pack": ("faces.pack", "", lambda path: clips(f"packed:{path}")),
    "predictions": ("predictions.txt", "", lambda path: read_predictions(path, 68)),
    "weights": ("checkpoint", "model.safetensors", load_pretrained),
    "card": ("checkpoint", "card.json", load_card),
    "policy": ("run", "policy.safetensors", load_policy),
    "json": ("checkpoint/card.json", "", read_json),
    "hparams": ("hparams.yml", "", lambda path: read_hparams(path, "patches")),
    "png": ("a.png", "", read_image),
    "jpeg": ("a.jpg", "", read_image),
    "webp": ("a.webp", "", read_image),
}


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> tuple[int, float]:
    """The most cases, and the most seconds."""
    return (LONG_CASES, LONG_LIMIT) if request.config.getoption("--long") else (CASES, LIMIT)


def check(read: Callable[[], object], named: str, case: str) -> None:
    """Read; anything but success and a mistake of the user of one line that names ``named``, or the clip, is a failure."""
    began = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Videos stay open until they are not needed any more.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            read()
        except (UserError, OSError) as error:
            text = str(error) if isinstance(error, UserError) or error.filename else ""
            assert named in text or text.startswith("clip '"), f"{case}: {error!r} names neither {named} nor a clip"
        except Exception as error:
            raise AssertionError(f"{case}: {type(error).__name__}: {error}") from error
    assert time.monotonic() - began < SLOWEST, f"{case}: took {time.monotonic() - began:.0f} s"


@pytest.mark.parametrize("kind", READERS)
def test_damaged_files(kind: str, sound: Path, tmp_path: Path, limits: tuple[int, float]) -> None:
    source, inside, read = READERS[kind]
    copy = tmp_path / Path(source).name
    (shutil.copytree if (sound / source).is_dir() else shutil.copy)(sound / source, copy)
    target = copy / inside if inside else copy
    data, until = target.read_bytes(), time.monotonic() + limits[1]
    read(copy)
    for case in itertools.takewhile(lambda _: time.monotonic() < until, range(limits[0])):
        target.write_bytes(mutated(data, np.random.default_rng(case)))
        check(lambda: read(copy), str(copy), f"{kind}, case {case}")
        assert not [path for path in tmp_path.rglob(".*") if path.is_file()]


@pytest.mark.parametrize(
    ("read", "sound_text"),
    [
        (load_clips, "demo?split=val&limit=2&frames=3&seed=1"),
        (load_clips, "300w:/no/where?split=common&masked=1&skip_bad=1&exif=turned"),
        (lambda text: load_victim(text, "cpu"), "onnx:/no/where.onnx?size=112&crop=1.2&scale=0.1,0.2,0.3&rgb=0"),
        (lambda text: parse_options(text, text), "size=112&crop=1.2&scale=0.1,0.2,0.3&mean=1&layout=nhwc&output=pixel"),
        (load_pretrained, "srn-small"),
        (load_policy, "runs/dqn-1"),
    ],
    ids=["demo", "folder", "victim", "options", "checkpoint", "policy"],
)
def test_damaged_names(
    read: Callable[[str], object], sound_text: str, limits: tuple[int, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    until = time.monotonic() + limits[1]
    for case in itertools.takewhile(lambda _: time.monotonic() < until, range(5 * limits[0])):
        text = mutated(sound_text.encode(), np.random.default_rng(case)).decode(errors="surrogateescape").replace("\0", "")
        check(lambda text=text: read(text), "", f"{text!r}")  # type: ignore[misc]
    assert not list(tmp_path.iterdir())
