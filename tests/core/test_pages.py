"""Pages: what they are made of, and that no text of a user is read as HTML."""

from __future__ import annotations

import base64
import html
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import srn_core
from srn_core.cli.main import main
from srn_core.errors import UserError
from srn_core.face.schemes import IBUG68
from srn_core.pages import page
from srn_core.pages.faces import SPREAD, WORST, ShownFace, chosen_faces, faces_section
from srn_core.pages.page import page_text, write_page
from srn_core.pages.pictures import packed, sheet
from srn_core.pages.sections import binned, facts, numbers, panel, plots, table
from srn_core.tracking.page import FaceAlbum, write_tracking_page
from srn_core.tracking.video import TrackedFace
from tests.support.browser import HOSTILE, WIDTHS, data_of, opened, pixels


def every_kind(name: str) -> list:
    """A section of each kind that srn_core makes, with ``name`` wherever a name can stand."""
    points = np.random.default_rng(0).uniform(10, 50, (68, 2))
    face = ShownFace(name, lambda t: np.full((60, 60, 3), 90, np.uint8), 0, points, None, np.linspace(0, 20, 68))
    lines = {name: (np.arange(3.0), np.array([1.0, np.nan, 3.0]))}
    return [
        facts(name, {name: name}),
        table(name, [name, "x"], [[name, "1"]], name),
        plots(name, [panel(name, name, name, lines)], name),
        faces_section(name, name, [face] * 30, IBUG68, name),
    ]


def test_a_page_is_one_file_that_names_nothing_outside_and_allows_only_its_own_script():
    text = page_text("Title", every_kind("name"))
    outside = re.sub(r'<script type="application/json".*?</script>', "", text, flags=re.S)
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", outside)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none'; img-src data:;") and "unsafe" not in policy


def test_hostile_names_stay_data():
    text = page_text(HOSTILE, every_kind(HOSTILE))
    found = data_of(text)
    assert found["title"] == HOSTILE and found["sections"][0]["rows"] == [[HOSTILE, HOSTILE]]
    assert "<img" not in text and text.count("</script>") == 2
    assert html.escape(HOSTILE) in text


def test_a_page_that_would_be_too_large_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(page, "MOST_BYTES", 100_000)
    with pytest.raises(UserError, match=r"would have .* MB; expected at most"):
        write_page(tmp_path / "page.html", "Large", [facts("many", {"x": "y" * 100_000})])
    assert not list(tmp_path.iterdir())


def test_points_and_numbers_survive_the_page():
    points = np.array([[1.5, -2.25], [1e9, np.nan]])
    steps = np.frombuffer(base64.b64decode(packed(points)), "<i2")
    assert (steps / 16).tolist() == [1.5, -2.25, 32767 / 16, 0.0]
    assert numbers(np.array([1 / 3, np.nan, np.inf]), 3) == [0.333, None, None]


