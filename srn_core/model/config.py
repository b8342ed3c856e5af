"""The architecture of an SRN as data."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin, get_type_hints

from srn_core.errors import UserError
from srn_core.face.geometry import CropSpec
from srn_core.face.schemes import SCHEMES, Scheme

Trunk = tuple[tuple[int, int], ...]
Preset = Literal["tiny", "small", "paper"]
Relation = Literal["dot_product", "embedded_gaussian", "off"]
Memory = Literal["running", "frame", "off"]
Level = Literal["on", "off"]
Outputs = Literal["on", "own", "off"]
InitialShape = Literal["mean", "hourglass"]
# The bottlenecks have half the width and are normalised in groups of eight channels.
HOURGLASS_MULTIPLE = 16


@dataclass(frozen=True)
class SRNConfig:
    """Architecture of an SRN. The defaults are the paper's.

    The six fields from ``relation`` on are switches for ablations (Tables 7 and 8). A level that is off has no layers: the next
    level reads what this level would have read.

    Attributes:
        scheme: name of the landmark scheme.
        image_size: side of the input crop, px.
        crop_factor: the crop covers this many sides of a square face box (1.6 maps the box diagonal to 198 of 224 px).
        patch_size: P, side of a shape-indexed patch, px.
        trunk: (kernel, channels) of each convolution; each is followed by 2x2 max-pooling and ReLU.
        steps: K, cascade steps per frame.
        memory_dim: width of the memory (eq. 5).
        map_dim: width of a neighbourhood map.
        group_dim: width of a component group (eq. 6).
        initial_shape: S_0 of the cascade: ``mean``: the mean shape in the face box; ``hourglass``: from a one-stage hourglass
            that is trained with the cascade (SRN+HG).
        hourglass_width: channels of the hourglass, a multiple of 16.
        relation: the non-local block (eq. 3, 4): the paper's ``dot_product`` over N, ``embedded_gaussian`` (softmax) or off.
        memory: what step k reads: ``running``: the memory of the last step, also across frames; ``frame``: the memory of the
            last frame (eq. 13 to the letter); ``off``: nothing.
        maps: the neighbourhood maps.
        groups: the component groups.
        outputs: the component outputs: ``on``: each reads all groups of its neighbourhood; ``own``: only its own group.
        global_shape: the global shape (eq. 7); off: component outputs are the shape update, two numbers per landmark.
        certainty: a head that says which landmarks are hidden and how far off each may be. It changes no landmark.
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
    # Not in repr, from which fingerprint() makes the key of caches: models without the head keep the keys that they had.
    certainty: Level = field(default="off", repr=False)

    def __post_init__(self) -> None:
        """Raise a :class:`UserError` if this cannot be built."""
        for key, kind in _hints().items():
            _check_value(key, getattr(self, key), kind)
        side = self.patch_size
        for kernel, _ in self.trunk:
            side = (side - kernel + 1) // 2
        if side < 1 or min(number for layer in self.trunk for number in layer) < 1:
            raise UserError(
                f"SRN config: patch_size={self.patch_size}, trunk={self.trunk}; expected a patch large enough for the layers"
            )
        if self.hourglass_width % HOURGLASS_MULTIPLE:
            raise UserError(f"SRN config: hourglass_width={self.hourglass_width}; expected a multiple of {HOURGLASS_MULTIPLE}")
        if self.outputs == "off" and self.global_shape == "off":
            raise UserError("SRN config: outputs=off, global_shape=off: no layer gives the shape; leave one of them on")

    @classmethod
    def preset(cls, name: str) -> SRNConfig:
        """``paper`` (20.8 M parameters), ``small`` (5.2 M, about 1/20 of the cost) or ``tiny`` (2.3 M, with an
        hourglass and the head for certainty; less than half of the cost of ``srn-small``)."""
        if name not in PRESETS:
            raise UserError(f"preset '{name}': unknown; expected one of {', '.join(PRESETS)}")
        return PRESETS[name]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SRNConfig:
        """The config that ``dataclasses.asdict`` and JSON have stored; fields that are absent have their default."""
        if unknown := sorted(set(values) - set(_hints())):
            raise UserError(f"SRN config: unknown field '{unknown[0]}'; this version knows {', '.join(_hints())}")
        try:
            trunk = {"trunk": tuple(tuple(layer) for layer in values["trunk"])} if "trunk" in values else {}
            return cls(**{**values, **trunk})
        except TypeError as error:
            raise UserError(f"SRN config: {error}; expected the config of a checkpoint of this package") from None

    def override(self, settings: Sequence[str]) -> SRNConfig:
        """The config with some fields changed; each setting is a text ``key=value``.

        >>> SRNConfig().override(["relation=off", "steps=2", "trunk=5x16,3x32"]).trunk
        ((5, 16), (3, 32))
        """
        changes = {}
        for setting in settings:
            key, equals, value = setting.partition("=")
            if not equals or key not in _hints():
                raise UserError(f"config override '{setting}': expected KEY=VALUE with KEY one of {', '.join(_hints())}")
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
    """A field's value from text; the config checks whether it fits."""
    try:
        if kind in (int, float):
            return kind(value)
        if kind == Trunk:
            layers = [layer.split("x") for layer in value.split(",")]
            return tuple((int(kernel), int(channels)) for kernel, channels in layers)
    except ValueError:
        expected = "layers like 5x16,3x32 (kernel x channels)" if kind == Trunk else f"a{' whole' * (kind is int)} number"
        raise UserError(f"config override '{setting}': expected {expected}") from None
    return value


PRESETS: Mapping[str, SRNConfig] = {
    "tiny": SRNConfig(
        image_size=80,
        crop_factor=1.4,
        patch_size=14,
        # Half of the channels and units and an hourglass of width 32 (0.8 M) are 10 % faster. After 600 steps of training, the
        # error on four val sets was 11 to 18 % higher.
        trunk=((5, 16), (3, 32)),
        steps=2,
        memory_dim=256,
        map_dim=256,
        group_dim=128,
        initial_shape="hourglass",
        hourglass_width=48,
        certainty="on",
    ),
    "paper": SRNConfig(),
    "small": SRNConfig(
        image_size=112,
        # The paper has 1.6. Measured: 1.4 is as good on bare faces, a little worse on masked ones and in jitter; 1.2 is worse.
        # 1.4 stays because the weights that ship use it.
        crop_factor=1.4,
        patch_size=18,
        trunk=((5, 16), (3, 32)),
        memory_dim=256,
        map_dim=256,
        group_dim=128,
        hourglass_width=48,
    ),
}
