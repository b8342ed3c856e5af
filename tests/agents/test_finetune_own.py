"""A torch module of a user's own: attacked, fine-tuned and saved under its own names."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import tyro
from safetensors.torch import load_file

import agents.finetune
from agents.finetune import finetune
from agents.hardening.args import FinetuneArgs
from agents.hardening.own_run import OwnFinetuningRun
from agents.playing.rollout import play
from agents.policies.named import named_policy
from benchmarks.reporting.runs import read_run
from srn_core.checkpoints import load_card
from srn_core.cli.main import main as srn
from srn_core.data import load_clips
from srn_core.errors import UserError
from srn_core.evaluation.evaluate import evaluate
from srn_core.io.files import read_json
from srn_core.io.tensors import load_tensors
from srn_core.training.state import AveragedModel
from srn_core.victims.own import OwnVictim
from srn_core.victims.registry import load_victim, trained_name, weight_files
from srn_gym.games import load_game
from tests.support.code_blocks import ROOT, read_blocks
from tests.support.own_modules import Tiny, tiny

OWN = "tests.support.own_modules:"


def small_args(clip_spec: str, out: Path, **changes) -> FinetuneArgs:
    options = {"steps": 6, "batch": 8, "sequence": 1, "refresh": 2, "val_every": 3, "device": "cpu", "policy": "random-jump"}
    return FinetuneArgs(out=out, **{"clips": (clip_spec,), "val": (clip_spec,), "tracker": f"{OWN}tiny", **options, **changes})


def test_a_module_is_a_victim_and_the_same_one_at_each_call(clip_spec):
    victim, again = load_victim(f"{OWN}tiny", "cpu"), load_victim(f"{OWN}tiny", "cpu")
    assert isinstance(victim, OwnVictim) and victim.key == again.key and victim.crop.size == 32
    frames = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor([[6.0, 6, 26, 26], [4, 8, 24, 28]])
    points, state = victim.step(frames, boxes, victim.start(2))
    assert state.shape == (2, 0)
    torch.testing.assert_close(points, victim.model(frames / 255, boxes))
    found = evaluate(victim, load_clips(clip_spec))
    game = load_game(clip_spec, f"{OWN}tiny", "cpu")
    clean = play(game, named_policy("none", game, lambda: game), len(game.clips), 0).nme
    np.testing.assert_allclose(np.sort(found.nme), np.sort(clean[~np.isnan(clean)]), rtol=1e-4)


def test_a_module_that_is_handed_out_twice_is_not_trained_by_the_way(clip_spec, tmp_path):
    before = load_victim(f"{OWN}kept", "cpu").key
    finetune(small_args(clip_spec, tmp_path / "run", tracker=f"{OWN}kept", steps=2))
    assert load_victim(f"{OWN}kept", "cpu").key == before


def test_the_result_is_the_users_own_state_dict(clip_spec, tmp_path, capsys):
    out = finetune(small_args(clip_spec, tmp_path / "run", lr=1e-2))
    assert "under random occluders" in capsys.readouterr().out
    tensors, start = load_file(out / "model.safetensors"), load_victim(f"{OWN}tiny", "cpu").model.state_dict()
    assert tensors.keys() == start.keys()
    # A network that knows nothing of this project.
    model = tiny("cpu")
    model.load_state_dict(tensors)
    # The best of the weights after 3 and 6 steps.
    assert tensors["norm.num_batches_tracked"] == load_card(out)["step"] > 0
    assert torch.equal(model.twist.weight, model.again.weight)
    assert not torch.equal(tensors["head.weight"], start["head.weight"])
    assert torch.equal(tensors["mean_shape"], start["mean_shape"])
    name = trained_name(f"{OWN}tiny?weights=before", out)
    victim = load_victim(name, "cpu")
    assert name == f"{OWN}tiny?weights={out}" and weight_files(name) == [out / "model.safetensors"]
    assert victim.key != load_victim(f"{OWN}tiny", "cpu").key
    crops, boxes = victim.blank_faces(2)
    torch.testing.assert_close(model.eval()(crops, boxes), victim.model(crops, boxes))
    assert load_victim(f"{OWN}tiny?weights={out}/model.safetensors", "cpu").key == victim.key


def test_training_lowers_the_error_of_a_module_and_two_seeds_differ(tmp_path):
    how = {"clips": ("demo?split=train&limit=2&frames=6",), "val": ("demo?split=train&limit=2&frames=6",)}
    how |= {"steps": 60, "batch": 16, "lr": 1e-2, "val_every": 60, "refresh": 60}
    cards = [load_card(finetune(small_args("", tmp_path / str(seed), seed=seed, **how))) for seed in (0, 1)]
    for card in cards:
        assert card["clean_percent"] < 0.9 * card["clean_start_percent"]
    assert cards[0]["clean_start_percent"] == cards[1]["clean_start_percent"]
    assert cards[0]["clean_percent"] != cards[1]["clean_percent"]


def test_a_module_can_bring_its_own_loss(clip_spec, tmp_path):
    far = [finetune(small_args(clip_spec, tmp_path / name, tracker=OWN + name, lr=0.1)) for name in ("tiny", "to_the_corner")]
    places = []
    for name, out in zip(("tiny", "to_the_corner"), far, strict=True):
        victim = load_victim(f"{OWN}{name}?weights={out}", "cpu")
        crops, boxes = victim.blank_faces(2)
        with torch.inference_mode():
            places.append(float(victim.model(crops, boxes).abs().mean()))
    assert places[1] < places[0] - 1


def test_resumed_training_of_a_module_equals_uninterrupted_bit_for_bit(clip_spec, tmp_path, monkeypatch):
    """Also what its dropout draws, and the counter of its normalisation."""
    finetune(small_args(clip_spec, tmp_path / "whole"))
    save = OwnFinetuningRun.validate_and_save

    def save_and_stop(self, step):
        save(self, step)
        if step:
            raise InterruptedError

    with monkeypatch.context() as patch, pytest.raises(InterruptedError):
        patch.setattr(OwnFinetuningRun, "validate_and_save", save_and_stop)
        finetune(small_args(clip_spec, tmp_path / "parts"))
    torch.manual_seed(12345)
    finetune(small_args(clip_spec, tmp_path / "parts", resume=True))
    for file in ("round-1/state.safetensors", "model.safetensors"):
        whole, parts = (load_tensors(tmp_path / name / file)[0] for name in ("whole", "parts"))
        assert whole.keys() == parts.keys()
        assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_the_page_of_runs_knows_a_fine_tuning_and_its_command(clip_spec, tmp_path):
    args = small_args(clip_spec, tmp_path / "run", steps=2)
    (facts, *_) = read_run(finetune(args)).sections
    words = shlex.split(dict(facts["rows"])["command"])
    assert tyro.cli(FinetuneArgs, args=words[2:]) == args


@pytest.mark.slow
def test_each_round_trains_a_dqn_against_the_module_as_it_is_then(clip_spec, tmp_path):
    """The DQN sees through srn-small; it learns on all clips, or on those of --dqn-clips."""
    specs = (f"{clip_spec}?limit=2", "demo?split=train&limit=1&frames=3")
    options = {"policy": "dqn", "dqn_steps": 64, "steps": 2, "val_every": 2}
    finetune(small_args(clip_spec, tmp_path / "run", clips=specs, rounds=2, **options))
    finetune(small_args(clip_spec, tmp_path / "one", clips=specs, dqn_clips=specs[1:], **options))
    folders = [tmp_path / name / "dqn/policy.safetensors" for name in ("run/round-1", "run/round-2", "one/round-1")]
    cards = [load_tensors(file)[1]["arguments"] for file in folders]
    assert [card["tracker"] for card in cards[:2]] == [f"{OWN}tiny", f"{OWN}tiny?weights={tmp_path / 'run/round-1'}"]
    assert [card["clips"] for card in cards] == [list(specs), list(specs), specs[1]]


MISTAKES = {
    "a_number": "returned a int, which has no scheme",
    "flat": r"answers shape \(2, 136\); expected landmarks of shape \(2, 68, 2\)",
    "few": r"answers shape \(2, 5, 2\); expected",
    "several": "answers tuple; expected",
    "nan": "answers nan or infinite landmarks",
    "failing": r"fails on crops \(2, 3, 32, 32\) and boxes \(2, 4\)",
    "strange_crop": r"crop is 64; expected a srn_core.face.geometry.CropSpec\(size, factor\)",
    "strange_scheme": "scheme=70; expected one of 68, ",
    "frozen": "has no trainable parameters",
    "detached": "its loss does not depend on its parameters",
    "loss_per_face": r"its loss is of shape \(2,\); expected a finite tensor of shape \(\)",
    "tiny?weights=/no/such": "/no/such/model.safetensors: cannot be read",
    "tiny?weights=srn_core/weights/srn-small": "do not fit the module",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_module_that_cannot_be_trained_is_refused_in_one_line(name, clip_spec, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    words = ["--tracker", OWN + name, "--policy", "none", "--clips", clip_spec, "--val", clip_spec, "--out", tmp_path / "run"]
    monkeypatch.setattr(sys, "argv", ["finetune.py", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        agents.finetune.main()
    said = capsys.readouterr().err
    assert end.value.code == 2 and said.startswith("error: ") and said.count("\n") == 1
    with pytest.raises(UserError, match=MISTAKES[name]):
        raise UserError(said)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_other_victims_are_refused(clip_spec, tmp_path):
    with pytest.raises(UserError, match="returned a LooksAtTheNose, which cannot be trained; expected a torch.nn.Module"):
        finetune(small_args(clip_spec, tmp_path / "run", tracker="tests.support.solvable:looks_at_the_nose"))
    with pytest.raises(UserError, match="weights= is for a function that returns a torch.nn.Module"):
        load_victim("tests.support.solvable:learns?weights=runs", "cpu")
    with pytest.raises(UserError, match="a module of your own has no memory"):
        finetune(small_args(clip_spec, tmp_path / "run", mode="track"))


def test_srn_evaluate_measures_a_module(clip_spec, tmp_path, monkeypatch, capsys):
    words = ["srn", "evaluate", "--checkpoint", f"{OWN}tiny", "--data", clip_spec, "--json", str(tmp_path / "f.json")]
    monkeypatch.setattr(sys, "argv", [*words, "--report", str(tmp_path / "page.html")])
    srn()
    figures = read_json(tmp_path / "f.json")
    expected = evaluate(load_victim(f"{OWN}tiny", "cpu"), load_clips(clip_spec)).summary()
    assert figures["nme_mean"] == pytest.approx(expected["nme_mean"]) and figures["jitter"] > 0
    assert (tmp_path / "page.html").stat().st_size > 1000
    monkeypatch.setattr(sys, "argv", [*words, "--mirror"])
    with pytest.raises(SystemExit):
        srn()
    assert "leave out --boxes, --start, --steps and --mirror" in capsys.readouterr().err


def test_the_example_of_the_docs_is_the_one_that_was_measured():
    blocks = read_blocks(ROOT / "docs/harden-your-own.md", "python")
    (shown,) = (block.text for block in blocks if block.note == "file: my_net.py")
    assert shown == (ROOT / "tests/support/my_net.py").read_text(encoding="utf-8")


def test_the_averages_of_whole_numbers_are_their_last_values():
    model = Tiny()
    average = AveragedModel(model, 0.5)
    for _ in range(3):
        model.norm.num_batches_tracked += 2
        average.update(model)
    assert average.tensors["norm.num_batches_tracked"] == 6
