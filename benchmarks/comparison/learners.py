"""Learners as text: ``NAME``, ``NAME:field=value,field=value``, and ``...@N`` for the first N training seeds only."""

import dataclasses
import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from agents.baselines.args import SB3Args
from agents.baselines.extra import ALGORITHMS, find_algorithm
from agents.deepq.args import DQNArgs
from benchmarks.comparison.args import RegressionArgs
from srn_core.errors import UserError
from srn_gym.rules import GameRules

Training = DQNArgs | SB3Args | RegressionArgs
SB3_PREFIX = "sb3-"
ARGUMENTS: Mapping[str, type[Training]] = {
    "dqn": DQNArgs,
    **{f"{SB3_PREFIX}{name}": SB3Args for name in ALGORITHMS},
    "regression": RegressionArgs,
}
# Arguments that the comparison sets for all learners, and arguments that do not change what is learned.
COMMON = {
    "algo", "clips", "val_clips", "tracker", "seed", "total_steps", "device", "eval_episodes", "run_dir", "resume",
    *(field.name for field in dataclasses.fields(GameRules)),
}  # fmt: skip


@dataclass(frozen=True)
class LearnerSpec:
    """A learner as it was given.

    Attributes:
        label: the text without ``@N``; its name in tables.
        name: one of :data:`ARGUMENTS`.
        options: fields of its arguments.
        runs: N, or None for all training seeds.
    """

    label: str
    name: str
    options: Mapping[str, Any]
    runs: int | None

    def arguments(self, common: Mapping[str, Any]) -> Training:
        """The arguments of its training: the fields of ``common`` that it has, and its own options."""
        given = {**common, "algo": self.name.removeprefix(SB3_PREFIX)}
        kind = ARGUMENTS[self.name]
        return kind(
            **{field.name: given[field.name] for field in dataclasses.fields(kind) if field.name in given}, **self.options
        )


def read_learner(text: str) -> LearnerSpec:
    """Parse a learner's text.

    >>> read_learner("dqn:single_queue=true,n_step=3@5")
    LearnerSpec(label='dqn:single_queue=true,n_step=3', name='dqn', options={'single_queue': True, 'n_step': 3}, runs=5)

    Raises:
        UserError: unknown name or field, a value of the wrong type, or a library that is not installed.
    """
    label, at, count = text.rpartition("@")
    label, runs = (label, int(count)) if at and count.isdecimal() else (text, None)
    if runs == 0:
        raise UserError(f"learner '{text}': no training seeds; expected @1 or more")
    name, _, query = label.partition(":")
    if name not in ARGUMENTS:
        raise UserError(
            f"learner '{text}': unknown; expected one of {', '.join(ARGUMENTS)}, or with options NAME:field=value,field=value"
        )
    if name.startswith(SB3_PREFIX):
        find_algorithm(name.removeprefix(SB3_PREFIX))
    hints = get_type_hints(ARGUMENTS[name])
    known = [field.name for field in dataclasses.fields(ARGUMENTS[name]) if field.name not in COMMON]
    options: dict[str, Any] = {}
    for part in filter(None, query.split(",")):
        key, _, value = part.partition("=")
        if key not in known:
            raise UserError(f"learner '{text}': unknown field '{key}'; expected one of {', '.join(known)}")
        options[key] = _value(part, value, hints[key])
    return LearnerSpec(label, name, options, runs)


def read_learners(texts: Sequence[str]) -> list[LearnerSpec]:
    """:func:`read_learner` of several, whose labels must differ."""
    learners = [read_learner(text) for text in texts]
    labels = [learner.label for learner in learners]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise UserError(f"learner '{twice[0]}': given twice; expected each once")
    return learners


def _value(part: str, text: str, hint: Any) -> Any:
    """The value of ``text`` as a field's type."""
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    for kind in get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,):
        if get_origin(kind) is Literal and value in get_args(kind):
            return value
        if kind is Path:
            return Path(text)
        if kind is float and type(value) is int:
            return float(value)
        if kind is str:
            return text
        if type(value) is kind:
            return value
    expected = getattr(hint, "__name__", str(hint)) if isinstance(hint, type) else str(hint).replace("typing.", "")
    raise UserError(f"learner option '{part}': expected {expected}, written as in JSON: true, 3, 0.5, null")
