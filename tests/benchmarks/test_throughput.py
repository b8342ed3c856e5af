"""Speed and parity on tiny networks: every row is there, and differences would be seen."""

import dataclasses

import pytest
import torch

from benchmarks.common.results import read_figures
from benchmarks.remake import remake
from benchmarks.speed import memory as memory_module
from benchmarks.speed import parity as parity_module
from benchmarks.speed.args import GROUPS, ThroughputArgs
from benchmarks.speed.game import FreshFeatures, env_rows, filled_learner
from benchmarks.speed.learning import learning_rows
from benchmarks.speed.memory import SIDE, peaks_of, write_videos
from benchmarks.speed.parity import game_parity, landmark_parity
from benchmarks.speed.plain import made_plain
from benchmarks.speed.steady import WORKS, steady_rows
from benchmarks.speed.timing import Load, SpeedRow, arithmetic, time_calls, time_together
from benchmarks.speed.tracker import untrained
from benchmarks.throughput import COSTS, throughput
from srn_core.data import load_clips
from srn_core.errors import UserError
from srn_gym.games import load_game

CPU = torch.device("cpu")
# Counted by hand for the cascade of the preset small, with the first layer once per image and once per patch.
LEAST_GFLOP, MOST_GFLOP = 0.08, 0.19

# Those that start processes or trainings have tests of their own.
SLOW_GROUPS = ("env", "learning", "memory", "steady")


def test_every_group_has_its_rows_and_the_plain_way_beside_it(clip_spec, tiny_checkpoint, tmp_path, capsys):
    groups = tuple(group for group in GROUPS if group not in SLOW_GROUPS)
    args = ThroughputArgs(
        rows=groups, presets=("small",), quick=True, clips=clip_spec, tracker=tiny_checkpoint, device="cpu", out=tmp_path
    )  # fmt: skip
    record = throughput(args)
    assert read_figures(tmp_path) == record
    rows = record["figures"]
    assert list(dict.fromkeys(row["group"] for row in rows)) == [group for group in groups if group != "parity"]
    assert all(row["value"] > 0 for row in rows if "slope" not in row["what"]) and record["parity"] == []
    with_plain = {row["group"] for row in rows if row["plain"] is not None}
    assert with_plain == {"forward", "detect", "track", "draw", "train", "dqn", "replay"}
    (replay,) = (row for row in rows if row["group"] == "replay")
    assert replay["value"] < 64 and replay["gain"] == pytest.approx(replay["plain"] / replay["value"])
    assert replay["plain"] == 2 * 3 * 68 * 3 * 10 * 10 + 13
    faces, products = [row for row in rows if row["group"] == "forward"][:2]
    assert LEAST_GFLOP < products["value"] / faces["value"] * 1e3 < MOST_GFLOP
    assert {row["what"].partition(" =")[0] for row in rows if row["group"] == "cost"} == {
        "B", "T", "L", "slope over B", "slope over T", "slope over L"
    }  # fmt: skip
    page = (tmp_path / "README.md").read_text()
    assert "faces/s" in page and "no GPU" in page and "Speed on" in capsys.readouterr().out
    assert f"({COSTS})" in page and (tmp_path / COSTS).stat().st_size > 1000 and record["left_out"] == []
    assert remake(tmp_path) == (record, page.splitlines())
    with pytest.raises(UserError, match="none given"):
        throughput(dataclasses.replace(args, rows=()))


def test_what_does_not_fit_into_the_minutes_is_left_out_and_named(tiny_checkpoint, clip_spec, tmp_path):
    args = ThroughputArgs(
        rows=("replay", "dqn"), quick=True, clips=clip_spec, tracker=tiny_checkpoint, device="cpu", out=tmp_path, minutes=1e-9
    )  # fmt: skip
    record = throughput(args)
    assert record["left_out"] == ["replay", "dqn"] and record["figures"] == []
    assert "replay, dqn" in (tmp_path / "README.md").read_text()


@pytest.mark.slow
def test_env_steps_stand_beside_single_envs_and_processes(clip_spec, tiny_checkpoint):
    rows = list(env_rows(Load(clips=clip_spec, tracker=tiny_checkpoint, presets=(), quick=True, seconds=0), CPU))
    assert [(row.what, row.plain_way) for row in rows] == [
        ("track, 1 envs", "single envs"), ("track, 4 envs", "single envs"), ("track, 4 envs", "a process each")
    ]  # fmt: skip
    assert all(row.value > 0 and row.plain is not None and row.plain > 0 for row in rows)


@pytest.mark.slow
def test_two_learners_play_the_same_game(clip_spec, tiny_checkpoint):
    rows = list(learning_rows(Load(clips=clip_spec, tracker=tiny_checkpoint, presets=(), quick=True, seconds=0), CPU))
    assert [row.unit for row in rows] == ["steps/s", "s"]
    assert all(row.value >= 0 and row.plain is not None and row.plain >= 0 for row in rows)


