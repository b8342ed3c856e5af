"""A game whose best policy is known, by the name ``tests.support.solvable:looks_at_the_nose``."""

import torch

from srn_core import SRN, Tracker
from srn_core.victims.constant import ConstantVictim
from tests.support.faces import TINY


class LooksAtTheNose(Tracker):
    """A victim that errs where the pixels in the middle of the face are noisy: the best policy is to go there and stay."""

    def __init__(self, model: SRN, device: str) -> None:
        super().__init__(model, device)
        self.key = "looks-at-the-nose"

    def step(self, frames, boxes, state, steps=None):
        centre = ((boxes[:, :2] + boxes[:, 2:]) / 2).long()
        around = torch.stack(
            [f[:, y - 1 : y + 2, x - 1 : x + 2].float() for f, (x, y) in zip(frames, centre.tolist(), strict=True)]
        )
        error = (around.flatten(2).std(2).mean(1) > 40).float() * 200
        return centre[:, None] + error[:, None, None] + torch.zeros(1, self.scheme.num_landmarks, 2), state


def looks_at_the_nose(device: torch.device) -> LooksAtTheNose:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = SRN(TINY)
        for layer in model.hsrm.groups.values():
            torch.nn.init.normal_(layer.weight, std=1.0)
        return LooksAtTheNose(model, str(device))


class Learns(ConstantVictim):
    """A victim whose answers have a gradient."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self.key, self.scale = "learns", torch.nn.Parameter(torch.ones(()))

    def step(self, frames, boxes, state):
        landmarks, state = super().step(frames, boxes, state)
        return landmarks * self.scale, state


def learns(device: torch.device) -> Learns:
    return Learns(device)


def incomplete(device: torch.device) -> object:
    return device
