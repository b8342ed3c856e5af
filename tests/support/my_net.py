import torch
from torch import nn

from srn_core.face.geometry import from_box_units
from srn_core.face.mean_shapes import MEAN_SHAPES


def convolution(channels_in, channels, size, stride):
    layer = nn.Conv2d(channels_in, channels, size, stride, size // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(channels))


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, channels_in, channels, stride):
        super().__init__()
        first = convolution(channels_in, channels, 3, stride)
        self.main = nn.Sequential(first, nn.ReLU(), convolution(channels, channels, 3, 1))
        same = stride == 1 and channels_in == channels
        self.shortcut = nn.Identity() if same else convolution(channels_in, channels, 1, stride)

    def forward(self, x):
        return torch.relu(self.main(x) + self.shortcut(x))


class SmallResNet(nn.Module):
    """ResNet-18 with a quarter of its width, and a regression of the landmarks."""

    def __init__(self, width=16):
        super().__init__()
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        blocks = []
        for stage, (before, after) in enumerate(zip(widths, widths[1:], strict=False)):
            blocks += [Block(before, after, 2 if stage else 1), Block(after, after, 1)]
        half, pool = nn.AvgPool2d(2), nn.MaxPool2d(3, 2, 1)
        self.stem = nn.Sequential(half, convolution(3, width, 7, 2), nn.ReLU(), pool)
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(8 * width * 2 * 2, 2 * 68)
        self.register_buffer("mean_shape", torch.tensor(MEAN_SHAPES["68"]))

    def forward(self, crops, boxes):
        """Crops (B, 3, 112, 112) in [0, 1], boxes (B, 4) -> landmarks (B, 68, 2), crop pixels."""
        seen = self.blocks(self.stem(crops - 0.5)).flatten(1)
        moved = self.mean_shape + 0.1 * self.head(seen).unflatten(1, (68, 2))
        return from_box_units(moved, boxes)


def net(device):
    return SmallResNet().to(device)
