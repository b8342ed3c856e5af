"""One episode as a picture: where the policies put the occluder, and what the tracker's error was on each frame."""

from collections.abc import Mapping
from itertools import compress
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from agents.playing.rollout import Rollout
from agents.playing.video import episode_pictures
from srn_core.plots import COLOURS, FAINT, STYLE, WIDTH, label_ends, write_figure
from srn_gym.game import OcclusionGame

# Frames that are shown of an episode; inches of a row of frames, and of the curves.
SHOWN, ROW, CURVES = 6, 1.6, 1.9


def shown_frames(length: int) -> np.ndarray:
    """Which frames of an episode are shown: at most :data:`SHOWN`, evenly spaced, with the first and the last."""
    return np.unique(np.linspace(0, length - 1, min(SHOWN, length)).round().astype(int))


def plot_episode(game: OcclusionGame, rollouts: Mapping[str, Rollout], episode: int, path: Path) -> None:
    """A row of covered frames per policy, and below them the error per frame.

    Args:
        game: what was played.
        rollouts: of the policies: the same episodes, in the same order.
        episode: which of them.
        path: the PNG file to write.
    """
    first = next(iter(rollouts.values()))
    clip = game.clips[int(first.clip[episode])]
    frames = shown_frames(len(clip))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, ROW * len(rollouts) + CURVES + 0.4), layout="constrained")
        FigureCanvasAgg(figure)
        parts: Any = figure.subfigures(2, 1, height_ratios=(ROW * len(rollouts) + 0.4, CURVES))
        pictures, curves = parts
        panels = pictures.subplots(len(rollouts), len(frames), squeeze=False)
        for row, (name, rollout) in enumerate(rollouts.items()):
            chosen = compress(episode_pictures(game, rollout, episode), np.isin(np.arange(len(clip)), frames))
            for column, picture in enumerate(chosen):
                panels[row, column].imshow(picture)
                panels[row, column].set(xticks=[], yticks=[])
                panels[0, column].set_title(f"frame {frames[column]}")
            panels[row, 0].set_ylabel(name, color=COLOURS[row % len(COLOURS)], fontsize=9)
        _draw_errors(curves.subplots(), {name: 100 * r.nme[episode, : len(clip)] for name, r in rollouts.items()}, frames)
        said = f"{clip.name}, from landmark {int(first.first[episode])}. Green: true landmarks. Pink: the tracker's answer."
        pictures.suptitle(said, x=0.01, ha="left", weight="bold")
        write_figure(figure, path, shades=None)


def _draw_errors(panel: Axes, errors: Mapping[str, np.ndarray], frames: np.ndarray) -> None:
    colours = dict(zip(errors, COLOURS * len(errors), strict=False))
    for name, values in errors.items():
        panel.plot(values, color=colours[name])
    for t in frames:
        panel.axvline(t, color=FAINT, linewidth=0.9, zorder=0)
    length = len(next(iter(errors.values())))
    panel.set(xlabel="frame (grey lines: the frames above)", ylabel="NME, %", xlim=(0, max(length - 1, 1)))
    panel.grid(visible=False)
    label_ends(panel, {name: (values[-1], colours[name]) for name, values in errors.items()}, CURVES * 0.7)
