"""What a frozen SRN computes from a candidate of the observation: one step on its patches.

The three candidates of a frame differ from the clean frame only in the patches that the occluder touches. A frozen
network's answer never changes. So untouched patches are taken from the clean frame, and every vector is computed once.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from srn_core.checkpoints import fingerprint
from srn_core.devices import to_device
from srn_core.model import SRN
from srn_core.model.patches import extract_patches
from srn_gym.cache.memo import Memo
from srn_gym.scene import NO_OCCLUDER, Scene

Encode = Callable[[SRN, Tensor], Tensor]
"""From patch features X ``(B, L, C, S * S)`` to vectors ``(B, F)``."""


def component_groups(model: SRN, x: Tensor) -> dict[str, Tensor]:
    """The six vectors of eq. 6 from X ``(B, L, C, S * S)``, with the memory of a clip's start."""
    return model.component_groups(x, model.start(len(x)))[0]


def encode_groups(model: SRN, x: Tensor) -> Tensor:
    """:func:`component_groups` side by side ``(B, F)``: the observation ``features``."""
    return torch.cat([*component_groups(model, x).values()], 1)


def encode_update(model: SRN, x: Tensor) -> Tensor:
    """How the SRN would move each landmark in one step (eq. 7), in sixteenths of a patch: ``(B, 2 * L)``, as x, y, x, y ...

    The patches lie on the ground truth, where the right update is zero.
    """
    return (model.hsrm.shape_update(component_groups(model, x)) * (16 / model.config.patch_size)).flatten(1)


def encode_part_lengths(model: SRN, x: Tensor) -> Tensor:
    """How far the SRN would move the landmarks in one step: ``(B, 1 + G)``, in sixteenths of a patch.

    The first number is the mean length of :func:`encode_update` over all landmarks, then come the means over each of the G
    components.
    """
    lengths = encode_update(model, x).unflatten(1, (-1, 2)).norm(dim=-1)
    components = [np.array(points) for points in model.config.landmarks.groups.values()]
    # Indices that are lists would make the CPU wait for a GPU, once for each component.
    parts = lengths[:, to_device(np.concatenate(components), lengths.device)].split([*map(len, components)], 1)
    return torch.stack([part.mean(1) for part in (lengths, *parts)], 1)


ENCODERS: Mapping[str, Encode] = {
    "features": encode_groups,
    "response": encode_update,
    "change": encode_part_lengths,
    "memory": encode_part_lengths,
}
"""What is computed for each observation that is a vector."""
ADDED: Mapping[str, int] = {"features": 0, "response": 1, "change": 1, "memory": 3}
"""How many numbers :func:`observed` adds to it."""


def update_lengths(covered: Tensor, clean: Tensor) -> Tensor:
    """From updates ``(B, 2 * L)`` on covered and clean frames to lengths ``(B, 2 * L)``.

    First the length of the update of each landmark on the covered frame, then the length of its change from the clean frame.
    """
    updates, change = (vectors.unflatten(1, (-1, 2)) for vectors in (covered, covered - clean))
    return torch.cat([updates.norm(dim=2), change.norm(dim=2)], 1)


