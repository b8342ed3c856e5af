"""Everything that a GPU would do runs on a device that is not the CPU: nothing is left behind, and the CPU rarely waits.

Each work gives the CPU's numbers. What makes the CPU wait once all clips are read is listed beside it with its reason.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_leaves

from agents.deepq.args import DQNArgs
from agents.deepq.learner import Learner
from agents.deepq.replay import TRANSITION
from srn_core import SRN, Tracker, load_pretrained
from srn_core.data import load_clips
from srn_core.model import SRNConfig
from srn_core.occluders.squares import KINDS, add_square
from srn_core.tracking.step import FollowedFaces, as_tensors
from srn_core.training.augment import PlacedOccluders, draw_batch
from srn_core.training.train import TrainingRun
from srn_gym.cache.store import Store
from srn_gym.episodes import Episodes
from srn_gym.game import OcclusionGame
from srn_gym.games import load_game
from srn_gym.memory import nothing_earned
from srn_gym.vector_env import OcclusionSynthesisVectorEnv
from tests.support.other_device import OTHER, OtherTensor, other_device, values, watched
from tests.support.training import small_args


class Place(NamedTuple):
    """Where a work finds its clips and its tracker, and a folder to write in."""

    clips: str
    tracker: str
    folder: Path


Work = Callable[[Place, torch.device], Callable[[], object]]
"""Prepares on a device, and returns what is then watched; that returns tensors or arrays to compare."""
Waits = Mapping[str, str]
"""``module:function`` of this project -> why the CPU must wait there."""


def detection(place: Place, device: torch.device) -> Callable[[], object]:
    """A forward pass, also with an hourglass, for images that lie on the device."""
    model = load_pretrained(place.tracker)
    torch.manual_seed(0)
    hourglass = SRN(SRNConfig.preset("small").override(["initial_shape=hourglass"]))
    trackers = [Tracker(network, device.type) for network in (model, hourglass)]
    clip = load_clips(place.clips).clips[0]
    inputs = [as_tensors(clip.crops(tracker.crop), clip.boxes, tracker.crop, device) for tracker in trackers]
    return lambda: [t.step(*given, t.start(len(clip))) for t, given in zip(trackers, inputs, strict=True)]


def tracking(place: Place, device: torch.device) -> Callable[[], object]:
    """Frames of a video, one after the other."""
    clip = load_clips(place.clips).clips[0]
    face = FollowedFaces(Tracker(load_pretrained(place.tracker), device.type).model, "previous")
    return lambda: [face.step([clip.frame(t)], clip.boxes[t : t + 1], [t == 0]) for t in range(3)]


def training(place: Place, device: torch.device) -> Callable[[], object]:
    """Optimiser steps on single faces and on sequences, with Muon and Adam."""
    options = {"device": device.type, "muon_lr": 1e-3, "start": "previous", "steps": 3}
    run = TrainingRun(small_args(place.clips, place.tracker, place.folder / device.type, **options))
    return lambda: [run.update(step) for step in range(2)] + [run.average.tensors["hsrm.memory_layer.weight"]]


def augmentation(place: Place, device: torch.device) -> Callable[[], object]:
    """Batches with each kind of occluders, at random places and at given ones."""
    run = TrainingRun(small_args(place.clips, place.tracker, place.folder / f"batches-{device.type}", device=device.type))
    placed = PlacedOccluders(np.arange(len(run.pool)) % 68, 0.5)

    def draw() -> object:
        some = [draw_batch(run.pool, run.config, (0, 1), 4, 2, kind) for kind in ("none", "square", "varied", "masklike")]
        return some + [draw_batch(run.pool, run.config, (0, 2), 4, 2, kind, placed) for kind in ("square", "varied")]

    return draw


def occluders(place: Place, device: torch.device) -> Callable[[], object]:
    """The game's squares."""
    images = torch.arange(3 * 3 * 40 * 40, dtype=torch.int64).view(3, 3, 40, 40).remainder(256).to(torch.uint8).to(device)
    centres, keys = torch.tensor([[3.0, 9.5], [20.0, 20.0], [39.0, 0.0]]).to(device), torch.arange(3).to(device)
    return lambda: [add_square(images, centres, keys, 12, kind) for kind in KINDS]


def game(place: Place, device: torch.device, **rules: str) -> Callable[[], object]:
    """Steps and observations of episodes on all clips, on tensors. The clips are read and the answers known."""
    episodes = Episodes(load_game(place.clips, place.tracker, device.type, Store(), **rules), 5)
    actions = torch.tensor([0, 1, 2, 1, 0]).to(device)

    def play() -> object:
        return [(episodes.observation(), episodes.step(actions)) for _ in range(2)]

    for _ in range(2):
        episodes.reset(range(5), [np.random.default_rng(i) for i in range(5)], {"clip": [0, 1, 2, 3, 4]})
        before = played = play()
    del before, played
    episodes.reset(range(5), [np.random.default_rng(i) for i in range(5)], {"clip": [0, 1, 2, 3, 4]})
    return play


def tracked_game(place: Place, device: torch.device) -> Callable[[], object]:
    """:func:`game` against a tracker with memory, for the effect of the occluder alone."""
    return game(place, device, mode="track", reward="excess")


def game_of_features(place: Place, device: torch.device) -> Callable[[], object]:
    """:func:`game` with the tracker's own features as observation."""
    return game(place, device, observation="features")


def new_frames(place: Place, device: torch.device) -> Callable[[], object]:
    """The first steps of a game, when clips must be read and answers computed."""
    episodes = Episodes(load_game(place.clips, place.tracker, device.type, Store(), observation="features"), 5)

    def play() -> object:
        episodes.reset(range(5), [np.random.default_rng(i) for i in range(5)], {"clip": [0, 1, 2, 3, 4]})
        return episodes.observation(), episodes.step(torch.zeros_like(episodes.landmark))

    return play


