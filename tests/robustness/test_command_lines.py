"""Damaged command lines end with exit status 0 or 2 and one line, or work; never with a traceback, and nothing is left behind.

Each command has a sound line of little work. Its words are changed like the bytes of a file, exchanged, repeated and left out.
"""

import importlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from srn_core.errors import UserError
from tests.robustness.conftest import Cases
from tests.support.command_runs import Ended, run_command
from tests.support.mutations import ABSURD, mutated

SECONDS, MEGABYTES = 10.0, 1024
CLIPS, PHOTOS, BOX = "300vw:talk", "300w:300w", "20,20,60,60"
LINES = {
    "srn data": f"{CLIPS} {PHOTOS}?limit=2 --sheet sheet.png --pack out.pack --most 2 --quality 80",
    "srn evaluate": f"--checkpoint checkpoint --data {CLIPS}?limit=1 --data {PHOTOS}?limit=1 --normaliser inter-ocular "
    "--mode track --start previous --steps 1 --batch-size 4 --json out.json --rows rows.jsonl --report page.html --device cpu",
    "srn evaluate predictions": "--predictions predictions.txt --data cofw68:cofw68 --points visible --json out.json",
    "srn track": f"talk/001/vid.avi --box {BOX} --checkpoint checkpoint --out out.avi --json out.json --csv out.csv --frames 2 "
    "--report page.html --device cpu",
    "srn detect": "a.png a.jpg --box 4,4,30,30 --checkpoint checkpoint --out drawn --json out.jsonl --csv out.csv --device cpu",
    "srn export": "checkpoint --onnx out.onnx",
    "srn train": f"--data {CLIPS}?limit=2 --val {CLIPS}?limit=1 --init checkpoint --out trained --steps 1 --batch 4 "
    "--sequence 2 --sequence-every 2 --warmup 1 --lr 1e-3 --ema 0.9 --val-every 1 --seed 3 --occlusion none --device cpu",
    "agents.evaluate": f"--policy random-walk --clips {CLIPS} --tracker checkpoint --episodes 1 --seed 1 --json out.json "
    f"--occluder-size 40 --mode track --train-clips {CLIPS} --device cpu",
    "agents.dqn": f"--clips {CLIPS} --tracker checkpoint --run-dir run1 --total-steps 8 --num-envs 4 --learning-starts 4 "
    "--batch-size 4 --queues 8 --capacity 50 --gamma 0.9 --lr 1e-3 --eval-episodes 1 --device cpu",
    "agents.finetune": f"--policy random-jump --clips {CLIPS} --val {CLIPS} --tracker checkpoint --out tuned --steps 1 "
    "--batch 4 --sequence 2 --refresh 1 --val-every 1 --occluded-share 0.5 --save made --device cpu",
    "benchmarks.hofs": f"--arms rsf --seeds 0 --clips {CLIPS} --test {CLIPS} --base checkpoint --steps 1 --batch 4 --refresh 1 "
    "--val-every 1 --episodes 1 --out hofs --device cpu",
}
# Where a command may be when its time is up: it works as much as it was told to.
WORK = {
    "play",
    "run_to_end",
    "_train",
    "play_policies",
    "finetune",
    "evaluate",
    "_track",
    "write_pack",
    "find_problems",
    "synthetic",
}


def entry(name: str) -> tuple[Callable[[], None], list[str]]:
    """A command's function, and its sound line."""
    first, _, rest = name.partition(" ")
    module = "srn_core.cli.main" if first == "srn" else first
    return importlib.import_module(module).main, [*rest.split()[:1], *LINES[name].split()]


def changed(words: list[str], rng: np.random.Generator) -> list[str]:
    """Words after one to three changes; bytes that are no UTF-8 become surrogates, as in ``sys.argv``."""
    words = list(words)
    for _ in range(rng.integers(1, 4)):
        at, other = (int(rng.integers(len(words))) for _ in range(2)) if words else (0, 0)
        kind = rng.integers(7)
        if not words or kind == 0:
            words.insert(at, _text(ABSURD[rng.integers(len(ABSURD))]))
        elif kind == 1:
            del words[at]
        elif kind == 2:
            words[at], words[other] = words[other], words[at]
        elif kind == 3:
            words.insert(other, words[at])
        elif kind == 4:
            words[at] = _text(ABSURD[rng.integers(len(ABSURD))])
        else:
            words[at] = _text(mutated(words[at].encode(errors="surrogateescape"), rng))
    return words


def _text(data: bytes) -> str:
    # No shell can give a word with a zero byte.
    return data.decode(errors="surrogateescape").replace("\0", "")


def leads_out(words: list[str]) -> bool:
    """Whether a word might name a file to write outside of the test's folder."""
    return any(".." in word or ("/" in (word[:1], word.partition("=")[2][:1]) and word != "/dev/zero") for word in words)


def files(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def fault(ended: Ended, before: dict, after: dict) -> str | None:
    """What is wrong with how a command ended."""
    if ended.error is not None:
        return f"{type(ended.error).__name__}: {ended.error} in {' < '.join(ended.trace[::-1][:6])}"
    if ended.status is None:
        names = {place.split()[-1] for place in ended.trace}
        return None if names & WORK else f"took {ended.seconds:.0f} s in {' < '.join(ended.trace[::-1][:6])}"
    if ended.status not in (0, 2):
        return f"exit status {ended.status}: {ended.said}"
    said = [line for line in ended.said if not line.startswith(("note: ", "warning: "))]
    if len(said) != (ended.status == 2) or any(not line.startswith("error: ") for line in said):
        return f"exit status {ended.status}, but said {said}"
    # A benchmark that failed before it made anything leaves its settings, which bind nobody.
    made = [name for name in after if name not in before and Path(name).name != "settings.json"]
    made = [name for name in made if ended.status == 2 or Path(name).name.startswith(".")]
    if made and ended.status == 2:
        return f"{said} left {made}"
    return f"left {made}" if made else None


def no_camera(number: int) -> Iterator[None]:
    """In place of a camera, which a damaged line might name."""
    raise UserError(f"camera {number}: none in this test")


@pytest.mark.parametrize("name", LINES)
def test_damaged_command_lines(name: str, cases: Cases, sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main, line = entry(name)
    program = "srn" if name.startswith("srn ") else f"{name}.py"
    monkeypatch.setattr("srn_core.tracking.sources._camera_frames", no_camera)
    folder = tmp_path / "work"
    shutil.copytree(sound, folder)
    monkeypatch.chdir(folder)
    whole, found = files(folder), []
    for case in cases():
        words = changed(line, np.random.default_rng(case)) if case else line
        if leads_out(words):
            continue
        ended = run_command(main, [program, *words], SECONDS, MEGABYTES)
        after = files(folder)
        problem = fault(ended, whole, after)
        if case == 0 and ended.status != 0:
            problem = f"{problem}; {ended}"
        if problem:
            found.append(f"{name}, case {case}: {words}\n    {problem}")
            print(found[-1], flush=True)
        if after != whole or len(list(folder.iterdir())) != len(list(sound.iterdir())):
            shutil.rmtree(folder)
            shutil.copytree(sound, folder)
            monkeypatch.chdir(folder)
    assert not found, f"{len(found)} command lines\n" + "\n".join(found[:30])
