"""Victims by name: ONNX networks compared with NumPy, the constant victim, and errors about bad ones."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from agents.deepq.args import DQNArgs
from agents.deepq.learner import Learner
from agents.dqn import train_dqn
from agents.playing.rollout import play
from agents.policies.trained import load_policy
from srn_core import SRN, SRNConfig
from srn_core.checkpoints import save_pretrained
from srn_core.errors import UserError
from srn_core.face.geometry import from_box_units
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.tracking.detectors import load_detector
from srn_core.tracking.tracker import Tracker
from srn_core.victims.constant import ConstantVictim
from srn_core.victims.registry import is_srn, load_victim
from srn_gym.episodes import Episodes
from srn_gym.games import load_game
from tests.support.faces import write_checkpoint

SIDE = 9
INPUTS, OUTPUTS = 3 * SIDE**2, 136


def field(number: int, value: int | bytes | str) -> bytes:
    """A field of a protocol buffer: a whole number or bytes."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    low = value & 127
    return bytes([low]) if value < 128 else bytes([low | 128]) + _varint(value >> 7)


def tensor(name: str, values: np.ndarray) -> bytes:
    dims = b"".join(field(1, n) for n in values.shape)
    return dims + field(2, 1) + field(8, name) + field(9, values.astype("<f4").tobytes())


def value_info(name: str, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(field(1, field(1, n)) for n in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))


def write_network(path: Path, weight: np.ndarray, bias: np.ndarray, shape: tuple[int, ...], heads: int = 1) -> str:
    """Write ``flatten(x) @ weight + bias`` as an ONNX file with ``heads`` equal outputs; returns the path."""
    nodes = field(1, "x") + field(2, "flat") + field(4, "Flatten") + field(5, field(1, "axis") + field(3, 1) + field(20, 2))
    graph = field(1, nodes) + field(1, field(1, "flat") + field(1, "weight") + field(2, "product") + field(4, "MatMul"))
    for i in range(heads):
        graph += field(1, field(1, "product") + field(1, "bias") + field(2, f"points{i}") + field(4, "Add"))
        graph += field(12, value_info(f"points{i}", (1, len(bias))))
    graph += (
        field(2, "g") + field(5, tensor("weight", weight)) + field(5, tensor("bias", bias)) + field(11, value_info("x", shape))
    )
    path.write_bytes(field(1, 7) + field(7, graph) + field(8, field(1, "") + field(2, 13)))
    return str(path)


@pytest.fixture
def sampler(tmp_path):
    """A network that answers with the red and green values of its first 68 pixels."""
    weight = np.zeros((INPUTS, OUTPUTS))
    for i in range(68):
        weight[i, 2 * i] = weight[SIDE**2 + i, 2 * i + 1] = 1
    return write_network(tmp_path / "sampler.onnx", weight, np.zeros(OUTPUTS), (1, 3, SIDE, SIDE))


def faces() -> tuple[torch.Tensor, torch.Tensor]:
    """Two crops with red = x and green = y, and a face box in each."""
    y, x = torch.meshgrid(torch.arange(112), torch.arange(112), indexing="ij")
    frames = torch.stack([x, y, torch.full_like(x, 200)]).to(torch.uint8).expand(2, -1, -1, -1)
    return frames, torch.tensor([[16.0, 20, 96, 100], [30.0, 10, 70, 90]])


def pixels_of_crop(box: torch.Tensor, factor: float) -> np.ndarray:
    """The places of the network's first 68 pixels in the game's crop: ``(68, 2)``."""
    x0, y0, x1, y1 = box.tolist()
    side = factor * np.hypot(x1 - x0, y1 - y0) / np.sqrt(2)
    place = (np.arange(SIDE) - (SIDE - 1) / 2) * side / SIDE
    grid = np.stack(np.meshgrid(place + (x0 + x1) / 2, place + (y0 + y1) / 2), -1)
    return grid.reshape(-1, 2)[:68]


