"""The relation module with levels turned off, for the ablations of Table 7."""

import torch
from torch import Tensor, nn

from srn_core.model.config import SRNConfig
from srn_core.model.hsrm import HSRM


def build_hsrm(config: SRNConfig, features: int) -> HSRM:
    """The module of a config: :class:`HSRM`, or :class:`AblatedHSRM` if a level is not plainly on."""
    levels = (config.maps, config.groups, config.outputs, config.global_shape)
    return (HSRM if set(levels) == {"on"} else AblatedHSRM)(config, features)


class AblatedHSRM(HSRM):
    """A level that is off has no layers and passes on what it reads; see :class:`SRNConfig` for the switches."""

    # Length of all groups together.
    joined = 0

    def add_layers(self, region: str, components: tuple[str, ...]) -> None:
        """As in the parent, without the layers of levels that are off."""
        config, adjacent = self.config, self.scheme.adjacency[region]
        if config.maps == "on":
            self.maps[region] = nn.Linear(len(self.points(region)) * self.features, config.map_dim)
        widths = (config.map_dim if config.maps == "on" else len(self.points(r)) * self.features for r in adjacent)
        seen = sum(widths) + config.memory_dim
        group = config.group_dim if config.groups == "on" else seen
        self.joined += group * len(self._distinct(components))
        for component in components:
            if config.groups == "on":
                self.groups[component] = nn.Linear(seen, group)
            if config.outputs != "off":
                numbers = len(self.scheme.groups[component]) * (1 if config.global_shape == "on" else 2)
                self.outputs[component] = nn.Linear(group * len(self._read_by(component, components)), numbers)

    def add_global_shape(self) -> None:
        """The layer of eq. 7; without component outputs, it reads the groups."""
        if self.config.global_shape == "on":
            inputs = self.joined if self.config.outputs == "off" else self.scheme.num_landmarks
            self.global_shape = nn.Linear(inputs, 2 * self.scheme.num_landmarks)

    def _distinct(self, components: tuple[str, ...]) -> tuple[str, ...]:
        """Components of one neighbourhood with different vectors; with the groups off, all have the same one."""
        return components if self.config.groups == "on" else components[:1]

    def _read_by(self, component: str, components: tuple[str, ...]) -> tuple[str, ...]:
        """Whose vectors the output of ``component`` reads."""
        return components if self.config.outputs == "on" and self.config.groups == "on" else (component,)

    def neighbourhood_map(self, region: str, patches: Tensor) -> Tensor:
        return super().neighbourhood_map(region, patches) if self.config.maps == "on" else patches

    def component_group(self, component: str, seen: Tensor) -> Tensor:
        return super().component_group(component, seen) if self.config.groups == "on" else seen

    def shape_update(self, groups: dict[str, Tensor]) -> Tensor:
        regions = self.scheme.neighbourhoods.values()
        if self.config.outputs == "off":
            joined = torch.cat([groups[name] for components in regions for name in self._distinct(components)], 1)
        else:
            parts = []
            for components in regions:
                for component in components:
                    seen = torch.cat([groups[name] for name in self._read_by(component, components)], 1)
                    # One number per landmark or, without the global shape, two.
                    parts.append(self.outputs[component](seen).unflatten(1, (len(self.scheme.groups[component]), -1)))
            joined = torch.cat(parts, 1).index_select(1, self.index_order).flatten(1)
        update = self.global_shape(joined) if self.config.global_shape == "on" else joined
        return update.unflatten(1, (-1, 2))
