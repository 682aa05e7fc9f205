"""tarnish's models in PyTorch: the other side of src/models, with the same parameter names and layouts.

Each builder takes classes and width, the residual nets' also stem, and returns an nn.Module over images [N, 3, 32, 32] with PyTorch's default init.
"""
import math

import torch
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
    expansion = 1

    def __init__(self, channels_in, channels, stride, shortcut=True):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = shortcut
        self.downsample = downsample(channels_in, channels, stride) if shortcut else None

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(add_shortcut(self, x, y))

    def norms_before_add(self):
        return [self.bn2, *downsample_norm(self)]


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, channels_in, channels, stride, shortcut=True):
        super().__init__()
        out = channels * self.expansion
        self.conv1 = nn.Conv2d(channels_in, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.shortcut = shortcut
        self.downsample = downsample(channels_in, out, stride) if shortcut else None

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(add_shortcut(self, x, y))

    def norms_before_add(self):
        return [self.bn3, *downsample_norm(self)]


def downsample(channels_in, channels, stride):
    """The shortcut's 1x1 convolution where the shape changes, else None."""
    if stride == 1 and channels_in == channels:
        return None
    return nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))


def downsample_norm(block):
    return [] if block.downsample is None else [block.downsample[1]]


def add_shortcut(block, x, y):
    if not block.shortcut:
        return y
    return y + (x if block.downsample is None else block.downsample(x))


class ResNet(nn.Module):
    """A residual network under torchvision's module names; without shortcuts, UnResNet."""

    def __init__(self, block, blocks, channels, classes=10, width=1, stem="cifar", shortcut=True):
        super().__init__()
        channels = [scaled(c, width) for c in channels]
        kernel, stride = {"cifar": (3, 1), "imagenet": (7, 2)}[stem]
        self.conv1 = nn.Conv2d(3, channels[0], kernel, stride, padding=kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(channels[0])
        self.maxpool = nn.MaxPool2d(3, 2, padding=1) if stem == "imagenet" else nn.Identity()
        self.stages = []
        before = channels[0]
        for i, (count, planes) in enumerate(zip(blocks, channels)):
            stage = nn.Sequential()
            for j in range(count):
                stride = 2 if i > 0 and j == 0 else 1
                stage.add_module(str(j), block(before, planes, stride, shortcut))
                before = planes * block.expansion
            self.stages.append(f"layer{i + 1}")
            self.add_module(self.stages[-1], stage)
        self.fc = nn.Linear(before, classes)

    def forward(self, x):
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        for name in self.stages:
            x = getattr(self, name)(x)
        return self.fc(x.mean((2, 3)))


def conv_chain(channels_in, *layers):
    """Modules of conv, batch norm, ReLU for each (kernel, channels)."""
    modules = []
    for kernel, channels in layers:
        modules += [
            nn.Conv2d(channels_in, channels, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        ]
        channels_in = channels
    return modules


class Inception(nn.Module):
    def __init__(self, channels_in, one, reduce3, three, reduce5, five, pool):
        super().__init__()
        self.b1 = nn.Sequential(*conv_chain(channels_in, (1, one)))
        self.b2 = nn.Sequential(*conv_chain(channels_in, (1, reduce3), (3, three)))
        self.b3 = nn.Sequential(*conv_chain(channels_in, (1, reduce5), (3, five), (3, five)))
        self.b4 = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), *conv_chain(channels_in, (1, pool)))
        self.channels = one + three + five + pool

    def forward(self, x):
        return torch.cat([self.b1(x), self.b2(x), self.b3(x), self.b4(x)], 1)


class GoogLeNet(nn.Module):
    """The CIFAR form: see src/models/googlenet.ts."""

    TABLE = {
        "a3": (64, 96, 128, 16, 32, 32),
        "b3": (128, 128, 192, 32, 96, 64),
        "a4": (192, 96, 208, 16, 48, 64),
        "b4": (160, 112, 224, 24, 64, 64),
        "c4": (128, 128, 256, 24, 64, 64),
        "d4": (112, 144, 288, 32, 64, 64),
        "e4": (256, 160, 320, 32, 128, 128),
        "a5": (256, 160, 320, 32, 128, 128),
        "b5": (384, 192, 384, 48, 128, 128),
    }

    def __init__(self, classes=10, width=1):
        super().__init__()
        self.prelayer = nn.Sequential(*conv_chain(3, *((3, scaled(c, width)) for c in (64, 64, 192))))
        channels = scaled(192, width)
        for name, row in self.TABLE.items():
            module = Inception(channels, *(scaled(c, width) for c in row))
            self.add_module(name, module)
            channels = module.channels
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.dropout = nn.Dropout(0.4)
        self.linear = nn.Linear(channels, classes)

    def forward(self, x):
        x = self.prelayer(x)
        for name in self.TABLE:
            x = getattr(self, name)(x)
            if name in ("b3", "e4"):
                x = self.maxpool(x)
        return self.linear(self.dropout(x.mean((2, 3))))


STAGES = [64, 128, 256, 512]


def resnet(block, blocks, channels=STAGES, shortcut=True):
    def build(classes=10, width=1, stem="cifar"):
        return ResNet(block, blocks, channels, classes, width, stem, shortcut)

    return build


MODELS = {
    "lenet": LeNet,
    "shallow": Shallow,
    "resnet8": resnet(BasicBlock, [1, 1, 1], [16, 32, 64]),
    "resnet18": resnet(BasicBlock, [2, 2, 2, 2]),
    "resnet34": resnet(BasicBlock, [3, 4, 6, 3]),
    "resnet50": resnet(Bottleneck, [3, 4, 6, 3]),
    "resnet101": resnet(Bottleneck, [3, 4, 23, 3]),
    "resnet152": resnet(Bottleneck, [3, 8, 36, 3]),
    "unresnet18": resnet(BasicBlock, [2, 2, 2, 2], shortcut=False),
    "googlenet": GoogLeNet,
}
