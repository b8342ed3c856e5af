"""The readers of COFW, WFLW and the YouTube Faces archives, and SRNs that are trained and measured on what they read."""

import dataclasses
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from srn_core import SRN, Tracker, load_pretrained
from srn_core.cli.main import main
from srn_core.data import load_clips
from srn_core.errors import UserError
from srn_core.evaluation.evaluate import evaluate
from srn_core.face.schemes import SCHEMES
from srn_core.training.args import TrainArgs
from srn_core.training.train import TrainingRun
from tests.support.face_sets import FACES, TEXTURE, WFLW_LIST, write_cofw, write_wflw
from tests.support.faces import TINY

SIDE = 120
COFW_TEST, ARCHIVE = "COFW_test_color.mat", "Jo_Doe0_0.npz"
WFLW_TEST = WFLW_LIST.format("test")
SPLIT = ("train", "val")
Break = Callable[[Path], object]


def write_archives(root: Path) -> None:
    """Eight people with two videos of three frames; frame t is shifted by t px and has the red value t."""
    root.mkdir(parents=True, exist_ok=True)
    images = np.stack([np.stack([np.full((SIDE, SIDE + 10), v, np.uint8) for v in (t, 50, 90)], -1) for t in range(3)], -1)
    points = np.stack([FACES["68"] + t for t in range(3)], -1)
    corners = np.array([[20, 10], [90, 10], [90, 100], [20, 100]])[..., None] + np.arange(3)
    for person in range(8):
        for video in range(2):
            arrays = {"colorImages": images, "boundingBox": corners, "landmarks2D": points, "landmarks3D": points}
            np.savez_compressed(root / f"Jo_Doe{person}_{video}.npz", **arrays)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each kind that is written here."""
    root = tmp_path_factory.mktemp("kinds")
    write_cofw(root / "cofw29" / "COFW_train_color.mat", "Tr", 10)
    write_cofw(root / "cofw29" / "COFW_test_color.mat", "T", 3)
    write_wflw(root / "wflw")
    write_archives(root / "ytf-npz")
    return root


def test_cofw29(root: Path) -> None:
    clips = load_clips(f"cofw29:{root / 'cofw29'}?split=test").clips
    assert [clip.name for clip in clips] == ["test/0001", "test/0002", "test/0003"]
    for i, clip in enumerate(clips):
        np.testing.assert_allclose(clip.landmarks, FACES["29"][None] + i, atol=1e-4)
        np.testing.assert_array_equal(clip.boxes, [[10, 20, 100, 100]])
        assert clip.visible is not None and clip.visible.tolist() == [[j >= i for j in range(29)]]
    np.testing.assert_array_equal(clips[0].frame(0), TEXTURE)
    grey = pickle.loads(pickle.dumps(clips[1])).frame(0)
    np.testing.assert_array_equal(grey, np.repeat(TEXTURE[..., :1], 3, 2))


def test_wflw(root: Path) -> None:
    test = load_clips(f"wflw:{root / 'wflw'}?split=test")
    assert [clip.name for clip in test.clips] == [f"test/1--Walk/{name}" for name in ("a.jpg/1", "b.jpg/1", "b.jpg/2")]
    np.testing.assert_allclose(test.clips[0].landmarks, FACES["98"][None], atol=1e-4)
    np.testing.assert_array_equal(test.clips[1].boxes, [[5, 5, 115, 115]])
    assert test.box_source == "the list's for 2 of 3, else 1.2 x the landmark box"
    tight = np.concatenate([FACES["98"].min(0), FACES["98"].max(0)])
    margin = 0.1 * np.tile(tight[2:] - tight[:2], 2) * [-1, -1, 1, 1]
    np.testing.assert_allclose(test.clips[2].boxes[0], tight + margin, atol=1e-3)
    assert test.clips[2].frame(0).shape == TEXTURE.shape
    names = {
        split: [c.name[-7:] for c in load_clips(f"wflw:{root / 'wflw'}?split={split}").clips] for split in ("pose", "blur")
    }
    assert names == {"pose": ["a.jpg/1"], "blur": ["b.jpg/1"]}
    occluded = load_clips(f"wflw:{root / 'wflw'}?split=occlusion")
    assert [clip.name[-7:] for clip in occluded.clips] == ["a.jpg/1", "b.jpg/2"]


def test_ytf_npz(root: Path) -> None:
    clips = load_clips(f"ytf-npz:{root / 'ytf-npz'}").clips
    assert [clip.name for clip in clips[:3]] == ["Jo_Doe0_0", "Jo_Doe0_1", "Jo_Doe1_0"] and len(clips) == 16
    clip = clips[0]
    assert clip.cuts.tolist() == [True, False, False]
    np.testing.assert_allclose(clip.landmarks[2], FACES["68"] + 2, atol=1e-4)
    np.testing.assert_array_equal(clip.boxes[1], [21, 11, 91, 101])
    for t in (2, 0, 1):
        assert clip.frame(t).shape == (SIDE, SIDE + 10, 3) and clip.frame(t)[5, 7].tolist() == [t, 50, 90]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clip)).frame(1), clip.frame(1))
    people = {
        split: {clip.name[:7] for clip in load_clips(f"ytf-npz:{root / 'ytf-npz'}?split={split}").clips} for split in SPLIT
    }
    assert len(people["train"] | people["val"]) == 8 and not people["train"] & people["val"]


@pytest.mark.parametrize(("kind", "total"), [("cofw29", 10), ("wflw", 10), ("ytf-npz", 16)])
def test_train_and_val_share_out_the_training_part(root: Path, kind: str, total: int) -> None:
    names = {split: {clip.name for clip in load_clips(f"{kind}:{root / kind}?split={split}").clips} for split in SPLIT}
    assert names["val"] and not names["train"] & names["val"] and len(names["train"] | names["val"]) == total
    everything = load_clips(f"{kind}:{root / kind}")
    assert names["train"] | names["val"] <= {clip.name for clip in everything.clips} and not everything.notes


@pytest.mark.parametrize(("kind", "file"), [("cofw29", "COFW_train_color.mat"), ("wflw", WFLW_LIST.format("train"))])
def test_an_absent_part_is_a_note(root: Path, tmp_path: Path, kind: str, file: str) -> None:
    shutil.copytree(root / kind, tmp_path / kind)
    (tmp_path / kind / file).unlink()
    assert load_clips(f"{kind}:{tmp_path / kind}").notes == (f"{tmp_path / kind / file}: absent",)
    with pytest.raises(UserError, match=f"no clips.*{Path(file).name}: absent"):
        load_clips(f"{kind}:{tmp_path / kind}?split=train")


def changed_cofw(change: Callable[[h5py.File], object]) -> Break:
    def break_(path: Path) -> None:
        with h5py.File(path, "a") as file:
            change(file)

    return break_


def replaced_variable(name: str, values: np.ndarray) -> Callable[[h5py.File], object]:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = values

    return change


def changed_text(old: str, new: str) -> Break:
    return lambda path: path.write_text(path.read_text().replace(old, new, 1))


def changed_archive(**changes: np.ndarray | None) -> Break:
    def break_(path: Path) -> None:
        with np.load(path) as file:
            arrays = {**file, **changes}
        np.savez(path, **{name: values for name, values in arrays.items() if values is not None})

    return break_


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("kind", "file", "break_", "named"),
    [
        ("cofw29", COFW_TEST, cut_short, "restore"),
        ("cofw29", COFW_TEST, lambda path: path.write_bytes(b""), "restore"),
        ("cofw29", COFW_TEST, changed_cofw(lambda file: file.pop("phisT")), "phisT"),
        ("cofw29", COFW_TEST, changed_cofw(replaced_variable("phisT", np.zeros((86, 3)))), "3 x 86"),
        ("cofw29", COFW_TEST, changed_cofw(replaced_variable("phisT", np.full((87, 3), np.nan))), "finite"),
        ("cofw29", COFW_TEST, changed_cofw(replaced_variable("bboxesT", np.zeros((4, 2)))), "2 x 4"),
        ("cofw29", COFW_TEST, changed_cofw(replaced_variable("#refs#/1", np.zeros((4, 5, 6), np.uint8))), "picture 2"),
        ("wflw", WFLW_TEST, changed_text(".", "x"), "line 1"),
        ("wflw", WFLW_TEST, changed_text(" 1--Walk", " 3 1--Walk"), "no such image"),
        ("wflw", WFLW_TEST, lambda path: path.write_text("1 2 3 1--Walk/a.jpg"), "3 numbers"),
        ("wflw", WFLW_TEST, lambda path: path.write_bytes(b"\xff\xfe\xfa"), "cannot be read"),
        ("wflw", "WFLW_images/1--Walk/b.jpg", Path.unlink, "no such image"),
        ("wflw", "WFLW_images/1--Walk/b.jpg", cut_short, "truncated"),
        ("ytf-npz", ARCHIVE, cut_short, "restore"),
        ("ytf-npz", ARCHIVE, lambda path: path.write_bytes(b"PK"), "restore"),
        ("ytf-npz", ARCHIVE, changed_archive(landmarks2D=None), "landmarks2D"),
        ("ytf-npz", ARCHIVE, changed_archive(landmarks2D=np.zeros((67, 2, 3))), "67 x 2 x 3"),
        ("ytf-npz", ARCHIVE, changed_archive(landmarks2D=np.full((68, 2, 3), np.inf)), "finite"),
        ("ytf-npz", ARCHIVE, changed_archive(landmarks2D=np.array([{}])), "allow_pickle=False"),
        ("ytf-npz", ARCHIVE, changed_archive(boundingBox=np.zeros((4, 2, 2))), "4 x 2 x 2"),
        ("ytf-npz", ARCHIVE, changed_archive(colorImages=np.zeros((9, 9, 3, 2), np.uint8)), "9 x 9 x 3 x 2"),
        ("ytf-npz", ARCHIVE, changed_archive(colorImages=None), "colorImages"),
    ],
)  # fmt: skip
def test_what_is_broken_is_named_in_one_line(
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    kind: str,
    file: str,
    break_: Break,
    named: str,
) -> None:
    shutil.copytree(root / kind, tmp_path / kind)
    break_(tmp_path / kind / file)
    monkeypatch.setattr(sys, "argv", ["srn", "data", f"{kind}:{tmp_path / kind}"])
    with pytest.raises(SystemExit) as stopped:
        main()
    errors = capfd.readouterr().err
    assert stopped.value.code == 2 and errors.count("\n") == 1, errors
    assert str(tmp_path / kind) in errors and named in errors, errors


def test_without_h5py_the_extra_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UserError, match=r"h5py.*srn-occlusion\[cofw29\]"):
        load_clips(f"cofw29:{root / 'cofw29'}")


@pytest.mark.parametrize(("kind", "scheme"), [("cofw29", "29"), ("wflw", "98"), ("ytf-npz", "68")])
def test_an_srn_of_the_data_s_scheme_trains_evaluates_and_refuses_others(
    root: Path, tmp_path: Path, kind: str, scheme: str
) -> None:
    spec = f"{kind}:{root / kind}?limit=4"
    overrides = [f"{key}={getattr(TINY, key)}" for key in ("image_size", "patch_size", "steps", "memory_dim", "map_dim")]
    options = {"config_override": (*overrides, "trunk=3x4,3x8"), "batch": 4, "sequence": 2, "device": "cpu"}
    args = TrainArgs(data=(spec,), val=(spec,), out=tmp_path / "run", **options)
    run = TrainingRun(args)
    assert run.config.scheme == scheme
    before = [parameter.detach().clone() for parameter in run.model.hsrm.parameters()]
    losses = [float(run.update(step)) for step in (1, 2)]
    assert np.isfinite(losses).all()
    assert all((a != b).any() for a, b in zip(before, run.model.hsrm.parameters(), strict=True))
    run.validate_and_save(2)
    tracker = Tracker(load_pretrained(tmp_path / "run"), "cpu")
    found = evaluate(tracker, load_clips(spec))
    assert found.predictions.shape[1:] == (SCHEMES[scheme].num_landmarks, 2)
    assert found.normaliser == SCHEMES[scheme].normaliser == ("inter-pupil" if scheme == "29" else "inter-ocular")
    other = f"wflw:{root / 'wflw'}" if scheme != "98" else f"cofw29:{root / 'cofw29'}"
    with pytest.raises(UserError, match=f"the tracker's is '{scheme}'"):
        evaluate(tracker, load_clips(other))
    for changes in ({"data": (other,), "init": str(tmp_path / "run")}, {"val": (other,)}, {"data": (spec, other)}):
        with pytest.raises(UserError, match=f"the tracker's is '{scheme}'"):
            TrainingRun(dataclasses.replace(args, out=tmp_path / "other", **changes))


def test_points_may_be_counted_where_they_are_visible(root: Path) -> None:
    tracker = Tracker(SRN(dataclasses.replace(TINY, scheme="29")), "cpu")
    found = evaluate(tracker, load_clips(f"cofw29:{root / 'cofw29'}?split=test"), points="visible")
    assert found.counted.sum(1).tolist() == [29, 28, 27]
