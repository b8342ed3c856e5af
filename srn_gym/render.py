"""Pictures of the game, and a window that shows them."""

import contextlib
import os
import socket
import sys
from typing import Any

import cv2
import numpy as np

from srn_core.errors import UserError
from srn_gym.episodes import Episodes

TRUTH_COLOUR = (60, 220, 90)
PREDICTION_COLOUR = (255, 70, 200)
TEXT_COLOUR = (240, 240, 240)
PICTURE_SIZE = 448
TITLE = "OcclusionSynthesis"
CAPTION_HEIGHT = 44
# cv2 takes points in sixteenths of a pixel.
SHIFT = 4


def draw_face(image: np.ndarray, truth: np.ndarray, prediction: np.ndarray | None, caption: tuple[str, str]) -> np.ndarray:
    """Enlarge a crop, mark its landmarks and write two lines below.

    Args:
        image: ``(S, S, 3)`` uint8 RGB.
        truth: ``(L, 2)`` crop pixels, drawn green.
        prediction: ``(L, 2)`` crop pixels, drawn pink; None: before the first step.
        caption: two lines.

    Returns:
        ``(H, W, 3)`` uint8 RGB, the crop at about 448 px and the caption below.
    """
    zoom = max(1, round(PICTURE_SIZE / image.shape[0]))
    picture = np.repeat(np.repeat(image, zoom, 0), zoom, 1)
    if prediction is not None:
        _draw_lines(picture, truth, prediction, zoom)
    _draw_points(picture, truth, zoom, TRUTH_COLOUR)
    if prediction is not None:
        _draw_points(picture, prediction, zoom, PREDICTION_COLOUR)
    strip = np.zeros((CAPTION_HEIGHT, picture.shape[1], 3), np.uint8)
    for line, text in enumerate(caption):
        cv2.putText(strip, text, (6, 17 + 19 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.45, TEXT_COLOUR, 1, cv2.LINE_AA)
    return np.concatenate([picture, strip])


def draw_env(episodes: Episodes, env: int) -> np.ndarray:
    """The last step of an env or, before its first step, the shown frame: ``(H, W, 3)`` uint8 RGB."""
    scene, last = episodes.game.scene, episodes.last
    if last is None or not episodes.played[env]:
        clip, frame = episodes.clip[env : env + 1], episodes.frame[env : env + 1]
        target, prediction, score = clip.new_full((1,), -1), None, "no occluder yet"
    else:
        clip, frame, target = (index[env : env + 1] for index in (last.clip, last.frame, last.landmark))
        prediction = last.response.prediction[env].cpu().numpy()
        score = f"landmark {int(target)}   NME {100 * float(last.response.nme[env]):.2f} %" if target >= 0 else "no occluder"
    image = scene.occlude(clip, frame, target)[0].permute(1, 2, 0).cpu().numpy()
    truth = scene.landmarks[scene.row(clip, frame)][0].cpu().numpy()
    return draw_face(image, truth, prediction, (f"{scene.clips[int(clip)].name}   frame {int(frame)}", score))


def require_display(what: str, remedy: str) -> None:
    """Make sure that windows can be opened, because OpenCV ends the process where they cannot.

    Args:
        what: what needs windows; part of the error message.
        remedy: what to do instead; part of the error message.

    Raises:
        UserError: there is no display, or it does not answer.
    """
    display = os.environ.get("DISPLAY", "")
    if sys.platform == "linux" and not os.environ.get("WAYLAND_DISPLAY") and not _answers(display):
        raise UserError(f"{what}: {f'the display {display} does not answer' if display else 'there is no display'}; {remedy}")


def _answers(display: str) -> bool:
    """Whether an X server listens at ``HOST:NUMBER.SCREEN``; without a host on this machine."""
    host, _, number = display.rpartition(":")
    number = number.partition(".")[0]
    if not number.isdecimal():
        return False
    # On Linux the socket is a file and also has an abstract name; in a container, one of the two may not exist.
    path = f"/tmp/.X11-unix/X{number}"
    if host not in ("", "unix"):
        with contextlib.suppress(OSError), socket.create_connection((host, 6000 + int(number)), timeout=5):
            return True
        return False
    for address in (path, "\0" + path):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(address)
            return True
    return False


def show(picture: np.ndarray, title: str, what: str, remedy: str) -> None:
    """Show ``(H, W, 3)`` uint8 RGB in a window; ``what`` and ``remedy`` as in :func:`require_display`.

    Raises:
        UserError: there is no display.
    """
    require_display(what, remedy)
    try:
        cv2.imshow(title, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        cv2.waitKey(1)
    except cv2.error:
        raise UserError(f"{what}: this OpenCV has no windows; {remedy}") from None


def close_window(title: str) -> None:
    """Close a window of :func:`show`, if it exists."""
    with contextlib.suppress(cv2.error):
        cv2.destroyWindow(title)


def _fixed_point(points: np.ndarray, zoom: int) -> Any:
    """Crop pixels -> pixels of the enlarged picture; the centre of a crop pixel is the centre of its block."""
    return np.round(((points + 0.5) * zoom - 0.5) * 2**SHIFT).astype(int).tolist()


def _draw_points(picture: np.ndarray, points: np.ndarray, zoom: int, colour: tuple[int, int, int]) -> None:
    for centre in _fixed_point(points, zoom):
        cv2.circle(picture, centre, 3 << SHIFT, colour, -1, cv2.LINE_AA, SHIFT)


def _draw_lines(picture: np.ndarray, truth: np.ndarray, prediction: np.ndarray, zoom: int) -> None:
    """Join each prediction to its truth, which shows the error."""
    for start, end in zip(_fixed_point(truth, zoom), _fixed_point(prediction, zoom), strict=True):
        cv2.line(picture, start, end, TEXT_COLOUR, 1, cv2.LINE_AA, SHIFT)
