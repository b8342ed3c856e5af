"""What minimises the loss: Adam, or Muon for the large weight matrices and Adam for all else.

Nearly all parameters of an SRN are in a dozen matrices. Muon's orthogonalised steps fit them faster than Adam's at first: after
250 steps of 64 faces (small; ytf68, 300w and talk; one seed) the NME on ytf68 and 300w val was 6.9 and 7.5 % at the rates and
decay below, against 7.9 and 9.0 % with Adam alone, for a step that takes a seventh longer; best of Muon's rates 1e-3, 3e-3,
1e-2, 3e-2 (without decay) and of Adam's 1e-3, 2e-3. In the end Adam is better: 5.3 and 5.1 % after 4,500 steps, 5.5 and 5.3 %
after 4,000 of Muon without decay. So Muon is for short trainings.
"""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import nn
from torch.optim import Adam, Muon, Optimizer

from srn_core.training.precision import Float32Products, emulates_bfloat16

# Narrower matrices (a component's outputs, the non-local block) are left to Adam, as all convolutions and biases are.
NARROWEST_MATRIX = 64
# Without decay the matrices grew tenfold in 4,000 steps, saturated the tanh of maps and memory, and val errors stalled.
MUON_DECAY = 1.0

# Peak rates for trainings of some hundred steps.
SHORT_LR, SHORT_MUON_LR = 2e-3, 1e-2

Optimisers = dict[str, Optimizer]


def make_optimisers(model: nn.Module, lr: float, muon_lr: float) -> Optimisers:
    """The optimisers of a training by name, each with its peak rate as ``peak_lr`` in its parameter groups.

    Args:
        model: whose parameters they share out.
        lr: Adam's peak rate.
        muon_lr: Muon's (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/), scaled to the root mean square of
            Adam's steps; 0: Adam alone.
    """
    matrices = [p for p in model.parameters() if muon_lr and p.ndim == 2 and min(p.shape) >= NARROWEST_MATRIX]
    chosen = {id(p) for p in matrices}
    found: Optimisers = {"adam": Adam([p for p in model.parameters() if id(p) not in chosen], lr=lr)}
    if matrices:
        found["muon"] = Muon(matrices, lr=muon_lr, weight_decay=MUON_DECAY, adjust_lr_fn="match_rms_adamw")
    for optimiser in found.values():
        for group in optimiser.param_groups:
            group["peak_lr"] = group["lr"]
    return found


def set_rate_share(optimisers: Optimisers, share: float) -> None:
    """Set every rate to a share of its peak."""
    for optimiser in optimisers.values():
        for group in optimiser.param_groups:
            group["lr"] = group["peak_lr"] * share


def step_all(optimisers: Optimisers, loss: torch.Tensor, clip_norm: float) -> None:
    """One step down the gradient of ``loss``, whose norm over all parameters is clipped."""
    parameters = [p for optimiser in optimisers.values() for group in optimiser.param_groups for p in group["params"]]
    for optimiser in optimisers.values():
        optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, clip_norm)
    with Float32Products() if emulates_bfloat16(loss.device) else nullcontext():
        for optimiser in optimisers.values():
            optimiser.step()
