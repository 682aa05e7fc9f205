"""tarnish's training in PyTorch: the same model, data, augmentation, schedule and optimiser, with random numbers of its own.

What the same recipe reaches on the same images is what tarnish's accuracy is to be compared with.

    python3 tools/pytorch/train.py --data cifar-10-batches-bin --model resnet8 --epochs 10 --batch 128 --lr 0.1

Options are those of `tarnish train`, with its defaults where there is one here; --amp is autocast to f16 with channels-last.
The last line of stdout is {"top1", "best", "trainSeconds", "curve": [{"epoch", "top1", "trainSeconds"}]}.
"""
import argparse
import json
import math
import pathlib
import sys
import time

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "golden"))
from models import MODELS  # noqa: E402

MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.247, 0.2435, 0.2616)
PADDING = 4


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of data_batch_*.bin and test_batch.bin")
    parser.add_argument("--model", default="lenet")
    parser.add_argument("--width", type=float, default=1)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--nesterov", action="store_true")
    parser.add_argument("--weight-decay", type=float, default=5e-4)
    parser.add_argument("--warmup", type=float, default=0, help="epochs")
    parser.add_argument("--label-smoothing", type=float, default=0)
    parser.add_argument("--augment", choices=["standard", "none"], default="standard")
    parser.add_argument("--train-limit", type=int)
    parser.add_argument("--test-limit", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--amp", action="store_true")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args()


def read_split(folder, pattern, limit, device):
    """Images [n, 3, 32, 32] in 0…255 and labels; with a limit the first so many of each class, in data order."""
    files = sorted(folder.glob(pattern))
    if not files:
        sys.exit(f"{folder}: no {pattern}")
    records = np.concatenate([np.fromfile(file, np.uint8).reshape(-1, 3073) for file in files])
    labels = records[:, 0].astype(np.int64)
    if limit is not None:
        places = np.zeros_like(labels)
        for label in range(10):
            places[labels == label] = np.arange((labels == label).sum())
        # One image of each class after another, until there are enough.
        first = np.lexsort((labels, places))[:limit]
        records, labels = records[np.sort(first)], labels[np.sort(first)]
    images = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy())
    return images.to(device), torch.from_numpy(labels).to(device)


def normalise(images):
    mean, std = (torch.tensor(v, device=images.device).view(1, 3, 1, 1) for v in (MEAN, STD))
    return (images.float() / 255 - mean) / std


def augment(images):
    """Pads with zero bytes, crops at random, flips half of the images."""
    n, _, height, width = images.shape
    device = images.device
    padded = nn.functional.pad(images, (PADDING,) * 4)
    tops, lefts = torch.randint(2 * PADDING + 1, (2, n, 1, 1, 1), device=device)
    rows = tops + torch.arange(height, device=device).view(1, 1, -1, 1)
    columns = torch.arange(width, device=device).view(1, 1, 1, -1)
    flips = torch.randint(2, (n, 1, 1, 1), device=device).bool()
    columns = torch.where(flips, width - 1 - columns, columns) + lefts
    samples = torch.arange(n, device=device).view(-1, 1, 1, 1)
    channels = torch.arange(3, device=device).view(1, -1, 1, 1)
    return padded[samples, channels, rows, columns]


def learning_rate(t, total, warm, peak):
    """Of optimiser step t = 1…total: linear to the peak, then half a cosine to 0."""
    if t <= warm:
        return peak * t / warm
    return peak / 2 * (1 + math.cos(math.pi * (t - 1 - warm) / (total - warm)))


def main():
    o = arguments()
    torch.manual_seed(o.seed)
    gpu = o.device != "cpu"
    if o.amp and not gpu:
        sys.exit("--amp needs a GPU: PyTorch has no autocast to f16 on a CPU")
    # Compared with f32 that is f32.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    layout = torch.channels_last if o.amp else torch.contiguous_format
    train, labels = read_split(o.data, "data_batch_*.bin", o.train_limit, o.device)
    test, answers = read_split(o.data, "test_batch.bin", o.test_limit, o.device)
    test = normalise(test).to(memory_format=layout)
    model = MODELS[o.model](10, o.width).to(o.device, memory_format=layout)
    optimiser = torch.optim.SGD(
        model.parameters(), o.lr, o.momentum, nesterov=o.nesterov, weight_decay=o.weight_decay
    )
    scaler = torch.cuda.amp.GradScaler(enabled=o.amp)
    loss_of = nn.CrossEntropyLoss(label_smoothing=o.label_smoothing)
    steps = math.ceil(len(train) / o.batch)
    total, warm = o.epochs * steps, math.floor(o.warmup * steps + 0.5)
    t, seconds, curve = 0, 0, []
    for epoch in range(1, o.epochs + 1):
        started = time.perf_counter()
        model.train()
        for chosen in torch.randperm(len(train), device=o.device).split(o.batch):
            t += 1
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(t, total, warm, o.lr)
            images = train[chosen] if o.augment == "none" else augment(train[chosen])
            images = normalise(images).to(memory_format=layout)
            with torch.cuda.amp.autocast(o.amp):
                loss = loss_of(model(images), labels[chosen])
            optimiser.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            scaler.step(optimiser)
            scaler.update()
        if gpu:
            torch.cuda.synchronize()
        seconds += time.perf_counter() - started
        model.eval()
        with torch.no_grad(), torch.cuda.amp.autocast(o.amp):
            right = sum(
                (model(x).argmax(1) == y).sum().item() for x, y in zip(test.split(500), answers.split(500))
            )
        curve.append({"epoch": epoch, "top1": right / len(test), "trainSeconds": seconds})
        print(f"epoch {epoch}: loss {loss.item():.4f}, top-1 {100 * right / len(test):.2f} %, {seconds:.1f} s", file=sys.stderr)
    best = max(curve, key=lambda point: point["top1"])
    result = {"top1": curve[-1]["top1"], "best": best["top1"], "trainSeconds": seconds, "curve": curve}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
