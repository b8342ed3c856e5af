"""The hierarchical structural relation module: from patch features to a shape update (eq. 5-7)."""

import torch
from torch import Tensor, nn

from srn_core.model.config import SRNConfig


class HSRM(nn.Module):
    """Four levels, each a linear layer per part of the face; the landmark scheme names the parts and what they read.

    1. Memory of the whole face (eq. 5): ``h = tanh(W [X ; h_prev] + b)``.
    2. Neighbourhood maps: ``m_r = tanh(W_r z_r + b_r)`` from the patches of neighbourhood ``r``.
    3. Component groups (eq. 6): ``g_c = relu(W_c [maps next to c ; h] + b_c)``.
    4. Global shape (eq. 7): each component reads the groups of its neighbourhood and gives one number per landmark; one
       linear layer over all landmarks, in index order, gives ``dS``.

    Args:
        config: the architecture; a level that it turns off is for :mod:`srn_core.model.hsrm_ablations`.
        features: F, numbers per patch.
    """

    index_order: Tensor

    def __init__(self, config: SRNConfig, features: int) -> None:
        super().__init__()
        self.config, self.features = config, features
        self.scheme = scheme = config.landmarks
        self.memory_layer = nn.Linear(scheme.num_landmarks * features + config.memory_dim, config.memory_dim)
        self.maps, self.groups, self.outputs = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        for region, components in scheme.neighbourhoods.items():
            self.register_buffer(f"points_{region}", torch.tensor(self.points(region)), persistent=False)
            self.add_layers(region, components)
        self.add_global_shape()
        order = [i for components in scheme.neighbourhoods.values() for c in components for i in scheme.groups[c]]
        self.register_buffer("index_order", torch.tensor(order).argsort(), persistent=False)

    def points(self, region: str) -> list[int]:
        """The landmarks of a neighbourhood."""
        return sorted(i for component in self.scheme.neighbourhoods[region] for i in self.scheme.groups[component])

    def add_layers(self, region: str, components: tuple[str, ...]) -> None:
        """The layers of one neighbourhood: its map, and a group and an output for each component."""
        config = self.config
        self.maps[region] = nn.Linear(len(self.points(region)) * self.features, config.map_dim)
        seen = len(self.scheme.adjacency[region]) * config.map_dim + config.memory_dim
        for component in components:
            self.groups[component] = nn.Linear(seen, config.group_dim)
            self.outputs[component] = nn.Linear(len(components) * config.group_dim, len(self.scheme.groups[component]))

    def add_global_shape(self) -> None:
        """The layer of eq. 7."""
        self.global_shape = nn.Linear(self.scheme.num_landmarks, 2 * self.scheme.num_landmarks)

    def remember(self, x: Tensor, memory: Tensor) -> Tensor:
        """Eq. 5: X ``(B, L, F)`` and the last memory ``(B, H)`` -> the new memory ``(B, H)``."""
        return torch.tanh(self.memory_layer(torch.cat([x.flatten(1), memory], 1)))

    def neighbourhood_map(self, region: str, patches: Tensor) -> Tensor:
        """The map ``(B, M)`` of a neighbourhood from its patches ``(B, points * F)``."""
        return torch.tanh(self.maps[region](patches))

    def component_group(self, component: str, seen: Tensor) -> Tensor:
        """The group ``(B, G)`` of a component from the maps and the memory that it reads."""
        return torch.relu(self.groups[component](seen))

    def component_groups(self, z: Tensor, memory: Tensor) -> dict[str, Tensor]:
        """Eq. 6: z ``(B, L, F)`` and the memory ``(B, H)`` -> the group of each component ``(B, G)``."""
        regions = self.scheme.neighbourhoods
        maps = {r: self.neighbourhood_map(r, z[:, getattr(self, f"points_{r}")].flatten(1)) for r in regions}
        groups = {}
        for region, components in regions.items():
            seen = torch.cat([*(maps[name] for name in self.scheme.adjacency[region]), memory], 1)
            groups.update({component: self.component_group(component, seen) for component in components})
        return groups

    def shape_update(self, groups: dict[str, Tensor]) -> Tensor:
        """Eq. 7: the groups ``(B, G)`` -> ``dS`` ``(B, L, 2)``."""
        outputs = []
        for components in self.scheme.neighbourhoods.values():
            seen = torch.cat([groups[component] for component in components], 1)
            outputs += [self.outputs[component](seen) for component in components]
        joined = torch.cat(outputs, 1).index_select(1, self.index_order)
        return self.global_shape(joined).unflatten(1, (-1, 2))
