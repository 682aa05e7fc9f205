"""Writes test/golden/lab.json: the ten steps of the lab's smallest study in PyTorch, for a test of the built page.

usage: lab_golden.py [--sample FOLDER] [--out FILE]

The page is opened with `?model=lenet&levels=…&epochs=1&trainLimit=400`: LeNet on the first 400 training images of the
sample, 40 of each class, in batches of 40 and in the order that tarnish shuffles them. f64 is the truth; how far f32
strays from it is kept beside the losses.
"""
import argparse
import json
import pathlib

import numpy as np
import torch
from torch.nn import functional as F

import models_golden
import philox

SEED, BATCH, PER_CLASS, CLASSES, LR = 0, 40, 40, 10, 0.02
ORDER = 1  # Purpose in src/engine/random.ts


def read_images(sample):
    """The first PER_CLASS images of each class in data order, normalised, f64; their labels."""
    files = sorted(pathlib.Path(sample).glob("data_batch_*.bin"))
    records = np.concatenate([np.fromfile(f, np.uint8).reshape(-1, models_golden.RECORD_BYTES) for f in files])
    labels = records[:, 0].astype(np.int64)
    chosen = np.sort(np.concatenate([np.flatnonzero(labels == c)[:PER_CLASS] for c in range(CLASSES)]))
    assert len(chosen) == CLASSES * PER_CLASS
    pixels = torch.tensor(records[chosen, 1:].reshape(-1, 3, 32, 32).astype(np.float64)) / 255
    mean, std = (torch.tensor(c, dtype=torch.float64).view(3, 1, 1) for c in (models_golden.MEAN, models_golden.STD))
    return (pixels - mean) / std, torch.from_numpy(labels[chosen])


def shuffled(count, epoch):
    """tarnish's order of an epoch: Fisher-Yates with integers without modulo bias, as src/engine/random.ts draws them."""
    blocks = philox.words((np.arange(count, dtype=np.uint64), 0, epoch, ORDER), SEED)
    words = iter(np.stack(blocks, -1).ravel().tolist())
    order = list(range(count))
    for i in range(count - 1, 0, -1):
        limit = 2**32 - 2**32 % (i + 1)
        word = next(word for word in words if word < limit)
        j = word % (i + 1)
        order[i], order[j] = order[j], order[i]
    return torch.tensor(order)


def losses(dtype, images, labels):
    case = {"model": "lenet", "width": 1, "seed": SEED}
    model = models_golden.build(case).to(dtype)
    images = images.to(dtype)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=LR,
        momentum=models_golden.MOMENTUM,
        nesterov=True,
        weight_decay=models_golden.WEIGHT_DECAY,
    )
    batches = shuffled(len(labels), 1).split(BATCH)
    model.train()
    result = []
    for step, batch in enumerate(batches, 1):
        for group in optimizer.param_groups:
            group["lr"] = models_golden.learning_rate(LR, step, len(batches), 0)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        result.append(loss.item())
    return result


def main():
    root = models_golden.ROOT
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", default=root / "data/sample")
    parser.add_argument("--out", default=root / "test/golden/lab.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    images, labels = read_images(args.sample)
    truth, single = (losses(dtype, images, labels) for dtype in (torch.float64, torch.float32))
    gap = max(abs(a - b) for a, b in zip(truth, single))
    golden = {"loss": truth, "gap": gap, "torch": torch.__version__}
    pathlib.Path(args.out).write_text(json.dumps(golden, indent=2) + "\n")
    print(f"loss {truth[0]:.4f} -> {truth[-1]:.4f}, f32 gap {gap:.0e}")


if __name__ == "__main__":
    main()
