"""Broken and implausible data: found, refused with one line, or left out by name; sound data that look odd are taken."""

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from srn_core.data import load_clips
from srn_core.data.formats.pts import write_pts
from srn_core.data.spec import escape_path
from srn_core.errors import UserError
from srn_core.face.mean_shapes import MEAN_SHAPES
from tests.support.faces import DATA, real

# Not symmetric: as in a real annotation, hardly two coordinates are the same.
FACE = 80 * np.array(MEAN_SHAPES["68"]) + 100 + np.random.default_rng(2).normal(0, 0.3, (68, 2))
SIDE = 200


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three sound photos below a folder; tests break the one called ``b``."""
    folder = tmp_path / "photos" / "deep"
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    for name in "abc":
        cv2.imwrite(str(folder / f"{name}.jpg"), noise)
        write_pts(folder / f"{name}.pts", FACE)
    return folder.parent


def one_at(place: tuple[float, float]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda points: np.concatenate([points[:30], [place], points[31:]])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (one_at((-1, -1)), "point 30 is at -1,-1"),
        (one_at((-2, -2)), "point 30 is at -2,-2"),
        (one_at((900, 900)), "point 30 is"),
        (one_at(tuple(FACE[5])), "points 5 and 30 are at the same place"),
        (lambda points: points + 5000, "68 of 68 points are outside"),
        (lambda points: points + [SIDE * 0.7, 0], "outside the picture of 200 x 200 px"),
        (lambda points: points / SIDE, "px large"),
        (lambda points: [SIDE, 0] + points * [-1, 1], "mirrored"),
        (lambda points: np.round(points / 60) * 60, ""),
        # In whole numbers, as WFLW's tools and many others write them, lips and profiles coincide by chance, but not these.
        (lambda points: np.round(one_at(tuple(FACE[5]))(points)), "points 5 and 30 are at the same place"),
        (
            lambda points: np.round(np.concatenate([points[:54], points[48:49], points[55:]])),
            "points 48 and 54 are at the same",
        ),
    ],
)
def test_points_that_cannot_be_right(photos: Path, change: Callable[[np.ndarray], np.ndarray], named: str) -> None:
    write_pts(photos / "deep" / "b.pts", np.asarray(change(FACE)))
    with pytest.raises(UserError, match="deep/b.*skip_bad=1") as error:
        load_clips(f"pts:{photos}")
    assert named in str(error.value)
    left = load_clips(f"pts:{photos}?skip_bad=1")
    assert [clip.name for clip in left.clips] == ["deep/a", "deep/c"]
    assert any("1 problem" in note for note in left.notes) and any("deep/b" in note for note in left.notes)


@pytest.mark.parametrize(
    "break_",
    [
        lambda folder: (folder / "b.jpg").write_bytes((folder / "b.jpg").read_bytes()[:900]),
        lambda folder: (folder / "b.jpg").write_bytes(b""),
        lambda folder: (folder / "b.jpg").unlink(),
        lambda folder: (folder / "b.pts").write_text("1 2\n" * 68),
        lambda folder: (folder / "b.pts").write_bytes(b"\x00\xff"),
    ],
)
def test_a_file_that_cannot_be_read_is_left_out_by_name(photos: Path, break_: Callable[[Path], object]) -> None:
    break_(photos / "deep")
    left = load_clips(f"pts:{photos}?skip_bad=1")
    assert [clip.name for clip in left.clips] == ["deep/a", "deep/c"] and "deep/b" in left.problems[0].text


def test_a_box_that_holds_no_point(photos: Path) -> None:
    (photos / "bbs" / "deep").mkdir(parents=True)
    write_pts(photos / "bbs" / "deep" / "b.pts", np.array([[1, 1], [9, 1], [9, 9], [1, 9]], float))
    with pytest.raises(UserError, match="deep/b.*box holds 0 of 68 points"):
        load_clips(f"pts:{photos}")


def test_faces_that_touch_the_border_or_are_on_their_side_are_taken(photos: Path) -> None:
    centre = FACE.mean(0)
    write_pts(photos / "deep" / "a.pts", (FACE - centre) @ np.array([[0, 1], [-1, 0]]) + centre)
    write_pts(photos / "deep" / "b.pts", FACE + [SIDE - 10 - FACE[:, 0].max() + 20, 0])
    write_pts(photos / "deep" / "c.pts", np.round(FACE))
    assert len(load_clips(f"pts:{photos}")) == 3


def with_orientation(path: Path, orientation: int, shape: tuple[int, int]) -> None:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8))
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(path, exif=exif)


def test_exif_orientation_against_the_points(photos: Path) -> None:
    picture, points = photos / "deep" / "b.jpg", photos / "deep" / "b.pts"
    with_orientation(picture, 6, (SIDE, SIDE))
    with pytest.raises(UserError, match="b.jpg.*EXIF orientation 6.*exif=stored"):
        load_clips(f"pts:{photos}")
    assert len(load_clips(f"pts:{photos}?exif=stored")) == len(load_clips(f"pts:{photos}?exif=turned")) == 3
    with_orientation(picture, 6, (100, 300))
    write_pts(points, FACE - [50, -50])
    with pytest.raises(UserError, match="fit it only when it is turned"):
        load_clips(f"pts:{photos}")
    assert load_clips(f"pts:{photos}?exif=turned").clips[1].frame(0).shape == (300, 100, 3)
    # Stored on its side, and annotated so: nothing speaks against the rule.
    with_orientation(picture, 6, (SIDE, SIDE))
    write_pts(points, (FACE - 100) @ np.array([[0, -1], [1, 0]]) + 100)
    assert load_clips(f"pts:{photos}").clips[1].frame(0).shape == (SIDE, SIDE, 3)


def test_what_has_no_purpose_is_not_asked_for(photos: Path) -> None:
    folder = photos / "deep"
    (folder / "._a.pts").write_bytes(b"\x00\x05")
    (folder / "a.jpg").rename(folder / "a.JPG")
    (folder / "b.pts").rename(folder / "b.PTS")
    (folder / "c.pts").write_bytes(b"\xef\xbb\xbf" + (folder / "c.pts").read_bytes().replace(b"\n", b"\r\n") + b"\n\n")
    assert [clip.name for clip in load_clips(f"pts:{photos}").clips] == ["deep/a", "deep/b", "deep/c"]
    (folder / "c.pts").write_text("\n".join("1 2" for _ in range(68)))
    with pytest.raises(UserError, match=r"c\.pts: has no \{ and \}"):
        load_clips(f"pts:{photos}")


@pytest.mark.parametrize("name", ["who?", "a&b=c", "50%", "%41", "#1 of two", "b:c"])
def test_a_spec_can_name_any_folder(photos: Path, name: str) -> None:
    shutil.copytree(photos, photos.parent / name)
    assert len(load_clips(f"pts:{escape_path(photos.parent / name)}?limit=2")) == 2


def test_val_is_what_the_list_says(photos: Path) -> None:
    (photos / "val.txt").write_text("deep/b\n\n")
    names = {split: [clip.name for clip in load_clips(f"pts:{photos}?split={split}").clips] for split in ("train", "val")}
    assert names == {"train": ["deep/a", "deep/c"], "val": ["deep/b"]}
    (photos / "val.txt").write_text("deep/x\n")
    with pytest.raises(UserError, match="'deep/x': no such annotation"):
        load_clips(f"pts:{photos}?split=val")


@pytest.fixture
def video(clip_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(clip_folder / "001", tmp_path / "set" / "001")
    return tmp_path / "set"


def test_frames_are_paired_by_number_and_gaps_are_said(video: Path) -> None:
    (whole,) = load_clips(f"300vw:{video}").clips
    annotations = video / "001" / "annot"
    (annotations / "000002.pts").unlink()
    shutil.copy(annotations / "000006.pts", annotations / "000009.pts")
    found = load_clips(f"300vw:{video}")
    kept = [0, 2, 3, 4, 5]
    np.testing.assert_array_equal(found.clips[0].landmarks, whole.landmarks[kept])
    np.testing.assert_array_equal(found.clips[0].frame(1), whole.frame(2))
    assert found.clips[0].cuts.tolist() == [True, True, False, False, False]
    assert any("without an annotation are left out: 2" in note for note in found.notes)
    assert any("without a frame are left out: 9" in note for note in found.notes)
    (annotations / "000001.pts").rename(annotations / "000000.pts")
    with pytest.raises(UserError, match="number 0"):
        load_clips(f"300vw:{video}")


def test_people_own_clips(clip_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(clip_folder, tmp_path / "clips")
    (tmp_path / "clips" / "people.txt").write_text("001 ann\n002 ann\n\n")
    people = {clip.name: clip.person for clip in load_clips(f"300vw:{tmp_path / 'clips'}").clips}
    assert people == {"001": "ann", "002": "ann", "003": "003", "004": "004", "124": "124"}
    for split in ("train", "val"):
        names = {clip.name for clip in load_clips(f"300vw:{tmp_path / 'clips'}?split={split}").clips}
        assert len(names & {"001", "002"}) in (0, 2)
    (tmp_path / "clips" / "people.txt").write_text("001\n")
    with pytest.raises(UserError, match="people.txt: line 1"):
        load_clips(f"300vw:{tmp_path / 'clips'}")


@real("ytf68")
@pytest.mark.slow
def test_real_faces_are_taken() -> None:
    for spec in (f"300w:{DATA / '300w'}", f"pts:{DATA / 'faces'}", f"ytf68:{DATA / 'ytf68'}", f"300vw:{DATA / 'talk'}"):
        assert not load_clips(spec).problems
