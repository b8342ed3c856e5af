"""The hierarchical structural relation module: memory, neighbourhood maps, component groups, global shape (eq. 5-7)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from srn_core.model.config import SRNConfig


class HSRM(nn.Module):
    """From patch features to a shape update.

    The hierarchy is read off the scheme: a neighbourhood sees the patches of its components; a component group sees the
    maps of the neighbourhoods adjacent to its own, and the memory; a component's output sees the groups of its
    neighbourhood; one linear layer joins all components (the point-to-point constraint). A level that the config turns
    off has no layers and passes on what it reads.

    Attributes:
        group_widths: component -> length of its vector of :meth:`component_groups`.
    """

    index_order: Tensor

    def __init__(self, config: SRNConfig, features: int) -> None:
        super().__init__()
        self.config = config
        self.scheme = scheme = config.landmarks
        self.memory_layer = nn.Linear(scheme.num_landmarks * features + config.memory_dim, config.memory_dim)
        self.maps, self.groups, self.outputs = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        self.group_widths: dict[str, int] = {}
        for region, components in scheme.neighbourhoods.items():
            points = self._points(region)
            self.register_buffer(f"points_{region}", torch.tensor(points), persistent=False)
            if config.maps == "on":
                self.maps[region] = nn.Linear(len(points) * features, config.map_dim)
            inputs = self._map_widths(region, features) + config.memory_dim
            self.group_widths.update(dict.fromkeys(components, config.group_dim if config.groups == "on" else inputs))
            for component in components:
                if config.groups == "on":
                    self.groups[component] = nn.Linear(inputs, config.group_dim)
                if config.outputs != "off":
                    numbers = len(scheme.groups[component]) * (1 if config.global_shape == "on" else 2)
                    self.outputs[component] = nn.Linear(self._widths(self._read_by(component, components)), numbers)
        if config.global_shape == "on":
            joined = scheme.num_landmarks if config.outputs != "off" else self._widths(self._distinct())
            self.global_shape = nn.Linear(joined, 2 * scheme.num_landmarks)
        order = [i for components in scheme.neighbourhoods.values() for c in components for i in scheme.groups[c]]
        self.register_buffer("index_order", torch.tensor(order).argsort(), persistent=False)

    def _points(self, region: str) -> list[int]:
        return sorted(i for component in self.scheme.neighbourhoods[region] for i in self.scheme.groups[component])

    def _map_widths(self, region: str, features: int) -> int:
        """Length of all the maps together that the components of ``region`` read."""
        adjacent = self.scheme.adjacency[region]
        return sum(self.config.map_dim if self.config.maps == "on" else len(self._points(r)) * features for r in adjacent)

    def _widths(self, components: tuple[str, ...]) -> int:
        return sum(self.group_widths[component] for component in components)

    def _read_by(self, component: str, neighbours: tuple[str, ...]) -> tuple[str, ...]:
        """Whose vectors the output of ``component`` reads; with the groups off, all of a neighbourhood pass on the same."""
        shared = self.config.outputs == "on" and self.config.groups == "on"
        return neighbours if shared else (component,)

    def _distinct(self) -> tuple[str, ...]:
        """The components whose vectors are all that there is to read, each once."""
        firsts = None if self.config.groups == "on" else 1
        return tuple(component for components in self.scheme.neighbourhoods.values() for component in components[:firsts])

    def remember(self, x: Tensor, memory: Tensor) -> Tensor:
        """Eq. 5: ``h = tanh(W [flatten(X) ; h_prev] + b)``; ``x`` ``(B, L, F)``, ``memory`` ``(B, H)`` -> ``(B, H)``."""
        return torch.tanh(self.memory_layer(torch.cat([x.flatten(1), memory], 1)))

    def neighbourhood_map(self, region: str, z: Tensor) -> Tensor:
        """The map of a neighbourhood from ``z`` ``(B, L, F)``; the patches themselves where maps are off."""
        patches = z[:, getattr(self, f"points_{region}")].flatten(1)
        return torch.tanh(self.maps[region](patches)) if self.config.maps == "on" else patches

    def component_groups(self, z: Tensor, memory: Tensor) -> dict[str, Tensor]:
        """Eq. 6: the component-group vectors ``(B, group_widths)`` from ``z`` ``(B, L, F)`` and the memory ``(B, H)``."""
        maps = {region: self.neighbourhood_map(region, z) for region in self.scheme.neighbourhoods}
        groups = {}
        for region, components in self.scheme.neighbourhoods.items():
            seen = torch.cat([*(maps[name] for name in self.scheme.adjacency[region]), memory], 1)
            for component in components:
                groups[component] = torch.relu(self.groups[component](seen)) if self.config.groups == "on" else seen
        return groups

    def component_outputs(self, groups: dict[str, Tensor]) -> Tensor:
        """Each component's numbers, one or (with the global shape off) two a landmark, in index order: ``(B, L or 2 L)``."""
        parts = []
        for components in self.scheme.neighbourhoods.values():
            for component in components:
                seen = torch.cat([groups[name] for name in self._read_by(component, components)], 1)
                numbers = self.outputs[component](seen)
                parts.append(numbers.unflatten(1, (len(self.scheme.groups[component]), -1)))
        return torch.cat(parts, 1).index_select(1, self.index_order).flatten(1)

    def shape_update(self, groups: dict[str, Tensor]) -> Tensor:
        """Eq. 7: component outputs joined in index order, then one linear layer: ``dS`` as ``(B, L, 2)``."""
        if self.config.outputs == "off":
            joined = torch.cat([groups[component] for component in self._distinct()], 1)
        else:
            joined = self.component_outputs(groups)
        update = self.global_shape(joined) if self.config.global_shape == "on" else joined
        return update.unflatten(1, (-1, 2))
