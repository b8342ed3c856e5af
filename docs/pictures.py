"""Draws the pictures of the documentation, from the clips that ship.

python docs/pictures.py                           # all that need no run
python docs/pictures.py player runs/player        # episode.gif, with the player of a run of agents/dqn.py
python docs/pictures.py hardened runs/hardened    # hardened.gif, with a tracker of agents/finetune.py

docs/gallery.md has the commands that made the runs of the stored pictures.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import cv2
import gymnasium as gym
import numpy as np
import torch
from PIL import Image

from agents.playing.rollout import play
from agents.policies.trained import load_policy
from srn_core import Tracker, load_pretrained
from srn_core.data import load_clips
from srn_core.evaluation.evaluate import evaluate
from srn_core.face.drawing import PREDICTION, TRUTH, draw_landmarks
from srn_core.pages.page import write_page
from srn_gym.games import load_game
from srn_gym.render import draw_face

OUT = Path(__file__).parent / "pictures"
SIDE = 224
CLIP, LANDMARK = 2, 30
# Pixels of one face of a moving picture with captions.
MOVING_SIDE = 300
MOST_BYTES = 2_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("player", "hardened"), help="the run that is shown")
    parser.add_argument("run", nargs="?", type=Path, help="its folder")
    given = parser.parse_args()
    if bool(given.what) != bool(given.run):
        parser.error("expected both player or hardened and the folder of a run, or neither")
    OUT.mkdir(exist_ok=True)
    if given.what:
        {"player": moving, "hardened": hardened}[given.what](given.run)
        return
    episode()
    candidates()
    occluders()
    tracked()
    masks()
    tracked_masks()
    game_page()


def moving(run: Path) -> None:
    """Every second frame of a clip: left the tracker on clean frames, right where a trained player covers them."""
    game = load_game("demo?split=val", "srn-small")
    rollout = play(game, load_policy(run), len(game.clips), seed=0)
    targets = torch.from_numpy(rollout.targets[CLIP])[::2]
    frames = torch.arange(0, len(game.clips[CLIP]), 2)
    clip, clean = torch.full_like(frames, CLIP), torch.full_like(frames, -1)
    sides = []
    for name, covered in (("clean", clean), ("covered", targets)):
        found = game.respond(clip, frames, covered, game.tracker.start(len(frames)))
        images = game.scene.occlude(clip, frames, covered).permute(0, 2, 3, 1).numpy()
        truth = game.scene.landmarks[game.scene.row(clip, frames)].numpy()
        captions = [(name, f"error {100 * error:.1f} %") for error in found.nme.tolist()]
        sides.append([draw_face(*each) for each in zip(images, truth, found.prediction.numpy(), captions, strict=True)])
    save_moving("episode.gif", [np.hstack([resized(left), resized(right)]) for left, right in zip(*sides, strict=True)])


def hardened(run: Path) -> None:
    """Every second frame of a held-out head under a drawn mask, tracked by srn-small and by its hardened version.

    Prints the mean errors of both on the four held-out heads, bare and masked, for the caption. A face's box follows from the
    landmarks of the frame before, as in a video.
    """
    columns = []
    for name, checkpoint in (("srn-small", "srn-small"), ("hardened", run)):
        tracker = Tracker(load_pretrained(checkpoint), device="cpu")
        bare, masked = (
            evaluate(tracker, load_clips(f"demo?split=val{option}"), "track", "tracked") for option in ("", "&masked=1")
        )
        print(f"{name}: bare {100 * bare.nme.mean():.2f} %, masked {100 * masked.nme.mean():.2f} % on demo?split=val")
        clip = masked.clip_set.clips[0]
        errors = 100 * masked.nme[: len(clip)]
        columns.append([])
        for t in range(0, len(clip), 2):
            said = f"{name}: {errors.mean():.2f} % over the clip", f"this frame: {errors[t]:.2f} %"
            columns[-1].append(resized(draw_face(clip.frame(t), clip.landmarks[t], masked.predictions[t], said), MOVING_SIDE))
    save_moving("hardened.gif", [np.hstack(row) for row in zip(*columns, strict=True)])


def tracked_masks() -> None:
    """Every second frame of a clip, tracked bare and under a medical mask that is drawn on it."""
    tracker = Tracker(load_pretrained("srn-small"), device="cpu")
    columns = []
    for masked in ("", "&masked=1"):
        (clip,) = load_clips(f"demo?split=val&limit=1{masked}").clips
        frames = [clip.frame(t) for t in range(len(clip))]
        found = list(tracker.track(frames, clip.boxes[0]))
        columns.append([face(frames[t], found[t], tracker.scheme, PREDICTION) for t in range(0, len(clip), 2)])
    save_moving("tracked-masks.gif", [np.hstack(row) for row in zip(*columns, strict=True)])


def game_page() -> None:
    """The game of the first page again, with today's scripts. agents/play_page.py computes its answers."""
    page = OUT.parent / "play.html"
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.S)
    assert data is not None
    write_page(page, **json.loads(data[1]))


