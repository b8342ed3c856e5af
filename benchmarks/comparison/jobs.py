"""The jobs of a comparison: each trains a learner with one seed and measures it. Also the rows of named policies."""

import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import agents.sb3
from agents.baselines.args import SB3Args
from agents.deepq.args import DQNArgs
from agents.deepq.training import trained_dqn
from agents.policies.protocol import Policy
from agents.policies.trained import load_policy
from agents.run_folder import is_sb3_run
from benchmarks.common.results import ResultRow
from benchmarks.common.settings import ROWS, check_settings, finished_rows
from benchmarks.comparison.args import RegressionArgs
from benchmarks.comparison.learners import LearnerSpec, Training
from benchmarks.comparison.measure import (
    HELD_OUT,
    TRAIN,
    Measurement,
    Played,
    measure_policies,
    play_on_split,
    rollout_rows,
)
from benchmarks.comparison.regression import RewardModel
from srn_core.data.several import listed_specs
from srn_core.io.files import plain
from srn_gym.cache.store import Store
from srn_gym.games import SHARED, load_game
from srn_gym.rules import rules_of

# Settings that say where something is done, not what.
PLACES = ("run_dir", "resume", "device", "json", "video")


@dataclass(frozen=True)
class TrainingJob:
    """Plain data: it travels to other processes.

    Attributes:
        label: the learner's.
        training: the arguments of the training.
        measurement: how it is measured.
        folder: of the run, its settings and its rows.
        cold: train with a new store, so that no earlier job makes the training faster.
    """

    label: str
    training: Training
    measurement: Measurement
    folder: Path
    cold: bool


def make_jobs(
    learners: Sequence[LearnerSpec],
    train_seeds: Sequence[int],
    total_steps: int,
    how: Measurement,
    out: Path,
    cold: bool,
) -> list[TrainingJob]:
    """The jobs in the order to run them: seed by seed, so that an interrupted comparison has some runs of each learner."""
    options = how.options
    tracker = options.train_tracker or options.tracker
    common = {"clips": options.train_clips, "tracker": tracker, "device": options.device, **rules_of(options)}
    jobs = []
    for place, seed in enumerate(dict.fromkeys(train_seeds)):
        for learner in learners:
            if learner.runs is None or place < learner.runs:
                folder = run_folder(out, learner.label) / f"seed-{seed}"
                given = {**common, "total_steps": total_steps, "seed": seed, "run_dir": folder}
                jobs.append(TrainingJob(learner.label, learner.arguments(given), how, folder, cold))
    # Regressions come first: they compute all rewards, and trainings that do not start cold can reuse them.
    return sorted(jobs, key=lambda job: not isinstance(job.training, RegressionArgs))


def run_folder(out: Path, label: str) -> Path:
    """The folder of a learner or a named policy inside the comparison's folder."""
    # Some systems do not allow a colon in a file's name, and an option's value may hold a slash.
    return out / "runs" / urllib.parse.quote(label.replace(":", "-", 1), safe="=,")


def check_jobs(jobs: Sequence[TrainingJob], names: Sequence[str], how: Measurement, out: Path) -> None:
    """Refuse folders with rows of other settings, before anything in them is replaced."""
    for name in names:
        check_settings(run_folder(out, name), _settings(name, how))
    for job in jobs:
        hparams = {"hparams": plain(agents.sb3.chosen_hparams(job.training))} if isinstance(job.training, SB3Args) else {}
        check_settings(job.folder, _settings(job.label, job.measurement, plain(job.training) | hparams))


def _settings(label: str, how: Measurement, training: dict[str, Any] | None = None) -> dict[str, Any]:
    """All that the rows depend on, on one level."""
    settings = {"label": label, "tracker_key": how.tracker_key, "eval_seeds": list(how.seeds), **(training or {})}
    # The other policies do not depend on how prior is made.
    left_out = PLACES if label in ("prior", "adaptive") else (*PLACES, "prior_frames")
    if not how.options.train_tracker:
        left_out = (*left_out, "train_tracker")
    # Always there, so that a call without the option does not take the rows of one with it.
    settings["measured_train_clips"] = list(listed_specs(how.measured_train_clips)) or None
    settings |= {f"eval_{name}": value for name, value in plain(how.options).items() if name not in left_out}
    return {name: value for name, value in settings.items() if name not in PLACES}


def named_rows(names: Sequence[str], how: Measurement, out: Path, held_out: Played | None = None) -> list[ResultRow]:
    """The rows of named policies on both splits, from their folders or played now.

    Args:
        names: of the policies.
        how: the measurement.
        out: the comparison's folder.
        held_out: what the policies have already played on the held-out clips.
    """
    missing = [name for name in names if not (run_folder(out, name) / ROWS).is_file()]
    splits: dict[str, Played] = {}
    if missing:
        splits = {HELD_OUT: held_out or play_on_split(how, HELD_OUT, missing), TRAIN: play_on_split(how, TRAIN, missing)}

    def played(name: str) -> Iterator[ResultRow]:
        for split, (game, rollouts) in splits.items():
            for row in rollout_rows(name, split, game, rollouts[name]):
                yield {"policy": name, "seed": None, **row}

    return [row for name in names for row in finished_rows(run_folder(out, name), partial(played, name))]


def run_job(job: TrainingJob) -> list[ResultRow]:
    """The job's rows: read from its folder, or made by training (or resuming) and measuring."""
    seed = job.training.seed
    return finished_rows(job.folder, lambda: ({"policy": row["policy"], "seed": seed, **row} for row in _rows(job)))


def _rows(job: TrainingJob) -> Iterator[ResultRow]:
    if isinstance(job.training, RegressionArgs):
        return _regression_rows(job, job.training)
    store = Store() if job.cold else SHARED
    return measure_policies({job.label: _trained(job.training, store)}, job.measurement, store)


def _trained(training: DQNArgs | SB3Args, store: Store) -> Policy:
    """The policy of a training, which is run or finished first if needed."""
    if isinstance(training, DQNArgs):
        return load_policy(trained_dqn(training, store))
    assert training.run_dir is not None
    if not is_sb3_run(training.run_dir):
        # A run of SB3 that was stopped cannot be resumed, and its curve must not run into the next one's.
        for log in training.run_dir.glob("events.out.tfevents.*"):
            log.unlink()
        agents.sb3.train_sb3(training, store)
    return load_policy(training.run_dir)


def _regression_rows(job: TrainingJob, training: RegressionArgs) -> Iterator[ResultRow]:
    games, options = dict(job.measurement.games()), job.measurement.options
    model = RewardModel(training, load_game(training.clips, training.tracker, options.device, **rules_of(options)))
    shares = {
        (split, clip.name): round(model.explained_share(game, i), 5)
        for split, game in games.items()
        for i, clip in enumerate(game.clips)
    }
    for row in measure_policies(model.policies(job.label), job.measurement):
        yield {**row, "r2": shares[row["split"], row["clip"]]}
