"""What counts as an answer of a victim, decided once for the game: a place near the face for each landmark."""

import torch
from torch import Tensor

from srn_core.errors import UserError
from srn_core.victims.protocol import Victim

# So many sides away from the crop nothing is a landmark. Detectors write numbers like 1e9 where they find no face.
FARTHEST = 100.0
# No face lies within so many pixels of the crop's corner. Detectors write 0 or -1 for each landmark where they find no face,
# and coordinates of another unit, 0 to 1, lie there too.
CORNER = 2.0


def answered(points: Tensor, side: int) -> Tensor:
    """Which faces have an answer: ``(B,)`` bool.

    There is none where a landmark is nan, infinite or :data:`FARTHEST` sides away, and where all landmarks are in the crop's
    corner (:data:`CORNER`).

    Args:
        points: ``(B, L, 2)`` crop pixels.
        side: of the crops, px.
    """
    # A comparison with nan is false.
    near = (points.abs() <= FARTHEST * side).flatten(1).all(1)
    return near & (points.abs() > CORNER).flatten(1).any(1)


def ask(victim: Victim, name: str, frames: Tensor, boxes: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """``victim.step``, with a check that what it returns has the shapes of :class:`srn_core.victims.protocol.Victim`.

    Args:
        victim: somebody's code.
        name: of the victim, for messages.
        frames: ``(B, 3, S, S)`` uint8 RGB.
        boxes: ``(B, 4)`` crop pixels.
        state: ``(B, D)``.

    Returns:
        Landmarks ``(B, L, 2)`` float32, which may be no answer (:func:`answered`), and the next state ``(B, D)``.

    Raises:
        UserError: it fails, or returns something else. A wrong shape can fit by chance, and would be taken for another answer.
    """
    shape = len(frames), victim.scheme.num_landmarks, 2
    expected = f"expected landmarks {shape} in crop pixels and a state {tuple(state.shape)}, both finite tensors"
    try:
        found = victim.step(frames, boxes, state)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # Whatever somebody else's code raises.
        text = " ".join(str(error).split())
        raise UserError(
            f"victim '{name}': fails on {len(frames)} faces ({type(error).__name__}: {text}); {expected}"
        ) from error
    if not (isinstance(found, tuple | list) and len(found) == 2 and all(isinstance(part, Tensor) for part in found)):
        kinds = [type(part).__name__ for part in found] if isinstance(found, tuple | list) else type(found).__name__
        raise UserError(f"victim '{name}': returns {kinds}; {expected}")
    points, after = found
    if tuple(points.shape) != shape or points.is_complex() or points.dtype == torch.bool:
        raise UserError(f"victim '{name}': returns landmarks of shape {tuple(points.shape)}, {points.dtype}; {expected}")
    if after.shape != state.shape or not after.isfinite().all():
        problem = "with nan or infinite numbers" if after.shape == state.shape else f"of shape {tuple(after.shape)}"
        raise UserError(f"victim '{name}': returns a state {problem}; {expected}")
    return points.detach().to(frames.device, torch.float32), after.detach()
