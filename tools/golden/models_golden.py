"""Writes test/golden/<case>.safetensors: ten training steps of each model in PyTorch on real images.

usage: models_golden.py [--data FILE] [--out FOLDER] [--try N] [CASE ...]

FILE is a batch in CIFAR-10's binary layout (default data/sample/data_batch_1.bin). Training runs in f64, the truth,
and again and again in f32, each time rounded differently. How far these runs stray from the truth is kept in the
metadata, as what an engine in f32 may stray, too. Initial weights and dropout masks are tarnish's own (philox.py).
README.md says what the files hold.

--try N writes nothing and prints the gaps of seeds 0 to N-1 instead.
"""
import argparse
import hashlib
import json
import math
import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import models
import philox
import safetensors_io

ROOT = pathlib.Path(__file__).resolve().parents[2]
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)
RECORD_BYTES = 1 + 3 * 32 * 32
EPOCHS = 2
WARMUP_STEPS = 2
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4

# The f32 runs, all at the case's settings. The order of the images within a batch rounds the weight gradients' sums
# differently and nothing before them; convolutions without oneDNN add in another order forward and backward, too; and a
# weight moved by a unit in its last place is what any rounding of it does. (Channels-last is left out: PyTorch's batch
# norm then adds in f32 row by row and is ten times less exact, which would make blunt comparisons.)
F32_RUNS = (
    [{"order_seed": seed} for seed in range(5)]
    + [{"order_seed": seed, "onednn": False} for seed in range(5)]
    + [{"nudge_seed": seed} for seed in range(10)]
)

# One row adds a case: model, its options, learning rate, batch (5 batches an epoch, the last of half the size), seed of
# weights and masks, and what the initial weights differ in from PyTorch's defaults. Where a ReLU's input rounds to the
# other side of 0, f32 runs part, and in a deep net the distance then grows up to tenfold a step, until nothing can be
# compared. So residual branches are damped (weights of the batch norm before the addition) as they are in trained nets,
# batch norms before a ReLU have a bias in some deep nets (fewer inputs near 0), deep nets see few images at small rates,
# and the seeds are those at which PyTorch's own f32 runs part least (README.md). GoogLeNet escapes none of it: without
# shortcuts rounding grows from its third step on at any rate, so its first steps say most.
CASES = {
    "lenet": {"model": "lenet", "width": 1, "lr": 0.02, "batch": 16, "seed": 0},
    "shallow": {"model": "shallow", "width": 0.25, "lr": 0.05, "batch": 16, "seed": 3},
    "resnet8": {"model": "resnet8", "width": 1, "lr": 0.05, "batch": 16, "seed": 3, "damping": 0.2},
    "resnet18": {"model": "resnet18", "width": 1 / 16, "lr": 0.05, "batch": 4, "seed": 9, "damping": 0.2},
    "resnet18-imagenet": {
        "model": "resnet18", "width": 1 / 16, "stem": "imagenet", "lr": 0.05, "batch": 16, "seed": 9, "damping": 0.2,
    },
    "resnet34": {"model": "resnet34", "width": 1 / 32, "lr": 0.02, "batch": 4, "seed": 0, "damping": 0.1},
    "resnet50": {
        "model": "resnet50", "width": 1 / 32, "lr": 0.01, "batch": 4, "seed": 5, "damping": 0.05, "bn_bias": 2,
    },
    "resnet50-imagenet": {
        "model": "resnet50", "width": 1 / 32, "stem": "imagenet", "lr": 0.005, "batch": 16, "seed": 9, "damping": 0.05,
    },
    "resnet101": {
        "model": "resnet101", "width": 1 / 64, "lr": 0.005, "batch": 4, "seed": 6, "damping": 0.05, "bn_bias": 2,
    },
    "resnet152": {
        "model": "resnet152", "width": 1 / 64, "lr": 0.005, "batch": 4, "seed": 6, "damping": 0.05, "bn_bias": 2,
    },
    "unresnet18": {"model": "unresnet18", "width": 1 / 16, "lr": 0.02, "batch": 4, "seed": 0, "bn_bias": 2},
    "googlenet": {"model": "googlenet", "width": 1 / 16, "lr": 0.00001, "batch": 4, "seed": 0},
}


class TarnishDropout(nn.Module):
    """tarnish's dropout of values [n, channels]: its masks depend on seed, epoch and image, and nothing else."""

    def __init__(self, p, seed):
        super().__init__()
        self.p, self.seed = p, seed
        self.epoch, self.ids = 0, []

    def forward(self, x):
        if not self.training:
            return x
        mask = philox.dropout_mask(self.ids, x.shape[1], self.p, self.epoch, self.seed)
        return x * torch.from_numpy(mask).to(x.dtype)


