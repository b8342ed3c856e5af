"""What SECURITY.md promises: no pickle is loaded, nothing is evaluated, no archive is unpacked."""

import ast
import io
import pickle
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from srn_core.data.formats.pack_file import Pack
from srn_core.data.loading import load_clips
from srn_core.errors import UserError
from tests.support.face_sets import WFLW_LIST, write_wflw
from tests.support.small_data import write_data_root

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for package in ("srn_core", "srn_gym", "agents", "benchmarks") for path in (ROOT / package).rglob("*.py"))
FORBIDDEN = {
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "torch.load", "joblib.load", "marshal.loads", "shelve.open"),
    *("eval", "exec", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "shutil.unpack_archive"),
}
UNPACKING = ("extract", "extractall")


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """The calls in a file, as they are written."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_call_runs_what_a_file_holds(path: Path) -> None:
    for name, call in calls(path):
        assert name not in FORBIDDEN and name.rpartition(".")[2] not in UNPACKING, f"line {call.lineno}"
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert options.get("shell") in (None, "False") and options.get("allow_pickle") in (None, "False"), f"line {call.lineno}"
        if name in ("np.load", "numpy.load"):
            assert options.get("allow_pickle") == "False"


class Trap:
    """A pickle of it would write a file where it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def test_pickles_in_data_are_not_loaded(tmp_path: Path) -> None:
    trap = np.array([Trap(tmp_path / "sprung")], object)
    data = io.BytesIO()
    np.save(data, trap, allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "faces.pack", "w") as pack:
        for name in ("index.json", "landmarks.npy", "boxes.npy", "../outside"):
            pack.writestr(name, data.getvalue())
    (tmp_path / "clips").mkdir()
    np.savez(tmp_path / "clips" / "a.npz", colorImages=trap, landmarks2D=trap, boundingBox=trap)
    for spec in (f"packed:{tmp_path / 'faces.pack'}", f"ytf-npz:{tmp_path / 'clips'}"):
        with pytest.raises(UserError):
            load_clips(spec)
    assert not (tmp_path / "sprung").exists() and not (tmp_path.parent / "outside").exists()
    pickle.loads(pickle.dumps(trap))
    assert (tmp_path / "sprung").exists()


def test_a_pack_holds_its_path_alone() -> None:
    assert pickle.loads(pickle.dumps(Pack(Path("a.pack")))).path == Path("a.pack")


@pytest.mark.parametrize("name", ["/dev/zero", "../outside.jpg", "a/../../outside.jpg"])
def test_lists_cannot_name_files_outside_their_folder(name: str, tmp_path: Path) -> None:
    write_data_root(tmp_path)
    write_wflw(tmp_path / "wflw")
    table, rows = tmp_path / "ytf68" / "keypoints.csv", tmp_path / "wflw" / WFLW_LIST.format("test")
    table.write_text(name + table.read_text()[table.read_text().index(",") :])
    lines = rows.read_text().splitlines()
    rows.write_text("\n".join([lines[0].rpartition(" ")[0] + f" {name}", *lines[1:]]))
    for source, spec in ((table, f"ytf68:{tmp_path / 'ytf68'}"), (rows, f"wflw:{tmp_path / 'wflw'}?split=test")):
        with pytest.raises(UserError, match=re.escape(f"{source}: names '{name}', which is not in")):
            load_clips(spec)
