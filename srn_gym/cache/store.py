"""What games keep in memory, as one object that games may share."""

import zlib
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import torch

from srn_core.checkpoints import fingerprint
from srn_core.data import Clip, ClipSet
from srn_core.data.several import Specs, listed_specs, load_all_clips
from srn_core.face.geometry import CropSpec
from srn_core.model import SRN
from srn_core.victims.protocol import Victim
from srn_core.victims.registry import load_victim, weight_files
from srn_gym.cache.crops import Crops
from srn_gym.cache.memo import Memo
from srn_gym.features import Encode, FrozenFeatures
from srn_gym.rules import GameRules
from srn_gym.scene import Scene

Value = TypeVar("Value")


class Store:
    """Clips, crops, trackers, answers and features, each made once for all games that share the store.

    A value's key names everything that the value depends on, and nothing else. So games that differ only in the reward, the
    mode, the neighbourhood or the observation share all values. A store belongs to one process. Its memory is freed with its
    last reference.
    """

    def __init__(self, kept: int = 4) -> None:
        """``kept``: how many values of each kind are held; beyond that, the least recently used value is dropped."""
        self.kept = kept
        self._held: dict[str, OrderedDict[Hashable, Any]] = defaultdict(OrderedDict)

    def clips(self, specs: Specs) -> ClipSet:
        """The clips of one or several data specs. Later changes of their files are not seen."""
        return self._once("clips", listed_specs(specs), lambda: load_all_clips(specs))

    def tracker(self, name: str, device: str) -> Victim:
        """The tracker of a name; a checkpoint is loaded again when its weights on disk have changed."""
        weights = tuple(zlib.crc32(file.read_bytes()) for file in weight_files(name))
        return self._once("trackers", (name, device, weights), lambda: load_victim(name, device))

    def scene(self, clips: Sequence[Clip], crop: CropSpec, device: torch.device, rules: GameRules) -> Scene:
        """The clips under the occluder of the rules; scenes of the same clips share their crops."""
        faces = tuple(clips), crop, device
        crops = self._once("crops", faces, lambda: Crops(*faces))
        look = rules.occluder, rules.occluder_size, rules.noise_seed, rules.noise_per_frame
        return self._once("scenes", (crops, look), lambda: Scene(crops, *look))

    def answers(self, scene: Scene, tracker: Victim) -> Memo:
        """What a tracker without memory finds, ``(L, 2)``, per (clip, frame, target); the last of the L + 1 targets is none."""
        landmarks = scene.scheme.num_landmarks
        return self._once("answers", (scene, tracker.key), lambda: Memo(scene.lengths, landmarks + 1, (landmarks, 2)))

    def features(self, scene: Scene, model: SRN, encode: Encode) -> FrozenFeatures:
        """A frozen SRN's patch features, turned into vectors by ``encode``."""
        return self._once("features", (scene, fingerprint(model), encode), lambda: FrozenFeatures(scene, model, encode))

    def _once(self, kind: str, key: Hashable, make: Callable[[], Value]) -> Value:
        held = self._held[kind]
        value: Value = held[key] if key in held else make()
        held[key] = value
        held.move_to_end(key)
        if len(held) > self.kept:
            held.popitem(last=False)
        return value
