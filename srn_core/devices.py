"""The torch device that the option --device names, and the way of NumPy's values to it."""

import numpy as np
import torch

from srn_core.errors import UserError


def pick_device(device: str | torch.device) -> torch.device:
    """The device of a name: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``, which is CUDA if available, else the CPU.

    A ``torch.device`` is checked too.

    Raises:
        UserError: the name is unknown, or there is no such device.
    """
    device = str(device)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        picked = torch.device(device)
    except RuntimeError:
        picked = torch.device("meta")
    if picked.type not in ("cpu", "cuda"):
        raise UserError(f"device '{device}': unknown; expected auto, cpu, cuda or cuda:N")
    if picked.type == "cuda" and (picked.index or 0) >= torch.cuda.device_count():
        raise UserError(f"device '{device}': this CUDA device is not available; use cpu or auto")
    return picked


def to_device(values: np.ndarray, device: torch.device) -> torch.Tensor:
    """NumPy values as a tensor on a device; on the CPU they share their memory.

    Unlike ``.to(device)``, the CPU does not wait until a GPU has done its earlier work.
    """
    return torch.from_numpy(values).to(device, non_blocking=True)


def emulates_bfloat16(device: torch.device) -> bool:
    """Whether the device only emulates bfloat16: a CPU without AVX-512.

    On such a CPU (AMD Zen 3, AVX2, 64 GFLOP/s) a training step took 5 to 7 times as long as in float32. A product of two
    2048 x 2048 matrices took 200 times as long.
    """
    return device.type == "cpu" and torch.backends.cpu.get_cpu_capability() != "AVX512"
