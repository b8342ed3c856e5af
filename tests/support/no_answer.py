"""Victims that find no face on some frames, by the names ``tests.support.no_answer:nan`` ... ."""

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
