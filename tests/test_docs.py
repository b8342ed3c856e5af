"""README, CONTRIBUTING and docs/: code runs, commands are read by the real command lines, links and figures exist.

Commands run on small data: ``DIR`` becomes a folder of made-up faces, specs of the clips that ship are shortened, and
:data:`SHORTER` adds options that cap the work.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
import tyro
import yaml
from PIL import Image

from srn_core.io.frames import VideoFrames
from tests.support.code_blocks import FENCE, ROOT, entry_point, read_blocks, split_commands
from tests.support.faces import DATA
from tests.support.small_data import write_data_root

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
NAMES = {page: page.relative_to(ROOT).as_posix() for page in PAGES}
LANGUAGES = {"python", "bash", "text", "json", "bibtex", "make"}
# Pages whose commands are quick enough for the quick suite.
QUICK = ("docs/index.md", "docs/track.md", "docs/data.md")
# Options that make a command short; given last, they win.
LEARNER = "--total-steps 64 --num-envs 4 --eval-episodes 1"
SHORTER = {
    "agents/dqn.py": f"{LEARNER} --batch-size 8 --save-every 64",
    "agents/sb3.py": LEARNER,
    "agents/skrl_dqn.py": "--total-steps 64 --num-envs 4 --batch-size 8",
    "agents/evaluate.py": "--episodes 1",
    "agents/finetune.py": "--steps 2 --batch 4 --sequence 2 --val-every 1 --dqn-steps 64",
    "benchmarks/compare_policies.py": "--episodes 1 --seeds 0 --train-seeds 0 --total-steps 64",
    "benchmarks/hofs.py": "--seeds 0 --arms none rsf --base-steps 2 --steps 2 --batch 4 --val-every 1 --episodes 1",
    "srn train": "--preset small --steps 2 --batch 4 --sequence 2 --val-every 1 --precision float32",
}
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")
OPTIONS_OF_OTHERS = ("--editable", "--constraint", "--logdir", "--head", "--address")
OPTIONS_OF_OTHERS += ("--nnodes", "--nproc-per-node", "--rdzv-backend", "--rdzv-endpoint")
OPTIONS_OF_OTHERS += ("--dest", "--no-deps", "--no-index", "--only-binary", "--platform", "--python-version", "--target")
CLIPS = "demo?split={}&limit=1&frames=3"
DEFAULT_CLIPS = {
    "agents/dqn.py": ("--clips", "train"),
    "agents/sb3.py": ("--clips", "train"),
    "agents/skrl_dqn.py": ("--clips", "train"),
    "agents/evaluate.py": ("--clips", "val"),
    "agents/finetune.py": ("--clips", "train"),
    "benchmarks/compare_policies.py": ("--clips", "val"),
}
# Commands that are read and not run.
READ_ONLY = {
    "benchmarks/accuracy.py": "measures all sets",
    "benchmarks/paper_tables.py": "measures all sets",
    "benchmarks/ablation.py": "trains a network per variant; tests/benchmarks/test_ablation.py runs it",
    "benchmarks/player_ablation.py": "trains many learners; tests/benchmarks/test_player_ablation.py runs it",
    "benchmarks/comparison/cross_validate.py": "trains many learners; tests/benchmarks/test_cross_validate.py runs it",
    "benchmarks/tune.py": "trains many learners; tests/benchmarks/test_tune.py runs it",
    "benchmarks/following.py": "takes minutes; tests/benchmarks/test_following.py runs it",
    "benchmarks/peers.py": "needs other people's packages; tests/benchmarks/test_peers.py runs it",
    "benchmarks/throughput.py": "measures time; tests/benchmarks/test_throughput.py runs it",
    "benchmarks/speed/scaling.py": "measures time; tests/benchmarks/test_scaling.py runs it",
    "benchmarks/on_gpu.py": "for a GPU; tests/benchmarks/test_on_gpu.py runs it",
    "benchmarks/demo.py": "takes minutes; tests/agents/test_commands.py runs it",
    "srn_gym.play": "opens a window",
}


def figures_hook() -> Any:
    spec = importlib.util.spec_from_file_location("figures", DOCS / "hooks" / "figures.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def per_page(slow: bool) -> Any:
    """One test per page that has code; pages that are not in :data:`QUICK` are slow if ``slow``."""
    marks = {page: [pytest.mark.slow] if slow and NAMES[page] not in QUICK else [] for page in PAGES}
    return pytest.mark.parametrize("page", [pytest.param(page, marks=marks[page], id=NAMES[page]) for page in PAGES])


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_data_root(root)
    return root


@pytest.fixture
def workplace(data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with a video, a folder of photos and, if it exists, the face detector's file."""
    video = ROOT / "srn_core/demo_clips/demo012.avi"
    shutil.copy(video, tmp_path / "VIDEO.mp4")
    (tmp_path / "PHOTOS").mkdir()
    cv2.imwrite(str(tmp_path / "PHOTOS" / "a.png"), VideoFrames(video)(0)[..., ::-1])
    if (DATA / "models/yunet.onnx").is_file():
        shutil.copy(DATA / "models/yunet.onnx", tmp_path / "yunet.onnx")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def save_files(page: Path, folder: Path) -> None:
    for block in read_blocks(page):
        if block.note.startswith("file:"):
            (folder / block.note.removeprefix("file:").strip()).write_text(block.text, encoding="utf-8")


