"""Muon in float32, for CPUs that only emulate bfloat16."""

import pytest
import torch
from torch import Tensor

from srn_core.model import SRN
from srn_core.training import optimiser
from srn_core.training.optimiser import make_optimisers, step_all
from srn_core.training.train import TrainingRun
from tests.support.faces import TINY
from tests.support.training import small_args

MUON_LR = 1e-2


def muon_step(monkeypatch: pytest.MonkeyPatch, emulated: bool) -> tuple[list[Tensor], list[Tensor]]:
    """What one step of Muon changes, and the gradients after it, which are as before it."""
    monkeypatch.setattr(optimiser, "emulates_bfloat16", lambda device: emulated)
    torch.manual_seed(0)
    model = SRN(TINY)
    optimisers = make_optimisers(model, 1e-3, MUON_LR)
    matrices = [p for group in optimisers["muon"].param_groups for p in group["params"]]
    before = [p.detach().clone() for p in matrices]
    targets = [torch.randn_like(p) for p in model.parameters()]
    loss = torch.stack([(p * target).sum() for p, target in zip(model.parameters(), targets, strict=True)]).sum()
    step_all(optimisers, loss, clip_norm=1e9)
    chosen = {id(p) for p in matrices}
    wanted = [target for p, target in zip(model.parameters(), targets, strict=True) if id(p) in chosen]
    for p, target in zip(matrices, wanted, strict=True):
        assert p.grad is not None
        torch.testing.assert_close(p.grad, target)
    return [(p - old).detach() for p, old in zip(matrices, before, strict=True)], wanted


def test_muon_in_float32_steps_as_torchs_muon_does_in_bfloat16(monkeypatch):
    exact, gradients = muon_step(monkeypatch, emulated=True)
    plain, _ = muon_step(monkeypatch, emulated=False)
    assert exact
    for ours, torchs, gradient in zip(exact, plain, gradients, strict=True):
        assert torch.linalg.norm(ours - torchs) < 0.02 * torch.linalg.norm(torchs)
        assert not torch.equal(ours, torchs)
        assert (ours * gradient).sum() < 0


def test_a_run_in_bfloat16_on_a_cpu_that_emulates_it_prints_a_note(clip_spec, tiny_checkpoint, tmp_path, monkeypatch, capsys):
    for capability, told in (("AVX512", False), ("AVX2", True)):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda found=capability: found)
        TrainingRun(small_args(clip_spec, tiny_checkpoint, tmp_path / capability, precision="bfloat16"))
        assert ("--precision bfloat16: this CPU only emulates it" in capsys.readouterr().out) == told
