"""Small networks with seeded weights, run once."""

import torch
from torch import Tensor

from srn_core import SRN, SRNConfig
from srn_core.face.geometry import from_box_units


def seeded(config: SRNConfig) -> SRN:
    """The same perturbed weights for every config that has them: W_z is not zero any more."""
    model = SRN(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            generator = torch.Generator().manual_seed(sum(name.encode()))
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * (parameter.shape[-1] ** -0.5))
    return model


def run(model: SRN, memory: float = 0.0) -> Tensor:
    images = torch.randint(0, 256, (2, 3, 112, 112), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    shape = from_box_units(model.mean_shape, torch.tensor([[20.0, 20.0, 90.0, 90.0]] * 2))
    with torch.inference_mode():
        return model(images, shape, model.start(2) + memory)[0]
