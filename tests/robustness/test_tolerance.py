"""Differences in writing that mean nothing are taken; what is cut short or wrong is named."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from srn_core.data import load_clips
from srn_core.data.formats.pts import read_pts
from srn_core.errors import UserError

Change = Callable[[bytes], bytes]
SAME: dict[str, Change] = {
    "utf-8 mark": lambda data: b"\xef\xbb\xbf" + data,
    "utf-16": lambda data: data.decode().encode("utf-16"),
    "utf-16 big": lambda data: b"\xfe\xff" + data.decode().encode("utf-16-be"),
    "line ends of Windows": lambda data: data.replace(b"\n", b"\r\n"),
    "line ends of old Macs": lambda data: data.replace(b"\n", b"\r"),
    "blank lines": lambda data: data.replace(b"\n", b"\n\n") + b"\n \t\n\n",
    "no last line end": lambda data: data.rstrip(),
    "tabs": lambda data: data.replace(b" ", b"\t\t"),
}
SAME_PTS: dict[str, Change] = {
    **SAME,
    "end of file of DOS": lambda data: data + b"\x1a",
    "comments": lambda data: b"# {1}\n" + data.replace(b"{\n", b"{\n// the jaw {2}\n").replace(b"\n}", b" # the lips }\n}"),
    "heads": lambda data: data.replace(b"n_points: 68", b"N_POINTS:68 "),
    "brace on the line of the head": lambda data: data.replace(b"\n{\n", b" {"),
}
WRONG: dict[str, tuple[Change, str]] = {
    "cut in the last number": (lambda data: data[: data.rindex(b".") + 2], "ends before the }, so it is cut short"),
    "cut after the last number": (lambda data: data.replace(b"\n}", b""), "ends before the }, so it is cut short"),
    "no braces": (lambda data: data.replace(b"{", b"").replace(b"}", b""), "has no { and }"),
    "a comma for a point": (lambda data: data.replace(b".", b","), "is not a number"),
    "a word": (lambda data: data.replace(b"{\n", b"{\nnan? 3\n"), "'nan?' is not a number"),
    "a point too many": (lambda data: data.replace(b"{\n", b"{\n1 2\n"), "138 numbers; expected 136"),
}


@pytest.fixture
def points(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(sound / "300w/afw/0.pts", tmp_path / "0.pts"))


@pytest.mark.parametrize("name", SAME_PTS)
def test_points_written_in_another_way_are_the_same(name: str, points: Path) -> None:
    before = read_pts(points, 68)
    points.write_bytes(SAME_PTS[name](points.read_bytes()))
    assert np.array_equal(read_pts(points, 68), before)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_points_is_said(name: str, points: Path) -> None:
    change, said = WRONG[name]
    points.write_bytes(change(points.read_bytes()))
    with pytest.raises(UserError) as raised:
        read_pts(points, 68)
    assert str(points) in str(raised.value) and said in str(raised.value)


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("ytf68", "keypoints.csv"),
        ("wflw", "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_test.txt"),
        ("300vw", "people.txt"),
        ("300vw", "001/excluded.txt"),
        ("pts", "val.txt"),
    ],
)
def test_lists_written_in_another_way_are_the_same(kind: str, file: str, name: str, sound: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(sound / {"300vw": "talk", "pts": "300w/afw"}.get(kind, kind), folder)
    if not (folder / file).exists():
        (folder / file).write_text({"people.txt": "001 a\n002 a\n", "001/excluded.txt": "1\n2\n", "val.txt": "0\n"}[file])
    spec = f"{kind}:{folder}" + "?split=val" * (file == "val.txt")
    before = [(clip.name, clip.person, len(clip)) for clip in load_clips(spec).clips]
    (folder / file).write_bytes(SAME[name]((folder / file).read_bytes()))
    assert [(clip.name, clip.person, len(clip)) for clip in load_clips(spec).clips] == before


@pytest.mark.parametrize("picture", [".JPG", ".Jpg", ".JPEG", ".Jpeg"])
@pytest.mark.parametrize("annotation", [".pts", ".PTS", ".Pts"])
def test_endings_in_capitals(picture: str, annotation: str, sound: Path, tmp_path: Path) -> None:
    for folder in ("afw", "bbs/afw"):
        (tmp_path / folder).mkdir(parents=True)
        shutil.copy(sound / "300w/afw/0.pts", tmp_path / folder / f"a{annotation}")
    corners = "{\n30 30\n90 30\n90 90\n30 90\n}\n"
    (tmp_path / "bbs/afw" / f"a{annotation}").write_text(corners)
    shutil.copy(sound / "300w/afw/0.jpg", tmp_path / "afw" / f"a{picture}")
    found = load_clips(f"300w:{tmp_path}")
    assert found.box_source == "detector" and found.clips[0].frame(0).shape == (120, 120, 3)


@pytest.mark.parametrize(
    "file", ["._0.pts", ".AppleDouble/0.pts", "__MACOSX/._0.pts", ".ipynb_checkpoints/0-checkpoint.pts", ".git/x/0.pts"]
)
def test_what_other_programs_leave_is_no_data(file: str, sound: Path, tmp_path: Path) -> None:
    shutil.copytree(sound / "300w/afw", tmp_path / ".set" / "afw")
    (tmp_path / ".set" / "afw" / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / ".set" / "afw" / file).write_bytes(b"\0\5\x16\7")
    assert len(load_clips(f"pts:{tmp_path / '.set'}")) == 2