def test_network_pixels_map_back_to_the_games_crop(sampler):
    """The colour of a pixel is its place in the game's crop, and the network answers with colours."""
    frames, boxes = faces()
    victim = load_victim(f"onnx:{sampler}?size={SIDE}&scale=1&output=pixel&crop=0.9", "cpu")
    points, state = victim.step(frames, boxes, victim.start(2))
    assert state.shape == (2, 0)
    for box, found in zip(boxes, points, strict=True):
        x0, y0, x1, y1 = box.tolist()
        seen = pixels_of_crop(box, 0.9)
        scale = 0.9 * np.hypot(x1 - x0, y1 - y0) / np.sqrt(2) / SIDE
        expected = (seen - (SIDE - 1) / 2) * scale + [(x0 + x1) / 2, (y0 + y1) / 2]
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-2)


@pytest.mark.parametrize(
    ("query", "transform"),
    [
        ("scale=1", lambda x: x),
        ("scale=0.5&mean=10", lambda x: (x - 10) * 0.5),
        ("scale=1,2,3&mean=4,5,6", lambda x: (x - np.reshape([4, 5, 6], (3, 1, 1))) * np.reshape([1, 2, 3], (3, 1, 1))),
        ("scale=1&rgb=0", lambda x: x[::-1]),
        ("scale=1&layout=nhwc", lambda x: x.transpose(1, 2, 0)),
        ("", lambda x: x / 255),
    ],
)
def test_input_is_prepared_as_the_options_say(tmp_path, query, transform):
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(0, 0.01, (INPUTS, OUTPUTS)), rng.random(OUTPUTS)
    shape = (1, SIDE, SIDE, 3) if "nhwc" in query else (1, 3, SIDE, SIDE)
    path = write_network(tmp_path / "net.onnx", weight, bias, shape)
    victim = load_victim(f"onnx:{path}?size={SIDE}&output=pixel&{query}".rstrip("&"), "cpu")
    frames, boxes = faces()
    points, _ = victim.step(frames[:1], boxes[:1], victim.start(1))
    x = np.concatenate([pixels_of_crop(boxes[0], 1.0), np.zeros((SIDE**2 - 68, 2))])
    step = np.hypot(80, 80) / np.sqrt(2) / SIDE
    x[68:] = np.stack(np.meshgrid(*2 * [(np.arange(SIDE) - 4) * step]), -1).reshape(-1, 2)[68:] + [56, 60]
    image = np.stack([x[:, 0], x[:, 1], np.full(SIDE**2, 200)]).reshape(3, SIDE, SIDE)
    output = (transform(image).reshape(-1) @ weight + bias).reshape(68, 2)
    np.testing.assert_allclose(points[0].numpy(), (output - 4) * step + [56, 60], atol=2e-2)


def test_unit_output_is_in_sides_of_the_input(tmp_path):
    bias = np.tile([0.0, 0, 1, 1], 34)
    path = write_network(tmp_path / "corners.onnx", np.zeros((INPUTS, OUTPUTS)), bias, (1, 3, SIDE, SIDE))
    victim = load_victim(f"onnx:{path}?size={SIDE}&crop=1.2", "cpu")
    points, _ = victim.step(*faces(), victim.start(2))
    first = np.array([56, 60]) - 1.2 * 80 * (SIDE - 1) / SIDE / 2
    np.testing.assert_allclose(points[0, :2].numpy(), [first, first + 1.2 * 80], atol=1e-3)


def test_opencv_and_onnxruntime_agree(sampler):
    pytest.importorskip("onnxruntime")
    ours, theirs = (
        load_victim(f"onnx:{sampler}?size={SIDE}&scale=1&output=pixel&runtime={runtime}", "cpu").step(
            *faces(), torch.zeros(2, 0)
        )[0]
        for runtime in ("opencv", "onnxruntime")
    )
    torch.testing.assert_close(ours, theirs)