def vector_env(place: Place, device: torch.device) -> Callable[[], object]:
    """The batched environment, whose clips end and start again; NumPy in and out."""
    envs = OcclusionSynthesisVectorEnv(5, place.clips, place.tracker, device.type, store=Store(), mode="track")
    envs.reset(seed=0, options={"clip": [0, 1, 2, 3, 4]})
    return lambda: [envs.step(np.array([0, 1, 2, 1, 0]))[:4] for _ in range(4)]


def dqn(place: Place, device: torch.device) -> Callable[[], object]:
    """The DQN acts and learns; the replay holds transitions of all clips, whose features are known."""
    learner = _filled_learner(place, device)

    def act_and_update() -> object:
        zero = torch.zeros(5, dtype=torch.int64, device=device)
        clips, earned = torch.arange(5, device=device), nothing_earned(5, 68, device)
        return [learner.act(clips, zero, zero, earned, 0.5), *learner.update().values(), *learner.update().values()]

    act_and_update()
    learner = _filled_learner(place, device, learner.game)
    return act_and_update


def _filled_learner(place: Place, device: torch.device, known: OcclusionGame | None = None) -> Learner:
    found = known or load_game(place.clips, place.tracker, device.type, Store(), reward="excess")
    args = DQNArgs(clips=place.clips, tracker=place.tracker, batch_size=16, device=device.type, lr=1e-3)
    learner, rng = Learner(args, found), np.random.default_rng(0)
    rows = np.zeros(64, TRANSITION)
    rows["clip"], rows["landmark"], rows["next_landmark"] = np.arange(64) % 5, *rng.integers(68, size=(2, 64))
    rows["action"], rows["steps"], rows["reward"] = rng.integers(3, size=64), 1, rng.normal(0, 0.01, 64)
    learner.observe_rewards(rows["reward"], rows["reward"], rows["landmark"])
    learner.replay.add(rows)
    return learner


NUMPY = "the caller gets NumPy arrays"
KNOWN = "which answers are known decides what is computed"
READ = "which clips are held decides what is read; once all are, nobody asks"
WORKS: Mapping[Work, Waits] = {
    detection: {},
    tracking: {"srn_core.tracking.step:FollowedFaces.step": NUMPY},
    training: {},
    augmentation: {},
    occluders: {},
    game: {"srn_gym.cache.memo:Memo._lookup_fitting": KNOWN},
    tracked_game: {},
    game_of_features: {"srn_gym.cache.memo:Memo._lookup_fitting": KNOWN},
    new_frames: {
        "srn_gym.cache.slots:ClipSlots.fitting": READ,
        "srn_gym.cache.slots:ClipSlots.locate": READ,
        "srn_gym.cache.memo:Memo._lookup_fitting": KNOWN,
        "srn_gym.features:FrozenFeatures._compute_covered": "only the patches that the occluder touches are computed",
    },
    vector_env: {
        "srn_gym.vector_env:OcclusionSynthesisVectorEnv.step": NUMPY,
        "srn_gym.vector_env:OcclusionSynthesisVectorEnv._observations": NUMPY,
        "srn_gym.vector_env:OcclusionSynthesisVectorEnv._final_infos": NUMPY,
        "srn_gym.common:step_info": NUMPY,
        "srn_gym.common:reset_info": NUMPY,
        "srn_gym.scene:Scene.to_frame_pixels": NUMPY,
    },
    dqn: {
        "srn_gym.cache.memo:Memo._lookup_fitting": KNOWN,
        "agents.deepq.network:QHead.standardised": "asked once, before the first update",
    },
}


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.__name__)
def test_it_gives_the_numbers_of_the_cpu_and_waits_only_where_it_must(
    work: Work, clip_spec: str, tiny_checkpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(clip_spec, tiny_checkpoint, tmp_path)
    expected = values(work(place, torch.device("cpu"))())
    with other_device(monkeypatch):
        prepared = work(place, OTHER)
        with watched() as waits:
            found = prepared()
        assert any(isinstance(leaf, OtherTensor) for leaf in tree_leaves(found)) != (NUMPY in WORKS[work].values())
        assert {place for place, _ in waits} == set(WORKS[work]), sorted(waits)
        for ours, theirs in zip(values(found), expected, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-3)


def test_the_other_device_keeps_its_tensors_apart_and_sees_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    with other_device(monkeypatch) as device:
        numbers = torch.tensor([1.0, 2.0, 3.0], device=device)
        assert numbers.device == (numbers + 1).device == torch.zeros(2, device=device).device == device
        with pytest.raises(RuntimeError, match="two devices"):
            numbers + torch.zeros(3)
        for wait, operation in (
            (lambda: float(numbers[0]), "_local_scalar_dense"),
            (lambda: bool(numbers.any()), "_local_scalar_dense"),
            (lambda: numbers.tolist(), "tolist"),
            (lambda: numbers.cpu(), "copy to the CPU"),
            (lambda: torch.zeros(3).to(device), "copy to the device"),
            (lambda: numbers.nonzero(), "nonzero"),
            (lambda: numbers[numbers > 1], "index"),
            (lambda: numbers.index_put((numbers > 1,), torch.zeros(2, device=device)), "index_put"),
            (lambda: numbers.unique(), "_unique2"),
        ):
            with watched() as found:
                wait()
            assert {name for _, name in found} == {operation}
        with watched() as found:
            moved = torch.zeros(3).to(device, non_blocking=True) + numbers.masked_fill(numbers > 1, 0)
        assert not found and values(moved)[0].tolist() == [1, 0, 0]
