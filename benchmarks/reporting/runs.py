"""What a run's folder or file says: which command wrote it, with which arguments, its figures, and who can play."""

import dataclasses
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.baselines.args import SB3Args
from agents.deepq.args import DQNArgs
from agents.hardening.args import FinetuneArgs
from agents.playing.evaluation import sibling_splits
from agents.policies.named import NAMES
from agents.policies.prior import PRIOR_FRAMES
from agents.run_folder import POLICY, is_sb3_run
from benchmarks.common.commands import option_words
from benchmarks.common.results import FIGURES
from srn_core.checkpoints import CARD
from srn_core.data.several import Specs, plain_specs, specs_text
from srn_core.errors import UserError
from srn_core.io.files import read_json
from srn_core.io.tensors import load_tensors
from srn_core.pages.page import Section
from srn_core.pages.sections import facts, table
from srn_core.training.args import TrainArgs
from srn_gym.rules import GameRules

EVALUATION = "evaluation.json"
# Of more records than this, each is a line of its table.
MOST_COLUMNS = 6


@dataclass(frozen=True)
class Match:
    """A game and who plays it; matches on one game are watched together.

    Attributes:
        clips: data spec, or several.
        tracker: the victim's name.
        rules: of the game.
        policies: names, and folders of runs.
        seed: of the episodes.
        train_clips: what ``prior`` looks at; None: the clips of split=train.
        prior_frames: most frames of each of these clips that it looks at.
    """

    clips: str | tuple[str, ...]
    tracker: str
    rules: GameRules
    policies: tuple[str, ...]
    seed: int = 0
    train_clips: Specs | None = None
    prior_frames: int = PRIOR_FRAMES


@dataclass(frozen=True)
class Run:
    """One run on the page.

    Attributes:
        path: as it was given.
        what: one line: which command wrote it.
        sections: facts and tables.
        logs: folders with TensorBoard files.
        match: who plays which game; None of a run without a player.
    """

    path: Path
    what: str
    sections: Sequence[Section]
    logs: Sequence[Path] = ()
    match: Match | None = None
    notes: Sequence[str] = field(default_factory=tuple)


def read_run(path: Path) -> Run:
    """Recognise a run by what lies in its folder.

    Raises:
        UserError: nothing there, or not of a known kind.
    """
    if path.is_file() and path.suffix == ".json":
        return _json_file(path)
    for marker, read in _FOLDERS:
        if (path / marker).is_file():
            return read(path)
    markers = ", ".join(marker for marker, _ in _FOLDERS)
    raise UserError(f"{path}: no run; expected a folder with one of {markers}, or a JSON file of an evaluation")


def command_line(words: Sequence[str], kind: type, arguments: Mapping[str, Any]) -> str:
    """The command of a run from its saved arguments; options at their defaults, or unknown today, are left out."""
    fields = {field.name for field in dataclasses.fields(kind)}
    saved = {name: value for name, value in arguments.items() if name in fields}
    known = {name: tuple(value) if isinstance(value, list) else value for name, value in saved.items()}
    return shlex.join([*words, *option_words(kind(**known), ("resume",))])


def versions_text(record: Mapping[str, Any]) -> str:
    """The versions that a run stored, in one line."""
    found = record.get("versions")
    return ", ".join(f"{name} {version}" for name, version in found.items()) if found else "not recorded"


def _dqn(path: Path) -> Run:
    card = load_tensors(path / POLICY)[1]
    return _learner(path, "agents/dqn.py", DQNArgs, card, {"env steps": card["step"], "tracker's key": card["tracker_key"]})


def _carded(path: Path) -> Run:
    card = read_json(path / CARD)
    if is_sb3_run(path):
        about = {"env steps": card["step"], "Stable-Baselines3": card["version"]}
        return _learner(path, "agents/sb3.py", SB3Args, card, about)
    if "rounds" in card or "clean_percent" in card:
        # Earlier versions stored the arguments as texts, which do not give the command back.
        stored = card.get("finetuning", {})
        known = isinstance(stored.get("steps"), int)
        command = command_line(("python", "agents/finetune.py"), FinetuneArgs, stored) if known else "not recorded"
        return _tracker(path, "agents/finetune.py", command, card)
    return _tracker(path, "srn train", command_line(("srn", "train"), TrainArgs, card["arguments"]), card)


def _learner(path: Path, script: str, kind: type, card: Mapping[str, Any], about: Mapping[str, Any]) -> Run:
    arguments = card["arguments"]
    clips = plain_specs(arguments["val_clips"] or sibling_splits(arguments["clips"], "val"))
    rules = GameRules(**{name: arguments[name] for name in GameRules.__dataclass_fields__})
    shown = {
        "command": command_line(["python", script], kind, arguments),
        "trained on": specs_text(arguments["clips"]), "evaluated on": specs_text(clips),
        "tracker": arguments["tracker"], **about, "versions": versions_text(card),
    }  # fmt: skip
    sections = [facts("What was run", shown)]
    evaluation = path / EVALUATION
    if evaluation.is_file():
        sections.append(policy_table(read_json(evaluation)["policies"]))
    match = Match(clips, arguments["tracker"], rules, (str(path),), arguments["seed"])
    return Run(path, f"{script}, trained on {specs_text(arguments['clips'])}", sections, [path], match)


