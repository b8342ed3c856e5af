"""A command that is ended from outside removes its temporary files, says so in one line and has the shell's exit status."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from srn_core.errors import command
from srn_core.signals import ENDING, Stopped, ending_cleanly

SLOW_WRITER = """
import sys, time
from pathlib import Path
from srn_core.errors import command
from srn_core.io.files import write_atomically

def write(path):
    path.write_text("half")
    print("writing", flush=True)
    time.sleep(60)

command(lambda: write_atomically(Path(sys.argv[1]), write))()
"""


@pytest.fixture(autouse=True)
def nothing_ignored() -> Iterator[None]:
    """As in a terminal, also where the tests themselves run under ``nohup``."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in ENDING}
    yield
    for number, action in before.items():
        signal.signal(number, action)


@pytest.mark.parametrize("number", ENDING)
def test_no_temporary_file_stays(number: signal.Signals, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    words = [sys.executable, "-c", SLOW_WRITER, str(tmp_path / "a.json")]
    writer = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert writer.stdout is not None and writer.stdout.readline() == "writing\n"
    assert len(list(tmp_path.iterdir())) == 1
    writer.send_signal(number)
    assert writer.communicate()[1] == "stopped\n" and writer.returncode == 128 + number
    assert not list(tmp_path.iterdir())


def test_signals_are_as_before_after_a_command_and_in_a_fork() -> None:
    before = [signal.getsignal(number) for number in ENDING]
    with ending_cleanly():
        child = os.fork()
        if child == 0:
            os._exit(sum(signal.getsignal(number) != signal.SIG_DFL for number in ENDING))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert [signal.getsignal(number) for number in ENDING] == before


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        command(lambda: os.kill(os.getpid(), signal.SIGHUP))()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


LOST = """
import signal, time, weakref
from srn_core.errors import command

class Thing:
    pass

def work():
    thing = Thing()
    # Python drops what is raised in the callback of a weak reference.
    reference = weakref.ref(thing, lambda _: [signal.raise_signal(signal.{name}), time.sleep(0)])
    del thing
    time.sleep(60)

command(work)()
"""


@pytest.mark.parametrize(("name", "said", "status"), [("SIGTERM", "stopped\n", 143), ("SIGINT", "", 130)])
def test_a_signal_whose_exception_python_drops_ends_the_command(name: str, said: str, status: int) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    words = [sys.executable, "-c", LOST.replace("{name}", name)]
    ended = subprocess.run(words, stderr=subprocess.PIPE, text=True, env=environment, timeout=30)
    assert ended.returncode == status and said in ended.stderr and "Traceback" not in ended.stderr
