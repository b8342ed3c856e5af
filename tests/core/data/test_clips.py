"""Specs, readers and boxes: what a spec names is what comes back, the same every time."""

import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srn_core.data import load_clips, parse_spec
from srn_core.data.formats.pts import write_pts
from srn_core.data.sheet import TILE, contact_sheet, describe
from srn_core.data.splits import hold_out
from srn_core.errors import UserError
from srn_core.face.boxes import box_from_description, draw_detector_boxes
from srn_core.face.geometry import CropSpec
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.io import frames as frames_module
from srn_core.io.images import read_image
from tests.support.faces import DATA, describe_box, real

FACE = 80 * np.array(MEAN_SHAPES["68"], np.float32) + 100
relaxed = settings(deadline=None, max_examples=50)


@pytest.fixture(scope="module")
def ytf_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight people; each has two frames of video 0 and one of video 1."""
    root = tmp_path_factory.mktemp("ytf")
    (root / "frames").mkdir()
    names = [f"clip{person:04d}_{video}.jpg" for person in range(8) for video in ("00", "01", "10")]
    coordinates = ",".join(f"{value:.2f}" for value in FACE.ravel())
    (root / "keypoints.csv").write_text("\n".join(f"{name},{coordinates}" for name in names) + "\n")
    for name in names:
        cv2.imwrite(str(root / "frames" / name), np.full((200, 180, 3), 90, np.uint8))
    return root


@pytest.fixture(scope="module")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300-W: forty photos of LFPW with a face each, twenty of AFW with two."""
    root = tmp_path_factory.mktemp("300w")
    names = [f"lfpw/trainset/image_{number:04d}" for number in range(40)]
    names += [f"afw/{number}_{face}" for number in range(1000, 1020) for face in (1, 2)]
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_pts(root / f"{name}.pts", FACE)
        cv2.imwrite(str(root / f"{name}.png"), np.full((200, 180, 3), 90, np.uint8))
    return root


def test_val_of_300w_is_cut_by_photo(photo_folder: Path) -> None:
    train, val = ({clip.name for clip in load_clips(f"300w:{photo_folder}?split={split}").clips} for split in ("train", "val"))
    assert len(train) + len(val) == 80 and not train & val
    photos = [{name[:-2] for name in names if name.startswith("afw")} for names in (train, val)]
    assert not photos[0] & photos[1] and sum(map(len, photos)) == 20
    assert sum(name.startswith("lfpw") for name in val) in range(1, 9)


@pytest.mark.parametrize("split", [None, "train", "val", "all"])
@relaxed
@given(limit=st.none() | st.integers(1, 10**9), frames=st.none() | st.integers(1, 10**9))
def test_a_spec_is_taken_apart(clip_folder: Path, split: str | None, limit: int | None, frames: int | None) -> None:
    given = {"split": split, "limit": limit, "frames": frames}
    options = "&".join(f"{k}={v}" for k, v in given.items() if v is not None)
    spec = parse_spec(f"300vw:{clip_folder}" + ("?" + options if options else ""))
    assert (spec.kind, spec.path, spec.limit, spec.frames) == ("300vw", clip_folder, limit, frames)
    assert spec.split == (None if split == "all" else split)


@relaxed
@given(st.text("demo300wytf:?=&/.%é \n", max_size=30))
def test_any_other_text_is_a_user_error_that_repeats_it(text: str) -> None:
    try:
        spec = parse_spec(text)
    except UserError as error:
        assert text in str(error)
    else:
        assert spec.kind in ("demo", "synthetic")


