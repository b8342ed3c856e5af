"""Files go through links and into streams; a link or a device is never replaced, and long names can be written."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from srn_core.errors import UserError
from srn_core.io.files import STDOUT, check_outputs, check_writable, read_json, write_atomically, write_json, write_text

LONG_NAMES = ["n" * 250 + ".json", "n." + "e" * 253, "é" * 120 + ".json", "🙂" * 62 + ".json", "." + "n" * 254]
WRITER = "import sys; from pathlib import Path; from srn_core.io.files import write_text; write_text(Path(sys.argv[1]), 'new')"


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "real.json").write_text("old")
    (tmp_path / "a.json").symlink_to("disk/real.json")
    (tmp_path / "b.json").symlink_to("a.json")
    (tmp_path / "new.json").symlink_to(tmp_path / "disk" / "not-yet.json")
    for name, target in (("b.json", "real.json"), ("new.json", "not-yet.json")):
        write_text(tmp_path / name, "new")
        assert (tmp_path / name).is_symlink() and (tmp_path / "disk" / target).read_text() == "new"
    assert {path.name for path in tmp_path.iterdir()} == {"disk", "a.json", "b.json", "new.json"}
    assert {path.name for path in (tmp_path / "disk").iterdir()} == {"real.json", "not-yet.json"}


@pytest.mark.parametrize("target", ["a.json", "nowhere/x.json"])
def test_a_link_that_leads_nowhere_is_refused_and_stays(target: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to(target)
    with pytest.raises(UserError, match="link that leads nowhere"):
        write_text(tmp_path / "a.json", "new")
    assert os.readlink(tmp_path / "a.json") == target and len(list(tmp_path.iterdir())) == 1


def test_an_output_that_is_a_link_to_an_input_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").touch()
    (tmp_path / "out.mp4").symlink_to("in.mp4")
    with pytest.raises(UserError, match="also reads"):
        check_outputs([tmp_path / "out.mp4"], [tmp_path / "in.mp4"])


def test_a_device_gets_the_bytes_and_stays(tmp_path: Path) -> None:
    (tmp_path / "null").symlink_to("/dev/null")
    for path in (Path("/dev/null"), tmp_path / "null"):
        write_text(path, "new")
    assert not Path("/dev/null").is_file() and (tmp_path / "null").is_symlink()
    with pytest.raises(UserError, match="No space left on device"):
        write_text(Path("/dev/full"), "new")


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("piped", [True, False], ids=["pipe", "file"])
def test_the_standard_output_can_be_named(name: str, piped: bool, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/stdout")
    script = f"print('before'); {WRITER}; print('after')"
    with (tmp_path / "out").open("wb") as file:
        run = [sys.executable, "-c", script, name]
        done = subprocess.run(run, stdout=subprocess.PIPE if piped else file, cwd=tmp_path, env={**os.environ, **_path()})
    assert done.returncode == 0
    said = done.stdout if piped else (tmp_path / "out").read_bytes()
    assert said == b"before\nnewafter\n"
    assert (tmp_path / "link").is_symlink() and Path("/dev/stdout").is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == {"link", "out"}


def _path() -> dict[str, str]:
    return {"PYTHONPATH": str(Path(__file__).parents[3])}


def test_a_pipe_gets_the_bytes_if_somebody_reads_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UserError, match="start what reads it first"):
        write_text(pipe, "new")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text(pipe, "new")
    assert os.read(reader, 9) == b"new" and pipe.is_fifo()
    os.close(reader)


@pytest.mark.parametrize(
    "name", ["n" * 250 + ".json", "n." + "e" * 253, "é" * 120 + ".json", "🙂" * 62 + ".json", "." + "n" * 254]
)
def test_names_near_the_limit_can_be_written(name: str, tmp_path: Path) -> None:
    write_text(tmp_path / name, "new")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_name_over_the_limit_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="File name too long"):
        check_writable(tmp_path / ("n" * 256))


def test_an_interrupted_writer_leaves_no_file(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.json", write)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32("nan"), {"a": [1, {"b": np.float64("-inf")}]}])
def test_json_never_holds_nan(value: object, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.json: would hold a number that is nan or infinite"):
        write_json(tmp_path / "a.json", value)
    assert not list(tmp_path.iterdir())


def test_numbers_of_numpy_are_numbers_in_json(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": np.int64(3), "b": np.float32(0.5), "c": np.bool_(True), "d": [np.uint8(7)]})
    assert read_json(tmp_path / "a.json") == {"a": 3, "b": 0.5, "c": True, "d": [7]}


def test_json_that_is_nested_too_deeply_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match=r"a\.json: not valid JSON"):
        read_json(tmp_path / "a.json")


def test_standard_output_is_no_file_to_make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_outputs([STDOUT])
    with pytest.raises(UserError, match="writes it for another option"):
        check_outputs([STDOUT, STDOUT])
    assert not list(tmp_path.iterdir())