def test_the_constant_victim_always_answers_the_mean_shape():
    victim = load_victim("constant", "cpu")
    assert isinstance(victim, ConstantVictim)
    frames, boxes = faces()
    points, _ = victim.step(frames, boxes, victim.start(2))
    torch.testing.assert_close(points, from_box_units(torch.tensor(MEAN_SHAPES["68"]), boxes))
    assert torch.equal(points, victim.step(255 - frames, boxes, victim.start(2))[0])


def test_names_of_checkpoints_give_trackers(tiny_checkpoint):
    assert isinstance(load_victim(tiny_checkpoint, "cpu"), Tracker)
    assert [is_srn(name) for name in (tiny_checkpoint, "srn-small", "constant", "onnx:a.onnx")] == [True, True, False, False]


def test_a_checkpoint_retrained_under_the_same_path_is_another_tracker(tmp_path):
    before = load_victim(write_checkpoint(tmp_path, seed=0), "cpu")
    after = load_victim(write_checkpoint(tmp_path, seed=1), "cpu")
    again = load_victim(write_checkpoint(tmp_path, seed=0), "cpu")
    assert before.key == again.key != after.key
    frames, boxes = faces()
    answers = [tracker.step(frames, boxes, tracker.start(2))[0] for tracker in (before, again, after)]
    assert torch.equal(answers[0], answers[1]) and not torch.equal(answers[0], answers[2])


@pytest.mark.parametrize("mode", ["detect", "track"])
def test_the_game_is_played_against_any_victim(clip_spec, sampler, mode):
    for name in ("constant", f"onnx:{sampler}?size={SIDE}&output=pixel"):
        game = load_game(clip_spec, name, "cpu", mode=mode)
        index = torch.tensor([0, 1])
        covered, clean = (game.respond(index, index, target, game.tracker.start(2)) for target in (index + 30, index * 0 - 1))
        assert torch.isfinite(covered.reward).all()
        assert torch.equal(covered.reward, clean.reward) == (name == "constant")
        assert game.observe(index, index, index).shape == (2, 3, 68, 3, 18, 18)


def test_a_dqn_plays_against_any_victim_with_an_encoder_of_its_own(clip_spec, sampler, tmp_path, tiny_checkpoint):
    small = SRN(SRNConfig.preset("small"))
    save_pretrained(small, tmp_path / "small", {"data": "untrained"})
    victim = f"onnx:{sampler}?size={SIDE}&output=pixel"
    args = DQNArgs(
        clips=clip_spec, tracker=victim, encoder=str(tmp_path / "small"), run_dir=tmp_path / "run", device="cpu",
        total_steps=64, num_envs=8, learning_starts=32, batch_size=8, capacity=32,
    )  # fmt: skip
    run = train_dqn(args)
    game = load_game(clip_spec, victim, "cpu")
    assert np.isfinite(play(game, load_policy(run), 4, 0).returns).all()
    with pytest.raises(UserError, match="patches of 10 px, but the tracker's are '68' and 18 px"):
        Learner(dataclasses.replace(args, encoder=tiny_checkpoint), game)


def test_a_network_of_another_scheme_needs_its_name(tmp_path):
    outputs = 2 * 29
    path = write_network(tmp_path / "cofw.onnx", np.zeros((INPUTS, outputs)), np.zeros(outputs), (1, 3, SIDE, SIDE))
    victim = load_victim(f"onnx:{path}?size={SIDE}&scheme=29", "cpu")
    assert victim.scheme.name == "29" and victim.step(*faces(), victim.start(2))[0].shape == (2, 29, 2)


