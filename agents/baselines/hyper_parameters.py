"""Hyper-parameters of the SB3 baselines: one YAML file per algorithm, in the layout of rl_zoo3.

The key ``OcclusionSynthesis-v0`` is for the env's default observation, patches. rl_zoo3 reads this key only. The optional key
``OcclusionSynthesis-v0/features`` is for the observation ``features``, and for ``response``, ``change`` and ``memory`` where
they have no key of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.baselines.extra import require
from srn_core.errors import UserError
from srn_core.io.files import write_text

ENV_ID = "OcclusionSynthesis-v0"
SHIPPED = Path(__file__).parent / "hparams"
_OWN = ("n_timesteps", "policy", "n_envs", "policy_kwargs", "normalize")


@dataclass(frozen=True)
class Hparams:
    """The entries of a file.

    Attributes:
        n_timesteps: env steps of the run.
        policy: SB3's name of a policy, such as ``MlpPolicy``.
        algorithm: the algorithm's other arguments.
        n_envs: episodes played at the same time.
        policy_kwargs: the policy's arguments.
        normalize: arguments of SB3's ``VecNormalize``; None: no normalisation.
    """

    n_timesteps: int
    policy: str
    algorithm: dict[str, Any]
    n_envs: int = 1
    policy_kwargs: dict[str, Any] = field(default_factory=dict)
    normalize: dict[str, Any] | None = None


def read_hparams(path: Path, observation: str) -> Hparams:
    """Read the entries for an observation, ``patches``, ``features``, ``response``, ``change`` or ``memory``.

    Raises:
        UserError: PyYAML is not installed, the file is missing or not YAML, or an entry cannot be used.
    """
    entries = _read_yaml(path)
    # All but the patches are small vectors.
    kinds = (observation,) if observation == "patches" else (observation, "features")
    key = next((key for key in (f"{ENV_ID}/{kind}" for kind in kinds) if key in entries), ENV_ID)
    values = entries.get(key)
    if not isinstance(values, dict):
        raise UserError(f"{path}: no hyper-parameters under '{ENV_ID}'; expected a mapping there, as in {SHIPPED / 'dqn.yml'}")
    values = {name: _checked(path, name, value) for name, value in values.items()}
    for name in ("n_timesteps", "policy"):
        if name not in values:
            raise UserError(f"{path}: '{key}' has no '{name}'; expected one, as in {SHIPPED / 'dqn.yml'}")
    own = {name: values.pop(name) for name in _OWN if name in values}
    return Hparams(**own, algorithm=values)


def shipped_with(path: Path, values: Mapping[str, Any], out: Path) -> None:
    """Copy the file ``path`` to ``out`` and put ``values`` into every entry."""
    yaml = require("yaml")
    entries = {key: {**entry, **values} for key, entry in _read_yaml(path).items()}
    write_text(out, yaml.safe_dump(entries))


def _read_yaml(path: Path) -> Mapping[str, Any]:
    yaml = require("yaml")
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); expected a YAML file of hyper-parameters") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not valid YAML ({error}); correct the file") from None
    if not isinstance(entries, dict):
        raise UserError(f"{path}: expected a mapping with the key '{ENV_ID}', as in {SHIPPED / 'dqn.yml'}")
    return entries


def _checked(path: Path, name: str, value: Any) -> Any:
    """A hyper-parameter's value. Text is refused, because rl_zoo3 would run it as Python."""
    if name in ("n_timesteps", "n_envs"):
        # False for infinity, and for what is no number.
        whole = isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()
        if not whole or value < 1:
            raise UserError(f"{path}: {name} {value!r}: expected a whole number of at least 1")
        return int(value)
    if name in ("policy_kwargs", "replay_buffer_kwargs", "normalize") and not isinstance(value, dict):
        raise UserError(f"{path}: {name} {value!r}: expected a YAML mapping, such as {{key: value}}")
    if name == "normalize" and value.get("norm_obs", True):
        raise UserError(f"{path}: normalize {value!r}: a saved policy sees plain observations; write norm_obs: false")
    if isinstance(value, str) and name != "policy":
        raise UserError(f"{path}: {name} '{value}' is text; expected a number, true or false; write 1.0e-3, not 1e-3")
    return tuple(value) if name == "train_freq" and isinstance(value, list) else value
