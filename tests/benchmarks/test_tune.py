"""The same budget for every learner, drawn from the stated space."""

import json
from pathlib import Path

import pytest

from agents.baselines.extra import ALGORITHMS
from agents.baselines.hyper_parameters import SHIPPED, read_hparams
from benchmarks.common.results import read_figures
from benchmarks.comparison.learners import read_learner
from benchmarks.tune import SPACE, TuneArgs, draws, read_space, shipped, tune
from srn_core.errors import UserError


def tiny_space(folder: Path) -> Path:
    path = folder / "space.json"
    dqn = {"learning_starts": [32], "num_envs": [8], "lr": [1e-3, 1e-2], "gamma": [0.5, 0.9]}
    path.write_text(json.dumps({"dqn": dqn, "sb3-ppo": {"learning_rate": [1e-3, 1e-4], "n_epochs": [1, 2]}}))
    return path


def test_each_learner_gets_the_same_number_of_draws_and_finished_ones_stay(
    clip_spec, tiny_checkpoint, tmp_path, capsys, monkeypatch
):
    pytest.importorskip("stable_baselines3")
    clips = {"clips": f"{clip_spec}?limit=2", "train_clips": f"{clip_spec}?limit=2", "tracker": tiny_checkpoint}
    asked = {
        "learners": ("dqn:plan=none", "sb3-ppo:observation=memory"),
        "draws": 3,
        "train_seeds": (7, 8),
        "total_steps": 64,
        "episodes": 4,
    }
    args = TuneArgs(space=tiny_space(tmp_path), device="cpu", out=tmp_path / "out", **asked, **clips)
    rows = tune(args)
    assert [(row["learner"], row["draw"]) for row in rows] == [(name, i) for name in args.learners for i in range(3)]
    assert all(len(row["shares"]) == 2 for row in rows)
    assert read_figures(args.out)["figures"] == rows
    ppo = rows[-1]
    assert [rows[3]["text"], ppo["text"]] == [
        args.learners[1],
        f"{args.learners[1]},hparams={args.out}/hparams/sb3-ppo-observation=memory-2.yml",
    ]
    ships, drawn = (
        read_hparams(path, "memory") for path in (SHIPPED / "ppo.yml", args.out / "hparams/sb3-ppo-observation=memory-2.yml")
    )
    assert drawn.algorithm == ships.algorithm | ppo["hyper_parameters"] and drawn != ships
    best = max(row["share"] for row in rows if row["learner"] == "dqn:plan=none")
    shown = capsys.readouterr().out
    assert f"{best:.3f}" in shown and "as shipped" in (args.out / "README.md").read_text()
    assert rows[1]["text"].startswith("dqn:plan=none,learning_starts=32,")
    monkeypatch.setattr("benchmarks.comparison.jobs._trained", None)
    assert tune(args) == rows


def test_the_shipped_space_fits_every_learners_arguments():
    spaces = json.loads(SPACE.read_text())
    sizes = {name: [len(values) for values in space.values()] for name, space in spaces.items()}
    assert len({tuple(sorted(counts)) for counts in sizes.values()}) == 1
    for name, space in spaces.items():
        if name == "dqn":
            for key, values in space.items():
                for value in values:
                    assert read_learner(f"dqn:{key}={value}").options == {key: value}
        else:
            assert name.removeprefix("sb3-") in ALGORITHMS


@pytest.mark.parametrize("learner", ["dqn", "sb3-dqn", "sb3-ppo"])
def test_draws_differ_begin_with_what_ships_and_repeat_under_a_seed(learner):
    pytest.importorskip("yaml")
    space = read_space(SPACE, learner)
    for seed in range(10):
        first, again = (list(draws(learner, space, 40, seed)) for _ in range(2))
        assert first == again != list(draws(learner, space, 40, seed + 1))
        assert first[0] == shipped(learner, space)
        assert all(point not in first[:place] for place, point in enumerate(first))
    with pytest.raises(UserError, match="--draws"):
        list(draws(learner, space, 10_000, 0))


def test_empty_lists_are_refused():
    for nothing in ({"train_seeds": ()}, {"learners": ()}):
        with pytest.raises(UserError, match="none given"):
            TuneArgs(**nothing)


def test_an_unknown_learner_or_file_is_refused(tmp_path):
    for learner, match in (("sarsa", "unknown"), ("regression", "not in"), ("dqn:gamma=0.5@3", "leave out @3")):
        with pytest.raises(UserError, match=match):
            read_space(SPACE, learner)
    with pytest.raises(UserError, match="cannot be read"):
        read_space(tmp_path / "none.json", "dqn")
    path = tmp_path / "space.json"
    path.write_text(json.dumps({"dqn": {"lrr": [0.1]}, "sarsa": {"lr": [0.1]}}))
    with pytest.raises(UserError, match="no hyper-parameter 'lrr'"):
        read_space(path, "dqn")
    with pytest.raises(UserError, match="learner 'sarsa': unknown"):
        read_space(path, "sarsa")
