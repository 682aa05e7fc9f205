"""Weights between tarnish and PyTorch, both ways: does either side predict what the other does?

usage: exchange.py all [--width W] [MODEL ...]
       exchange.py check --weights FILE --logits FILE --model MODEL [--width W] [--stem S] [--data FILE]
       exchange.py random --out FILE --model MODEL [--width W] [--stem S] [--classes N] [--seed N]

`check` loads an exported file with load_state_dict(strict=True) and compares its logits with a test_logits.safetensors
that tarnish's train or eval wrote for all images of a batch in CIFAR-10's binary layout (default
data/sample/test_batch.bin). `random` writes weights for `tarnish eval --weights`. `all` does both ways for every model
(small widths by default), running tarnish itself, and prints the largest difference of logits relative to the largest
logit. Exit code 1 where one is above 1e-4.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "golden"))

import models  # noqa: E402
import models_golden  # noqa: E402
import safetensors_io  # noqa: E402

TOLERANCE = 1e-4
SAMPLE = ROOT / "data" / "sample"
TRAIN_RECORDS, TEST_RECORDS = 40, 32


def build(name, width, stem, classes=10):
    options = {"stem": stem} if stem else {}
    return models.MODELS[name](classes=classes, width=width, **options)


def random_model(name, width, stem, classes=10, seed=0):
    """PyTorch's default weights, batch norm's statistics (momentum 0.1) after three batches of noise."""
    torch.manual_seed(seed)
    model = build(name, width, stem, classes)
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(8, 3, 32, 32))
    return model


def save(model, path):
    tensors = {key: value.numpy() for key, value in model.state_dict().items()}
    path.write_bytes(safetensors_io.encode(tensors))


def load(model, path):
    """Raises where a tensor is missing, too many or of another shape."""
    tensors, _, _ = safetensors_io.decode(path.read_bytes())
    model.load_state_dict({key: torch.tensor(value) for key, value in tensors.items()}, strict=True)


def logits_of(model, path, count):
    images, _, _ = models_golden.read_records(path, count)
    model.eval()
    with torch.no_grad():
        return model(images.float()).numpy()


def difference(model, data, logits_path):
    """Largest difference of logits, relative to the largest logit."""
    tensors, _, _ = safetensors_io.decode(logits_path.read_bytes())
    theirs = tensors["logits"]
    ours = logits_of(model, data, len(theirs))
    return float(np.abs(ours - theirs).max() / np.abs(ours).max())


def tarnish(*args):
    command = ["node", str(ROOT / "dist" / "src" / "cli" / "main.js"), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")


def small_data(folder):
    """The first records of the sample in a folder of CIFAR-10's layout."""
    folder.mkdir()
    (folder / "batches.meta.txt").write_bytes((SAMPLE / "batches.meta.txt").read_bytes())
    for name, count in (("data_batch_1.bin", TRAIN_RECORDS), ("test_batch.bin", TEST_RECORDS)):
        (folder / name).write_bytes((SAMPLE / name).read_bytes()[: count * models_golden.RECORD_BYTES])
    return folder


def both_ways(name, width, stem, data, folder):
    test_batch = data / "test_batch.bin"
    options = ["--model", name, "--width", width, *(["--stem", stem] if stem else []), "--data", data]
    model = random_model(name, width, stem)
    save(model, folder / "torch.safetensors")
    tarnish("eval", "--weights", folder / "torch.safetensors", *options, "--out", folder / "eval")
    inward = difference(model, test_batch, folder / "eval" / "test_logits.safetensors")

    run = folder / "run"
    tarnish("train", *options, "--epochs", 1, "--batch", 16, "--lr", 0.01, "--out", run)
    tarnish("export", "--run", run, "--out", folder / "tarnish.safetensors")
    model = build(name, width, stem)
    load(model, folder / "tarnish.safetensors")
    outward = difference(model, test_batch, run / "test_logits.safetensors")
    return inward, outward


def run_all(args):
    print(f"{'model':11} {'stem':9} {'width':>7} {'PyTorch -> tarnish':>20} {'tarnish -> PyTorch':>20}")
    worst = 0
    with tempfile.TemporaryDirectory() as temporary:
        data = small_data(pathlib.Path(temporary) / "data")
        for name in args.models or models.MODELS:
            width = 1 if name == "lenet" else args.width
            for stem in ("cifar", "imagenet") if "resnet" in name else (None,):
                folder = pathlib.Path(temporary) / f"{name}-{stem}"
                folder.mkdir()
                found = both_ways(name, width, stem, data, folder)
                print(f"{name:11} {stem or '':9} {width:7} {found[0]:20.1e} {found[1]:20.1e}", flush=True)
                worst = max(worst, *found)
    return worst


def run_check(args):
    model = build(args.model, args.width, args.stem, args.classes)
    load(model, args.weights)
    found = difference(model, args.data, args.logits)
    print(f"{args.weights}: loads into PyTorch's {args.model}, logits differ by {found:.1e} of the largest")
    return found


def run_random(args):
    save(random_model(args.model, args.width, args.stem, args.classes, args.seed), args.out)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    every = commands.add_parser("all")
    every.add_argument("--width", type=float, default=0.125)
    every.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(models.MODELS)}; all by default")
    every.set_defaults(run=run_all)
    check = commands.add_parser("check")
    check.add_argument("--weights", type=pathlib.Path, required=True)
    check.add_argument("--logits", type=pathlib.Path, required=True)
    check.add_argument("--data", type=pathlib.Path, default=SAMPLE / "test_batch.bin")
    check.set_defaults(run=run_check)
    random = commands.add_parser("random")
    random.add_argument("--out", type=pathlib.Path, required=True)
    random.add_argument("--seed", type=int, default=0)
    random.set_defaults(run=run_random)
    for command in (check, random):
        command.add_argument("--model", choices=list(models.MODELS), required=True)
        command.add_argument("--width", type=float, default=1)
        command.add_argument("--stem", choices=["cifar", "imagenet"])
        command.add_argument("--classes", type=int, default=10)
    args = parser.parse_args()
    torch.set_num_threads(1)
    sys.exit(1 if args.run(args) > TOLERANCE else 0)


if __name__ == "__main__":
    main()
