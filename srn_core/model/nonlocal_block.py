"""The non-local block over all positions of all patches of one face (eq. 3, 4; Wang et al. 2018)."""

from typing import Literal

import torch
from torch import Tensor, nn


class NonLocalBlock(nn.Module):
    """``z_i = x_i + W_z y_i`` with ``y_i = 1/N sum_j (theta_i . phi_j) g_j``: ``(B, N, C)`` -> ``(B, N, C)``.

    ``dot_product`` is the paper's form. The sum over j comes first: the same product in time linear in N.
    ``embedded_gaussian`` has the weights ``softmax_j(theta_i . phi_j)``. ``W_z`` starts at zero, so the block starts as the
    identity.
    """

    def __init__(self, channels: int, form: Literal["dot_product", "embedded_gaussian"]) -> None:
        super().__init__()
        self.form = form
        self.theta = nn.Linear(channels, channels)
        self.phi = nn.Linear(channels, channels)
        self.g = nn.Linear(channels, channels)
        self.w_z = nn.Linear(channels, channels)
        nn.init.zeros_(self.w_z.weight)
        nn.init.zeros_(self.w_z.bias)

    def forward(self, x: Tensor) -> Tensor:
        theta, phi, g = self.theta(x), self.phi(x), self.g(x)
        if self.form == "dot_product":
            y = theta @ (phi.transpose(1, 2) @ g / x.shape[1])
        else:
            y = torch.softmax(theta @ phi.transpose(1, 2), -1) @ g
        return x + self.w_z(y)