def build(case):
    """The case's model in f32 with the weights and masks that tarnish draws from its seed, then changed as it says."""
    options = {key: case[key] for key in ("width", "stem") if key in case}
    model = models.MODELS[case["model"]](classes=10, **options)
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                fan_in = module.weight[0].numel()
                for part, tensor in module.named_parameters():
                    drawn = philox.initial_weight(f"{name}.{part}", tensor.shape, fan_in, case["seed"])
                    tensor.copy_(torch.from_numpy(drawn))
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.bias.fill_(case.get("bn_bias", 0))
        for block in model.modules():
            if isinstance(block, (models.BasicBlock, models.Bottleneck)) and block.shortcut:
                for norm in block.norms_before_add():
                    norm.bias.zero_()
                block.norms_before_add()[0].weight.fill_(case.get("damping", 1))
    if hasattr(model, "dropout"):
        model.dropout = TarnishDropout(model.dropout.p, case["seed"])
    return model


def records_of(case):
    return 4 * case["batch"] + case["batch"] // 2


def read_records(path, count):
    """Normalised images [n, 3, 32, 32] in f64, labels [n] and the records' SHA-256."""
    with open(path, "rb") as f:
        data = f.read(count * RECORD_BYTES)
    if len(data) != count * RECORD_BYTES:
        raise SystemExit(f"{path}: fewer than {count} records")
    records = np.frombuffer(data, np.uint8).reshape(count, RECORD_BYTES)
    pixels = torch.tensor(records[:, 1:].reshape(count, 3, 32, 32).astype(np.float64)) / 255
    mean, std = (torch.tensor(c, dtype=torch.float64).view(3, 1, 1) for c in (MEAN, STD))
    labels = torch.tensor(records[:, 0].astype(np.int64))
    return (pixels - mean) / std, labels, hashlib.sha256(data).hexdigest()


def learning_rate(lr, step, steps, warmup):
    """Learning rate of step 1…steps: linear warm-up, then a cosine to 0."""
    if step <= warmup:
        return lr * step / warmup
    return lr * 0.5 * (1 + math.cos(math.pi * (step - 1 - warmup) / (steps - warmup)))


