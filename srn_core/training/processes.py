"""Training in several processes that ``torchrun`` starts, one per GPU or per few cores, with torch's DDP.

torchrun --nproc-per-node 2 -m srn_core.cli.main train ...

Each process draws the whole batch, which the seed and the step determine, and computes the loss of its share of it. DDP
averages the gradients during the backward pass. Clipping, optimisers and averaged weights come after it and do the same in each
process. So any number of processes takes the steps of one, up to rounding.
"""

import atexit
import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from srn_core.devices import pick_device
from srn_core.errors import UserError

Result = TypeVar("Result")
Item = TypeVar("Item")
Batch = TypeVar("Batch", bound=NamedTuple)
# The others wait while the first process validates, or trains a DQN. If a process dies, torchrun ends all of them at once.
LONGEST_WAIT = timedelta(days=2)


@contextmanager
def joined_processes(device: str) -> Iterator[None]:
    """Work together with the other processes that torchrun has started. Without torchrun nothing happens.

    Args:
        device: the option ``--device``. On ``cuda``, each process takes one GPU of its machine.

    Raises:
        UserError: a machine has fewer GPUs than processes, or ``device`` names one GPU for all.
    """
    if not dist.is_torchelastic_launched() or int(os.environ["WORLD_SIZE"]) == 1:
        yield
        return
    gpu = _own_gpu(device)
    dist.init_process_group("gloo" if gpu is None else "nccl", timeout=LONGEST_WAIT, device_id=gpu)
    # DDP still holds the group after it is destroyed. Its threads must end before the interpreter does, or the process aborts.
    atexit.register(gc.collect)
    yield
    # Not after an error: the others would report a lost connection besides.
    dist.destroy_process_group()


def _own_gpu(device: str) -> torch.device | None:
    """The GPU of this process, now the current one; None on the CPU."""
    picked = pick_device(device)
    if picked.type != "cuda":
        return None
    local, processes, gpus = int(os.environ["LOCAL_RANK"]), os.environ["LOCAL_WORLD_SIZE"], torch.cuda.device_count()
    if picked.index is not None:
        raise UserError(f"--device {device}: all processes would share this GPU; give cuda, and torchrun one process per GPU")
    if local >= gpus:
        raise UserError(f"{processes} processes on a machine with {gpus} GPUs; give torchrun --nproc-per-node {gpus}")
    torch.cuda.set_device(local)
    return torch.device("cuda", local)


def process_count() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def process_rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Whether this process prints, logs, validates and saves. The others do not."""
    return process_rank() == 0


def on_first(action: Callable[[], Result]) -> Result:
    """The result of ``action``, which the first process alone runs. All processes call this, and wait for each other."""
    if process_count() == 1:
        return action()
    # The others may still have to read what the action is going to change.
    dist.barrier()
    results: list[Any] = [action() if is_first() else None]
    dist.broadcast_object_list(results)
    return results[0]


def gathered(items: list[Item]) -> list[Item]:
    """The items of all processes, those of the first one first. All processes call this."""
    if process_count() == 1:
        return items
    parts: list[Any] = [None] * process_count()
    dist.all_gather_object(parts, items)
    return [item for part in parts for item in part]


def own_share(batch: Batch) -> Batch:
    """This process's sequences of a batch of tensors ``(T, B, ...)``: ``(T, B / N, ...)``."""
    if process_count() == 1:
        return batch
    return type(batch)(*(tensor.chunk(process_count(), 1)[process_rank()] for tensor in batch))


def process_mean(value: Tensor) -> Tensor:
    """The mean over the processes. All processes call this."""
    if process_count() == 1:
        return value
    total = value.clone()
    dist.all_reduce(total)
    return total / process_count()


def with_shared_gradients(model: nn.Module, loss: Callable[..., Tensor], has_unused: bool) -> Callable[..., Tensor]:
    """``loss``, but its backward pass gives ``model`` the mean gradient of all processes.

    All processes start from the first one's weights. With one process this is ``loss`` itself.

    Args:
        model: whose weights are trained.
        loss: a function of the model and of what it is called with.
        has_unused: whether some weights have no influence on the loss. Looking for them takes time.
    """
    if process_count() == 1:
        return loss
    return DistributedDataParallel(_Call(model, loss), find_unused_parameters=has_unused)


class _Call(nn.Module):
    """A function of a model as a module: DDP must see the whole loss, not each of the model's calls in it."""

    def __init__(self, model: nn.Module, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.model = model
        self.function = function

    def forward(self, *arguments: Any) -> Tensor:
        return self.function(*arguments)