def test_generated_videos_have_all_frames_and_their_memory_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(memory_module, "VIDEO_FRAMES", 4)
    assert write_videos(tmp_path, 14) == 4
    clips = load_clips(f"300vw:{tmp_path}").clips
    assert [len(clip) for clip in clips] == [4, 4, 4, 2]
    assert clips[2].frame(3).shape == (SIDE, SIDE, 3)
    peaks = peaks_of(str(tmp_path))
    assert len(peaks) == 4 and 0 < peaks[0] <= peaks[-1] == max(peaks)


@pytest.mark.slow
def test_slowdowns_are_measured_beside_busy_processes(clip_spec, tiny_checkpoint):
    rows = list(steady_rows(Load(clips=clip_spec, tracker=tiny_checkpoint, presets=("small",), quick=True, seconds=0), CPU))
    assert [row.what.partition(" beside")[0] for row in rows] == list(WORKS)
    assert all(row.value > 0 and row.plain is not None and row.plain > 0 for row in rows)


def test_gain_is_above_one_where_ours_is_better():
    assert SpeedRow("env", "", "", 20.0, "steps/s", plain=10.0).gain == 2
    assert SpeedRow("replay", "", "", 20.0, "bytes", plain=100.0).gain == 5
    assert SpeedRow("train", "", "", 20.0, "faces/s").gain is None


def test_a_call_is_warmed_up_and_measured_until_its_time_is_over():
    calls: list[int] = []
    assert time_calls(lambda: calls.append(1), CPU, budget=0.0).seconds >= 0 and len(calls) == 2
    timing = time_calls(lambda: torch.rand(1_000).sort(), CPU, budget=0.05)
    assert 0 < timing.seconds < 0.05 and timing.memory_mib is None


def test_functions_are_timed_in_turn():
    calls: list[str] = []
    timings = time_together([lambda: calls.append("a"), lambda: calls.append("b")], CPU, budget=0.0)
    assert calls == ["a", "b", "a", "b"] and len(timings) == 2


def test_arithmetic_leaves_the_switches_as_they_were():
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    with arithmetic("tf32", CPU):
        assert torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32
    with arithmetic("bfloat16", CPU):
        assert not torch.backends.cudnn.allow_tf32
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    assert before == (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)


def test_fresh_features_are_the_remembered_ones(clip_spec, tiny_checkpoint):
    learner = filled_learner(Load(clips=clip_spec, tracker=tiny_checkpoint, presets=(), quick=True, seconds=0.0), CPU)
    index = torch.zeros(6, dtype=torch.int64), torch.arange(6), 10 * torch.arange(6)
    fresh = FreshFeatures(learner.game.scene, learner.features.model, learner.features.encode)
    torch.testing.assert_close(fresh(*index), learner.features(*index), atol=1e-5, rtol=1e-4)
    assert set(learner.update()) >= {"loss"}


def test_parity_is_exact_on_one_device_and_sees_other_arithmetic(clip_spec, lively_tracker):
    clips = load_clips(f"{clip_spec}?limit=3").clips
    rows = list(landmark_parity({"lively": lively_tracker.model}, CPU, clips, frames=9))
    assert [(row["on"], row["precision"]) for row in rows] == [
        (f"lively, {mode}", precision) for mode in ("detect", "track") for precision in ("float32", "bfloat16")
    ]
    assert all(row["faces"] == 3 * 4 for row in rows)
    for exact, other in (rows[:2], rows[2:]):
        assert exact["max_px"] == 0
        assert 0 < other["mean_px"] <= other["p99_px"] <= other["max_px"] < 5


def test_game_parity_sees_other_pixels(clip_spec, tiny_checkpoint, monkeypatch):
    rows = list(game_parity(clip_spec, tiny_checkpoint, CPU, 3, 4))
    assert [row["on"].rpartition(" ")[2] for row in rows] == ["detect", "track"]
    assert all(row["observation_bytes_differing"] == row["reward_max_difference"] == 0 for row in rows)
    seeds = iter(range(4))
    monkeypatch.setattr(parity_module, "load_game", lambda *names, **rules: load_game(*names, **rules, noise_seed=next(seeds)))
    assert all(row["observation_bytes_differing"] > 0 for row in game_parity(clip_spec, tiny_checkpoint, CPU, 3, 4))


def test_the_plain_trunk_finds_the_same_landmarks():
    images = torch.randint(0, 256, (2, 3, 112, 112), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor([[16.0, 16.0, 96.0, 96.0]]).expand(2, 4)
    model = untrained("small", torch.device("cpu")).model
    plain = made_plain(model)
    with torch.no_grad():
        found, expected = (each(images, each.initial_shape(images, boxes), each.start(2))[0] for each in (model, plain))
    assert (found - expected).abs().max() < 1e-3
    assert type(model.trunk) is not type(plain.trunk)
