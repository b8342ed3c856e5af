"""What an SRN is made of, as data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from srn_core.errors import UserError
from srn_core.geometry import CropSpec
from srn_core.landmarks import SCHEMES, Scheme


@dataclass(frozen=True)
class SRNConfig:
    """Architecture of an SRN. The defaults are the paper's.

    Attributes:
        scheme: name of the landmark scheme.
        image_size: side of the input crop, px.
        crop_factor: the crop covers this many sides of a square face box (1.6 maps the box diagonal to 198 of 224 px).
        patch_size: P, side of a shape-indexed patch, px.
        trunk: (kernel, channels) of each convolution; each is followed by 2x2 max-pooling and ReLU.
        steps: K, cascade steps.
        memory_dim: width of the global appearance memory (eq. 5).
        map_dim: width of a neighbourhood map.
        group_dim: width of a component group (eq. 6).
        relation: the non-local block (eq. 3, 4): the paper's dot product over N, softmax, or none.
        memory: what step k reads: ``running`` the last step's memory, across frames too; ``frame`` the last frame's
            (eq. 13 to the letter); ``off`` nothing.
    """

    scheme: str = "68"
    image_size: int = 224
    crop_factor: float = 1.6
    patch_size: int = 36
    trunk: tuple[tuple[int, int], ...] = ((7, 32), (3, 64), (3, 64))
    steps: int = 3
    memory_dim: int = 512
    map_dim: int = 512
    group_dim: int = 256
    relation: Literal["dot_product", "embedded_gaussian", "off"] = "dot_product"
    memory: Literal["running", "frame", "off"] = "running"

    @classmethod
    def preset(cls, name: str) -> SRNConfig:
        """``paper`` (20.8 M parameters) or ``small`` (5.2 M, about 1/20 of the cost)."""
        if name not in PRESETS:
            raise UserError(f"preset '{name}' is unknown; expected one of {', '.join(PRESETS)}")
        return PRESETS[name]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SRNConfig:
        """The inverse of ``dataclasses.asdict`` after a trip through JSON."""
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise UserError(f"SRN config: unknown field '{unknown[0]}'; this version knows {', '.join(sorted(known))}")
        if values.get("scheme", "68") not in SCHEMES:
            raise UserError(f"SRN config: unknown scheme '{values['scheme']}'; expected one of {', '.join(SCHEMES)}")
        return cls(**{**values, "trunk": tuple(tuple(layer) for layer in values["trunk"])})

    @property
    def landmarks(self) -> Scheme:
        return SCHEMES[self.scheme]

    @property
    def crop(self) -> CropSpec:
        return CropSpec(self.image_size, self.crop_factor)


PRESETS: Mapping[str, SRNConfig] = {
    "paper": SRNConfig(),
    "small": SRNConfig(
        image_size=112, crop_factor=1.4, patch_size=18, trunk=((5, 16), (3, 32)), memory_dim=256, map_dim=256, group_dim=128
    ),
}
