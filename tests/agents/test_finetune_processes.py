"""Fine-tuning in several processes."""

from pathlib import Path

import pytest
import torch

from agents.finetune import finetune
from agents.hardening.args import FinetuneArgs
from benchmarks.common.commands import option_words
from srn_core.checkpoints import load_pretrained
from srn_core.io.files import read_json
from tests.support.processes import torchrun


@pytest.mark.slow
def test_two_processes_fine_tune_as_one(clip_spec, tiny_checkpoint, tmp_path):
    """Each plays a part of the clips, stills and videos, and both train on all places; the first one alone writes."""

    def args(name: str) -> FinetuneArgs:
        return FinetuneArgs(
            clips=(clip_spec,), val=(clip_spec,), tracker=tiny_checkpoint, policy="greedy", random_share=0.5, steps=4, batch=8,
            sequence=2, refresh=2, val_every=2, out=tmp_path / name, save=tmp_path / f"{name}-faces",
        )  # fmt: skip

    finetune(args("one"))
    said = torchrun(["agents/finetune.py", *option_words(args("two")), "--device", "cpu"])
    assert said.count("kept step") == 1
    one, two = (load_pretrained(tmp_path / name).state_dict() for name in ("one", "two"))
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-3, atol=1e-5)
    assert covered(tmp_path / "two-faces") == covered(tmp_path / "one-faces")


def covered(folder: Path) -> dict[str, list[int]]:
    return {name: part["landmarks"] for name, part in read_json(folder / "manifest.json")["clips"].items()}
