"""Torch modules of a user, by names such as ``tests.support.own_modules:tiny``: good ones, and one for each mistake."""

import torch
from torch import nn

from srn_core.face.geometry import CropSpec, from_box_units
from srn_core.face.mean_shapes import MEAN_SHAPES


class Tiny(nn.Module):
    """Two layers, with all that is awkward to store: normalisation, dropout, a counter, and tied weights."""

    crop = CropSpec(32, 1.4)

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(4)
        self.first = nn.Linear(3 * 8 * 8, 16)
        self.norm = nn.BatchNorm1d(16)
        self.twist = nn.Linear(16, 16, bias=False)
        self.again = nn.Linear(16, 16, bias=False)
        self.again.weight = self.twist.weight
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(16, 136)
        self.register_buffer("mean_shape", torch.tensor(MEAN_SHAPES["68"]))

    def forward(self, crops, boxes):
        x = torch.relu(self.norm(self.first(self.pool(crops).flatten(1))))
        x = self.dropout(torch.tanh(self.again(torch.tanh(self.twist(x)))))
        return from_box_units(self.mean_shape + 0.05 * self.head(x).unflatten(1, (68, 2)), boxes)


class ToTheCorner(Tiny):
    """Its own loss draws all landmarks to the crop's corner, whatever the truth."""

    def loss(self, crops, boxes, truth, length):
        assert crops.min() >= 0 and crops.max() <= 1 and truth.shape == (len(crops), 68, 2) and length.shape == (len(crops),)
        return self(crops, boxes).abs().mean()


KEPT = Tiny()


def tiny(device):
    return Tiny().to(device)


def kept(device):
    """The same object at each call."""
    return KEPT


def to_the_corner(device):
    return ToTheCorner()


def a_number(device):
    return 3


def flat(device):
    """x, y, x, y ... in one row."""
    return changed(lambda points: points.flatten(1))


def few(device):
    return changed(lambda points: points[:, :5])


def several(device):
    return changed(lambda points: (points, points))


def nan(device):
    return changed(lambda points: points * torch.nan)


def detached(device):
    return changed(lambda points: points.detach())


def frozen(device):
    return Tiny().requires_grad_(False)


def failing(device):
    model = Tiny()
    model.first = nn.Linear(7, 16)
    return model


def strange_crop(device):
    model = Tiny()
    model.crop = 64
    return model


def strange_scheme(device):
    model = Tiny()
    model.scheme = "70"
    return model


def loss_per_face(device):
    model = Tiny()
    model.loss = lambda crops, boxes, truth, length: (model(crops, boxes) - truth).abs().mean((1, 2))
    return model


class Changed(Tiny):
    def __init__(self, change) -> None:
        super().__init__()
        self.change = change

    def forward(self, crops, boxes):
        return self.change(super().forward(crops, boxes))


def changed(change):
    return Changed(change)