def test_frames_of_300vw_are_in_the_order_of_their_numbers_padded_or_not(clip_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(clip_folder / "001", tmp_path / "001")
    for number, file in enumerate(sorted((tmp_path / "001" / "annot").iterdir()), 1):
        file.rename(file.with_name(f"{number}.pts"))
    (before,) = load_clips(f"300vw:{clip_folder}?limit=1").clips
    (after,) = load_clips(f"300vw:{tmp_path}").clips
    np.testing.assert_array_equal(before.landmarks, after.landmarks)


def test_a_video_of_300vw_without_annotation_is_named(clip_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(clip_folder / "001", tmp_path / "001")
    (tmp_path / "002").mkdir()
    shutil.copy(clip_folder / "001" / "vid.avi", tmp_path / "002")
    found = load_clips(f"300vw:{tmp_path}")
    assert [clip.name for clip in found.clips] == ["001"]
    assert any("without a folder annot" in note and "002" in note for note in found.notes)


def test_300vw_layout(clip_spec: str, clip_folder: Path) -> None:
    clips = load_clips(clip_spec).clips
    assert [(clip.name, len(clip)) for clip in clips] == [("001", 6), ("002", 4), ("003", 5), ("004", 1), ("124", 3)]
    for clip in clips:
        assert clip.landmarks.shape == (len(clip), 68, 2) and clip.cuts.tolist() == [True] + [False] * (len(clip) - 1)
    first_point = (clip_folder / "001" / "annot" / "000001.pts").read_text().split("{")[1].split()[:2]
    np.testing.assert_allclose(clips[0].landmarks[0, 0], np.array(first_point, float) - 1, atol=1e-3)


def test_excluded_frames_are_left_out_and_leave_a_cut(clip_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(clip_folder / "001", tmp_path / "001")
    (whole,) = load_clips(f"300vw:{tmp_path}").clips
    (tmp_path / "001" / "excluded.txt").write_text("1\n3\n4\n")
    (clip,) = load_clips(f"300vw:{tmp_path}").clips
    kept = [t for t in range(len(whole)) if t not in (0, 2, 3)]
    assert np.array_equal(clip.landmarks, whole.landmarks[kept]) and np.array_equal(clip.boxes, whole.boxes[kept])
    assert all(np.array_equal(clip.frame(i), whole.frame(t)) for i, t in enumerate(kept))
    assert clip.cuts.tolist() == [i == 0 or t - kept[i - 1] > 1 for i, t in enumerate(kept)] and clip.cuts.sum() == 2
    for text, named in (("7.5", "7.5"), ("0", "'0'"), ("99", "99"), (" ".join(map(str, range(1, len(whole) + 1))), "all 6")):
        (tmp_path / "001" / "excluded.txt").write_text(text)
        with pytest.raises(UserError, match=f"excluded.txt.*{named}"):
            load_clips(f"300vw:{tmp_path}")


def test_a_seed_draws_the_clips_that_a_limit_keeps(clip_spec: str) -> None:
    names = [clip.name for clip in load_clips(clip_spec).clips]
    drawn = {tuple(clip.name for clip in load_clips(f"{clip_spec}?limit=2&seed={seed}").clips) for seed in (0, 1, 2, 0, 1, 2)}
    assert 1 < len(drawn) <= 3
    assert all(len(kept) == 2 and names.index(kept[0]) < names.index(kept[1]) for kept in drawn)
    assert [clip.name for clip in load_clips(f"{clip_spec}?seed=5").clips] == names


def test_the_first_frames_alone(clip_spec: str) -> None:
    for whole, head in zip(load_clips(clip_spec).clips, load_clips(f"{clip_spec}?frames=2").clips, strict=True):
        count = min(2, len(whole))
        assert len(head) == count and head.name == whole.name and len(head.cuts) == count
        np.testing.assert_array_equal(head.crops(CropSpec(32, 1.3)), whole.crops(CropSpec(32, 1.3))[:count])
        np.testing.assert_array_equal(head.landmarks, whole.landmarks[:count])


def test_frames_come_in_any_order_and_from_a_pickle(clip_spec: str) -> None:
    clip = load_clips(clip_spec).clips[0]
    in_order = [clip.frame(t) for t in range(len(clip))]
    for t in (5, 0, 3, 3):
        np.testing.assert_array_equal(clip.frame(t), in_order[t])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clip)).frame(2), in_order[2])
    assert not np.array_equal(in_order[0], in_order[5])


