"""Speed of what stays on the device, so that no copy is measured: rows of ``benchmarks/throughput.py``."""

import copy
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.speed.game import STEPS, first_clip
from benchmarks.speed.plain import PLAIN_WAY, made_plain
from benchmarks.speed.timing import GPU_GAMES, Load, SpeedRow, arithmetic, time_calls, time_together, timed_precisions
from benchmarks.speed.tracker import untrained
from srn_core.checkpoints import load_pretrained
from srn_core.data import load_clips
from srn_core.tracking.step import as_tensors
from srn_core.tracking.tracker import Tracker
from srn_core.victims.registry import is_srn
from srn_gym.episodes import Episodes
from srn_gym.game import NUM_ACTIONS
from srn_gym.games import load_game

# Faces at once: a GPU needs many.
CPU_FACES, GPU_FACES = 32, 1024
# What large matrix products in bfloat16 reach on an H200.
H200_TFLOPS = 790.0


def forward_rows(load: Load, device: torch.device) -> Iterator[SpeedRow]:
    """Faces per second of the network alone beside plain PyTorch, and its arithmetic, on a GPU beside matrix products."""
    clip = load_clips(load.clips).clips[0]
    faces = GPU_FACES if device.type == "cuda" else CPU_FACES
    faces = max(load.sizes.batches) if load.quick else faces
    index = np.arange(faces) % len(clip)
    for preset in load.presets:
        tracker = untrained(preset, device)
        images, boxes = as_tensors(clip.crops(tracker.crop)[index], clip.boxes[index], tracker.crop, device)
        given = images, boxes, tracker.start(faces)
        forward = partial(tracker.step, *given)
        plain_forward = partial(Tracker(made_plain(tracker.model), str(device)).step, *given)
        with FlopCounterMode(display=False) as counted:
            tracker.step(images[:1], boxes[:1], tracker.start(1))
        for precision in timed_precisions(device):
            with arithmetic(precision, device):
                timing = time_calls(forward, device, load.budget)
                plain = faces / time_calls(plain_forward, device, load.budget).seconds
            rate, what = faces / timing.seconds, f"{preset}, {faces} on the device"
            yield SpeedRow(
                "forward",
                what,
                precision,
                rate,
                "faces/s",
                1e3 * timing.seconds,
                plain,
                PLAIN_WAY,
                memory_mib=timing.memory_mib,
            )
            whole = rate * counted.get_total_flops() / 1e12
            on_gpu = device.type == "cuda" and precision == "bfloat16"
            yield SpeedRow(
                "forward", f"{what}, arithmetic", precision, whole, "TFLOP/s", None,
                *((H200_TFLOPS, "matrix products on an H200") if on_gpu else ()),
            )  # fmt: skip
    for name in dict.fromkeys((load.tracker, *load.checkpoints)):
        if is_srn(name):
            yield from checkpoint_rows(name, load, device)


def checkpoint_rows(name: str, load: Load, device: torch.device) -> Iterator[SpeedRow]:
    """Faces per second of a checkpoint's network, beside plain PyTorch; and compiled, beside eager."""
    clip, model = load_clips(load.clips).clips[0], load_pretrained(name)
    ways = {"": Tracker(model, str(device)), PLAIN_WAY: Tracker(made_plain(model), str(device))}
    if model.hourglass is not None and not load.quick:
        ways["compiled"] = Tracker(copy.deepcopy(model), str(device), compiled=True)
    for faces in (1, CPU_FACES):
        index = np.arange(faces) % len(clip)
        images, boxes = as_tensors(clip.crops(model.config.crop)[index], clip.boxes[index], model.config.crop, device)
        calls = [partial(tracker.step, images, boxes, tracker.start(faces)) for tracker in ways.values()]
        with arithmetic("float32", device):
            timings = dict(zip(ways, time_together(calls, device, load.budget), strict=True))
        rate = {way: faces / timing.seconds for way, timing in timings.items()}
        for way, beside in (("", PLAIN_WAY), ("compiled", "")):
            if way in rate:
                what = f"{name}, {faces} on the device" + (f", {way}" if way else "")
                yield SpeedRow(
                    "forward", what, "float32", rate[way], "faces/s", 1e3 * timings[way].seconds, rate[beside],
                    beside or "not compiled",
                )  # fmt: skip


def game_rows(load: Load, device: torch.device) -> Iterator[SpeedRow]:
    """Env steps per second on tensors, observations included; see :func:`benchmarks.speed.game.env_rows` for the modes."""
    for mode in ("track", "detect"):
        game = load_game(first_clip(load.clips), load.tracker, str(device), mode=mode)
        if mode == "detect":
            game.nme_table(0)
        for count in (*load.sizes.games, *(() if device.type == "cpu" or load.quick else (GPU_GAMES,))):
            with arithmetic("float32", device):
                timing = time_calls(_playing_tensors(Episodes(game, count)), device, load.budget)
            rate, seconds = STEPS * count / timing.seconds, timing.seconds / STEPS
            what = f"{mode}, {count} episodes on tensors"
            yield SpeedRow("games", what, "float32", rate, "steps/s", 1e3 * seconds, memory_mib=timing.memory_mib)


def _playing_tensors(episodes: Episodes) -> Callable[[], None]:
    """A function that starts episodes and plays some steps, always with the same actions."""
    count, device = episodes.num_envs, episodes.game.device
    rngs = [np.random.default_rng(i) for i in range(count)]
    actions = torch.from_numpy(np.random.default_rng(0).integers(NUM_ACTIONS, size=(STEPS, count))).to(device)
    episodes.reset(range(count), rngs, {"frame": 0})

    def play() -> None:
        for chosen in actions:
            episodes.observation()
            episodes.step(chosen)

    return play
