"""Frames that a file turns, against their points; and frames that are missing in a video, against their numbers."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srn_core.data import load_clips
from srn_core.data.formats.pts import write_pts
from srn_core.errors import UserError
from srn_core.face.mean_shapes import MEAN_SHAPES
from tests.support.videos import turn_matrix, write

SIDE = 160
FACE = 70 * np.array(MEAN_SHAPES["68"]) + 80 + np.random.default_rng(2).normal(0, 0.3, (68, 2))
# What lies at x, y in the stored picture is shown at side - y, x where a player turns it to the right.
TURNED_RIGHT = np.stack([SIDE - 1 - FACE[:, 1], FACE[:, 0]], 1)
TURNED_LEFT = np.stack([FACE[:, 1], SIDE - 1 - FACE[:, 0]], 1)


def annotate(folder: Path, numbers: range, points: np.ndarray = FACE) -> None:
    (folder / "annot").mkdir(parents=True)
    for number in numbers:
        # Each frame's face is one pixel to the right of the last one's.
        write_pts(folder / "annot" / f"{number:06d}.pts", points + [number, 0])


def frames(count: int) -> list[np.ndarray]:
    return [np.full((SIDE, SIDE, 3), 20 + 10 * t, np.uint8) for t in range(count)]


@pytest.fixture
def turned_clip(tmp_path: Path) -> Path:
    """A clip of 300VW whose square frames players turn to the right."""
    (tmp_path / "001").mkdir()
    video = write(tmp_path / "v.mp4", frames(4))
    turn_matrix(video, (0, 1, -1, 0))
    video.rename(tmp_path / "001" / "vid.avi")
    return tmp_path


def test_points_of_what_a_player_shows_fit_a_turned_video(turned_clip: Path) -> None:
    annotate(turned_clip / "001", range(1, 5))
    assert len(load_clips(f"300vw:{turned_clip}").clips[0]) == 4


def test_points_of_the_stored_frames_of_a_turned_video_are_a_problem(turned_clip: Path) -> None:
    annotate(turned_clip / "001", range(1, 5), TURNED_LEFT)
    with pytest.raises(UserError, match=r"vid\.avi: the picture has EXIF orientation 6.*exif=stored"):
        load_clips(f"300vw:{turned_clip}")
    stored, turned = (load_clips(f"300vw:{turned_clip}?exif={exif}").clips[0].source for exif in ("stored", "turned"))
    assert (stored.turned, turned.turned) == (False, True)


@pytest.mark.parametrize("excluded", ["", "2"])
def test_pictures_of_a_video_with_an_orientation_are_checked_with_and_without_gaps(excluded: str, tmp_path: Path) -> None:
    (tmp_path / "001" / "frames").mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    for number, frame in enumerate(frames(4), 1):
        Image.fromarray(frame).save(tmp_path / "001" / "frames" / f"{number:06d}.jpg", exif=exif)
    annotate(tmp_path / "001", range(1, 5))
    (tmp_path / "001" / "excluded.txt").write_text(excluded)
    with pytest.raises(UserError, match=r"frames/000001\.jpg: the picture has EXIF orientation 6"):
        load_clips(f"300vw:{tmp_path}")
    assert load_clips(f"300vw:{tmp_path}?exif=turned").clips[0].frame(0).shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize("annotated", [8, 11])
def test_frames_after_a_gap_keep_their_numbers(annotated: int, tmp_path: Path) -> None:
    """An AVI with three frames less than its time has room for, and annotations of the frames in it, or of all times."""
    (tmp_path / "001").mkdir()
    write(tmp_path / "001" / "vid.avi", frames(8), "mjpeg", times=[0, 1, 2, 6, 7, 8, 9, 10])
    annotate(tmp_path / "001", range(1, annotated + 1))
    found = load_clips(f"300vw:{tmp_path}")
    (clip,) = found.clips
    numbers = np.rint(clip.landmarks[:, 0, 0] - FACE[0, 0]).astype(int).tolist()
    assert numbers == (list(range(1, 9)) if annotated == 8 else [1, 2, 3, 7, 8, 9, 10, 11])
    assert [round(float(clip.frame(t).mean())) for t in range(8)] == pytest.approx([20 + 10 * t for t in range(8)], abs=3)
    assert any("without a frame are left out: 4 to 6" in note for note in found.notes) == (annotated == 11)


@pytest.mark.parametrize(("first", "last", "paired"), [(0, 4, 5), (1, 5, 0), (1, 4, 4), (0, 6, 5)])
def test_pictures_that_count_from_0_are_not_paired_with_annotations_that_count_from_1(
    first: int, last: int, paired: int, tmp_path: Path
) -> None:
    (tmp_path / "001" / "frames").mkdir(parents=True)
    for number, frame in enumerate(frames(5)):
        Image.fromarray(frame).save(tmp_path / "001" / "frames" / f"{number:06d}.png")
    annotate(tmp_path / "001", range(first, last + 1))
    if paired:
        assert len(load_clips(f"300vw:{tmp_path}").clips[0]) == paired
    else:
        with pytest.raises(UserError, match="frames are numbered from 0 to 4, its annotations from 1 to 5"):
            load_clips(f"300vw:{tmp_path}")


def test_a_person_is_one_person(tmp_path: Path) -> None:
    annotate(tmp_path / "001", range(1, 3))
    (tmp_path / "people.txt").write_text("001 ann\n001 bob\n")
    with pytest.raises(UserError, match=r"people\.txt: line 2: 001 is ann and bob; expected one person a clip"):
        load_clips(f"300vw:{tmp_path}")
