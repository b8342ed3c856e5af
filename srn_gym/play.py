"""Play the occluder yourself: cover the face, frame by frame, where it hurts the tracker most.

python -m srn_gym.play
python -m srn_gym.play --clips "300vw:DIR?split=val" --neighbourhood graph --occluder mask
python -m srn_gym.play --html play.html     # a page to play in a browser, on any machine

The left arrow covers the previous landmark, the right arrow the next one, up or space the same; q quits. The picture shows the
frame that was covered last, with the truth in green and the tracker's landmarks in pink. After a clip's end, any key starts
another clip.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from srn_core.cli.options import read_options
from srn_core.errors import COUNT, check_numbers, command
from srn_core.io.files import check_outputs
from srn_core.pages.page import check_page_name
from srn_gym.env import OcclusionSynthesisEnv
from srn_gym.games import DEFAULT_CLIPS, DEFAULT_TRACKER, load_game
from srn_gym.pages.play_page import write_play_page
from srn_gym.render import TITLE, require_display, show
from srn_gym.rules import GameRules, rules_of

ACTIONS = ("previous", "same", "next")
QUIT = "quit"
# What OpenCV calls the keys on X11, Windows and macOS.
KEYS: Mapping[int, str] = {
    **dict.fromkeys((65361, 2424832, 63234), "previous"),
    **dict.fromkeys((65362, 2490368, 63232, ord(" ")), "same"),
    **dict.fromkeys((65363, 2555904, 63235), "next"),
    **dict.fromkeys((ord("q"), ord("Q"), 27), QUIT),
}


@dataclass(frozen=True, kw_only=True)
class PlayArgs(GameRules):
    """Play the occluder with the arrow keys."""

    clips: str = DEFAULT_CLIPS
    """Data spec of the clips."""
    tracker: str = DEFAULT_TRACKER
    """The tracker to attack: a checkpoint's name or folder, onnx:PATH?..., constant or MODULE:FUNCTION."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    window: int | None = 64
    """Longest episode, in frames. In a longer clip, an episode starts at a random frame. None: always whole clips."""
    html: Path | None = None
    """Open no window; write a page (.html) on which the first clip is played in a browser. It holds the tracker's answers to
    all places of the occluder, so it needs neither the tracker nor a network. For a trained rival: agents/play_page.py."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, {"window": COUNT})
        check_page_name("--html", self.html)


def play_with_keys(
    env: OcclusionSynthesisEnv, keys: Iterable[str], draw: Callable[[np.ndarray], None], seed: int | None
) -> Iterator[float]:
    """Play until ``q`` is pressed or the keys end.

    Args:
        env: with ``render_mode="rgb_array"``.
        keys: names of :data:`ACTIONS`, or ``quit``.
        draw: shows a picture ``(H, W, 3)`` uint8 RGB.
        seed: seed of the clips and first landmarks.

    Yields:
        The mean NME, a fraction, of each finished episode.
    """
    env.reset(seed=seed)
    errors: list[float] = []
    over = False
    draw(_picture(env))
    for key in keys:
        if key == QUIT:
            return
        if over:
            env.reset()
            over = False
        else:
            _, _, terminated, truncated, info = env.step(np.int64(ACTIONS.index(key)))
            errors.append(info["nme"])
            over = terminated or truncated
        draw(_picture(env))
        if over:
            yield float(np.mean(errors))
            errors.clear()


def pressed_keys() -> Iterator[str]:
    """The known keys that are pressed in the window; closing the window means quit."""
    while cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1:
        code = cv2.waitKeyEx(100)
        # X11 adds the state of Num Lock and other keys above the lowest 16 bits.
        name = KEYS.get(code) or KEYS.get(code & 0xFFFF)
        if code >= 0 and name:
            yield name


def _picture(env: OcclusionSynthesisEnv) -> np.ndarray:
    picture = env.render()
    assert picture is not None
    return picture


@command
def main() -> None:
    args = read_options(PlayArgs, __doc__, prog="python -m srn_gym.play")
    if args.html is not None:
        check_outputs((args.html,))
        write_play_page(args.html, load_game(args.clips, args.tracker, args.device, **rules_of(args)), most_frames=args.window)
        print(f"wrote {args.html}, {args.html.stat().st_size / 1e3:.0f} kB; open it in a browser")
        return
    remedy = "run it where windows can be opened, or write a page with --html FILE"
    require_display("srn_gym.play", remedy)
    env = OcclusionSynthesisEnv(**{k: v for k, v in asdict(args).items() if k != "html"}, render_mode="rgb_array")
    for error in play_with_keys(env, pressed_keys(), lambda picture: show(picture, TITLE, "srn_gym.play", remedy), seed=None):
        print(f"mean NME of the episode: {100 * error:.2f} %; any key starts another one, q quits")


if __name__ == "__main__":
    main()
