"""Writes test/golden/models.json: what PyTorch's models at width 1 consist of. README.md says what the file holds.

usage: model_tables.py [--out FILE]
"""
import argparse
import hashlib
import json
import pathlib

import models

ROOT = pathlib.Path(__file__).resolve().parents[2]


def table(name, classes, stem):
    model = models.MODELS[name](classes=classes, **({"stem": stem} if stem else {}))
    shapes = {
        key: list(value.shape)
        for key, value in model.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    lines = "".join(f"{key} {','.join(map(str, shape))}\n" for key, shape in sorted(shapes.items()))
    return {
        "model": name,
        **({"stem": stem} if stem else {}),
        "classes": classes,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "tensors": len(shapes),
        "shapesSha256": hashlib.sha256(lines.encode()).hexdigest(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=ROOT / "test/golden/models.json", type=pathlib.Path)
    args = parser.parse_args()
    rows = [
        table(name, classes, stem)
        for name in models.MODELS
        for stem in (("cifar", "imagenet") if "resnet" in name else (None,))
        for classes in (10, 100)
    ]
    args.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