def test_a_sheet_holds_the_pictures_row_by_row():
    images = [np.full((16, 16, 3), value, np.uint8) for value in (0, 60, 120, 180, 240)]
    found = sheet(images)
    assert (found["side"], found["columns"]) == (16, 3)
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(found["src"].partition(",")[2]), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert [int(decoded[8 + 16 * (i // 3), 8 + 16 * (i % 3), 0]) for i in range(5)] == pytest.approx(
        [0, 60, 120, 180, 240], abs=4
    )


def test_many_points_become_means_of_neighbours():
    x, y = binned(np.arange(1000.0), np.arange(1000.0) * 2)
    assert len(x) == 200 and x[0] == 2 and y[0] == 4
    assert [part.tolist() for part in binned(np.array([0.0, 1, 1]), np.array([1.0, 1, 3]))] == [[0, 1], [1, 2]]


def test_the_worst_faces_come_first_and_the_others_are_spread():
    badness = np.random.default_rng(0).permutation(1000).astype(float)
    shown = badness[chosen_faces(badness)]
    assert len(shown) == WORST + SPREAD
    assert shown[:WORST].tolist() == sorted(badness, reverse=True)[:WORST]
    assert (np.diff(shown) < 0).all() and shown[-1] == 0
    assert chosen_faces(np.zeros(0)) == []


def evaluation_page(clip_spec: str, checkpoint: str, folder: Path, monkeypatch) -> Path:
    out = folder / "evaluation.html"
    words = ["evaluate", "--checkpoint", checkpoint, "--data", clip_spec, "--device", "cpu", "--report", str(out)]
    monkeypatch.setattr(sys, "argv", ["srn", *words])
    main()
    return out


def test_an_evaluation_shows_figures_curve_and_faces_worst_first(clip_spec, tiny_checkpoint, tmp_path, monkeypatch):
    out = evaluation_page(clip_spec, tiny_checkpoint, tmp_path, monkeypatch)
    sections = {section["title"]: section for section in data_of(out.read_text(encoding="utf-8"))["sections"]}
    assert sorted({s["kind"] for s in sections.values()}, key="faces table plots facts".index) == [
        "faces",
        "table",
        "plots",
        "facts",
    ]
    faces = sections[f"Faces: {clip_spec}"]["faces"]
    means = [face["means"]["whole face"] for face in faces]
    assert means == sorted(means, reverse=True)
    assert set(faces[0]["means"]) == {"whole face", "right cheek", "left cheek", "brow", "nose", "eye", "mouth"}


def test_a_page_must_end_in_html(clip_spec, tiny_checkpoint, monkeypatch, capsys):
    monkeypatch.setattr(
        sys, "argv", ["srn", "evaluate", "--checkpoint", tiny_checkpoint, "--data", clip_spec, "--report", "x.pdf"]
    )
    with pytest.raises(SystemExit):
        main()
    assert "--report x.pdf: unknown ending; expected a file name that ends in .html" in capsys.readouterr().err


def tracking_page(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    album = FaceAlbum()
    for t in range(8):
        points = rng.uniform(5, 50, (68, 2)).astype(np.float32)
        face = TrackedFace(t % 2, np.array([5.0, 5, 50, 50]), points, 1 - t / 10)
        album.add(t, np.full((60, 60, 3), 20 * t, np.uint8), [face])
    out = folder / "tracking.html"
    write_tracking_page(out, HOSTILE, album, IBUG68, {"video": HOSTILE})
    return out


def test_a_tracked_video_shows_the_least_sure_faces_first(tmp_path):
    faces, sure, _ = data_of(tracking_page(tmp_path).read_text(encoding="utf-8"))["sections"]
    assert [face["name"].partition(",")[0] for face in faces["faces"]] == [f"frame {t}" for t in range(7, -1, -1)]
    assert [line["name"] for line in sure["panels"][0]["lines"]] == ["face 0", "face 1"]


def test_srn_track_writes_a_page_of_the_tracked_faces(tiny_checkpoint, tmp_path, monkeypatch):
    video = Path(srn_core.__file__).parent / "demo_clips" / "demo000.avi"
    words = ["track", str(video), "--checkpoint", tiny_checkpoint, "--box", "45,48,92,95", "--device", "cpu", "--frames", "3"]
    out = tmp_path / "page.html"
    monkeypatch.setattr(sys, "argv", ["srn", *words, "--out", str(tmp_path / "a.mp4"), "--report", str(out)])
    main()
    faces, sure, run = data_of(out.read_text(encoding="utf-8"))["sections"]
    assert sorted(face["name"].partition(",")[0] for face in faces["faces"]) == ["frame 0", "frame 1", "frame 2"]
    assert ["frames", "3"] in run["rows"] and sure["panels"][0]["lines"][0]["x"] == [0, 1, 2]


def test_the_game_on_the_site_has_todays_scripts():
    text = (Path(__file__).parents[2] / "docs" / "play.html").read_text(encoding="utf-8")
    assert text == page_text(**data_of(text)), "make it again: python docs/pictures.py"


@pytest.mark.slow
def test_a_browser_shows_hostile_names_as_text(tmp_path):
    path = tmp_path / "hostile.html"
    write_page(path, HOSTILE, every_kind(HOSTILE))
    with opened(path) as shown:
        assert shown.title() == HOSTILE
        assert shown.text_content("h1") == HOSTILE
        assert shown.text_content("td") == HOSTILE
        assert shown.locator("img").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_a_browser_filters_the_faces_of_an_evaluation(width, clip_spec, tiny_checkpoint, tmp_path, monkeypatch):
    with opened(evaluation_page(clip_spec, tiny_checkpoint, tmp_path, monkeypatch), width, dark=width < 500) as shown:
        before = shown.locator(".thumbs li").all_text_contents()
        shown.select_option("label:has-text('Worst by') select", "mouth")
        assert "mouth" in shown.locator(".thumbs li").first.text_content()
        shown.fill("label:has-text('error from') input", "1000")
        assert shown.locator(".thumbs li").count() == 0
        shown.fill("label:has-text('error from') input", "")
        assert shown.locator(".thumbs li").count() == len(before)
        picture = pixels(shown, ".thumbs canvas")
        shown.click("button.theme")
        assert shown.locator("table").count() == 3 and len(picture) > 1000


@pytest.mark.slow
def test_a_browser_shows_a_tracked_video(tmp_path):
    with opened(tracking_page(tmp_path)) as shown:
        assert shown.locator(".thumbs li").count() == 8
