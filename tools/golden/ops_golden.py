"""Writes test/golden/optimizer.json: PyTorch's semantics of SGD, the learning-rate schedule, label-smoothed
cross-entropy and batch norm's running statistics, in f64 with every digit.

usage: ops_golden.py [--out FOLDER]

README.md says what the file holds.
"""
import argparse
import json
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

from models_golden import ROOT, learning_rate

SGD_CASES = [
    {"momentum": 0, "nesterov": False, "weight_decay": 0},
    {"momentum": 0, "nesterov": False, "weight_decay": 0.05},
    {"momentum": 0.9, "nesterov": False, "weight_decay": 0},
    {"momentum": 0.9, "nesterov": True, "weight_decay": 0},
    {"momentum": 0.9, "nesterov": False, "weight_decay": 0.05},
    {"momentum": 0.9, "nesterov": True, "weight_decay": 0.05},
]
# lr, T, W: no warm-up, some, and nothing but warm-up.
SCHEDULES = [(0.1, 10, 2), (0.02, 7, 0), (0.05, 1, 0), (0.3, 4, 4)]


def sgd():
    """Five steps of two tensors with given gradients and a learning rate that changes at every step."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"weight": (3, 2), "bias": (3,)}
    initial = {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}
    rates = [0.05, 0.1, 0.1, 0.07, 0.02]
    gradients = [
        {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}
        for _ in rates
    ]
    cases = []
    for settings in SGD_CASES:
        parameters = {name: nn.Parameter(value.clone()) for name, value in initial.items()}
        optimizer = torch.optim.SGD(parameters.values(), lr=rates[0], **settings)
        after, buffers = [], []
        for rate, gradient in zip(rates, gradients):
            optimizer.param_groups[0]["lr"] = rate
            for name, parameter in parameters.items():
                parameter.grad = gradient[name].clone()
            optimizer.step()
            after.append(values(parameters))
            if settings["momentum"]:
                buffers.append(values({n: optimizer.state[p]["momentum_buffer"] for n, p in parameters.items()}))
        cases.append({**settings, "parameters": after, "momentumBuffers": buffers})
    return {
        "shapes": shapes,
        "initial": values(initial),
        "lr": rates,
        "gradients": [values(gradient) for gradient in gradients],
        "cases": cases,
    }


def cross_entropy():
    """Mean loss and its gradient by the logits, for C = 10, n = 7; one row's logits are large."""
    generator = torch.Generator().manual_seed(1)
    logits = 3 * torch.randn(7, 10, generator=generator, dtype=torch.float64)
    logits[6] = 40 * logits[6]
    labels = torch.randint(10, (7,), generator=generator)
    cases = []
    for smoothing in (0, 0.1):
        x = logits.clone().requires_grad_()
        losses = F.cross_entropy(x, labels, label_smoothing=smoothing, reduction="none")
        losses.mean().backward()
        cases.append(
            {
                "labelSmoothing": smoothing,
                "loss": losses.mean().item(),
                "losses": losses.tolist(),
                "gradient": x.grad.flatten().tolist(),
            }
        )
    return {"shape": [7, 10], "logits": logits.flatten().tolist(), "labels": labels.tolist(), "cases": cases}


def batch_norm():
    """Three training batches of different sizes, forward and backward, then one in eval mode. NCHW."""
    generator = torch.Generator().manual_seed(2)
    layer = nn.BatchNorm2d(3).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.5, -0.5, 1.0]))
        layer.bias.copy_(torch.tensor([0.25, 0.0, -1.0]))
    offset = torch.tensor([0.0, 5.0, -100.0], dtype=torch.float64).view(1, 3, 1, 1)
    steps = []
    for n in (4, 2, 1):
        x = torch.randn(n, 3, 2, 3, generator=generator, dtype=torch.float64) + offset
        upstream = torch.randn(x.shape, generator=generator, dtype=torch.float64)
        x.requires_grad_()
        layer.zero_grad()
        y = layer(x)
        y.backward(upstream)
        steps.append(
            {
                "shape": list(x.shape),
                "x": flat(x),
                "y": flat(y),
                "upstream": flat(upstream),
                "gradX": flat(x.grad),
                "gradWeight": flat(layer.weight.grad),
                "gradBias": flat(layer.bias.grad),
                "runningMean": flat(layer.running_mean),
                "runningVar": flat(layer.running_var),
            }
        )
    layer.eval()
    x = torch.randn(2, 3, 2, 3, generator=generator, dtype=torch.float64) + offset
    return {
        "eps": layer.eps,
        "momentum": layer.momentum,
        "weight": flat(layer.weight),
        "bias": flat(layer.bias),
        "train": steps,
        "eval": {"shape": list(x.shape), "x": flat(x), "y": flat(layer(x))},
    }


def schedule():
    return [
        {"lr": lr, "T": steps, "W": warmup, "rates": [learning_rate(lr, t, steps, warmup) for t in range(1, steps + 1)]}
        for lr, steps, warmup in SCHEDULES
    ]


def flat(tensor):
    return tensor.detach().flatten().tolist()


def values(tensors):
    return {name: flat(tensor) for name, tensor in tensors.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=ROOT / "test/golden")
    args = parser.parse_args()
    torch.set_num_threads(1)
    golden = {
        "torch": torch.__version__,
        "sgd": sgd(),
        "crossEntropy": cross_entropy(),
        "batchNorm": batch_norm(),
        "schedule": schedule(),
    }
    path = pathlib.Path(args.out) / "optimizer.json"
    path.write_text(json.dumps(golden, indent=1) + "\n")
    print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
