"""The wheel: it holds the two libraries alone and works in an environment that has nothing else of this checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

EPISODE = """
import gymnasium, srn_core, srn_gym, sys
env = gymnasium.make("srn_gym:OcclusionSynthesis-v0", clips="demo?split=val&limit=1")
env.reset(seed=0)
print(env.step(2)[1] > 0, sys.prefix in srn_core.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the files that git would hand to a stranger."""
    folder, sources = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("sources")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        if name.startswith(("srn_core/", "srn_gym/")) or "/" not in name:
            (sources / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, sources / name)
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(sources)], check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel. It borrows the packages that the wheel depends on, but no editable install."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", str(wheel)], check=True
    )
    # A path in a .pth file is searched, but .pth files inside of it are not read: the editable install stays invisible.
    (site_packages,) = folder.glob("lib/python*/site-packages")
    (site_packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder / "bin"


def run(environment: Path, folder: Path, *words: str) -> str:
    """The output of a command of that environment, started in ``folder``, with no path of the checkout."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(environment / words[0]), *words[1:]]
    done = subprocess.run(command, cwd=folder, env=variables, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.mark.slow
def test_the_wheel_holds_the_two_libraries_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"srn_core", "srn_gym"}
    for needed in ("py.typed", "weights/srn-small/model.safetensors", "demo_clips/landmarks.npz"):
        assert f"srn_core/{needed}" in names
    assert "srn_gym/py.typed" in names


@pytest.mark.slow
def test_the_environment_plays_from_the_wheel(environment: Path, tmp_path: Path) -> None:
    assert run(environment, tmp_path, "python", "-c", EPISODE).split() == ["True", "True"]


@pytest.mark.slow
def test_a_video_is_tracked_from_the_wheel(environment: Path, tmp_path: Path) -> None:
    video = ROOT / "srn_core" / "demo_clips" / "demo000.avi"
    words = ("--checkpoint", "srn-small", "--box", "50,50,120,120", "--out", "tracked.mp4", "--json", "points.json")
    assert "frames tracked" in run(environment, tmp_path, "srn", "track", str(video), *words)
    assert (tmp_path / "tracked.mp4").stat().st_size and (tmp_path / "points.json").stat().st_size


@pytest.mark.slow
def test_helpers_of_the_checkout_are_not_in_the_wheel(environment: Path, tmp_path: Path) -> None:
    found = "import importlib.util as u; print(u.find_spec('agents'), u.find_spec('benchmarks'))"
    assert run(environment, tmp_path, "python", "-c", found).split() == ["None", "None"]