def episode() -> None:
    """Every seventh frame of an episode; the player looks one step ahead with the true errors."""
    env = new_env()
    env.reset(seed=0, options={"clip": CLIP, "landmark": LANDMARK})
    pictures, ended = [], False
    while not ended:
        _, _, ended, _, _ = env.step(np.int64(_best_action(env.unwrapped)))
        pictures.append(env.render())
    shown = [resized(picture) for picture in pictures[3::7][:6]]
    save("episode.jpg", shown[:3], shown[3:])


def _best_action(env) -> int:
    game, at = env.game, env.episodes
    clip, frame = at.clip.repeat(3), at.frame.repeat(3)
    return int(game.respond(clip, frame, game.candidates(at.landmark)[0], game.tracker.start(3)).nme.argmax())


def candidates() -> None:
    """A frame before the step, and after each of the three actions."""
    env = new_env()
    pictures = []
    for action in (None, 0, 1, 2):
        env.reset(seed=0, options={"clip": CLIP, "landmark": 48})
        if action is not None:
            env.step(np.int64(action))
        pictures.append(resized(env.render()))
    save("candidates.jpg", pictures)


def occluders() -> None:
    """The same frame under each kind of occluder."""
    pictures = []
    for kind in ("noise", "black", "blur", "texture", "mask"):
        env = new_env(occluder=kind)
        env.reset(seed=0, options={"clip": CLIP, "landmark": 57})
        env.step(np.int64(1))
        pictures.append(resized(env.render()))
    save("occluders.jpg", pictures)


def new_env(**rules: str) -> gym.Env:
    clips = "demo?split=val"
    return gym.make("srn_gym:OcclusionSynthesis-v0", clips=clips, tracker="srn-small", render_mode="rgb_array", **rules)


def tracked() -> None:
    """Frames of a clip with the landmarks that the tracker finds."""
    clip = load_clips("demo?split=val").clips[0]
    tracker = Tracker(load_pretrained("srn-small"), device="cpu")
    frames = [clip.frame(t) for t in range(len(clip))]
    found = list(tracker.track(frames, clip.boxes[0]))
    save("tracked.jpg", [face(frames[t], found[t], tracker.scheme, PREDICTION) for t in (0, 12, 24, 36, 47)])


def masks() -> None:
    """Faces of the clips that ship, bare and with ``masked=1``, with their landmarks."""
    rows = []
    for spec in ("demo?split=val", "demo?split=val&masked=1"):
        rows.append([face(clip.frame(0), clip.landmarks[0], clip.scheme, TRUTH) for clip in load_clips(spec).clips])
    save("masks.jpg", *rows)


def face(image: np.ndarray, points: np.ndarray, scheme, colour) -> np.ndarray:
    return cv2.resize(draw_landmarks(image, points, scheme, colour), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def resized(picture: np.ndarray, side: int = SIDE) -> np.ndarray:
    height = round(picture.shape[0] * side / picture.shape[1])
    return cv2.resize(picture, (side, height), interpolation=cv2.INTER_AREA)


def save_moving(name: str, pictures: list[np.ndarray]) -> None:
    """Write pictures of one size as a GIF that repeats."""
    frames = [Image.fromarray(picture) for picture in pictures]
    palette = frames[0].quantize(96)
    shown = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    shown[0].save(OUT / name, save_all=True, append_images=shown[1:], duration=200, loop=0, optimize=True)
    size = (OUT / name).stat().st_size
    assert size < MOST_BYTES, f"{name}: {size} bytes; expected fewer than {MOST_BYTES}"
    print(f"wrote {OUT / name}, {size / 1e6:.2f} MB")


def save(name: str, *rows: list[np.ndarray]) -> None:
    """Write rows of pictures of one size, with a gap between pictures."""
    lines = [np.hstack([np.pad(picture, ((0, 4), (0, 4), (0, 0)), constant_values=255) for picture in row]) for row in rows]
    sheet = cv2.cvtColor(np.vstack(lines)[:-4, :-4], cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(OUT / name), sheet, [cv2.IMWRITE_JPEG_QUALITY, 82])


if __name__ == "__main__":
    main()
