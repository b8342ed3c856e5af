"""Commands whose standard streams are closed or lead to a full disk, or that find no folder for temporary files."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from srn_core.errors import command

ROOT = Path(__file__).parents[3]
COMMAND = """
import sys
from pathlib import Path
from srn_core.errors import UserError, command
from srn_core.io.files import write_text

@command
def main():
    with open("kept", "w") as file:
        print("progress", file=sys.stderr)
        print("report")
        file.write("kept")
    write_text(Path(sys.argv[1]), "written")
    if sys.argv[2] == "fails":
        raise UserError("a mistake")
    raise SystemExit(int(sys.argv[2]))

main()
"""


def run(redirected: str, out: str, end: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command, with its streams redirected as the shell does it; its output is buffered."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    words = ["sh", "-c", f'exec "$0" "$@" {redirected}', sys.executable, "-c", COMMAND, out, end]
    return subprocess.run(words, capture_output=True, text=True, cwd=folder, env={**environment, "PYTHONPATH": str(ROOT)})


@pytest.mark.parametrize("redirected", ["2>&-", ">&-", "<&-", "<&- >&- 2>&-", ">&- 2>&-"])
def test_closed_streams_get_nothing_and_files_get_what_is_theirs(redirected: str, tmp_path: Path) -> None:
    done = run(redirected, "out", "0", tmp_path)
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert (tmp_path / "kept").read_text() == "kept" and (tmp_path / "out").read_text() == "written"
    done = run(redirected, "out", "fails", tmp_path)
    assert done.returncode == 2 and "a mistake" not in done.stdout


def test_a_file_for_a_closed_output_is_an_error(tmp_path: Path) -> None:
    done = run(">&-", "-", "0", tmp_path)
    assert done.returncode == 2 and done.stderr == "progress\nerror: -: Bad file descriptor; give the name of a file\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is absent")
@pytest.mark.parametrize("end", ["0", "fails"])
def test_a_full_disk_behind_the_output_is_one_line(end: str, tmp_path: Path) -> None:
    done = run(">/dev/full", "out", end, tmp_path)
    assert done.returncode == 2 and (tmp_path / "out").read_text() == "written"
    _, line = done.stderr.splitlines()
    assert line.startswith("error: a mistake" if end == "fails" else "error: No space left on device: the standard output")


def test_no_folder_for_temporary_files_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def none_usable() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in [...]")

    monkeypatch.setattr(tempfile, "gettempdir", none_usable)
    with pytest.raises(SystemExit) as stopped:
        command(lambda: tempfile.gettempdir() and None)()
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("error: no folder for temporary files can be written to; set the variable TMPDIR")
