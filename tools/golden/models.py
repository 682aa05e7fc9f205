"""tarnish's models in PyTorch: the other side of src/models, with the same parameter names and layouts.

Each builder takes (classes, width) and returns an nn.Module over images [N, 3, 32, 32] with PyTorch's default init.
"""
import math

from torch import nn
from torch.nn import functional as F


def scaled(channels, width):
    """channels × width, rounded half up to a multiple of 8, at least 8; width 1 is exact."""
    if width == 1:
        return channels
    return max(8, math.floor(channels * width / 8 + 0.5) * 8)


class LeNet(nn.Module):
    def __init__(self, classes=10, width=1):
        super().__init__()
        if width != 1:
            raise ValueError("lenet takes width 1 alone")
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc3(F.relu(self.fc2(x)))


class Shallow(nn.Module):
    def __init__(self, classes=10, width=1):
        super().__init__()
        c1, c2, c3, hidden = (scaled(c, width) for c in (32, 64, 128, 256))
        self.conv1 = nn.Conv2d(3, c1, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c1)
        self.conv2 = nn.Conv2d(c1, c2, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c2)
        self.conv3 = nn.Conv2d(c2, c3, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(c3)
        self.fc1 = nn.Linear(16 * c3, hidden)
        self.fc2 = nn.Linear(hidden, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        x = F.max_pool2d(F.relu(self.bn3(self.conv3(x))), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class BasicBlock(nn.Module):
    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or channels_in != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)) + shortcut)


class ResNet(nn.Module):
    """A residual network of basic blocks with the CIFAR stem, under torchvision's module names."""

    def __init__(self, blocks, channels, classes=10, width=1):
        super().__init__()
        channels = [scaled(c, width) for c in channels]
        self.conv1 = nn.Conv2d(3, channels[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels[0])
        self.stages = []
        before = channels[0]
        for i, (count, after) in enumerate(zip(blocks, channels)):
            strides = [1 if i == 0 else 2] + [1] * (count - 1)
            stage = nn.Sequential()
            for j, stride in enumerate(strides):
                stage.add_module(str(j), BasicBlock(before, after, stride))
                before = after
            self.stages.append(f"layer{i + 1}")
            self.add_module(self.stages[-1], stage)
        self.fc = nn.Linear(before, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        for name in self.stages:
            x = getattr(self, name)(x)
        return self.fc(x.mean((2, 3)))


MODELS = {
    "lenet": LeNet,
    "shallow": Shallow,
    "resnet8": lambda classes=10, width=1: ResNet([1, 1, 1], [16, 32, 64], classes, width),
    "resnet18": lambda classes=10, width=1: ResNet([2, 2, 2, 2], [64, 128, 256, 512], classes, width),
    "resnet34": lambda classes=10, width=1: ResNet([3, 4, 6, 3], [64, 128, 256, 512], classes, width),
}