@per_page(slow=False)
def test_python_blocks_run_in_their_order(page: Path, data_root: Path, workplace: Path) -> None:
    save_files(page, workplace)
    names: dict[str, Any] = {"__name__": "page"}
    for block in read_blocks(page, "python"):
        if block.runs:
            exec(compile(block.text.replace("DIR/", f"{data_root}/"), NAMES[page], "exec"), names)


class Understood(BaseException):
    """The command line has been read."""


@per_page(slow=False)
def test_commands_are_read_by_the_real_command_lines(page: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    read = tyro.cli

    def read_and_stop(*args: Any, **kwargs: Any) -> None:
        read(*args, **kwargs)
        raise Understood

    monkeypatch.setattr(tyro, "cli", read_and_stop)
    for words in commands(page):
        if found := entry_point(words):
            main, argv = found
            monkeypatch.setattr(sys, "argv", argv)
            try:
                main()
            except Understood:
                continue
            except SystemExit:
                pytest.fail(f"{' '.join(words)}: {capsys.readouterr().err}")
            pytest.fail(f"{' '.join(words)}: reads no options")


def test_options_in_the_text_exist(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    known = set(OPTIONS_OF_OTHERS)
    scripts = [["python", f"agents/{name}.py"] for name in ("dqn", "sb3", "skrl_dqn", "evaluate", "finetune", "play_page")]
    scripts += [["python", str(path.relative_to(ROOT))] for path in sorted((ROOT / "benchmarks").glob("[!_]*.py"))]
    scripts += [["python", "benchmarks/speed/scaling.py"], ["python", "-m", "srn_gym.play"]]
    scripts += [["srn", name] for name in ("train", "evaluate", "track", "detect", "export", "data")]
    for words in scripts:
        found = entry_point([*words, "--help"])
        assert found is not None
        monkeypatch.setattr(sys, "argv", found[1])
        with pytest.raises(SystemExit):
            found[0]()
        known |= set(OPTION.findall(capsys.readouterr().out))
    for page in PAGES:
        unknown = set(OPTION.findall(page.read_text(encoding="utf-8"))) - known
        assert not unknown, f"{NAMES[page]}: {unknown}"


@per_page(slow=True)
def test_commands_run_on_small_data(page: Path, data_root: Path, workplace: Path, monkeypatch, capsys) -> None:
    save_files(page, workplace)
    for words in commands(page):
        if (found := entry_point(words)) is None or not can_run(found[1]):
            continue
        main, argv = found
        monkeypatch.setattr(sys, "argv", shortened(argv, data_root))
        try:
            main()
        except SystemExit as end:
            assert not end.code, f"{' '.join(sys.argv)}: {capsys.readouterr().err}"


def commands(page: Path) -> Iterator[list[str]]:
    for block in read_blocks(page, "bash"):
        if block.runs:
            yield from split_commands(block.text)


def can_run(argv: list[str]) -> bool:
    """Whether the files that a command names can be had here."""
    text = " ".join(argv)
    if argv[0] in READ_ONLY or "cofw68" in text or "wflw" in text:
        return False
    return all(Path(path).is_file() for path in re.findall(r"(?:onnx|yunet):([^ ?]+)", text))


def shortened(argv: list[str], data_root: Path) -> list[str]:
    """The command on small data and with little work."""
    program = " ".join(argv[:2]) if argv[0] == "srn" else argv[0]
    argv = [re.sub(r"\bDIR\b", str(data_root), word) for word in argv]
    argv = [re.sub(r"^demo\?split=(\w+)", lambda found: CLIPS.format(found[1]), word) for word in argv]
    if "--fold" in argv:  # Both folds need people.
        argv = [word.replace("limit=1&", "limit=4&") for word in argv]
    if program in DEFAULT_CLIPS and "--clips" not in argv:
        option, split = DEFAULT_CLIPS[program]
        argv += [option, CLIPS.format(split)]
    return argv + SHORTER.get(program, "").split()


@pytest.mark.parametrize("page", PAGES, ids=NAMES.get)
def test_blocks_have_a_language_and_a_reason_not_to_run(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(FENCE.findall(text)) * 2 == len(re.findall(r"^ *```", text, re.M))
    for block in read_blocks(page):
        assert block.language in LANGUAGES, block
        assert block.runs or len(block.note) > len("not run: ") + 5, block


@pytest.mark.parametrize("page", PAGES, ids=NAMES.get)
def test_internal_links_resolve(page: Path) -> None:
    plots = figures_hook().plots()
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"(?:src|href)=\"([^\"]+)\"", text):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        in_site = file.relative_to(DOCS).as_posix() if file.is_relative_to(DOCS) else ""
        assert file.exists() or in_site in plots, f"{target}: no such file"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{target}: the page has {sorted(anchors(file))}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES.get)
def test_files_in_the_text_exist(page: Path) -> None:
    named = re.findall(r"`((?:srn_core|srn_gym|agents|benchmarks|tests|docs)/[\w./-]+)`", page.read_text(encoding="utf-8"))
    assert not [path for path in named if "NAME" not in path and not (ROOT / path).exists()]


def anchors(page: Path) -> set[str]:
    """The addresses of a page's headings, as MkDocs and GitHub make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    plain = [re.sub(r"[^\w\s-]", "", heading.lower()).strip() for heading in headings]
    return {re.sub(r"\s", "-", heading) for heading in plain} | {re.sub(r"[\s-]+", "-", heading) for heading in plain}


def test_every_page_is_in_the_navigation() -> None:
    def paths(entry: Any) -> Iterator[str]:
        for value in entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else [entry]:
            yield from [value] if isinstance(value, str) else paths(value)

    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    assert sorted(paths(navigation)) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=NAMES.get)
def test_tables_of_figures_can_be_made(page: Path) -> None:
    hook = figures_hook()
    made = hook.on_page_markdown(page.read_text(encoding="utf-8"))
    assert "<!-- figures" not in made
    assert "nan" not in re.findall(r"\|\s*(nan)\b", made)


def test_a_table_shows_the_stored_figures() -> None:
    table = figures_hook().policies("rendered-heads")
    assert "| `greedy` | 3.62 | +0.34 [+0.19,&nbsp;+0.55] | 0.57 |" in table
    arms = figures_hook().arms("varied", "none", "rsf", "hofs")
    assert arms.startswith("10 seeds.") and "| 12.56 | 9.85 | 9.47 |" in arms


def test_moving_pictures_move_and_are_small():
    pictures = sorted((DOCS / "pictures").glob("*.gif"))
    assert {"episode.gif", "tracked-masks.gif", "hardened.gif"} <= {path.name for path in pictures}
    for path in pictures:
        assert path.stat().st_size < 2_000_000, path.name
        with Image.open(path) as picture:
            assert getattr(picture, "n_frames", 1) > 10, path.name