def test_only_so_many_videos_stay_open_and_each_goes_on_where_it_was(clip_spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = [clip for clip in load_clips(clip_spec).clips if len(clip) > 2]
    assert len(clips) == 4 and not any(clip.source._opened for clip in clips)
    plain = [[clip.frame(t) for t in range(3)] for clip in clips]
    monkeypatch.setattr(frames_module, "KEPT_OPEN", 2)
    for t in range(3):
        for clip, frames in zip(clips, plain, strict=True):
            np.testing.assert_array_equal(clip.frame(t), frames[t])
            assert sum(other.source._opened is not None for other in clips) <= 2


def test_splits_partition_and_absent_categories_are_noted(clip_spec: str) -> None:
    names = {
        split: {clip.name for clip in load_clips(f"{clip_spec}?split={split}").clips} for split in ("train", "val", "test")
    }
    assert names["test"] == {"124"}
    assert names["train"] | names["val"] == {"001", "002", "003", "004"} and not names["train"] & names["val"]
    assert any("category 3" in note for note in load_clips(f"{clip_spec}?split=test").notes)


def test_ytf68_marks_a_cut_where_a_video_starts(ytf_folder: Path) -> None:
    clips = load_clips(f"ytf68:{ytf_folder}").clips
    assert len(clips) == 8 and all(clip.cuts.tolist() == [True, False, True] for clip in clips)
    np.testing.assert_allclose(clips[3].landmarks[1], FACE, atol=0.01)
    split = {name: {clip.name for clip in load_clips(f"ytf68:{ytf_folder}?split={name}").clips} for name in ("train", "val")}
    assert split["val"] and len(split["train"]) + len(split["val"]) == 8


def test_boxes_are_the_same_at_every_load_and_differ_between_frames(clip_spec: str) -> None:
    first, again = load_clips(clip_spec).clips, load_clips(clip_spec).clips
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.boxes, b.boxes)
    described = describe_box(first[0].boxes, first[0].landmarks)
    assert len(np.unique(described[:, 2])) == len(first[0])


@relaxed
@given(st.lists(st.floats(-0.4, 0.4), min_size=4, max_size=4))
def test_box_description_and_back(numbers: list[float]) -> None:
    np.testing.assert_allclose(describe_box(box_from_description(np.array(numbers), FACE), FACE), numbers, atol=1e-3)


def test_drawn_boxes_follow_the_generator_alone() -> None:
    draw = [draw_detector_boxes(FACE[None], np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert np.array_equal(draw[0], draw[1]) and not np.array_equal(draw[0], draw[2])


@relaxed
@given(st.sets(st.text("abc123", min_size=1), min_size=1, max_size=20), st.floats(0.05, 0.5))
def test_hold_out_depends_on_the_names_alone(names: set[str], fraction: float) -> None:
    held = hold_out(sorted(names), fraction)
    assert held == hold_out(sorted(names, reverse=True) * 2, fraction)
    assert held <= names and held
    added = hold_out(names | {"another"}, fraction)
    assert added - {"another"} <= held and len(held - added) <= 1


def test_hold_out_is_about_the_fraction_asked_for() -> None:
    names = [f"photo {i}" for i in range(2000)]
    assert 160 < len(hold_out(names, 0.1)) < 240


def test_images_are_rgb(tmp_path: Path) -> None:
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 2] = 255
    cv2.imwrite(str(tmp_path / "red.png"), red)
    np.testing.assert_array_equal(read_image(tmp_path / "red.png")[0, 0], [255, 0, 0])


def test_contact_sheet_shows_every_frame_of_a_small_set(clip_spec: str) -> None:
    clip_set = load_clips(clip_spec)
    sheet = contact_sheet(clip_set.clips)
    assert sheet.shape == (3 * TILE.size, 8 * TILE.size, 3) and sheet.dtype == np.uint8
    tiles = sheet.reshape(3, TILE.size, 8, TILE.size, 3).swapaxes(1, 2).reshape(24, -1)
    assert (tiles.max(1) > 0).tolist() == [i < 19 for i in range(24)]
    assert describe(clip_set)["frames"] == "19" and describe(clip_set)["frame width, px"] == "144"


@real("300w")
def test_real_300w_counts() -> None:
    counts = {
        split: len(load_clips(f"300w:{DATA / '300w'}?split={split}")) for split in ("train", "val", "common", "challenging")
    }
    lfpw = {"train": 802, "common": 112} if (DATA / "300w" / "lfpw").is_dir() else {"train": 0, "common": 0}
    assert counts["train"] + counts["val"] == 337 + 870 + lfpw["train"]
    assert (counts["common"], counts["challenging"]) == (165 + lfpw["common"], 45)


@real("ytf68")
def test_real_ytf68_counts() -> None:
    clip_set = load_clips(f"ytf68:{DATA / 'ytf68'}")
    assert (len(clip_set), clip_set.num_frames) == (277, 2766)
    assert all(clip.cuts[0] for clip in clip_set.clips) and sum(int(clip.cuts.sum()) for clip in clip_set.clips) > 2 * 277


@real("talk")
def test_real_video_reads_to_its_last_frame() -> None:
    clip_set = load_clips(f"300vw:{DATA / 'talk'}")
    assert (len(clip_set), clip_set.num_frames) == (11, 2516)
    clip = clip_set.clips[0]
    assert clip.frame(len(clip) - 1).shape[2] == 3
