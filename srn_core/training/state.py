"""The state of a training run: averaged weights, and one file from which a run resumes bit for bit."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from srn_core.errors import UserError, check_resumed
from srn_core.io.claims import claimed
from srn_core.io.files import plain
from srn_core.io.tensors import load_tensors, save_tensors
from srn_core.training.optimiser import Optimisers
from srn_core.training.processes import is_first

STATE = "state.safetensors"
# Arguments that may change when a run is resumed. steps says where it ends, and the rate falls to zero there.
FREE = {"steps", "out", "val_every", "device", "resume", "allow_masked", "rounds", "save"}


class AveragedModel:
    """Exponential moving average of a model's state: ``a <- d a + (1 - d) w`` with ``d = min(decay, (1+n)/(10+n))``.

    Whole numbers in the state are copied.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.tensors = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        state = model.state_dict()
        averaged = {name: tensor for name, tensor in self.tensors.items() if tensor.is_floating_point()}
        torch._foreach_lerp_(list(averaged.values()), [state[name] for name in averaged], 1 - decay)
        # Such as the number of batches that a normalisation has seen.
        for name in self.tensors.keys() - averaged.keys():
            self.tensors[name].copy_(state[name])


@contextmanager
def claimed_by_first(folder: Path) -> Iterator[None]:
    """Hold the folder ``--out`` until the block ends, as :func:`claimed`; of several processes, the first one does."""
    with claimed(folder, "--out") if is_first() else nullcontext():
        yield


def save_state(
    folder: Path, model: nn.Module, average: AveragedModel, optimisers: Optimisers, metadata: dict[str, Any]
) -> None:
    """Write everything that the next step depends on; the draw of a batch depends on (seed, step) alone.

    ``metadata`` holds the command's ``arguments``, which :func:`load_state` compares.
    """
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in average.tensors.items()}
    for key, optimiser in optimisers.items():
        for index, values in optimiser.state_dict()["state"].items():
            tensors |= {f"{key}.{index}.{name}": value for name, value in values.items()}
    save_tensors(folder / STATE, tensors, {**metadata, "updates": average.updates})


def load_state(folder: Path, model: nn.Module, average: AveragedModel, optimisers: Optimisers, settings: Any) -> dict[str, Any]:
    """Restore what :func:`save_state` wrote into the same objects; returns its metadata.

    Raises:
        UserError: the state is damaged, or its run had other arguments than ``settings``, a command's dataclass.
    """
    tensors, metadata = load_tensors(folder / STATE)
    check_state(folder, metadata, settings)
    try:
        model.load_state_dict(_under("model.", tensors))
    except RuntimeError:
        raise UserError(
            f"{folder / STATE}: holds the state of another architecture; resume with the --preset, --init and "
            "--config-override that started the run"
        ) from None
    average.updates = metadata["updates"]
    for name, value in _under("average.", tensors).items():
        average.tensors[name].copy_(value)
    for key, optimiser in optimisers.items():
        state = optimiser.state_dict()
        for name, value in _under(f"{key}.", tensors).items():
            index, _, field = name.partition(".")
            state["state"].setdefault(int(index), {})[field] = value
        optimiser.load_state_dict(state)
    return metadata


def check_state(folder: Path, metadata: dict[str, Any], settings: Any) -> None:
    """Raise a :class:`UserError` if a state's ``metadata`` names other arguments than ``settings``, a command's dataclass."""
    check_resumed(folder, metadata["arguments"], plain(settings), FREE)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
