"""What an SRN is made of, as data."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from srn_core.errors import UserError
from srn_core.face.geometry import CropSpec
from srn_core.face.schemes import SCHEMES, Scheme

Trunk = tuple[tuple[int, int], ...]
Relation = Literal["dot_product", "embedded_gaussian", "off"]
Memory = Literal["running", "frame", "off"]
Level = Literal["on", "off"]
Outputs = Literal["on", "own", "off"]
InitialShape = Literal["mean", "hourglass"]
# Bottlenecks of half the width, normalised in groups of eight channels.
HOURGLASS_MULTIPLE = 16


@dataclass(frozen=True)
class SRNConfig:
    """Architecture of an SRN. The defaults are the paper's.

    The last six fields are its ablations (Tables 7 and 8). A level of the hierarchy that is off passes on what it reads, so
    that the next level reads that in its place, and each ablation takes out its level's layers and nothing else.

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
        initial_shape: S_0 of the cascade: ``mean``, the mean shape in the face box; ``hourglass``, what a one-stage
            hourglass finds in the crop (SRN+HG), which is trained together with the cascade.
        hourglass_width: its channels, a multiple of 16; of no effect where there is none.
        relation: the non-local block (eq. 3, 4): the paper's dot product over N, softmax, or none.
        memory: what step k reads: ``running`` the last step's memory, across frames too; ``frame`` the last frame's
            (eq. 13 to the letter); ``off`` nothing.
        maps: the neighbourhood maps; off: component groups read the patches under the maps of eq. 6 instead.
        groups: the component groups; off: component outputs read the maps and the memory of eq. 6 instead.
        outputs: the component outputs: ``on`` each reads all groups of its neighbourhood, ``own`` only its own; off: the
            global shape reads the groups instead.
        global_shape: the global shape integration (eq. 7); off: component outputs give two numbers a landmark, the update.
    """

    scheme: str = "68"
    image_size: int = 224
    crop_factor: float = 1.6
    patch_size: int = 36
    trunk: Trunk = ((7, 32), (3, 64), (3, 64))
    steps: int = 3
    memory_dim: int = 512
    map_dim: int = 512
    group_dim: int = 256
    initial_shape: InitialShape = "mean"
    hourglass_width: int = 128
    relation: Relation = "dot_product"
    memory: Memory = "running"
    maps: Level = "on"
    groups: Level = "on"
    outputs: Outputs = "on"
    global_shape: Level = "on"

    def __post_init__(self) -> None:
        """Raise a :class:`UserError` on what cannot be built."""
        for key, kind in _hints().items():
            _check_value(key, getattr(self, key), kind)
        side = self.patch_size
        for kernel, _ in self.trunk:
            side = (side - kernel + 1) // 2
        if side < 1 or min(number for layer in self.trunk for number in layer) < 1:
            raise UserError(f"SRN config: patch_size={self.patch_size}, trunk={self.trunk}; expected layers that fit the patch")
        if self.hourglass_width % HOURGLASS_MULTIPLE:
            raise UserError(f"SRN config: hourglass_width={self.hourglass_width}; expected a multiple of {HOURGLASS_MULTIPLE}")
        if self.outputs == "off" and self.global_shape == "off":
            raise UserError("SRN config: outputs=off, global_shape=off: nothing gives the shape; leave one of them on")

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
        try:
            trunk = {"trunk": tuple(tuple(layer) for layer in values["trunk"])} if "trunk" in values else {}
            return cls(**{**values, **trunk})
        except TypeError as error:
            raise UserError(f"SRN config: {error}; expected the config of a checkpoint of this package") from None

    def override(self, settings: Sequence[str]) -> SRNConfig:
        """The config with each ``key=value`` put in, values as text.

        >>> SRNConfig().override(["relation=off", "steps=2", "trunk=5x16,3x32"]).trunk
        ((5, 16), (3, 32))
        """
        changes = {}
        for setting in settings:
            key, equals, value = setting.partition("=")
            if not equals or key not in _hints():
                raise UserError(f"config override '{setting}'; expected KEY=VALUE with KEY one of {', '.join(_hints())}")
            changes[key] = _parse(setting, value, _hints()[key])
        return dataclasses.replace(self, **changes)

    @property
    def landmarks(self) -> Scheme:
        return SCHEMES[self.scheme]

    @property
    def crop(self) -> CropSpec:
        return CropSpec(self.image_size, self.crop_factor)


def _hints() -> dict[str, Any]:
    return get_type_hints(SRNConfig)


def _check_value(key: str, value: Any, kind: Any) -> None:
    choices = tuple(SCHEMES) if key == "scheme" else get_args(kind) if get_origin(kind) is Literal else ()
    if choices and value not in choices:
        raise UserError(f"SRN config: {key}={value}; expected one of {', '.join(choices)}")
    if kind in (int, float) and not (isinstance(value, int | kind) and 0 < value < math.inf):
        raise UserError(f"SRN config: {key}={value}; expected a{' whole' * (kind is int)} number above 0")


def _parse(setting: str, value: str, kind: Any) -> Any:
    """A field's value from text; the config itself checks what it makes of it."""
    try:
        if kind in (int, float):
            return kind(value)
        if kind == Trunk:
            layers = [layer.split("x") for layer in value.split(",")]
            return tuple((int(kernel), int(channels)) for kernel, channels in layers)
    except ValueError:
        expected = "layers like 5x16,3x32 (kernel x channels)" if kind == Trunk else f"a{' whole' * (kind is int)} number"
        raise UserError(f"config override '{setting}'; expected {expected}") from None
    return value


PRESETS: Mapping[str, SRNConfig] = {
    "paper": SRNConfig(),
    "small": SRNConfig(
        image_size=112,
        # Tighter than the paper's 1.6, as pixels are few; it bought nothing: bare faces are level with 1.6, masked ones and
        # jitter a little worse (benchmarks/results). Kept for the weights that ship; 1.2 is worse.
        crop_factor=1.4,
        patch_size=18,
        trunk=((5, 16), (3, 32)),
        memory_dim=256,
        map_dim=256,
        group_dim=128,
        hourglass_width=48,
    ),
}
