"""The observations ``response``, ``change`` and ``memory``, and the Q-network's views of these names: the same numbers."""

from __future__ import annotations

import dataclasses
import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from agents.deepq.args import DQNArgs
from agents.deepq.features import network_features
from agents.deepq.network import QNet, each_candidate
from agents.dqn import train_dqn
from agents.playing.rollout import play
from agents.policies.actions import ActionPolicy
from agents.policies.protocol import Position
from agents.policies.trained import load_policy
from srn_core.errors import UserError
from srn_core.io.tensors import load_tensors, save_tensors
from srn_gym.features import component_groups
from srn_gym.games import load_game
from srn_gym.memory import nothing_earned, remember

ID = "srn_gym:OcclusionSynthesis-v0"
CLIP, FRAME, LANDMARK = torch.tensor([0, 1, 2, 0]), torch.tensor([0, 3, 2, 5]), torch.tensor([0, 8, 40, 67])


@pytest.fixture(scope="module")
def arguments(clip_spec, tiny_checkpoint):
    return {"clips": clip_spec, "tracker": tiny_checkpoint, "device": "cpu"}


def test_the_observation_is_computed_from_the_patches_as_documented(arguments):
    game, plain = load_game(**arguments, observation="response"), load_game(**arguments)
    found = game.observe(CLIP, FRAME, LANDMARK)
    assert found.shape == (4, *game.observation_shape) == (4, 3, 137) and found.dtype == torch.float32
    model = game.tracker.model

    def update(patches: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return model.hsrm.shape_update(component_groups(model, model.patch_features(patches))) * 16 / plain.patch_size

    covered = update(plain.observe(CLIP, FRAME, LANDMARK).flatten(0, 1)).view(4, 3, 68, 2)
    clean = update(network_features(plain).patches(CLIP, FRAME, torch.full_like(CLIP, -1)))[:, None]
    torch.testing.assert_close(found[..., :68], covered.norm(dim=3), atol=2e-3, rtol=2e-3)
    torch.testing.assert_close(found[..., 68:136], (covered - clean).norm(dim=3), atol=2e-3, rtol=2e-3)
    assert torch.equal((found[..., 136] * 68).round().long(), plain.candidates(LANDMARK))
    assert found[..., 68:136].amax(2).min() > 0
    change = load_game(**arguments, observation="change").observe(CLIP, FRAME, LANDMARK)
    assert change.shape == (4, 3, 8) and change.dtype == torch.float32
    grown = covered.norm(dim=3) - clean.view(4, 1, 68, 2).norm(dim=3)
    parts = [slice(None), *map(list, game.scene.scheme.groups.values())]
    wanted = torch.stack([grown[..., part].mean(2) for part in parts], 2)
    torch.testing.assert_close(change[..., :-1], wanted, atol=2e-3, rtol=2e-3)
    assert torch.equal(change[..., -1], found[..., -1])


def some_memory() -> torch.Tensor:
    """Of four episodes: each has covered landmark 40 twice, for excess errors of 0.01 and 0.03, and landmark 0 once."""
    earned = nothing_earned(4, 68, torch.device("cpu"))
    for landmark, excess in ((40, 0.01), (0, -0.02), (40, 0.03), (-1, 9.0)):
        earned = remember(earned, torch.full((4,), landmark), torch.full((4,), excess))
    return earned


def test_the_observation_memory_is_change_and_what_each_candidate_earned(arguments):
    game, change = load_game(**arguments, observation="memory"), load_game(**arguments, observation="change")
    found = game.observe(CLIP, FRAME, LANDMARK, some_memory())
    assert found.shape == (4, *game.observation_shape) == (4, 3, 10) and found.dtype == torch.float32
    assert torch.equal(found[..., :8], change.observe(CLIP, FRAME, LANDMARK))
    candidates, known = game.candidates(LANDMARK), found[..., 8:]
    # (0.01 + 0.03) / 3 and 2 / 3 for landmark 40; -0.02 / 2 and 1 / 2 for landmark 0; in percent.
    expected = {40: (4 / 3, 2 / 3), 0: (-1.0, 0.5)}
    wanted = [[expected.get(landmark, (0.0, 0.0)) for landmark in row] for row in candidates.tolist()]
    torch.testing.assert_close(known, torch.tensor(wanted))
    assert not game.observe(CLIP, FRAME, LANDMARK)[..., 8:].any()


@pytest.mark.parametrize("mode", ["detect", "track"])
@pytest.mark.parametrize("reward", ["nme", "excess"])
def test_an_episode_remembers_its_excess_errors_and_a_reset_forgets_them(arguments, mode, reward):
    options = {"options": {"clip": 1, "landmark": 40}}
    env = gym.make(ID, observation="memory", mode=mode, reward=reward, **arguments)
    other = gym.make(ID, mode=mode, reward="excess", **arguments)
    first, _ = env.reset(seed=0, **options)
    other.reset(seed=0, **options)
    assert not first[:, 8:].any()
    total = 0.0
    for step in range(1, 4):
        observation, *_ = env.step(1)
        total += other.step(1)[1]
        assert observation[1, 8:] == pytest.approx([100 * total / (step + 1), step / (step + 1)], abs=1e-4)
        assert not observation[[0, 2], 8:].any()
    again, _ = env.reset(seed=0, **options)
    assert np.array_equal(again, first)


def test_a_policy_that_remembers_is_told_what_it_earned(arguments):
    game, paid = load_game(**arguments), []

    class Told(ActionPolicy):
        remembers = True

        def actions(self, game, position, candidates):
            paid.append(position.earned.clone())
            return torch.ones_like(position.clip)

    rollout = play(game, Told(), 3, seed=0)
    assert not paid[0].any()
    for episode, (clip, first) in enumerate(zip(rollout.clip, rollout.first, strict=True)):
        table = game.nme_table(int(clip))
        excess = (table[:2, first] - table[:2, -1]).sum()
        assert paid[2][episode, :, first].tolist() == pytest.approx([float(excess), 2.0], abs=1e-6)
        assert paid[2][episode, 1].sum() == 2
    told, blind = paid[:], play(game, Told(), 3, seed=0, measured=False)
    assert np.array_equal(blind.targets, rollout.targets)
    assert all(torch.equal(*pair) for pair in zip(told, paid[len(told) :], strict=True))
    # No frame comes after the last, so nobody needs to know what it earned.
    longest = int(game.lengths[blind.clip].max())
    assert np.isnan(blind.nme[:, longest - 1]).all() and np.isfinite(blind.nme[:, 0]).all()


def test_a_cap_also_limits_what_is_remembered(arguments):
    place = CLIP, FRAME, LANDMARK
    free, capped = load_game(**arguments), load_game(**arguments, reward="excess", reward_cap=1e-6)
    excess, limited = (game.respond(*place, game.tracker.start(4), excess=True) for game in (free, capped))
    assert torch.equal(excess.reward, excess.nme) and float(excess.excess.max()) > 1e-6
    assert torch.equal(limited.excess, excess.excess.clamp(max=1e-6)) and torch.equal(limited.reward, limited.excess)


@pytest.mark.parametrize("name", ["response", "change"])
def test_the_network_sees_what_the_env_shows(arguments, name):
    shown = load_game(**arguments, observation=name).observe(CLIP, FRAME, LANDMARK)
    game = load_game(**arguments)
    features = network_features(game, view=name)
    where = each_candidate(CLIP, FRAME, game.candidates(LANDMARK))
    seen = QNet(features, view=name).see(features, *where).view(4, 3, -1)
    assert torch.equal(seen, shown[..., :-1])
    tuned = QNet(features, tuned=True, view=name)
    torch.testing.assert_close(tuned.see(features, *where).view(4, 3, -1), seen, atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize(("name", "size"), [("response", 137), ("change", 8), ("memory", 10)])
def test_envs_show_it(arguments, name, size):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make(ID, observation=name, **arguments).unwrapped, skip_render_check=True)
    envs = gym.make_vec(ID, num_envs=3, observation=name, **arguments)
    observations, _ = envs.reset(seed=0)
    assert envs.observation_space.contains(observations) and observations.shape == (3, 3, size)
    with pytest.raises(UserError, match=f"observation '{name}': the tracker is not an SRN"):
        load_game(**{**arguments, "tracker": "constant"}, observation=name)


def small_dqn(arguments, run_dir, **changes) -> DQNArgs:
    sizes = {"total_steps": 96, "num_envs": 8, "learning_starts": 32, "batch_size": 16, "capacity": 64, "eval_episodes": 0}
    return DQNArgs(**arguments, **sizes, run_dir=run_dir, **changes)


def test_a_policy_of_a_version_with_other_options_is_refused(arguments, tmp_path):
    run = train_dqn(small_dqn(arguments, tmp_path / "run"))
    tensors, card = load_tensors(run / "policy.safetensors")
    save_tensors(run / "policy.safetensors", tensors, card | {"arguments": card["arguments"] | {"plan": True}})
    with pytest.raises(UserError, match="not written by this version"):
        load_policy(run)


def test_a_policy_keeps_its_view_and_the_mean_and_deviation_of_its_inputs(arguments, tmp_path):
    run = train_dqn(small_dqn(arguments, tmp_path / "run", view="response"))
    tensors, card = load_tensors(run / "policy.safetensors")
    assert card["arguments"]["view"] == "response"
    assert tensors["head.mean"].shape == (136,) and (tensors["head.deviation"] > 0).all() and tensors["head.mean"].any()
    game = load_game(**arguments)
    assert (play(game, load_policy(run), 4, seed=0).returns > 0).all()
    with pytest.raises(UserError, match="view"):
        train_dqn(dataclasses.replace(small_dqn(arguments, run, view="parts"), resume=True))


@pytest.mark.parametrize(("name", "size"), [("response", 137), ("change", 8), ("memory", 10)])
def test_sb3_plays_it_as_it_was_shown(arguments, tmp_path, name, size):
    pytest.importorskip("stable_baselines3")
    yaml = pytest.importorskip("yaml")
    from agents.baselines.args import SB3Args
    from agents.baselines.hyper_parameters import SHIPPED, read_hparams
    from agents.sb3 import train_sb3

    assert read_hparams(SHIPPED / "dqn.yml", name) == read_hparams(SHIPPED / "dqn.yml", "features")
    small = {"n_timesteps": 64, "n_steps": 8, "batch_size": 16, "n_epochs": 1, "n_envs": 8}
    entries = yaml.safe_load((SHIPPED / "ppo.yml").read_text())
    (tmp_path / "ppo.yml").write_text(yaml.safe_dump({key: values | small for key, values in entries.items()}))
    run = train_sb3(
        SB3Args(
            algo="ppo", **arguments, observation=name, with_landmark_id=True, hparams=tmp_path / "ppo.yml", window=3,
            run_dir=tmp_path / "run",
        )
    )  # fmt: skip
    policy, game, shown = load_policy(run), load_game(**arguments), load_game(**arguments, observation=name)
    policy.prepare(game)
    received = []
    policy.network.predict = lambda observation, deterministic: (received.append(observation), [0] * 4, None)[1:]
    assert policy.remembers == (name == "memory")
    position = Position(CLIP, FRAME, LANDMARK, game.tracker.start(4), some_memory())
    policy.actions(game, position, game.candidates(LANDMARK))
    np.testing.assert_array_equal(received[0][..., :size], shown.observe(CLIP, FRAME, LANDMARK, some_memory()).numpy())
    assert received[0].shape == (4, 3, size + 68) and received[0].dtype == np.float32
