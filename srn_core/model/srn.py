"""The structural relation network: detector and tracker as one module (eq. 1, 2, 5-7, 13)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from srn_core.face.geometry import from_box_units
from srn_core.face.mean_shapes import MEAN_SHAPES
from srn_core.model.certainty import CertaintyHead, RawCertainty, cascade_moves
from srn_core.model.config import SRNConfig
from srn_core.model.hourglass import Hourglass, gaussian_prior, soft_argmax
from srn_core.model.hsrm_ablations import build_hsrm
from srn_core.model.nonlocal_block import NonLocalBlock
from srn_core.model.patches import extract_patches
from srn_core.model.trunk import PatchTrunk


class SRN(nn.Module):
    """Cascaded regression over shape-indexed patches with structural relations and a recurrent memory.

    Attributes:
        config: the architecture.
        mean_shape: ``(L, 2)`` in box units (see :func:`srn_core.face.geometry.to_box_units`). Training replaces the built-in
            one by that of its faces.
    """

    mean_shape: Tensor

    def __init__(self, config: SRNConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = PatchTrunk(config.trunk, config.patch_size)
        features = self.trunk.channels * self.trunk.side**2
        self.nonlocal_block = NonLocalBlock(self.trunk.channels, config.relation) if config.relation != "off" else None
        self.hsrm = build_hsrm(config, features)
        self.register_buffer("mean_shape", torch.tensor(MEAN_SHAPES[config.scheme], dtype=torch.float32))
        # Built last: with the same seed, the cascade starts from the same weights with and without hourglass and head.
        width, landmarks = config.hourglass_width, config.landmarks.num_landmarks
        self.hourglass = Hourglass(width, landmarks) if config.initial_shape == "hourglass" else None
        self.certainty = CertaintyHead(landmarks, features, config.memory_dim) if config.certainty == "on" else None

    def start(self, batch: int) -> Tensor:
        """The memory at a clip's start: zeros ``(B, H)``."""
        return self.mean_shape.new_zeros(batch, self.config.memory_dim)

    def initial_shape(self, images: Tensor, boxes: Tensor) -> Tensor:
        """S_0 of eq. 1: the mean shape in the face box, or the hourglass's shape (SRN+HG).

        Args:
            images: ``(B, 3, S, S)`` crops, uint8 or float in [-0.5, 0.5], RGB.
            boxes: ``(B, 4)`` face boxes, crop pixels.

        Returns:
            ``(B, L, 2)`` float32 crop pixels.
        """
        mean = from_box_units(self.mean_shape, boxes)
        if self.hourglass is None:
            return mean
        heat_maps = self.hourglass(_centred(images))
        return soft_argmax(heat_maps + gaussian_prior(mean, heat_maps.shape[-1]))

    def patch_features(self, patches: Tensor) -> Tensor:
        """X of eq. 3-6: uint8 or [-0.5, 0.5] patches ``(B, L, 3, P, P)`` -> ``(B, L, C, S * S)``."""
        # Cut before the conversion to float, which is then a quarter less.
        used = self.trunk.used
        return self.trunk(_centred(patches[..., :used, :used]).flatten(0, 1)).unflatten(0, patches.shape[:2]).flatten(3)

    def _features(self, images: Tensor) -> Callable[[Tensor], Tensor]:
        """X of the patches at any shape ``(B, L, 2)`` on some images."""
        if torch.is_grad_enabled():
            return lambda shape: self.patch_features(extract_patches(images, shape, self.config.patch_size))
        survey = self.trunk.survey(_centred(images))
        return lambda shape: self.trunk.read(survey, shape).flatten(3)

    def relate(self, x: Tensor) -> Tensor:
        """z of eq. 4 from X, both ``(B, L, C, S * S)``."""
        if self.nonlocal_block is None:
            return x
        positions = x.transpose(2, 3).flatten(1, 2)
        return self.nonlocal_block(positions).unflatten(1, (x.shape[1], x.shape[3])).transpose(2, 3)

    def regress(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """One cascade step: X ``(B, L, C, S * S)`` and memory ``(B, H)`` -> ``dS`` ``(B, L, 2)`` and the new memory."""
        groups, memory = self.component_groups(x, memory)
        return self.hsrm.shape_update(groups), memory

    def component_groups(self, x: Tensor, memory: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """The component groups of one step (eq. 3-6), each ``(B, G)``, and the new memory; inputs as :meth:`regress`."""
        memory = self.hsrm.remember(x.flatten(2), memory)
        seen = torch.zeros_like(memory) if self.config.memory == "off" else memory
        return self.hsrm.component_groups(self.relate(x).flatten(2), seen), memory

    def forward(self, images: Tensor, shape: Tensor, memory: Tensor, steps: int | None = None) -> tuple[Tensor, Tensor]:
        """Run the cascade on one frame (eq. 1, 2); the memory runs on (eq. 5, 13).

        Args:
            images: ``(B, 3, S, S)`` crops, uint8 or float in [-0.5, 0.5], RGB.
            shape: ``(B, L, 2)`` initial shape S_0 (see :meth:`initial_shape`), crop pixels.
            memory: ``(B, H)`` from :meth:`start` or from the frame before.
            steps: K; the config's where None.

        Returns:
            ``(K, B, L, 2)`` the shapes S_1 ... S_K, crop pixels, and the memory for the next frame.

        Raises:
            ValueError: K below 1.
        """
        shapes, memory, _ = self.cascade(images, shape, memory, steps)
        return shapes, memory

    def cascade(
        self, images: Tensor, shape: Tensor, memory: Tensor, steps: int | None = None
    ) -> tuple[Tensor, Tensor, RawCertainty | None]:
        """:meth:`forward`, and how sure the network is of the last shape, ``(B, L)`` each; None without that head."""
        steps = self.config.steps if steps is None else steps
        if steps < 1:
            raise ValueError(f"steps {steps}; expected at least 1 cascade step")
        shapes = [shape]
        entering = memory
        features = self._features(images)
        for _ in range(steps):
            # phi is not differentiable, so no gradient flows through the shape into the next step.
            shape = shapes[-1].detach()
            read = entering if self.config.memory == "frame" else memory
            x = features(shape)
            update, memory = self.regress(x, read)
            shapes.append(shape + update.float())
        raw = None
        if self.certainty is not None:
            # Detached: the head learns, the points stay.
            moves = cascade_moves(shapes[0], shapes[-2], shapes[-1], self.config.image_size)
            raw = self.certainty(x.detach().flatten(2), memory.detach(), moves.detach())
        return torch.stack(shapes[1:]), memory, raw


def _centred(pixels: Tensor) -> Tensor:
    """uint8 pixels to [-0.5, 0.5]; float pixels already are."""
    return pixels.float() / 255 - 0.5 if pixels.dtype == torch.uint8 else pixels
