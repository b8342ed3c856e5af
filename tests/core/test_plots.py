"""The look of plots: names beside the data, no overlaps, a background of its own, equal files from equal figures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

import srn_core.plots
from srn_core.plots import COLOURS, Estimate, Line, drawn, moved_apart, plot_estimates, plot_lines, write_figure

RISING = Line(np.arange(5.0), np.arange(5.0), np.stack([np.arange(5.0) - 1, np.arange(5.0) + 1]))


@pytest.fixture
def figures(monkeypatch) -> list[Figure]:
    """The figures that are written."""
    found: list[Figure] = []
    monkeypatch.setattr(srn_core.plots, "write_figure", lambda figure, path: (found.append(figure), write_figure(figure, path)))
    return found


def estimates(figure: Figure) -> list[str]:
    return [str(bars.get_edgecolor()[0, :3].round(2).tolist()) for bars in figure.axes[0].collections]


def test_each_curve_has_a_panel_with_its_name_and_no_legend(tmp_path, figures):
    lines = {"first": RISING, "second,long,name": RISING, "third": Line(RISING.x, 2 * RISING.y)}
    plot_lines(tmp_path / "a.png", lines, ("steps", "NME, %"), "Title", columns=2)
    (figure,) = figures
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["first", "second, long, name", "third"]
    assert all(len(panel.lines) == 4 and panel.get_legend() is None for panel in figure.axes)
    assert [panel.get_xlabel() for panel in figure.axes] == ["", "steps", "steps"]
    assert [panel.get_ylabel() for panel in figure.axes] == ["NME, %", "", "NME, %"]


def test_an_interval_has_the_colour_of_its_side(tmp_path, figures):
    below, above, across = (Estimate("a", np.mean(ends), ends) for ends in ((-2, -1), (1, 2), (-1, 2)))
    plot_estimates(tmp_path / "a.png", {"": [below, above, across]}, "x", "Title", "Note")
    colours = estimates(figures[0])
    assert len(set(colours)) == 3
    plot_estimates(tmp_path / "a.png", {"": [below, above, across]}, "x", "Title", "Note", reference=1.5)
    assert [place == colours[0] for place in estimates(figures[1])] == [True, False, False]


def test_a_plot_has_a_white_background_and_equal_bytes(tmp_path):
    for name in ("a.png", "b.png", "a.svg", "b.svg"):
        plot_lines(tmp_path / name, {"one": RISING}, ("x", "y"), "Title")
    image = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert image.shape[2] == 3 and (image[0, 0] == 255).all() and image.std() > 5
    for ending in ("png", "svg"):
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()
    assert "<text" in (tmp_path / "a.svg").read_text()


def test_a_plot_that_fails_leaves_no_file(tmp_path):
    with pytest.raises(ZeroDivisionError), drawn(tmp_path / "a.png", 1, 1, 1.0, "Title"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seed", range(5))
def test_labels_are_moved_apart_and_keep_their_order(seed):
    places = np.random.default_rng(seed).uniform(0, 1, 8)
    moved = np.array(moved_apart(places.tolist(), 0.1))
    assert np.diff(np.sort(moved)).min() > 0.1 - 1e-5
    assert (np.argsort(moved) == np.argsort(places)).all()
    assert moved_apart([0.1, 0.9], 0.1) == [0.1, 0.9]


def test_colours_differ_for_the_colour_blind():
    """Each pair keeps a distance under simulated deuteranopia (Viénot et al. 1999), which hides red against green."""
    rgb = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in COLOURS]) / 255
    seen = rgb**2.2 @ np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]).T
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1)[np.triu_indices(len(COLOURS), 1)]
    assert apart.min() > 0.1