def state(model):
    """Parameters and running statistics as numpy arrays."""
    return {
        name: value.detach().numpy().copy()
        for name, value in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def batches(case, order_seed):
    """(epoch, record numbers) of each step's batch, in sequence; within a batch in file order (0) or as the seed
    shuffles it."""
    random = np.random.RandomState(order_seed)
    records, size = records_of(case), case["batch"]
    result = []
    for epoch in range(1, EPOCHS + 1):
        for start in range(0, records, size):
            batch = np.arange(start, min(start + size, records))
            result.append((epoch, torch.from_numpy(random.permutation(batch) if order_seed else batch)))
    return result


def nudge(model, seed):
    """Moves every parameter by -1, 0 or 1 units in its last place."""
    random = np.random.RandomState(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            values = parameter.numpy()
            towards = random.choice(np.array([-np.inf, np.nan, np.inf], np.float32), values.shape)
            values[...] = np.where(np.isnan(towards), values, np.nextafter(values, towards))


def train(case, dtype, images, labels, last_step=None, order_seed=0, nudge_seed=None, onednn=True):
    """One run: name of quantity -> numpy array."""
    with torch.backends.mkldnn.flags(enabled=onednn):
        return train_steps(case, dtype, images, labels, last_step, order_seed, nudge_seed)


def train_steps(case, dtype, images, labels, last_step, order_seed, nudge_seed):
    model = build(case)
    if nudge_seed is not None:
        nudge(model, nudge_seed)
    model = model.to(dtype)
    images = images.to(dtype)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=case["lr"], momentum=MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY
    )
    steps = batches(case, order_seed)
    out, losses, rates = {}, [], []
    model.train()
    for step, (epoch, batch) in enumerate(steps[:last_step], 1):
        rates.append(learning_rate(case["lr"], step, len(steps), WARMUP_STEPS))
        for group in optimizer.param_groups:
            group["lr"] = rates[-1]
        optimizer.zero_grad()
        if hasattr(model, "dropout"):
            model.dropout.epoch, model.dropout.ids = epoch, batch.numpy()
        logits = model(images[batch])
        loss = F.cross_entropy(logits, labels[batch])
        loss.backward()
        losses.append(loss.item())
        if step == 1:
            out["logits.train"] = logits.detach()[batch.argsort()].numpy()
            for key, parameter in model.named_parameters():
                out[f"grad.{key}"] = parameter.grad.numpy().copy()
        optimizer.step()
    out["loss"] = np.array(losses)
    out["lr"] = np.array(rates)
    out.update({f"final.{key}": value for key, value in state(model).items()})
    model.eval()
    with torch.no_grad():
        out["eval_logits"] = model(images[: eval_records_of(case)]).numpy()
    return out


def eval_records_of(case):
    return case["batch"] + case["batch"] // 2


def gaps(truth, runs):
    """The furthest that any f32 run is from the f64 run: losses absolutely, the rest relative to the tensor's largest
    magnitude."""
    result = {}
    for key, exact in truth.items():
        if key == "lr":
            continue
        distance = np.max([np.abs(exact - run[key].astype(np.float64)) for run in runs], axis=0)
        if key == "loss":
            result["loss"] = float(distance.max())
            result["loss_by_step"] = distance.tolist()
        else:
            result[key] = float(distance.max() / np.abs(exact).max())
    return result


def measure(case, images, labels, last_step=None):
    """The f64 run and the gaps of the f32 runs."""
    truth = train(case, torch.float64, images, labels, last_step)
    runs = [train(case, torch.float32, images, labels, last_step, **run) for run in F32_RUNS]
    return truth, gaps(truth, runs)


def worst(gap, prefix):
    return max((value for key, value in gap.items() if key.startswith(prefix)), default=0)


def summary(gap):
    return (
        f"f32 gap: train logits {gap['logits.train']:.0e}, gradients {worst(gap, 'grad.'):.0e}, "
        f"loss {gap['loss']:.0e}, final {worst(gap, 'final.'):.0e}, eval logits {gap['eval_logits']:.0e}"
    )


def write(name, data, out):
    case = CASES[name]
    images, labels, sha256 = read_records(data, records_of(case))
    truth, gap = measure(case, images, labels)
    steps = len(truth["loss"])
    tensors = {key: value if key in ("loss", "lr") else value.astype(np.float32) for key, value in truth.items()}
    for key, module in build(case).named_modules():
        if isinstance(module, nn.BatchNorm2d):
            for part, fresh in (("weight", 1), ("bias", 0)):
                values = getattr(module, part).detach().numpy()
                if (values != fresh).any():
                    tensors[f"init.{key}.{part}"] = values
    settings = {
        **case,
        "classes": 10,
        "epochs": EPOCHS,
        "T": steps,
        "W": WARMUP_STEPS,
        "momentum": MOMENTUM,
        "nesterov": True,
        "weight_decay": WEIGHT_DECAY,
        "label_smoothing": 0,
        "mean": MEAN,
        "std": STD,
        "records": records_of(case),
        "eval_records": eval_records_of(case),
        "recordsSha256": sha256,
        "torch": torch.__version__,
    }
    path = pathlib.Path(out) / f"{name}.safetensors"
    path.write_bytes(
        safetensors_io.encode(tensors, {"settings": json.dumps(settings), "gap": json.dumps(gap)})
    )
    print(
        f"{path.name}: {path.stat().st_size} bytes, loss {truth['loss'][0]:.4f} -> {truth['loss'][-1]:.4f}, "
        f"{summary(gap)}",
        flush=True,
    )


def try_seeds(name, data, count):
    images, labels, _ = read_records(data, records_of(CASES[name]))
    for seed in range(count):
        case = {**CASES[name], "seed": seed}
        _, first = measure(case, images, labels, 1)
        # A ReLU that flips in the first step makes the sharpest comparison blunt.
        if worst(first, "grad.") > 1e-4:
            print(f"{name} seed {seed}: first step's gradients {worst(first, 'grad.'):.0e}", flush=True)
        else:
            print(f"{name} seed {seed}: {summary(measure(case, images, labels)[1])}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=ROOT / "data/sample/data_batch_1.bin")
    parser.add_argument("--out", default=ROOT / "test/golden")
    parser.add_argument("--try", type=int, dest="seeds", metavar="N", help="print the gaps of seeds 0 to N-1 instead")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all by default")
    args = parser.parse_args()
    # One thread: sums are always made in the same order.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for name in args.cases or CASES:
        if args.seeds:
            try_seeds(name, args.data, args.seeds)
        else:
            write(name, args.data, args.out)


if __name__ == "__main__":
    main()
