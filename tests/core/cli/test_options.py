"""Help texts and messages about options."""

import sys

import pytest

from srn_core.cli.options import read_options
from srn_core.errors import command
from srn_core.training.args import TrainArgs

TEXT = """Trains.

python train.py            # first
srn train --resume         # then
"""


def test_examples_in_the_help_keep_their_lines(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["train", "--help"])
    with pytest.raises(SystemExit) as end:
        read_options(TrainArgs, TEXT)
    assert end.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert "    python train.py            # first" in lines and "    srn train --resume         # then" in lines
    assert any("--steps INT" in line for line in lines)


def test_help_fills_the_lines_whatever_the_source_does(monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["train", "--help"])
    with pytest.raises(SystemExit):
        read_options(TrainArgs, TEXT)
    rows = [line.strip("│ ") for line in capsys.readouterr().out.splitlines()]
    inner = rows[rows.index(next(row for row in rows if "Peak learning rate of Adam" in row)) :][:3]
    assert all(len(row) > 40 for row in inner), inner


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--out", "x", "--bogus", "3"], "error: Unrecognized options: --bogus, 3 | For full helptext, run train --help"),
        (["--out", "x", "--preset", "big"], "error: invalid choice 'big' for argument '--preset'. Expected one of"),
        ([], "error: Missing from train: --out PATH"),
    ],
)
def test_a_mistake_in_the_options_is_one_line(monkeypatch, capsys, options: list[str], said: str) -> None:
    monkeypatch.setattr(sys, "argv", ["train", *options])
    with pytest.raises(SystemExit) as end:
        command(lambda: read_options(TrainArgs, TEXT))()
    lines = capsys.readouterr().err.splitlines()
    assert end.value.code == 2 and len(lines) == 1 and lines[0].startswith(said), lines
