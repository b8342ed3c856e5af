"""Damaged files end with a UserError of one line or are read; never with a traceback, and within ten seconds.

Every reader gets the same damaged inputs at each run, until its time is up. ``pytest tests/robustness --long --minutes 10``
gives each reader ten minutes.
"""

import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agents.baselines.hyper_parameters import read_hparams
from agents.policies.trained import load_policy
from srn_core.checkpoints import load_card, load_pretrained
from srn_core.data.formats.predictions import read_predictions
from srn_core.data.formats.pts import read_pts
from srn_core.data.loading import load_clips
from srn_core.errors import UserError
from srn_core.io.files import read_json
from srn_core.io.images import read_image
from srn_core.victims.onnx import parse_options
from srn_core.victims.registry import load_victim
from tests.robustness.conftest import Cases
from tests.support.face_sets import WFLW_LIST
from tests.support.mutations import mutated

SLOWEST = 10.0


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
    "mat7": ("cofw29", "COFW_test_color.mat", lambda path: clips(f"cofw29:{path}")),
    "mat5": ("cofw68", "test_annotations/1_points.mat", lambda path: load_clips(f"cofw68:{path}")),
    "mat5-boxes": ("cofw68", "cofw68_test_bboxes.mat", lambda path: load_clips(f"cofw68:{path}")),
    "list": ("wflw", WFLW_LIST.format("test"), lambda path: clips(f"wflw:{path}?split=test")),
    "npz": ("npz", "A_B_0.npz", lambda path: clips(f"ytf-npz:{path}")),
    "pack": ("faces.pack", "", lambda path: clips(f"packed:{path}")),
    "predictions": ("predictions.txt", "", lambda path: read_predictions(path, 68)),
    "weights": ("checkpoint", "model.safetensors", load_pretrained),
    "card": ("checkpoint", "card.json", load_card),
    "config": ("checkpoint", "card.json", load_pretrained),
    "policy": ("run", "policy.safetensors", load_policy),
    "json": ("checkpoint/card.json", "", read_json),
    "hparams": ("hparams.yml", "", lambda path: read_hparams(path, "patches")),
    "png": ("a.png", "", read_image),
    "jpeg": ("a.jpg", "", read_image),
    "webp": ("a.webp", "", read_image),
}


def check(read: Callable[[], object], named: str, case: str) -> None:
    """Read; anything but success and a mistake of the user of one line that names ``named``, or the clip, is a failure."""
    began = time.process_time()
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
    assert time.process_time() - began < SLOWEST, f"{case}: took {time.process_time() - began:.0f} s"


@pytest.mark.parametrize("kind", READERS)
def test_damaged_files(kind: str, sound: Path, tmp_path: Path, cases: Cases) -> None:
    source, inside, read = READERS[kind]
    copy = tmp_path / Path(source).name
    (shutil.copytree if (sound / source).is_dir() else shutil.copy)(sound / source, copy)
    target = copy / inside if inside else copy
    data = target.read_bytes()
    read(copy)
    for case in cases():
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
    read: Callable[[str], object], sound_text: str, cases: Cases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for case in cases():
        text = mutated(sound_text.encode(), np.random.default_rng(case)).decode(errors="surrogateescape").replace("\0", "")
        check(lambda text=text: read(text), "", f"{text!r}")  # type: ignore[misc]
    assert not list(tmp_path.iterdir())


def test_a_mat_file_whose_numbers_are_of_no_kind_does_not_end_python(sound: Path, tmp_path: Path) -> None:
    """SciPy alone ends the process: the flag of complex numbers is set, and the imaginary part is missing."""
    copy = tmp_path / "cofw68"
    shutil.copytree(sound / "cofw68", copy)
    points = copy / "test_annotations" / "1_points.mat"
    data = bytearray(points.read_bytes())
    assert data[144:146] == b"\x06\x00"
    data[145] = 8
    points.write_bytes(bytes(data))
    with pytest.raises(UserError, match="1_points.mat: cannot be read as a MATLAB file"):
        load_clips(f"cofw68:{copy}")


@pytest.mark.parametrize("huge", ["1e38", "-1e38", "1e16"])
def test_a_number_whose_square_is_too_large(huge: str, sound: Path, tmp_path: Path) -> None:
    copy = tmp_path / "wflw"
    shutil.copytree(sound / "wflw", copy)
    rows = copy / WFLW_LIST.format("test")
    rows.write_text(rows.read_text().replace(rows.read_text().split()[0], huge, 1))
    check(lambda: clips(f"wflw:{copy}?split=test"), str(copy), huge)
    with pytest.raises(UserError, match="number too large"):
        clips(f"wflw:{copy}?split=test")