def test_module_and_function_name_a_users_own_victim(clip_spec):
    name = "tests.support.solvable:looks_at_the_nose"
    assert not is_srn(name)
    game = load_game(clip_spec, name, "cpu")
    assert type(game.tracker).__name__ == "LooksAtTheNose"
    assert game.nme_table(0).max() > 2 * game.nme_table(0).min()
    for mode in ("detect", "track"):
        learnt = load_game(clip_spec, "tests.support.solvable:learns", "cpu", mode=mode)
        found = Episodes(learnt, 1)
        found.reset([0], [np.random.default_rng(0)])
        assert np.isfinite(float(found.step(torch.tensor([1])).reward))
    for unusable, message in (
        ("tests.support.solvable:nobody", "tests.support.solvable has no function 'nobody'; expected MODULE:FUNCTION"),
        ("os:name", "os has no function 'name'"),
        ("no_such_module:victim", "No module named 'no_such_module'; expected MODULE:FUNCTION"),
        ("tests.support.solvable:incomplete", "has no scheme, crop, patch_size, device, key, start, step"),
    ):
        with pytest.raises(UserError, match=message):
            load_victim(unusable, "cpu")


def test_other_options_give_another_key(sampler):
    keys = {load_victim(f"onnx:{sampler}?size={SIDE}{more}", "cpu").key for more in ("", "&crop=1.1", "&scale=1")}
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("size=9&colour=1", "unknown option 'colour'.*layout"),
        ("size", "size=; expected a whole number of 1 to 4096"),
        ("size=large", "size=large; expected a whole number"),
        ("size=9.9", "size=9.9; expected a whole number"),
        ("size=1e9", "size=1e9; expected a whole number"),
        ("size=nan", "size=nan; expected a whole number"),
        ("size=9&crop=0", "crop=0; expected a number above 0"),
        ("size=9&crop=inf", "crop=inf; expected a number above 0"),
        ("size=9&scale=nan", "scale=nan; expected a number, or three"),
        ("size=9&mean=0,inf,0", "mean=0,inf,0; expected a number, or three"),
        ("size=9&scale=1,2", "scale=1,2; expected a number, or three"),
        ("size=9&rgb=2", "rgb=2; expected 1 or 0"),
        ("size=9&output=metres", "output=metres; expected unit or pixel"),
        ("size=9&blob=heat", "blob=heat.*one of points0"),
        ("size=7", "cannot run it on shape .*check size= and layout="),
    ],
)
def test_bad_options_are_refused(sampler, query, message):
    with pytest.raises(UserError, match=message):
        load_victim(f"onnx:{sampler}?{query}", "cpu")


def test_bad_networks_are_refused(tmp_path):
    with pytest.raises(UserError, match="nowhere.onnx: no such file.*onnx:PATH"):
        load_victim("onnx:nowhere.onnx", "cpu")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")
    with pytest.raises(UserError, match="opencv cannot load it"):
        load_victim(f"onnx:{broken}", "cpu")
    few = write_network(tmp_path / "few.onnx", np.zeros((INPUTS, 10)), np.zeros(10), (1, 3, SIDE, SIDE))
    with pytest.raises(UserError, match="gives 10 numbers; expected x and y of 68 points, 136"):
        load_victim(f"onnx:{few}?size={SIDE}", "cpu")
    two = write_network(tmp_path / "two.onnx", np.zeros((INPUTS, OUTPUTS)), np.zeros(OUTPUTS), (1, 3, SIDE, SIDE), heads=2)
    with pytest.raises(UserError, match="blob=; expected the name of an output, one of points0, points1"):
        load_victim(f"onnx:{two}?size={SIDE}", "cpu")
    assert load_victim(f"onnx:{two}?size={SIDE}&blob=points1", "cpu").options.blob == "points1"


def test_a_network_that_is_not_a_face_detector_is_refused(sampler):
    with pytest.raises(UserError, match="sampler.onnx: OpenCV cannot load it; expected the ONNX file of YuNet"):
        load_detector(f"yunet:{sampler}")


def test_without_onnxruntime_the_error_names_its_extra(sampler, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"onnxruntime is not installed.*srn-occlusion\[onnx\]"):
        load_victim(f"onnx:{sampler}?size={SIDE}&runtime=onnxruntime", "cpu")
