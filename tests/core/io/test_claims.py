"""A run claims its folder: of two runs one gets it, and the folder of a run that was killed is free."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agents.run_folder import STATE, claimed_run
from srn_core.errors import UserError
from srn_core.io.claims import claimed

HOLDER = """
import sys, time
from pathlib import Path
from srn_core.errors import command
from srn_core.io.claims import claimed

@command
def main():
    with claimed(Path(sys.argv[1]), "--out"):
        print("held", flush=True)
        time.sleep(600)

main()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """A process that claims a folder and waits."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_folder_is_free_once_its_run_is_gone(number: int, tmp_path: Path) -> None:
    run = holder(tmp_path / "run")
    assert run.stdout is not None and run.stdout.readline() == "held\n"
    for again in (claimed(tmp_path / "run", "--out"), claimed_run(tmp_path / "run", resume=False)):
        with pytest.raises(UserError, match="another run is writing there now; wait until it ends, or give another --"), again:
            pass
    run.send_signal(number)
    run.communicate()
    with claimed(tmp_path / "run", "--out"):
        pass


def test_of_processes_that_start_at_once_one_gets_the_folder(tmp_path: Path) -> None:
    runs = [holder(tmp_path / "runs" / "a") for _ in range(4)]
    try:
        refused = [run for run in runs if run.stdout and run.stdout.readline() != "held\n"]
        said = [run.communicate()[1] for run in refused]
        assert len(said) == 3 and all(line.startswith("error: ") and line.count("\n") == 1 for line in said)
    finally:
        for run in runs:
            run.kill()
            run.communicate()


def test_the_same_process_cannot_claim_twice_but_again(tmp_path: Path) -> None:
    with claimed(tmp_path, "--out"), pytest.raises(UserError, match="another run"), claimed(tmp_path, "--out"):
        pass
    with claimed(tmp_path, "--out"):
        pass


def test_a_forked_process_that_outlives_its_run_does_not_keep_the_folder(tmp_path: Path) -> None:
    fork = "import os; os.fork() and os.kill(os.getpid(), 9); print(os.getpid(), flush=True)"
    killed = HOLDER.replace('print("held", flush=True)', fork)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    run = subprocess.Popen([sys.executable, "-c", killed, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment)
    assert run.stdout is not None
    child = int(run.stdout.readline())
    try:
        assert run.wait() == -signal.SIGKILL
        with claimed(tmp_path, "--out"):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        run.stdout.close()


def test_after_an_error_empty_folders_go_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for name, kept in (("mine", True), ("new/run", False), ("mine/run", False)):
        with pytest.raises(ZeroDivisionError), claimed(tmp_path / name, "--out"):
            raise ZeroDivisionError
        assert (tmp_path / name).exists() == kept
    with pytest.raises(ZeroDivisionError), claimed(tmp_path / "new" / "run", "--out") as folder:
        (folder / "log").touch()
        raise ZeroDivisionError
    assert (tmp_path / "new" / "run" / "log").exists()


def test_a_file_or_a_folder_that_cannot_be_written_to_is_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--out .*is a file"), claimed(tmp_path / "file", "--out"):
        pass
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UserError, match="--out .*cannot be written to"), claimed(tmp_path / "run", "--out"):
        pass


def test_a_run_is_refused_or_resumed_by_what_its_folder_holds(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to resume"), claimed_run(tmp_path / "run", resume=True):
        pass
    assert not (tmp_path / "run").exists()
    with claimed_run(tmp_path / "run", resume=False):
        (tmp_path / "run" / STATE).touch()
    with pytest.raises(UserError, match="continue it with --resume"), claimed_run(tmp_path / "run", resume=False):
        pass
    with claimed_run(tmp_path / "run", resume=True):
        pass