class FrozenFeatures:
    """Vectors of (clip, frame, covered landmark) under a frozen SRN, each computed once.

    Attributes:
        scene: the frames and their occluders.
        model: the SRN.
        encode: turns its patch features into the vectors.
        size: F.
        key: fingerprint of the SRN.
    """

    def __init__(self, scene: Scene, model: SRN, encode: Encode, budget_bytes: int = 2 << 30) -> None:
        """Start empty.

        Args:
            scene: of the model's landmark scheme.
            model: on the scene's device.
            encode: see the class.
            budget_bytes: the most memory for the vectors of covered frames; the clean frames take up to half as much more.
        """
        self.scene, self.model, self.encode = scene, model, encode
        landmarks, side = scene.scheme.num_landmarks, model.config.patch_size
        with torch.no_grad():
            x = model.patch_features(torch.zeros(1, landmarks, 3, side, side, dtype=torch.uint8, device=scene.device))
            self.size = encode(model, x).shape[1]
        self.key = fingerprint(model)
        self._trunk = Memo(scene.lengths, 1, (landmarks, x[0, 0].numel()), budget_bytes // 4)
        self._clean = Memo(scene.lengths, 1, (self.size,), budget_bytes // 4)
        self._covered = Memo(scene.lengths, landmarks, (self.size,), budget_bytes)

    def __call__(self, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        """``(B,)`` indices -> ``(B, F)`` float32; every target is a landmark."""
        return self._covered.lookup(clip, frame, target, self._compute_covered)

    def clean(self, clip: Tensor, frame: Tensor) -> Tensor:
        """The vectors of the frames with nothing hidden: ``(B,)`` indices -> ``(B, F)`` float32."""
        return self._clean.lookup(clip, frame, torch.zeros_like(clip), self._compute_clean)

    def patches(self, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        """The candidates (eq. 9): patches ``(B, L, 3, P, P)`` uint8 of frames with landmark ``target`` hidden; -1: none."""
        points = self.scene.landmarks[self.scene.row(clip, frame)]
        return extract_patches(self.scene.occlude(clip, frame, target), points, self.model.config.patch_size)

    def _trunk_features(self, clip: Tensor, frame: Tensor) -> Tensor:
        """Patch features of the clean frames: ``(B, L, C * S * S)``."""
        return self._trunk.lookup(clip, frame, torch.zeros_like(clip), self._compute_trunk)

    def _compute_trunk(self, clip: Tensor, frame: Tensor, _: Tensor) -> Tensor:
        return self.model.patch_features(self.patches(clip, frame, torch.full_like(clip, NO_OCCLUDER))).flatten(2)

    def _compute_clean(self, clip: Tensor, frame: Tensor, _: Tensor) -> Tensor:
        return self._encoded(self._trunk_features(clip, frame))

    def _compute_covered(self, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        scene, size = self.scene, self.model.config.patch_size
        points = scene.landmarks[scene.row(clip, frame)]
        x = self._trunk_features(clip, frame)
        touched = scene.touched(points, target, size)
        patches = extract_patches(scene.cover(clip, frame, target), points, size)[touched]
        if len(patches):
            x[touched] = self.model.patch_features(patches[None])[0].flatten(1)
        return self._encoded(x)

    def _encoded(self, x: Tensor) -> Tensor:
        return self.encode(self.model, x.unflatten(2, (self.model.trunk.channels, -1)))


class ClipFeatures(FrozenFeatures):
    """The vectors of several SRNs, of which each clip has its own."""

    def __init__(self, parts: Sequence[FrozenFeatures], which: Tensor) -> None:
        """``parts``: of the SRNs, on one scene; ``which``: ``(C,)`` int64, each clip's place in them."""
        first = parts[0]
        self.scene, self.model, self.encode, self.size = first.scene, first.model, first.encode, first.size
        self.parts, self.which, self.key = parts, which, " ".join(part.key for part in parts)

    def __call__(self, clip: Tensor, frame: Tensor, target: Tensor) -> Tensor:
        """See :class:`FrozenFeatures`."""
        return _by_part(self.which[clip], lambda k, rows: self.parts[k](clip[rows], frame[rows], target[rows]))

    def clean(self, clip: Tensor, frame: Tensor) -> Tensor:
        """See :meth:`FrozenFeatures.clean`."""
        return _by_part(self.which[clip], lambda k, rows: self.parts[k].clean(clip[rows], frame[rows]))


def _by_part(which: Tensor, compute: Callable[[int, Tensor], Tensor]) -> Tensor:
    """``(B, ...)`` from parts of a batch: ``compute`` gets a number and the rows ``(N,)`` where ``which`` ``(B,)`` is that."""
    # Part 0 also answers an empty batch.
    parts = {k: (which == k).nonzero()[:, 0] for k in which.unique().tolist() or [0]}
    found = torch.cat([compute(k, rows) for k, rows in parts.items()])
    return torch.empty_like(found).index_copy_(0, torch.cat(list(parts.values())), found)


def observed(
    observation: str, vectors: FrozenFeatures, clip: Tensor, frame: Tensor, target: Tensor, earned: Tensor | None = None
) -> Tensor:
    """An observation that is a vector, of frames with landmark ``target`` ``(B,)`` covered.

    Args:
        observation: ``features``: the vectors, ``(B, F)`` float16. ``response``: :func:`update_lengths`; ``change``:
            the vectors minus those of the clean frame. To these two the number of the covered landmark is added, divided by L,
            because undivided it would drown the rest; float32. ``memory``: ``change``, then what covering this landmark earned
            on the clip so far: the sum of the excess errors, percent, and their number n, both divided by n + 1.
        vectors: of the observation's encoder (:data:`ENCODERS`).
        clip: clip numbers.
        frame: frame numbers.
        target: covered landmarks.
        earned: ``(B, 2, L)`` see :mod:`srn_gym.memory`; read for ``memory`` alone. None: nothing.
    """
    covered = vectors(clip, frame, target)
    if observation == "features":
        return covered.half()
    clean = vectors.clean(clip, frame)
    seen = update_lengths(covered, clean) if observation == "response" else covered - clean
    parts = [seen, target[:, None] / vectors.scene.scheme.num_landmarks]
    if observation == "memory":
        known = torch.zeros(len(seen), 2, device=seen.device)
        if earned is not None:
            known = earned.gather(2, target[:, None, None].expand(-1, 2, 1))[..., 0]
        parts += [100 * known[:, :1] / (known[:, 1:] + 1), known[:, 1:] / (known[:, 1:] + 1)]
    return torch.cat(parts, 1)
