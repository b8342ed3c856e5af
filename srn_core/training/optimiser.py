"""What minimises the loss: Adam, or Muon for the large weight matrices and Adam for all other parameters.

Nearly all parameters of an SRN are in a dozen matrices. Muon is for short trainings: its orthogonalised steps fit these
matrices faster at first, and Adam is better in the end. A step with Muon takes a seventh longer. NME in percent on the ``val``
of ytf68 and 300w (small preset; trained on ytf68, 300w and talk; one seed):

| steps of 64 faces | Adam | Muon |
|---|---|---|
| 250, best rate of each (Adam 1e-3, 2e-3; Muon 1e-3, 3e-3, 1e-2, 3e-2) | 7.9, 9.0 | 6.9, 7.5 |
| 4,500 of Adam, 4,000 of Muon (without decay) | 5.3, 5.1 | 5.5, 5.3 |
"""

import torch
from torch import Tensor, nn
from torch.optim import Adam, Muon, Optimizer

from srn_core.devices import emulates_bfloat16

# Adam trains narrower matrices (the outputs of a component, the non-local block), and all convolutions and biases.
NARROWEST_MATRIX = 64
# Without decay the matrices grew tenfold in 4,000 steps, saturated the tanh of maps and memory, and val errors stalled.
MUON_DECAY = 1.0
# Peak rates for trainings of some hundred steps.
SHORT_LR, SHORT_MUON_LR = 2e-3, 1e-2

Optimisers = dict[str, Optimizer]


class Float32Muon(Muon):
    """Muon in float32. torch's Muon always multiplies in bfloat16, which is slow on a CPU that only emulates it.

    Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/; the scale of the step is that of ``match_rms_adamw``.
    """

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step for each matrix that has a gradient."""
        for group in self.param_groups:
            for matrix in (p for p in group["params"] if p.grad is not None):
                momentum = self.state[matrix].setdefault("momentum_buffer", torch.zeros_like(matrix))
                momentum.lerp_(matrix.grad, 1 - group["momentum"])
                update = orthogonalised(matrix.grad.lerp(momentum, group["momentum"]), group["ns_coefficients"])
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(update, alpha=-group["lr"] * 0.2 * max(matrix.shape) ** 0.5)


def orthogonalised(matrix: Tensor, coefficients: tuple[float, float, float]) -> Tensor:
    """A matrix with the singular vectors of the given one and singular values near 1, by five Newton-Schulz iterations."""
    a, b, c = coefficients
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / wide.norm().clamp(min=1e-7)
    for _ in range(5):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide if matrix.shape[0] <= matrix.shape[1] else wide.T


def make_optimisers(model: nn.Module, lr: float, muon_lr: float) -> Optimisers:
    """The optimisers of a training by name, each with its peak rate.

    Args:
        model: each of its parameters that wants a gradient goes to one optimiser.
        lr: Adam's peak rate.
        muon_lr: Muon's, scaled to the root mean square of Adam's steps; 0: Adam alone.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    matrices = [p for p in trained if muon_lr and p.ndim == 2 and min(p.shape) >= NARROWEST_MATRIX]
    chosen = {id(p) for p in matrices}
    found: Optimisers = {"adam": Adam([p for p in trained if id(p) not in chosen], lr=lr)}
    if matrices:
        kind = Float32Muon if emulates_bfloat16(matrices[0].device) else Muon
        found["muon"] = kind(matrices, lr=muon_lr, weight_decay=MUON_DECAY, adjust_lr_fn="match_rms_adamw")
    return found


def set_rate_share(optimisers: Optimisers, share: float) -> None:
    """Set every rate to a share of its peak."""
    for optimiser in optimisers.values():
        for group in optimiser.param_groups:
            group["lr"] = optimiser.defaults["lr"] * share


def step_all(optimisers: Optimisers, loss: Tensor, clip_norm: float) -> None:
    """One step down the gradient of ``loss``, whose norm over all parameters is clipped."""
    parameters = [p for optimiser in optimisers.values() for group in optimiser.param_groups for p in group["params"]]
    for optimiser in optimisers.values():
        optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, clip_norm)
    for optimiser in optimisers.values():
        optimiser.step()
