"""Where bfloat16 is fast: on GPUs and on CPUs with AVX-512. Other CPUs emulate it."""

from __future__ import annotations

import torch


def emulates_bfloat16(device: torch.device) -> bool:
    """Whether the device only emulates bfloat16.

    On such a CPU (AMD Zen 3, AVX2, 64 GFLOP/s) a training step took 5 to 7 times as long as in float32. A product of two
    2048 x 2048 matrices took 200 times as long.
    """
    return device.type == "cpu" and torch.backends.cpu.get_cpu_capability() != "AVX512"
