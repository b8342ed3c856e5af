"""The hierarchical structural relation module: memory, neighbourhood maps, component groups, global shape (eq. 5-7)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from srn_core.landmarks import Scheme


class HSRM(nn.Module):
    """From patch features to a shape update.

    The hierarchy is read off the scheme: a neighbourhood sees the patches of its components; a component group sees the
    maps of the neighbourhoods adjacent to its own, and the memory; a component's output sees the groups of its
    neighbourhood; one linear layer joins all components (the point-to-point constraint).
    """

    index_order: Tensor

    def __init__(self, scheme: Scheme, features: int, memory_dim: int, map_dim: int, group_dim: int) -> None:
        super().__init__()
        self.scheme = scheme
        landmarks = scheme.num_landmarks
        self.memory_layer = nn.Linear(landmarks * features + memory_dim, memory_dim)
        self.maps, self.groups, self.outputs = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        for region, components in scheme.neighbourhoods.items():
            points = [i for component in components for i in scheme.groups[component]]
            self.register_buffer(f"points_{region}", torch.tensor(sorted(points)), persistent=False)
            self.maps[region] = nn.Linear(len(points) * features, map_dim)
            inputs = len(scheme.adjacency[region]) * map_dim + memory_dim
            for component in components:
                self.groups[component] = nn.Linear(inputs, group_dim)
                self.outputs[component] = nn.Linear(len(components) * group_dim, len(scheme.groups[component]))
        self.global_shape = nn.Linear(landmarks, 2 * landmarks)
        order = [i for component in self.outputs for i in scheme.groups[component]]
        self.register_buffer("index_order", torch.tensor(order).argsort(), persistent=False)

    def remember(self, x: Tensor, memory: Tensor) -> Tensor:
        """Eq. 5: ``h = tanh(W [flatten(X) ; h_prev] + b)``; ``x`` ``(B, L, F)``, ``memory`` ``(B, H)`` -> ``(B, H)``."""
        return torch.tanh(self.memory_layer(torch.cat([x.flatten(1), memory], 1)))

    def component_groups(self, z: Tensor, memory: Tensor) -> dict[str, Tensor]:
        """Eq. 6: the component-group vectors ``(B, group_dim)`` from ``z`` ``(B, L, F)`` and the memory ``(B, H)``."""
        maps = {
            region: torch.tanh(layer(z[:, getattr(self, f"points_{region}")].flatten(1))) for region, layer in self.maps.items()
        }
        groups = {}
        for region, components in self.scheme.neighbourhoods.items():
            seen = torch.cat([*(maps[name] for name in self.scheme.adjacency[region]), memory], 1)
            groups.update({component: torch.relu(self.groups[component](seen)) for component in components})
        return groups

    def shape_update(self, groups: dict[str, Tensor]) -> Tensor:
        """Eq. 7: component outputs joined in index order, then one linear layer: ``dS`` as ``(B, L, 2)``."""
        parts: list[Tensor] = []
        for components in self.scheme.neighbourhoods.values():
            seen = torch.cat([groups[component] for component in components], 1)
            parts.extend(self.outputs[component](seen) for component in components)
        joined = torch.cat(parts, 1).index_select(1, self.index_order)
        return self.global_shape(joined).unflatten(1, (-1, 2))
