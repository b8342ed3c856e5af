"""One episode as a picture: where the policies put the occluder, and what the tracker's error was on each frame."""

from collections.abc import Mapping
from itertools import compress
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from agents.playing.rollout import Rollout
from agents.playing.video import episode_pictures
from srn_core.io.files import write_atomically
from srn_gym.game import OcclusionGame

# Frames that are shown of an episode, and their size in inches.
SHOWN, SIDE = 6, 2.2


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
    rows = len(rollouts) + 1
    figure = plt.figure(figsize=(SIDE * len(frames), SIDE * 1.2 * rows), layout="constrained")
    grid = figure.add_gridspec(rows, len(frames))
    curves = figure.add_subplot(grid[-1, :])
    for row, (name, rollout) in enumerate(rollouts.items()):
        chosen = compress(episode_pictures(game, rollout, episode), np.isin(np.arange(len(clip)), frames))
        for column, picture in enumerate(chosen):
            panel = figure.add_subplot(grid[row, column])
            panel.imshow(picture)
            panel.set(xticks=[], yticks=[])
            if column == 0:
                panel.set_ylabel(name, color=f"C{row}")
        curves.plot(100 * rollout.nme[episode, : len(clip)], color=f"C{row}", label=name)
    for t in frames:
        curves.axvline(t, color="0.8", linewidth=0.8, zorder=0)
    curves.set(xlabel="frame (grey lines: the frames above)", ylabel="NME, %", xlim=(0, max(len(clip) - 1, 1)))
    curves.legend(fontsize=8)
    landmark = int(first.first[episode])
    figure.suptitle(f"{clip.name}, from landmark {landmark}. Green: true landmarks. Pink: the tracker's answer.", fontsize=9)
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=90))
    plt.close(figure)
