"""``-`` is the standard output: it then holds the file alone, and the report goes to the standard error."""

import csv
import io
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import agents.evaluate
from srn_core.cli.main import main


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_figures_go_to_the_standard_output(
    name: str,
    tiny_checkpoint: str,
    clip_spec: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--checkpoint", tiny_checkpoint, "--data", f"{clip_spec}?limit=1", "--json", name]
    monkeypatch.setattr(sys, "argv", ["srn", "evaluate", *words])
    main()
    output, said = capfd.readouterr()
    assert json.loads(output)["n_clips"] == 1 and "NME mean" in said
    assert not list(tmp_path.iterdir())


def test_a_players_figures_go_to_the_standard_output(
    clip_spec: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--policy", "static", "--clips", clip_spec, "--tracker", "constant", "--episodes", "2", "--json", "-"]
    monkeypatch.setattr(sys, "argv", ["evaluate.py", *words])
    agents.evaluate.main()
    output, said = capfd.readouterr()
    assert json.loads(output)["episodes"] == 2 and "static" in said


@pytest.mark.parametrize("option", ["--json", "--csv"])
def test_landmarks_go_to_the_standard_output(
    option: str, tiny_checkpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((80, 80, 3), 90, np.uint8))
    words = [str(tmp_path / "a.png"), "--checkpoint", tiny_checkpoint, "--box", "10,10,60,60", option, "-"]
    monkeypatch.setattr(sys, "argv", ["srn", "detect", *words])
    main()
    output, said = capfd.readouterr()
    assert "1 of 1 pictures" in said
    if option == "--json":
        assert len(json.loads(output)["pictures"][0]["landmarks"]) == 68
    else:
        assert len(list(csv.DictReader(io.StringIO(output)))) == 1
