"""What an evaluation adds to a run's TensorBoard files: figures under SB3's names, hyper-parameters, and pictures.

``tensorboard --logdir runs`` then shows the runs of agents/dqn.py and agents/sb3.py in the same plots, and the tab HPARAMS
compares their arguments.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from agents.playing.rollout import Rollout
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.face.schemes import Scheme
from srn_core.plots import FAINT, QUIET
from srn_gym.game import OcclusionGame
from srn_gym.render import draw_face

REWARD, ERROR, SHARE = "eval/mean_reward", "eval/nme_percent", "eval/share_of_optimum"
HARDEST = 8


def log_evaluation(
    folder: Path, step: int, arguments: Mapping[str, Any], row: Mapping[str, Any], game: OcclusionGame, rollout: Rollout
) -> None:
    """Write an evaluation into the folder of its run.

    Args:
        folder: of the run.
        step: env steps that the policy was trained for.
        arguments: of the run; texts and numbers become hyper-parameters.
        row: the policy's row of :func:`agents.playing.summary.summarise`.
        game: what was played.
        rollout: the policy's episodes.
    """
    figures = {REWARD: row["return_mean"], ERROR: row["nme_mean"], SHARE: row["optimal_share"]}
    known = {name: value for name, value in figures.items() if value is not None}
    with SummaryWriter(str(folder)) as writer:
        for name, value in known.items():
            writer.add_scalar(name, value, step)
        chosen = {name: value for name, value in arguments.items() if isinstance(value, bool | int | float | str)}
        for summary in hparams(chosen, known):
            writer._get_file_writer().add_summary(summary)
        for place, picture in enumerate(hardest_frames(game, rollout)):
            writer.add_image(f"eval/hardest_frames/{place + 1}", picture, step, dataformats="HWC")
        writer.add_image("eval/occluder_path", path_picture(rollout, game.tracker.scheme), step, dataformats="HWC")


def hardest_frames(game: OcclusionGame, rollout: Rollout) -> list[np.ndarray]:
    """The :data:`HARDEST` frames with the largest errors, worst first, each of another clip as far as there are clips.

    ``(H, W, 3)`` uint8 RGB. In ``track`` mode the tracker's answer depends on earlier frames; the picture has the truth alone.
    """
    order = np.argsort(-np.nan_to_num(rollout.nme, nan=-1), axis=None)
    places = [np.unravel_index(i, rollout.nme.shape) for i in order]
    first = list(
        {int(rollout.clip[e]): (int(e), int(t)) for e, t in reversed(places) if not np.isnan(rollout.nme[e, t])}.values()
    )
    return [_frame(game, rollout, e, t) for e, t in sorted(first, key=lambda at: -rollout.nme[at])[:HARDEST]]


def _frame(game: OcclusionGame, rollout: Rollout, episode: int, t: int) -> np.ndarray:
    target = int(rollout.targets[episode, t])
    clip, frame, covered = torch.tensor([[int(rollout.clip[episode])], [t], [target]], device=game.device)
    answer = None
    if game.mode == "detect":
        answer = game.respond(clip, frame, covered, game.tracker.start(1)).prediction[0].cpu().numpy()
    image = game.scene.occlude(clip, frame, covered)[0].permute(1, 2, 0).cpu().numpy()
    truth = game.scene.landmarks[game.scene.row(clip, frame)][0].cpu().numpy()
    name = game.clips[int(rollout.clip[episode])].name
    said = f"landmark {target}   NME {100 * rollout.nme[episode, t]:.2f} %"
    return draw_face(image, truth, answer, (f"{name}   frame {t}", said))


def path_picture(rollout: Rollout, scheme: Scheme, episode: int = 0) -> np.ndarray:
    """The occluder's path over a mean face in one episode, dark to light over time: ``(H, W, 3)`` uint8 RGB."""
    points = np.array(MEAN_SHAPES[scheme.name])
    path = rollout.targets[episode]
    path = points[path[path >= 0]]
    figure = Figure(figsize=(4, 4), dpi=100, layout="constrained", facecolor="white")
    axes = figure.add_subplot(aspect="equal")
    for contour in scheme.contours:
        axes.plot(*points[list(contour)].T, color=FAINT, linewidth=1)
    axes.plot(*path.T, color=QUIET, linewidth=0.8)
    if len(path):
        axes.scatter(path[:, 0], path[:, 1], c=np.arange(len(path)), cmap="viridis", s=30)
    axes.invert_yaxis()
    axes.axis("off")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
