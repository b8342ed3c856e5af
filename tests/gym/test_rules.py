"""What an env's arguments change about the game: reward, neighbourhood, occluder, observation."""

from __future__ import annotations

import pickle
import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

import srn_gym  # noqa: F401  (registers the environment)
from srn_core.errors import UserError
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.face.schemes import SCHEMES
from srn_gym.episodes import Episodes
from srn_gym.features import component_groups
from srn_gym.game import OcclusionGame
from srn_gym.games import load_game
from srn_gym.neighbourhoods import contour_tour, neighbour_table

ID = "OcclusionSynthesis-v0"
CLIP, FRAME, TARGET = torch.tensor([0, 0, 1, 2]), torch.tensor([2, 5, 3, 1]), torch.tensor([30, 3, -1, 60])
TOUR = [
    *range(17), *range(26, 21, -1), *range(43, 48), 42, *range(27, 36), *range(52, 60), *range(48, 52), *range(62, 68), 60, 61,
    40, 41, *range(36, 40), *range(21, 16, -1),
]  # fmt: skip


@pytest.fixture
def arguments(clip_spec: str, tiny_checkpoint: str) -> dict[str, str]:
    return {"clips": clip_spec, "tracker": tiny_checkpoint, "device": "cpu"}


@pytest.fixture
def plain(arguments) -> OcclusionGame:
    return load_game(**arguments)


def test_excess_is_the_error_less_the_clean_frames(arguments, plain):
    excess = load_game(**arguments, reward="excess")
    start = plain.tracker.start(4)
    found, expected = (game.respond(CLIP, FRAME, TARGET, start) for game in (excess, plain))
    clean = plain.respond(CLIP, FRAME, torch.full_like(TARGET, -1), start).nme
    assert torch.equal(expected.reward, expected.nme)
    torch.testing.assert_close(found.nme, expected.nme)
    torch.testing.assert_close(found.reward, expected.nme - clean, atol=1e-7, rtol=0)
    assert found.reward[2] == 0
    assert found.reward.abs().max() > 1e-5
    torch.testing.assert_close(excess.nme_table(0), plain.nme_table(0))


def test_excess_compares_under_the_same_memory(arguments):
    plain, excess = (load_game(**arguments, mode="track", reward=reward) for reward in ("nme", "excess"))
    state = torch.randn(4, plain.tracker.start(1).shape[1], generator=torch.Generator().manual_seed(0))
    covered = plain.respond(CLIP, FRAME, TARGET, state)
    clean = plain.respond(CLIP, FRAME, torch.full_like(TARGET, -1), state)
    found = excess.respond(CLIP, FRAME, TARGET, state)
    torch.testing.assert_close(found.reward, covered.nme - clean.nme, atol=1e-7, rtol=0)
    torch.testing.assert_close(found.state, covered.state)
    fresh = plain.respond(CLIP, FRAME, torch.full_like(TARGET, -1), plain.tracker.start(4))
    assert not torch.allclose(found.reward, covered.nme - fresh.nme, atol=1e-6)


@pytest.mark.parametrize("reward", ["nme", "excess"])
def test_a_cap_bounds_the_reward_and_not_the_nme(arguments, reward):
    target = torch.arange(68)
    free = load_game(**arguments, reward=reward)
    start = free.tracker.start(68)
    expected = free.respond(target * 0, target * 0, target, start)
    cap = float(expected.reward.quantile(0.8))
    found = load_game(**arguments, reward=reward, reward_cap=cap).respond(target * 0, target * 0, target, start)
    assert (expected.reward > cap + 1e-6).sum() > 5
    torch.testing.assert_close(found.reward, expected.reward.clamp(max=cap), atol=1e-7, rtol=0)
    torch.testing.assert_close(found.nme, expected.nme)


def test_envs_pay_the_reward_and_tell_the_nme(arguments):
    options = {"clip": 0, "landmark": 30}
    env = gym.make(ID, **arguments, reward="excess", reward_cap=0.5)
    envs = gym.make_vec(ID, num_envs=2, **arguments, reward="excess", reward_cap=0.5)
    env.reset(seed=0, options=options)
    envs.reset(seed=0, options=options)
    _, reward, _, _, info = env.step(1)
    _, rewards, _, _, infos = envs.step(np.ones(2, int))
    table = env.unwrapped.game.nme_table(0)[0]
    assert info["nme"] == infos["nme"][0] == pytest.approx(float(table[30]))
    assert reward == rewards[0] == pytest.approx(float(table[30] - table[-1]), abs=1e-7)


def test_the_tour_is_the_documented_one():
    assert contour_tour(SCHEMES["68"], np.array(MEAN_SHAPES["68"])) == TOUR


@pytest.mark.parametrize("name", MEAN_SHAPES)
@pytest.mark.parametrize("neighbourhood", ["index", "graph"])
def test_neighbours_are_a_ring_through_all_landmarks(name, neighbourhood):
    scheme = SCHEMES[name]
    table = neighbour_table(scheme, neighbourhood)
    assert np.array_equal(table[:, 1], np.arange(scheme.num_landmarks))
    assert np.array_equal(table[table[:, 2], 0], table[:, 1])
    seen = [0]
    for _ in range(scheme.num_landmarks):
        seen.append(int(table[seen[-1], 2]))
    assert sorted(seen[:-1]) == list(range(scheme.num_landmarks))
    assert seen[-1] == 0


