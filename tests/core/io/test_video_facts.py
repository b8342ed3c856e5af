"""What containers say is checked: turns, edit lists, gaps, times, rates, and what is no video at all."""

from itertools import count
from pathlib import Path

import numpy as np
import pytest

from srn_core.errors import UserError
from srn_core.io.frames import VideoFrames
from srn_core.tracking.sources import VideoSource
from tests.support.videos import RATE, pictures, turn_matrix, write, write_sound, write_two_sizes

FRAMES = pictures(8)


def read(path: Path) -> list[np.ndarray]:
    """All frames that can be decoded."""
    video, found = VideoFrames(path), []
    for t in count():
        try:
            found.append(video(t))
        except UserError:
            return found


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((1, 0, 0, 1), lambda frame: frame),
        ((-1, 0, 0, 1), lambda frame: frame[:, ::-1]),  # a phone's front camera
        ((-1, 0, 0, -1), lambda frame: frame[::-1, ::-1]),
        ((1, 0, 0, -1), lambda frame: frame[::-1]),
        ((0, 1, 1, 0), lambda frame: frame.swapaxes(0, 1)),
        ((0, 1, -1, 0), lambda frame: np.rot90(frame, -1)),
        ((0, -1, -1, 0), lambda frame: frame[::-1, ::-1].swapaxes(0, 1)),
        ((0, -1, 1, 0), lambda frame: np.rot90(frame)),
        ((0, 0, 0, 0), lambda frame: frame),
    ],
)
def test_a_frame_is_turned_and_mirrored_as_players_do(matrix, shown, tmp_path: Path) -> None:
    corner = FRAMES[0].copy()
    corner[:12, :12] = 250
    path = write(tmp_path / "v.mp4", [corner])
    turn_matrix(path, matrix)
    video, expected = VideoFrames(path), shown(corner)
    assert video.size() == expected.shape[1::-1]
    assert np.abs(video(0).astype(int) - expected).mean() < 6
    assert np.abs(VideoFrames(path, turned=False)(0).astype(int) - corner).mean() < 6


def test_frames_that_an_edit_list_hides_are_not_missed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "v.mp4", FRAMES, shift=3)
    video = VideoFrames(path)
    assert (video.count(), video.counted(), video.expected()) == (5, 5, 5)
    assert np.abs(video(0).astype(int) - FRAMES[3]).mean() < 6 and video.time(1) == pytest.approx(1 / RATE)
    assert len(list(VideoSource(str(path)).frames())) == 5 and capsys.readouterr().err == ""


def test_gaps_of_an_avi_are_no_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "v.avi", FRAMES, "mjpeg", times=[0, 1, 2, 6, 7, 8, 9, 10])
    video = VideoFrames(path)
    assert (video.count(), video.expected(), video.places()) == (8, 8, (0, 1, 2, 6, 7, 8, 9, 10))
    assert [round(RATE * time) for _, time in VideoSource(str(path)).frames()] == [0, 1, 2, 6, 7, 8, 9, 10]
    assert capsys.readouterr().err == ""


def test_a_truncated_avi_lacks_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "v.avi", FRAMES, "mjpeg")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    shown = len(list(VideoSource(str(path)).frames()))
    assert 0 < shown < 8 and f"only {shown} of 8 frames can be decoded" in capsys.readouterr().err


def test_a_variable_rate_has_no_gaps(tmp_path: Path) -> None:
    video = VideoFrames(write(tmp_path / "v.mp4", FRAMES, times=[t * t for t in range(8)]))
    assert video.places() == tuple(range(8)) and round(RATE * (video.time(7))) == 49


def test_a_file_that_begins_with_a_difference_is_damaged(tmp_path: Path) -> None:
    """FFmpeg would show grey where the first frame is missing."""
    path = write(tmp_path / "v.mkv", FRAMES, kept=lambda i: i > 0)
    with pytest.raises(UserError, match="frame 0 cannot be decoded.*differs from an earlier frame, which is missing"):
        VideoFrames(path)(0)


def test_times_go_on_where_two_recordings_were_joined(tmp_path: Path) -> None:
    path = write(tmp_path / "v.ts", FRAMES, "mpeg2video")
    path.write_bytes(2 * path.read_bytes())
    times = [time for _, time in VideoSource(str(path)).frames()]
    assert len(times) == 16 and np.diff(times) == pytest.approx(1 / RATE, abs=1e-3)


def test_a_unit_of_time_is_no_frame_rate(tmp_path: Path) -> None:
    assert VideoFrames(write(tmp_path / "v.mov", FRAMES, "mjpeg", rate=90000)).fps() == 25
    assert VideoFrames(write(tmp_path / "w.mov", FRAMES, "mjpeg", rate=240)).fps() == pytest.approx(240)


def test_a_video_that_changes_its_size_is_not_tracked_on(tmp_path: Path) -> None:
    write_two_sizes(tmp_path / "v.avi")
    assert [frame.shape for frame in read(tmp_path / "v.avi")] == [(48, 64, 3)] * 3 + [(32, 32, 3)] * 3
    with pytest.raises(UserError, match="frame 3 has 32 x 32 px, and those before it 64 x 48 px.*scale=64:48"):
        list(VideoSource(str(tmp_path / "v.avi")).frames())


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.mp4", b"<!DOCTYPE html><html>not found", "a web page.*download"),
        ("b.mp4", b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS.*git lfs pull"),
        ("c.mp4", b"PK\x03\x04" + b"a" * 99, "zip archive.*take the file out"),
        ("d.mp4", b"\0" * 999, "begins with zeros.*restore"),
        ("e.mp4", b"hello", "not a video"),
    ],
)
def test_what_is_no_video_is_named(name: str, data: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=f"{name}: cannot be opened as a video: .*{said}"):
        VideoSource(str(tmp_path / name))


def test_a_file_without_its_end_and_a_sound_file_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "v.mp4", FRAMES)
    path.write_bytes(path.read_bytes()[:900])
    write_sound(tmp_path / "a.mp3", cover=False)
    write_sound(tmp_path / "b.mp3", cover=True)
    for name, said in (("v.mp4", "without its index"), ("a.mp3", "no pictures"), ("b.mp3", "sound file with a cover")):
        with pytest.raises(UserError, match=f"{name}: .*{said}"):
            VideoSource(str(tmp_path / name))


@pytest.mark.parametrize("name", ["{}.png", "f{}.png", "frame_{}_b.png", "{:03d}.png", "7-{}.png"])
def test_frames_of_a_folder_are_in_the_order_of_their_numbers(name: str, tmp_path: Path) -> None:
    for number in range(1, 13):
        (tmp_path / name.format(number)).touch()
    for named in (str(tmp_path), str(tmp_path / "*.png")):
        assert [file.name for file in VideoSource(named).files] == [name.format(number) for number in range(1, 13)]
