"""Every ablation of the network (Tables 7 and 8) is one switch: it takes out one level and can be trained, saved and loaded."""

import sys
from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import pytest
import torch
from torch import Tensor

from srn_core import SRN, SRNConfig, load_pretrained
from srn_core.checkpoints import load_card
from srn_core.cli.main import main
from srn_core.errors import UserError
from srn_gym.features import component_groups
from tests.support.faces import TINY
from tests.support.networks import seeded

LEVELS = ["maps=off", "groups=off", "outputs=own", "outputs=off", "global_shape=off"]
SWITCHES = [*LEVELS, "relation=off", "relation=embedded_gaussian", "memory=off", "memory=frame", "initial_shape=hourglass"]
TINY_SETTINGS = [
    *(f"{key}={getattr(TINY, key)}" for key in ("image_size", "patch_size", "steps", "memory_dim", "map_dim", "group_dim")),
    "trunk=3x4,3x8",
]
Train = Callable[..., None]


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch, clip_spec: str) -> Train:
    """One step of ``srn train`` on a tiny network with further settings."""

    def run(out: Path, *settings: str, options: tuple[str, ...] = ()) -> None:
        words = [f"--config-override={setting}" for setting in (*TINY_SETTINGS, *settings)]
        command = ["srn", "train", "--data", clip_spec, "--out", str(out), "--steps=1", "--batch=4", "--device=cpu"]
        monkeypatch.setattr(sys, "argv", [*command, *words, *options])
        main()

    return run


def update_by_hand(model: SRN, z: Tensor, memory: Tensor) -> Tensor:
    """Eq. 6 and 7, level by level; a level that is off passes on what it reads."""
    hsrm, config, scheme = model.hsrm, model.config, model.config.landmarks
    seen, groups, numbers = {}, {}, torch.zeros(len(z), scheme.num_landmarks, 1 if config.global_shape == "on" else 2)
    for region, components in scheme.neighbourhoods.items():
        patches = torch.cat([z[:, i] for i in sorted(i for c in components for i in scheme.groups[c])], 1)
        seen[region] = hsrm.maps[region](patches).tanh() if config.maps == "on" else patches
    for region, components in scheme.neighbourhoods.items():
        for c in components:
            groups[c] = torch.cat([*(seen[r] for r in scheme.adjacency[region]), memory], 1)
            if config.groups == "on":
                groups[c] = hsrm.groups[c](groups[c]).relu()
    if config.outputs == "off":
        return hsrm.global_shape(torch.cat([*groups.values()], 1)).unflatten(1, (-1, 2))
    for components in scheme.neighbourhoods.values():
        for c in components:
            own = config.outputs == "own" or config.groups == "off"
            output = hsrm.outputs[c](groups[c] if own else torch.cat([groups[other] for other in components], 1))
            numbers[:, list(scheme.groups[c])] = output.unflatten(1, (len(scheme.groups[c]), -1))
    return hsrm.global_shape(numbers.flatten(1)).unflatten(1, (-1, 2)) if config.global_shape == "on" else numbers


@pytest.mark.parametrize("scheme", ["68", "29"])
@pytest.mark.parametrize("switch", ["maps=on", *LEVELS])
def test_shape_updates_equal_equations_6_and_7_by_hand_with_every_switch(switch: str, scheme: str) -> None:
    model = seeded(TINY.override([switch, f"scheme={scheme}"]))
    z, memory = torch.randn(2, len(model.mean_shape), 8), torch.randn(2, TINY.memory_dim)
    with torch.inference_mode():
        found = model.hsrm.shape_update(model.hsrm.component_groups(z, memory))
        torch.testing.assert_close(found, update_by_hand(model, z, memory), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("switch", "gone"),
    [("maps=off", "maps"), ("groups=off", "groups"), ("outputs=off", "outputs"), ("global_shape=off", "global_shape")],
)
def test_a_level_that_is_off_has_no_layers_and_the_others_keep_theirs(switch: str, gone: str) -> None:
    names = {name.split(".")[1] for name, _ in SRN(TINY.override([switch])).named_parameters() if name.startswith("hsrm")}
    assert names == {"memory_layer", "maps", "groups", "outputs", "global_shape"} - {gone}


@pytest.mark.parametrize("settings", [("maps=off", "groups=off", "outputs=off"), ("groups=off", "global_shape=off")])
def test_levels_can_be_off_together(settings: tuple[str, ...]) -> None:
    model = SRN(TINY.override(settings))
    shapes, _ = model(torch.zeros(2, 3, 56, 56), torch.full((2, 68, 2), 28.0), model.start(2))
    assert shapes.shape == (2, 2, 68, 2) and shapes.isfinite().all()


@pytest.mark.parametrize("switch", SWITCHES)
def test_each_ablation_trains_saves_and_loads(train: Train, tmp_path: Path, switch: str) -> None:
    train(tmp_path / "run", switch)
    model, card = load_pretrained(tmp_path / "run"), load_card(tmp_path / "run")
    assert model.config == TINY.override([*TINY_SETTINGS, switch])
    key, _, value = switch.partition("=")
    assert card["config"][key] == value and card["arguments"]["config_override"][-1] == switch


@pytest.mark.parametrize("switch", SWITCHES)
def test_the_features_of_the_game_are_the_component_groups_of_the_network(switch: str) -> None:
    model = seeded(TINY.override([switch]))
    x = model.patch_features(torch.rand(2, 68, 3, 10, 10, generator=torch.Generator().manual_seed(0)) - 0.5)
    update, _ = model.regress(x, model.start(2))
    assert torch.equal(model.hsrm.shape_update(component_groups(model, x)), update)


@pytest.mark.parametrize("switch", ["groups=off", "relation=off"])
def test_the_observation_space_contains_the_features(switch: str, train: Train, tmp_path: Path, clip_spec: str) -> None:
    train(tmp_path / "run", switch)
    env = gym.make(
        "OcclusionSynthesis-v0", clips=clip_spec, tracker=str(tmp_path / "run"), device="cpu", observation="features"
    )
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    assert (observation.min() < 0) == (switch == "groups=off")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (["colour=red"], "colour=red"),
        (["relation"], "KEY=VALUE"),
        (["relation=sideways"], "embedded_gaussian"),
        (["scheme=5"], "expected one of 68"),
        (["steps=two"], "steps=two"),
        (["steps=0"], "steps=0"),
        (["steps=1.5"], "whole"),
        (["crop_factor=nan"], "crop_factor=nan"),
        (["trunk=7"], "5x16,3x32"),
        (["trunk="], "5x16,3x32"),
        (["patch_size=5"], "patch_size=5"),
        (["initial_shape=oval"], "expected one of mean, hourglass"),
        (["hourglass_width=40"], "multiple of 16"),
        (["outputs=off", "global_shape=off"], "leave one of them on"),
    ],
)
def test_bad_overrides_are_refused(settings: list[str], named: str) -> None:
    with pytest.raises(UserError, match=named):
        SRNConfig.preset("small").override(settings)


def test_weights_and_states_of_another_architecture_are_refused(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path / "first")
    train(tmp_path / "frame", "memory=frame", options=("--init", str(tmp_path / "first")))
    assert load_pretrained(tmp_path / "frame").config.memory == "frame"
    for out, named, *options in (
        ("maps", "architecture", "--init", str(tmp_path / "first")), ("first", "started with config-override", "--resume"),
    ):  # fmt: skip
        with pytest.raises(SystemExit) as stopped:
            train(tmp_path / out, "maps=off", options=tuple(options))
        assert stopped.value.code == 2 and named in capsys.readouterr().err
