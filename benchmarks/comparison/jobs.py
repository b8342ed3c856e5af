"""Jobs of the comparison: a learner trained with one seed, or a named policy, and measured on both splits."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import agents.sb3
from agents.baselines.args import SB3Args
from agents.deepq.args import DQNArgs
from agents.deepq.training import trained_dqn
from agents.policies.named import named_policy
from agents.policies.protocol import Policy
from agents.policies.trained import load_policy
from agents.run_folder import is_sb3_run
from benchmarks.comparison.args import RegressionArgs
from benchmarks.comparison.learners import LearnerSpec, Training
from benchmarks.comparison.measure import HELD_OUT, TRAIN, Measurement, Row, measure
from benchmarks.comparison.regression import RewardModel
from srn_core.io.files import plain, read_json, write_json
from srn_gym.games import SHARED
from srn_gym.rules import rules_of
from srn_gym.store import Store

ROWS = "rows.json"
# Settings that say where something is done, not what.
PLACES = ("run_dir", "resume", "device", "json", "video")


@dataclass(frozen=True)
class Job:
    """Plain data: it travels to other processes.

    Attributes:
        label: the learner's, or a policy's name.
        seed: of the training; None for a named policy.
        training: the arguments of the training; None for a named policy.
        measurement: how it is measured.
        folder: of the run, its settings and its rows.
        cold: train with a store of its own, so that no earlier job makes the training faster.
    """

    label: str
    seed: int | None
    training: Training | None
    measurement: Measurement
    folder: Path
    cold: bool


def make_jobs(
    learners: Sequence[LearnerSpec],
    policies: Iterable[str],
    train_seeds: Sequence[int],
    total_steps: int,
    how: Measurement,
    out: Path,
    cold: bool,
) -> list[Job]:
    """In the order to run them: trainings seed by seed, so that a comparison that is cut short has some of each learner.

    Args:
        learners: what is trained, on the ``train_clips`` of the measurement.
        policies: named policies to measure beside them.
        train_seeds: of the trainings.
        total_steps: env steps of each training.
        how: the measurement.
        out: the comparison's folder.
        cold: see :class:`Job`.
    """
    options = how.options
    common = {"clips": options.train_clips, "tracker": options.tracker, "device": options.device, **rules_of(options)}
    common |= {"total_steps": total_steps}
    trainings = []
    for place, seed in enumerate(dict.fromkeys(train_seeds)):
        for learner in learners:
            if learner.runs is None or place < learner.runs:
                folder = _folder(out, learner.label) / f"seed-{seed}"
                training = learner.arguments({**common, "seed": seed, "run_dir": folder})
                trainings.append(Job(learner.label, seed, training, how, folder, cold))
    # A regression computes the whole table of rewards, which a training that does not start cold then finds.
    trainings.sort(key=lambda job: not isinstance(job.training, RegressionArgs))
    return [Job(name, None, None, how, _folder(out, name), cold) for name in policies] + trainings


def job_settings(job: Job) -> dict[str, Any]:
    """All that the rows depend on, as JSON gives it back, on one level."""
    how = job.measurement
    settings: dict[str, Any] = {"label": job.label, "tracker_key": how.tracker_key, "eval_seeds": list(how.seeds)}
    if job.training is not None:
        settings |= plain(job.training)
    if isinstance(job.training, SB3Args):
        settings["hparams"] = plain(agents.sb3.chosen_hparams(job.training))
    settings |= {f"eval_{name}": value for name, value in plain(how.options).items() if name not in PLACES}
    return {name: value for name, value in settings.items() if name not in PLACES}


def run_job(job: Job) -> list[Row]:
    """The job's rows, from its file or made now; see :func:`benchmarks.comparison.measure.measure`."""
    file = job.folder / ROWS
    if not file.is_file():
        write_json(file, [{"policy": row["policy"], "seed": job.seed, **row} for row in _rows(job)])
    return list(read_json(file))


def _rows(job: Job) -> Iterator[Row]:
    if job.training is None:
        games = dict(job.measurement.games())
        policy = named_policy(job.label, games[HELD_OUT], lambda: games[TRAIN])
        return measure({job.label: policy}, job.measurement)
    if isinstance(job.training, RegressionArgs):
        return _regression_rows(job, job.training)
    store = Store() if job.cold else SHARED
    return measure({job.label: _trained(job.training, store)}, job.measurement, store)


def _trained(training: DQNArgs | SB3Args, store: Store) -> Policy:
    """The policy of a training; whatever is missing of it is done now."""
    if isinstance(training, DQNArgs):
        return load_policy(trained_dqn(training, store))
    assert training.run_dir is not None
    if not is_sb3_run(training.run_dir):
        # A run of SB3 that was stopped cannot be resumed, and its curve must not run into the next one's.
        for log in training.run_dir.glob("events.out.tfevents.*"):
            log.unlink()
        agents.sb3.train_sb3(training, store)
    return load_policy(training.run_dir)


def _regression_rows(job: Job, training: RegressionArgs) -> Iterator[Row]:
    games = dict(job.measurement.games())
    model = RewardModel(training, games[TRAIN])
    shares = {
        (split, clip.name): round(model.explained_share(game, i), 5)
        for split, game in games.items()
        for i, clip in enumerate(game.clips)
    }
    for row in measure(model.policies(job.label), job.measurement):
        yield {**row, "r2": shares[row["split"], row["clip"]]}


def _folder(out: Path, label: str) -> Path:
    # A colon is no part of a file's name on every system; an option's value may hold a slash.
    return out / "runs" / urllib.parse.quote(label.replace(":", "-", 1), safe="=,")