def _tracker(path: Path, what: str, command: str, card: Mapping[str, Any]) -> Run:
    left_out = "arguments", "config", "val_nme_percent", "versions", "finetuning"
    figures = _texts({name: value for name, value in card.items() if name not in left_out})
    shown = {"command": command, "versions": versions_text(card), **figures}
    sections = [facts("What was run", shown)]
    if errors := card.get("val_nme_percent"):
        rows = [[spec, f"{error:.2f} %"] for spec, error in errors.items()]
        sections.append(table("Validation, the weights that were kept", ("data", "NME"), rows))
    logs = [path, *sorted(path.glob("round-*"))]
    return Run(path, what, sections, logs)


def _benchmark(path: Path) -> Run:
    record = read_json(path / FIGURES)
    settings = record.get("settings", {})
    command = record.get("command") or "\n".join(record.get("commands", ()))
    sections: list[Section] = [
        facts("What was run", {"command": command, "versions": versions_text(record)} | _texts(settings))
    ]
    match = None
    if "policies" in record:
        sections.append(policy_table(record["policies"]))
    if "policies" in settings:
        names = [name for name in settings["policies"] if name in NAMES or (Path(name) / POLICY).is_file()]
        rules = GameRules(**{name: settings[name] for name in GameRules.__dataclass_fields__})
        learned = settings.get("train_clips"), settings.get("prior_frames", PRIOR_FRAMES)
        match = Match(plain_specs(settings["clips"]), settings["tracker"], rules, tuple(names), settings["seeds"][0], *learned)
    sections += [
        records_table(name, rows) for name, rows in record.items() if isinstance(rows, list) and rows and name != "policies"
        and all(isinstance(row, dict) for row in rows)
    ]  # fmt: skip
    return Run(path, f"a benchmark of kind {record.get('kind', 'unknown')}", sections, match=match)


def _json_file(path: Path) -> Run:
    found = read_json(path)
    records = found if isinstance(found, list) else [found]
    if not records or not all(isinstance(record, dict) for record in records):
        raise UserError(f"{path}: unknown content; expected a file of agents/evaluate.py or srn evaluate")
    if "nme_ci95" in records[0]:
        told = {"command": records[0].get("command", "not recorded"), "versions": versions_text(records[0])}
        rows = [{name: value for name, value in record.items() if name not in ("nme_groups", *told)} for record in records]
        groups = [{"data": record["data"], **record["nme_groups"]} for record in records]
        return Run(
            path,
            "srn evaluate",
            [
                facts("What was run", told),
                records_table("Errors, percent", rows),
                records_table("Components, NME in %", groups),
            ],
        )
    if "policy" in records[0]:
        (record,) = records
        known = {name: record[name] for name in ("policy", "clips", "tracker", "seed", *GameRules.__dataclass_fields__)}
        known["versions"] = versions_text(record)
        rules = GameRules(**{name: record[name] for name in GameRules.__dataclass_fields__})
        match = Match(plain_specs(record["clips"]), record["tracker"], rules, (record["policy"],), record["seed"])
        return Run(
            path, f"agents/evaluate.py, {record['policy']}", [facts("What was run", known), policy_table([record])], match=match
        )
    raise UserError(f"{path}: unknown content; expected a file of agents/evaluate.py or srn evaluate")


_FOLDERS: tuple[tuple[str, Callable[[Path], Run]], ...] = ((POLICY, _dqn), (CARD, _carded), (FIGURES, _benchmark))


def policy_table(rows: Sequence[Mapping[str, Any]]) -> Section:
    """The rows of :func:`agents.playing.summary.summarise`."""
    lines = []
    for row in rows:
        gain, interval = row.get("gain"), row.get("gain_ci95")
        # In the file of an evaluation, "clips" are the data.
        clips = row.get("num_clips", row["clips"])
        lines.append([
            str(row["policy"]), str(clips), str(row["episodes"]),
            f"{row['return_mean']:.3f}", f"{row['nme_mean']:.2f} %", "" if gain is None else f"{gain:+.2f}",
            "[{:+.2f}, {:+.2f}]".format(*interval) if interval else "",
            "" if row.get("optimal_share") is None else f"{row['optimal_share']:.2f}",
        ])  # fmt: skip
    note = (
        "All play the same episodes. NME: the tracker's mean error. Gain: its difference to the random walk, in points, with "
        "the 95 % interval over clips. Share: (return - random walk) / (optimal - random walk)."
    )
    head = ("policy", "clips", "episodes", "return", "NME", "gain", "95 % interval", "share")
    return table("Players", head, lines, note)


def records_table(title: str, rows: Sequence[Mapping[str, Any]]) -> Section:
    """Records side by side: few as columns with a line per key, many as lines; mappings within are left to the files."""
    nested = {key for row in rows for key, value in row.items() if isinstance(value, dict)}
    keys = [key for key in rows[0] if key not in nested]
    cells = [[_cell(row.get(key)) for key in keys] for row in rows]
    names = [key.replace("_", " ") for key in keys]
    title = title.replace("_", " ")
    if len(rows) > MOST_COLUMNS:
        return table(title, names, cells)
    first, *lines = zip(names, *cells, strict=True)
    return table(title, first, lines)


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: _cell(value) for name, value in values.items()}


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return f"{value:.4g}" if isinstance(value, float) else "–" if value is None else str(value)
