"""``MODULE:FUNCTION`` finds a module in the current folder, however the command was started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from srn_core.errors import UserError
from srn_core.io.modules import import_named
from srn_core.victims.registry import load_victim

ROOT = Path(__file__).parents[2]
MODULE = """
from srn_core.victims.constant import ConstantVictim

def make(device):
    import beside_my_net
    return ConstantVictim(device)
"""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which Python does not look into by itself; it holds two modules."""
    (tmp_path / "a_net_of_mine.py").write_text(MODULE)
    (tmp_path / "beside_my_net.py").write_text("")
    (tmp_path / "json.py").write_text("raise AssertionError('the module of this name in the current folder was taken')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place not in ("", str(tmp_path))])
    for name in ("a_net_of_mine", "beside_my_net"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def test_a_module_in_the_current_folder_and_its_neighbours(elsewhere: Path) -> None:
    assert load_victim("a_net_of_mine:make", "cpu").key
    with pytest.raises(UserError, match="'no_net_of_mine'.*lies in the current folder"):
        load_victim("no_net_of_mine:make", "cpu")


def test_it_hides_no_other_module(elsewhere: Path) -> None:
    import_named("a_net_of_mine")
    assert Path(import_named("json").__file__ or "").parent != elsewhere
    import_named("colorsys")
    assert sys.path[-1] == str(elsewhere) and sys.path.count(str(elsewhere)) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "start", [[f"{ROOT}/agents/evaluate.py"], ["-P", "-m", "agents.evaluate"]], ids=["script", "installed"]
)
def test_a_command_that_is_started_from_another_folder(start: list[str], elsewhere: Path) -> None:
    words = [
        "--policy",
        "static",
        "--episodes",
        "1",
        "--clips",
        "demo?split=val&limit=1&frames=2",
        "--tracker",
        "a_net_of_mine:make",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, *start, *words], cwd=elsewhere, env=environment, check=True, stdout=subprocess.DEVNULL)
