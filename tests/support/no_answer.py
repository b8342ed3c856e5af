"""Victims that find no face on some frames, by the names ``tests.support.no_answer:nan`` ..., and such that answer nonsense."""

from collections.abc import Callable
from typing import Any

import torch

from srn_core.victims.constant import ConstantVictim


class NoAnswer(ConstantVictim):
    """Answers the mean shape, but on the third face of a batch, or on a batch of one face, ``value``."""

    def __init__(self, device: torch.device, name: str, value: float, points: slice) -> None:
        super().__init__(device)
        self.key, self.value, self.points = name, value, points

    def step(self, frames, boxes, state):
        landmarks, state = super().step(frames, boxes, state)
        landmarks = landmarks.clone()
        landmarks[min(2, len(landmarks) - 1), self.points] = self.value
        return landmarks, state


def nan(device: torch.device) -> NoAnswer:
    return NoAnswer(device, "nan", torch.nan, slice(None))


def one_nan(device: torch.device) -> NoAnswer:
    return NoAnswer(device, "one-nan", torch.nan, slice(67, 68))


def infinite(device: torch.device) -> NoAnswer:
    return NoAnswer(device, "infinite", torch.inf, slice(3, 5))


def far_away(device: torch.device) -> NoAnswer:
    return NoAnswer(device, "far-away", 1e9, slice(None))


def minus_one(device: torch.device) -> NoAnswer:
    return NoAnswer(device, "minus-one", -1, slice(None))


class Nonsense(ConstantVictim):
    """Returns ``change(landmarks, state)`` of the mean shape."""

    def __init__(self, device: torch.device, key: str, change: Callable[[torch.Tensor, torch.Tensor], Any]) -> None:
        super().__init__(device)
        self.key, self.change = key, change

    def step(self, frames, boxes, state):
        return self.change(*super().step(frames, boxes, state))


# Shapes that fit by chance, kinds that are converted without a word, a state that another batch cannot take.
NONSENSE: dict[str, Callable[[torch.Tensor, torch.Tensor], Any]] = {
    "one_face": lambda points, state: (points[:1], state),
    "no_face": lambda points, state: (points[:0], state),
    "one_landmark": lambda points, state: (points[:, :1], state),
    "x_alone": lambda points, state: (points[..., :1], state),
    "x_y_z": lambda points, state: (torch.cat([points, points[..., :1]], -1), state),
    "turned": lambda points, state: (points.transpose(0, 1), state),
    "another_axis": lambda points, state: (points[:, None], state),
    "complex": lambda points, state: (points.to(torch.complex64), state),
    "bool": lambda points, state: (points > 0, state),
    "array": lambda points, state: (points.numpy(), state),
    "nothing": lambda points, state: (None, state),
    "no_state": lambda points, state: points,
    "wide_state": lambda points, state: (points, torch.zeros(len(points), 3)),
    "fails": lambda points, state: (points / 0, 1 // 0),
}


def __getattr__(name: str) -> Callable[[torch.device], Nonsense]:
    if name not in NONSENSE:
        raise AttributeError(name)
    return lambda device: Nonsense(device, name, NONSENSE[name])


def fails_at_once(device: torch.device) -> NoAnswer:
    raise ValueError("no weights here")


def doubles(device: torch.device) -> Nonsense:
    """Sound, but of another kind of number, and with a gradient."""
    return Nonsense(device, "doubles", lambda points, state: (points.double().requires_grad_(), state))
