"""Where bfloat16 is fast: on GPUs and on CPUs with AVX-512. Others emulate it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


def emulates_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 by emulation.

    On a CPU of 64 GFLOP/s (AMD Zen 3, AVX2) a training step took 5 to 7 times as long as in float32, a product of two
    2048 x 2048 matrices 200 times.
    """
    return device.type == "cpu" and torch.backends.cpu.get_cpu_capability() != "AVX512"


class Float32Products(TorchFunctionMode):
    """What would be turned to bfloat16 inside stays float32: for torch's Muon, which multiplies its matrices in bfloat16."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is Tensor.bfloat16:
            # A copy, as the caller writes into what it gets.
            return args[0].to(torch.float32, copy=True)
        return func(*args, **(kwargs or {}))