def test_the_tour_is_shorter_than_the_order_of_the_numbers():
    shape = np.array(MEAN_SHAPES["68"])
    steps = {
        name: np.linalg.norm(shape - shape[neighbour_table(SCHEMES["68"], name)[:, 2]], axis=1) for name in ("index", "graph")
    }
    assert steps["graph"].sum() < 0.8 * steps["index"].sum()
    assert steps["graph"].max() < 0.6 * steps["index"].max()


def test_actions_follow_the_neighbourhood(arguments):
    episodes = Episodes(load_game(**arguments, neighbourhood="graph"), 3)
    episodes.reset(range(3), [np.random.default_rng(i) for i in range(3)], {"clip": 0, "landmark": 16})
    assert episodes.step(torch.tensor([0, 1, 2])).landmark.tolist() == [15, 16, 26]
    assert episodes.step(torch.tensor([2, 2, 2])).landmark.tolist() == [16, 26, 25]


def test_static_noise_is_the_same_on_every_frame_of_a_clip_alone(arguments, plain):
    still = load_game(**arguments, noise_per_frame=False)

    def square(game: OcclusionGame, clip: int, frame: int) -> torch.Tensor:
        scene, side = game.scene, game.scene.occluder_side
        image = scene.occlude(*(torch.tensor([value]) for value in (clip, frame, 30)))[0]
        x, y = (torch.floor(scene.landmarks[scene.offsets[clip] + frame, 30] + 0.5).long() - side // 2).tolist()
        return image[:, y : y + side, x : x + side]

    assert torch.equal(square(still, 0, 1), square(still, 0, 4))
    assert not torch.equal(square(plain, 0, 1), square(plain, 0, 4))
    assert not torch.equal(square(still, 0, 1), square(still, 1, 1))


@pytest.mark.parametrize("occluder", ["noise", "black", "blur", "texture", "mask"])
def test_every_occluder_is_played_with(arguments, plain, occluder):
    game = load_game(**arguments, occluder=occluder)
    covered = game.scene.occlude(CLIP, FRAME, TARGET)
    clean = plain.scene.occlude(CLIP, FRAME, torch.full_like(TARGET, -1))
    assert (covered != clean).flatten(1).any(1).tolist() == [True, True, False, True]
    patches = game.observe(CLIP, FRAME, TARGET.clamp(min=0))
    assert torch.equal(patches, plain.observe(CLIP, FRAME, TARGET.clamp(min=0))) == (occluder == "noise")


def test_features_are_the_trackers_component_groups_of_the_patches(arguments, plain):
    game = load_game(**arguments, observation="features")
    observation = game.observe(CLIP, FRAME, TARGET.clamp(min=0))
    assert observation.dtype == torch.float16
    assert observation.shape == (4, 3, 6 * 16)
    model, patches = game.tracker.model, plain.observe(CLIP, FRAME, TARGET.clamp(min=0))
    with torch.no_grad():
        groups = component_groups(model, model.patch_features(patches.flatten(0, 1)))
    names = [name for components in game.tracker.scheme.neighbourhoods.values() for name in components]
    expected = torch.cat([groups[name] for name in names], 1).view(4, 3, -1)
    torch.testing.assert_close(observation.float(), expected, atol=2e-3, rtol=2e-3)
    assert expected.std() > 0.01


def test_envs_show_features(arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make(ID, observation="features", **arguments).unwrapped, skip_render_check=True)
    envs = gym.make_vec(ID, num_envs=3, observation="features", **arguments)
    observations, _ = envs.reset(seed=0)
    assert envs.observation_space.contains(observations)
    assert observations.shape == (3, 3, 96)
    copy = pickle.loads(pickle.dumps(envs))
    actions = np.array([0, 1, 2])
    assert np.array_equal(envs.step(actions)[0], copy.step(actions)[0])


def test_features_need_an_srn(arguments):
    with pytest.raises(UserError, match="observation 'features': the tracker is not an SRN.*observation='patches'"):
        load_game(**{**arguments, "tracker": "constant"}, observation="features")


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"occluder": "scarf"}, "occluder 'scarf'.*noise, black, blur, texture, mask"),
        ({"neighbourhood": "street"}, "neighbourhood 'street'.*index, graph"),
        ({"reward": "money"}, "reward 'money'.*nme, excess"),
        ({"reward_cap": 0}, "reward_cap 0: expected a fraction above 0"),
        ({"observation": "smell"}, "observation 'smell'.*patches, features"),
        ({"reward_cap": "0.3"}, "reward_cap '0.3': expected a fraction"),
        ({"occluder_size": 48.5}, "occluder_size 48.5: expected a whole number of pixels"),
        ({"occluder_size": None}, "occluder_size None"),
        ({"occluder_size": 0}, "occluder_size 0"),
        ({"occluder_size": 300}, "occluder_size 300"),
        ({"noise_per_frame": "no"}, "noise_per_frame 'no': expected true or false"),
        ({"noise_seed": "a"}, "noise_seed 'a': expected a whole number"),
        ({"noise_seed": 2**63}, "noise_seed 9223372036854775808: expected a whole number from 0"),
        ({"colour": 3}, "argument 'colour': unknown.*occluder_size"),
    ],
)
def test_bad_rules_are_named(arguments, rules, message):
    with pytest.raises(UserError, match=message):
        gym.make(ID, **arguments, **rules)
