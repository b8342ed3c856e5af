"""What commands say of themselves."""

from __future__ import annotations

import sys

import pytest

from srn_core.command_line import read_options
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
