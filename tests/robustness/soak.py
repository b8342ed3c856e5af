"""Long runs whose memory and open files must not grow: ``srn track`` on a looped video, and the env with resets.

python tests/robustness/soak.py --minutes 30

Both run at once, each in a process of its own that is looked at every few seconds (Linux alone). The exit status is 1 if the
memory of one grows by more than 20 MB after its start, or if it holds more files at the end than after its start.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from srn_core.cli.options import read_options
from srn_core.data import load_clips
from srn_core.errors import UserError, command
from srn_core.io.videos import write_video

ROOT = Path(__file__).parents[2]
# MB; and how many seconds lie between two looks.
MOST_GROWTH, PERIOD = 20.0, 5.0
# This share of the time is the start, in which memory is still being filled; the end is as long.
START = 0.15
# The envs' clips: small, so that the tracker's answers to all their frames are soon known.
CLIPS, EPISODES = "demo?split=train&limit=3&frames=20", 50


@dataclass(frozen=True, kw_only=True)
class SoakArgs:
    """How long, and what."""

    minutes: float = 30.0
    """How long each of the two runs."""
    play: bool = False
    """Play in this process until it is ended; the script calls itself with it."""


@dataclass(frozen=True)
class Look:
    """What a process holds at a moment: memory in MB, and open files; and how many seconds the processor has worked for it."""

    memory: float
    files: int
    worked: float


def look(process: int) -> Look | None:
    """The memory and files of a process; None where it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
        memory = next(int(row.split()[1]) / 1024 for row in status.splitlines() if row.startswith("VmRSS"))
        times = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
        worked = sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
        return Look(memory, len(os.listdir(f"/proc/{process}/fd")), worked)
    except (OSError, StopIteration):
        return None


def figures(looks: list[Look]) -> dict[str, float]:
    """Memory (median, MB) and files (most) after the start and at the end, and the most memory after the start."""
    share = max(1, int(START * len(looks)))
    after, end = looks[share : 2 * share] or looks, looks[-share:]
    return {
        "looks": len(looks),
        "seconds of the processor": round(looks[-1].worked if looks else 0, 1),
        "memory after start": round(median(one.memory for one in after), 1),
        "memory at end": round(median(one.memory for one in end), 1),
        "most memory": round(max(one.memory for one in looks[share:] or looks), 1),
        "files after start": max(one.files for one in after),
        "files at end": max(one.files for one in end),
    }


def is_flat(found: dict[str, float]) -> bool:
    """Whether neither memory nor the number of open files grew."""
    grown = found["memory at end"] - found["memory after start"]
    return grown <= MOST_GROWTH and found["files at end"] <= found["files after start"]


def play() -> None:
    """Play episodes without end. Each env is closed after some episodes, and the next one has another occluder."""
    import gymnasium as gym

    rng, played = np.random.default_rng(0), 0
    for seed in itertools.count():
        env = gym.make("srn_gym:OcclusionSynthesis-v0", clips=CLIPS, device="cpu", noise_seed=seed % 10)
        for _ in range(EPISODES):
            env.reset(seed=int(rng.integers(2**31)))
            ended = False
            while not ended:
                *_, terminated, truncated, _ = env.step(rng.integers(3))
                ended = terminated or truncated
            played += 1
        env.close()
        print(f"{played} episodes, {seed + 1} envs", flush=True)


def write_loop(path: Path, frames: int) -> None:
    """A clip that ships, forwards and backwards until there are so many frames."""
    clip = load_clips("demo?split=val&limit=1").clips[0]
    images = [clip.frame(t) for t in range(len(clip))]
    loop = itertools.cycle([*images, *images[::-1]])
    write_video(path, itertools.islice(loop, frames), 25)


@command
def main() -> None:
    args = read_options(SoakArgs, __doc__)
    if args.play:
        return play()
    if not Path("/proc/self/fd").is_dir():
        raise UserError("/proc: not found; this script needs Linux")
    clip = load_clips("demo?split=val&limit=1").clips[0]
    x0, y0, x1, y1 = clip.boxes[0]
    box = f"{x0:.0f},{y0:.0f},{x1 - x0:.0f},{y1 - y0:.0f}"
    with tempfile.TemporaryDirectory() as folder:
        # Longer than can be tracked in the time.
        write_loop(Path(folder, "loop.avi"), int(args.minutes * 60 * 30))
        srn = ("-m", "srn_core.cli.main", "track", f"{folder}/loop.avi", "--box", box, "--json", f"{folder}/loop.json")
        words = {"srn track": srn, "env": (__file__, "--play")}
        runs = {
            name: subprocess.Popen([sys.executable, *rest], cwd=ROOT, stderr=subprocess.DEVNULL) for name, rest in words.items()
        }
        looks: dict[str, list[Look]] = {name: [] for name in runs}
        until = time.monotonic() + 60 * args.minutes
        while time.monotonic() < until and all(run.poll() is None for run in runs.values()):
            time.sleep(PERIOD)
            for name, run in runs.items():
                looks[name] += filter(None, [look(run.pid)])
        ended = {name: run.poll() for name, run in runs.items()}
        for run in runs.values():
            run.terminate()
            run.wait()
    found = {name: figures(seen) for name, seen in looks.items()}
    for name in found:
        print(json.dumps({"run": name, **found[name], "flat": is_flat(found[name]), "ended early": ended[name]}))
    if not all(map(is_flat, found.values())) or set(ended.values()) - {None, 0}:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
